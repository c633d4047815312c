//! The canonical shape of each type: which fields, in which order.
use crate::codec::{Code, Octets, Reader, Writer};
use crate::error::DecodeError;
use crate::expr::{Atom, Constant, Expr, ExprId, Guard, Operand, Quantifier, Relation, Test};
use crate::program::{
    AnchorDef, AnchorSet, Approval, Authority, Body, Citation, Exception, Field, Group, Mandate, MandateUse,
    Member, Obligation, Origin, Profile, Program, Requirement, RequirementId, SignerSet, Standing, Strength,
    Way,
};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use pkic_vocab::fields::Filler;
use pkic_vocab::limits;
use pkic_vocab::names::{Attribute, Dn};
use pkic_vocab::time::Span;
use pkic_vocab::{BasisSet, Grade, Path, Purpose, Value, Word, Words};

/// A record: an array of its fields in this order.
macro_rules! record {
    ($type:ident [$max:expr] { $($field:ident),+ $(,)? }) => {
        impl Code for $type {
            const LIST_MAX: usize = $max;

            fn put(&self, w: &mut Writer) {
                w.array([$(stringify!($field)),+].len());
                $(self.$field.put(w);)+
            }

            fn take(r: &mut Reader<'_>) -> Result<$type, DecodeError> {
                r.record(stringify!($type), [$(stringify!($field)),+].len())?;
                Ok($type { $($field: Code::take(r)?),+ })
            }
        }
    };
}

/// An enumeration without data: a number.
macro_rules! plain {
    ($type:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl Code for $type {
            fn put(&self, w: &mut Writer) {
                w.uint(match self { $($type::$variant => $number),+ });
            }

            fn take(r: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let error = r.malformed(stringify!($type));
                match r.uint(stringify!($type))? {
                    $($number => Ok($type::$variant),)+
                    _ => Err(error),
                }
            }
        }
    };
}

/// A number that is the whole value.
macro_rules! wrapped {
    ($type:ident [$max:expr]) => {
        impl Code for $type {
            const LIST_MAX: usize = $max;

            fn put(&self, w: &mut Writer) {
                self.0.put(w);
            }

            fn take(r: &mut Reader<'_>) -> Result<$type, DecodeError> {
                Ok($type(Code::take(r)?))
            }
        }
    };
}

record!(Program [1] {
    policy, version, lab, files, exprs, requirements, profiles, authorities, mandates, groups, anchors, signers,
});
record!(Origin [limits::LIST_LEN_MAX] { file, line, column });
record!(Citation [limits::LIST_LEN_MAX] { source, title, edition, clause, unverified });
record!(Requirement [limits::EXPRESSIONS_MAX] {
    id, strength, from, before, when, body, text, doc, cites, origin, mandate,
});
record!(Approval [limits::LIST_LEN_MAX] { count, group });
record!(Way [limits::LIST_LEN_MAX] { name, doc, requirements });
record!(Profile [limits::PROFILES_MAX] {
    name, doc, role, tags, operations, issued_by, refines, contents, requirements, obligations, exceptions, mandates,
    cost, origin,
});
record!(Field [limits::LIST_LEN_MAX] {
    name, path, extension, min, max, critical, constraint, fixed, default, span_s_max, filler, text, cites, origin,
});
record!(Obligation [limits::LIST_LEN_MAX] { name, arguments, from, before, when, cites, origin });
record!(Exception [limits::EXCEPTIONS_MAX] {
    name, waives, when, from, before, at_most, approvals, reason, requirements, origin,
});
record!(Mandate [limits::PROFILES_MAX] { name, title, cites, origin });
record!(MandateUse [limits::PROFILES_MAX] { mandate, standing, readings, because });
record!(Authority [limits::PROFILES_MAX] { name, title, certified_as, parent, trust, state, origin });
record!(Group [limits::PROFILES_MAX] { name, title, members });
record!(Member [limits::LIST_LEN_MAX] { name, key });
record!(AnchorSet [limits::PROFILES_MAX] { name, title, anchors });
record!(AnchorDef [limits::PATH_CANDIDATES_MAX] { name, spki_sha256, purpose, formats });
record!(SignerSet [limits::LIST_LEN_MAX] { kind, name, age_s_max, signers });
record!(Atom [limits::LIST_LEN_MAX] { left, test, guard });
record!(Path [limits::LIST_LEN_MAX] { fact, name });
record!(Span [limits::LIST_LEN_MAX] { min_s, max_s });

plain!(Strength { Must = 0, Should = 1 });
plain!(Standing { Selected = 0, Conditional = 1, NotSelected = 2 });
plain!(Filler { Draft = 0, Issuer = 1 });
plain!(Quantifier { All = 0, Exists = 1 });
plain!(Relation { Equal = 0, NotEqual = 1, Less = 2, LessOrEqual = 3, Greater = 4, GreaterOrEqual = 5 });

wrapped!(ExprId[limits::LIST_LEN_MAX]);
wrapped!(RequirementId[limits::PROFILE_REQUIREMENTS_MAX]);

impl Code for pkic_vocab::FactId {
    fn put(&self, w: &mut Writer) {
        w.text(self.def().path);
    }

    fn take(r: &mut Reader<'_>) -> Result<pkic_vocab::FactId, DecodeError> {
        r.fact()
    }
}

impl Code for Words {
    fn put(&self, w: &mut Writer) {
        w.text(self.name());
    }

    fn take(r: &mut Reader<'_>) -> Result<Words, DecodeError> {
        r.name("enumeration", Words::from_name)
    }
}

impl Code for Word {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        self.words().put(w);
        w.text(self.name());
    }

    fn take(r: &mut Reader<'_>) -> Result<Word, DecodeError> {
        r.record("word", 2)?;
        let words = Words::take(r)?;
        r.name("word", |name| words.word(name))
    }
}

impl Code for Grade {
    fn put(&self, w: &mut Writer) {
        w.text(self.name());
    }

    fn take(r: &mut Reader<'_>) -> Result<Grade, DecodeError> {
        r.name("grade", Grade::from_name)
    }
}

impl Code for Purpose {
    fn put(&self, w: &mut Writer) {
        w.text(self.name());
    }

    fn take(r: &mut Reader<'_>) -> Result<Purpose, DecodeError> {
        r.name("purpose", Purpose::from_name)
    }
}

/// The names of the set; nothing for every basis, so that a new basis changes no program.
impl Code for BasisSet {
    fn put(&self, w: &mut Writer) {
        let names: Option<Vec<String>> =
            (*self != BasisSet::ANY).then(|| self.names().map(str::to_owned).collect());
        names.put(w);
    }

    fn take(r: &mut Reader<'_>) -> Result<BasisSet, DecodeError> {
        let at = r.at();
        let Some(names) = <Option<Vec<String>> as Code>::take(r)? else {
            return Ok(BasisSet::ANY);
        };
        let mut set = BasisSet::EMPTY;
        for name in names {
            let Some(basis) = BasisSet::from_name(&name) else {
                return Err(DecodeError::UnknownName { at, what: "basis", name });
            };
            set = set.union(basis);
        }
        Ok(set)
    }
}

record!(Guard [limits::LIST_LEN_MAX] { grade, basis, within_s });

impl Code for Dn {
    fn put(&self, w: &mut Writer) {
        let pair = |attribute: &Attribute| (attribute.oid.clone(), attribute.value.clone());
        let rdns: Vec<Vec<(String, String)>> =
            self.rdns().iter().map(|rdn| rdn.iter().map(pair).collect()).collect();
        rdns.put(w);
    }

    fn take(r: &mut Reader<'_>) -> Result<Dn, DecodeError> {
        let rdns = Vec::<Vec<(String, String)>>::take(r)?;
        let attributes =
            |rdn: Vec<(String, String)>| rdn.iter().map(|(oid, value)| Attribute::new(oid, value)).collect();
        Ok(Dn::from_rdns(rdns.into_iter().map(attributes).collect()))
    }
}

/// Kind and payload. Words, lists and records are no constants of this shape: what stands for them is refused.
impl Code for Value {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        let (kind, text) = match self {
            Value::Bool(value) => return tagged(w, 0, value),
            Value::Int(value) => return tagged(w, 1, value),
            Value::Date(value) => return tagged(w, 2, value),
            Value::Span(value) => return tagged(w, 3, value),
            Value::Dn(value) => return tagged(w, 4, value),
            Value::Bytes(value) => return tagged(w, 5, &Octets(value.clone())),
            Value::Name(text) => (6, text),
            Value::Oid(text) => (7, text),
            Value::DnsName(text) => (8, text),
            Value::Uri(text) => (9, text),
            Value::Ip(text) => (10, text),
            Value::Email(text) => (11, text),
            Value::Text(text) => (12, text),
            Value::Word(_) | Value::List(_) | Value::Record(_) => return tagged(w, 13, &None::<bool>),
        };
        tagged(w, kind, text);
    }

    fn take(r: &mut Reader<'_>) -> Result<Value, DecodeError> {
        r.record("value", 2)?;
        let error = r.malformed("kind of value");
        Ok(match r.uint("kind of value")? {
            0 => Value::Bool(Code::take(r)?),
            1 => Value::Int(Code::take(r)?),
            2 => Value::Date(Code::take(r)?),
            3 => Value::Span(Code::take(r)?),
            4 => Value::Dn(Code::take(r)?),
            5 => Value::Bytes(Octets::take(r)?.0),
            6 => Value::Name(Code::take(r)?),
            7 => Value::Oid(Code::take(r)?),
            8 => Value::DnsName(Code::take(r)?),
            9 => Value::Uri(Code::take(r)?),
            10 => Value::Ip(Code::take(r)?),
            11 => Value::Email(Code::take(r)?),
            12 => Value::Text(Code::take(r)?),
            _ => return Err(error),
        })
    }
}

fn tagged(w: &mut Writer, kind: u64, payload: &impl Code) {
    w.uint(kind);
    payload.put(w);
}

impl Code for Constant {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Constant::Value(value) => tagged(w, 0, value),
            Constant::Span(span) => tagged(w, 1, span),
            Constant::Words { words, named } => {
                w.uint(2);
                w.array(2);
                words.put(w);
                w.array(named.len());
                for word in named {
                    w.text(word.name());
                }
            }
            Constant::List(values) => tagged(w, 3, values),
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Constant, DecodeError> {
        r.record("constant", 2)?;
        let error = r.malformed("kind of constant");
        Ok(match r.uint("kind of constant")? {
            0 => Constant::Value(Code::take(r)?),
            1 => Constant::Span(Code::take(r)?),
            2 => {
                r.record("words", 2)?;
                let words = Words::take(r)?;
                let mut named = Vec::new();
                for _ in 0..r.array("words", limits::LIST_LEN_MAX)? {
                    named.push(r.name("word", |name| words.word(name))?);
                }
                Constant::Words { words, named }
            }
            3 => Constant::List(Code::take(r)?),
            _ => return Err(error),
        })
    }
}

impl Code for Operand {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Operand::Fact(path) => tagged(w, 0, path),
            Operand::Member { depth, field } => tagged(w, 1, &(*depth, *field)),
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Operand, DecodeError> {
        r.record("operand", 2)?;
        let error = r.malformed("kind of operand");
        Ok(match r.uint("kind of operand")? {
            0 => Operand::Fact(Code::take(r)?),
            1 => {
                let (depth, field) = Code::take(r)?;
                Operand::Member { depth, field }
            }
            _ => return Err(error),
        })
    }
}

impl Code for Test {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Test::Compare(relation, constant) => {
                w.uint(0);
                w.array(2);
                relation.put(w);
                constant.put(w);
            }
            Test::CompareWith(relation, operand) => {
                w.uint(1);
                w.array(2);
                relation.put(w);
                operand.put(w);
            }
            Test::In(constant) => tagged(w, 2, constant),
            Test::InOperand(operand) => tagged(w, 3, operand),
            Test::Under(values) => tagged(w, 4, values),
            Test::Contains(constant) => tagged(w, 5, constant),
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Test, DecodeError> {
        r.record("test", 2)?;
        let error = r.malformed("kind of test");
        Ok(match r.uint("kind of test")? {
            0 => {
                let (relation, constant) = Code::take(r)?;
                Test::Compare(relation, constant)
            }
            1 => {
                let (relation, operand) = Code::take(r)?;
                Test::CompareWith(relation, operand)
            }
            2 => Test::In(Code::take(r)?),
            3 => Test::InOperand(Code::take(r)?),
            4 => Test::Under(Code::take(r)?),
            5 => Test::Contains(Code::take(r)?),
            _ => return Err(error),
        })
    }
}

impl Code for Expr {
    const LIST_MAX: usize = limits::EXPRESSIONS_MAX;

    fn put(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Expr::Always(value) => tagged(w, 0, value),
            Expr::Atom(atom) => tagged(w, 1, atom),
            Expr::Not(child) => tagged(w, 2, child),
            Expr::And(children) => tagged(w, 3, children),
            Expr::Or(children) => tagged(w, 4, children),
            Expr::Each { quantifier, list, guard, body } => {
                w.uint(5);
                w.array(4);
                quantifier.put(w);
                list.put(w);
                guard.put(w);
                body.put(w);
            }
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Expr, DecodeError> {
        r.record("condition", 2)?;
        let error = r.malformed("kind of condition");
        Ok(match r.uint("kind of condition")? {
            0 => Expr::Always(Code::take(r)?),
            1 => Expr::Atom(Code::take(r)?),
            2 => Expr::Not(Code::take(r)?),
            3 => Expr::And(Code::take(r)?),
            4 => Expr::Or(Code::take(r)?),
            5 => {
                r.record("quantified condition", 4)?;
                Expr::Each {
                    quantifier: Code::take(r)?,
                    list: Code::take(r)?,
                    guard: Code::take(r)?,
                    body: Code::take(r)?,
                }
            }
            _ => return Err(error),
        })
    }
}

impl Code for Body {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Body::Expr(expr) => tagged(w, 0, expr),
            Body::OneOf(ways) => tagged(w, 1, ways),
            Body::Approve(approval) => tagged(w, 2, approval),
        }
    }

    fn take(r: &mut Reader<'_>) -> Result<Body, DecodeError> {
        r.record("body", 2)?;
        let error = r.malformed("kind of body");
        Ok(match r.uint("kind of body")? {
            0 => Body::Expr(Code::take(r)?),
            1 => Body::OneOf(Code::take(r)?),
            2 => Body::Approve(Code::take(r)?),
            _ => return Err(error),
        })
    }
}
