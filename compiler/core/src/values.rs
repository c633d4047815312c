//! Values on the right of a relation: typed, with units, `let` names replaced by what they stand for.
use crate::context::Cx;
use crate::source::range;
use crate::suggest;
use pkic_ir::Guard;
use pkic_syntax::ast::{self, ValueKind};
use pkic_vocab::basis::{BasisSet, Grade};
use pkic_vocab::time::{self, Span};
use pkic_vocab::types::NameKind;
use pkic_vocab::{Type, Value, Word, limits, oids};

/// One value of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// A span with its bounds.
    Span(Span),
    /// Any other value.
    Value(Value),
    /// A word, which stands for its subtree.
    Word(Word),
}

/// A value with the grade that is written behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) scalar: Scalar,
    pub(crate) guard: Option<Guard>,
    pub(crate) span: ast::Span,
}

/// A value, or the values of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constants {
    pub(crate) elements: Vec<Element>,
    pub(crate) is_list: bool,
}

/// How far a `let` has been read.
#[derive(Debug, Clone)]
pub(crate) enum LetState {
    /// Its value is being read: to meet it again is a circle.
    Open,
    /// Read; `None` is reported already.
    Done(Option<Constants>),
}

/// Lets that stand for other lets, one within the other: more cannot be followed by a reader.
const LET_DEPTH_MAX: usize = 8;

impl<'a> Cx<'a> {
    /// Reads a value whose scalars are of type `ty`. `None` is reported already.
    pub(crate) fn constants(
        &mut self,
        module: usize,
        ty: Type,
        value: &ast::Value<'a>,
        depth: usize,
    ) -> Option<Constants> {
        let ValueKind::List(list) = &value.kind else {
            return self.scalar_or_let(module, ty, value, depth);
        };
        if list.elements.is_empty() {
            self.error(module, "E0217", list.span, "an empty list permits nothing", |diagnostic| {
                diagnostic.with_help("name the values that are good, or write `any`")
            });
            return None;
        }
        let mut elements = Vec::new();
        let mut is_whole = true;
        for element in &list.elements {
            let guard = match &element.grade {
                None => None,
                Some(grade) => match self.guard(module, grade) {
                    Some(guard) => Some(guard),
                    None => {
                        is_whole = false;
                        continue;
                    }
                },
            };
            if let ValueKind::List(inner) = &element.value.kind {
                self.error(module, "E0201", inner.span, "a list holds no lists", |diagnostic| diagnostic);
                is_whole = false;
                continue;
            }
            match self.scalar_or_let(module, ty, &element.value, depth) {
                None => is_whole = false,
                Some(found) => elements.extend(
                    found.elements.into_iter().map(|inner| Element { guard: inner.guard.or(guard), ..inner }),
                ),
            }
            if elements.len() > limits::LIST_LEN_MAX {
                let message = format!("a list has more than {} elements", limits::LIST_LEN_MAX);
                self.error(module, "E0308", list.span, message, |diagnostic| diagnostic);
                return None;
            }
        }
        is_whole.then_some(Constants { elements, is_list: true })
    }

    fn scalar_or_let(
        &mut self,
        module: usize,
        ty: Type,
        value: &ast::Value<'a>,
        depth: usize,
    ) -> Option<Constants> {
        if let ValueKind::Path(path) = &value.kind
            && !self.is_word_of(module, ty, path)
            && let Some(index) = self.seek_let(module, path.text)
        {
            let constants = self.let_value(index, depth.saturating_add(1))?;
            let (name, declared) = self
                .names
                .lets
                .entry(index)
                .map(|entry| (entry.name.clone(), Type::from_name(entry.node.type_name.text)))?;
            if declared != Some(ty) {
                let message = format!("`{name}` is a set of `{}`, not of `{}`", declared?.name(), ty.name());
                self.error(module, "E0201", path.span, message, |diagnostic| diagnostic);
                return None;
            }
            return Some(constants);
        }
        let scalar = self.scalar(module, ty, value)?;
        Some(Constants { elements: vec![Element { scalar, guard: None, span: value.span }], is_list: false })
    }

    /// What a `let` stands for.
    pub(crate) fn let_value(&mut self, index: usize, depth: usize) -> Option<Constants> {
        match self.lets.get(&index) {
            Some(LetState::Done(constants)) => return constants.clone(),
            Some(LetState::Open) => {
                let (module, span) =
                    self.names.lets.entry(index).map(|entry| (entry.module, entry.name_span))?;
                self.error(module, "E0109", span, "this `let` stands for itself", |diagnostic| {
                    diagnostic.with_help("write the values out")
                });
                return None;
            }
            None => {}
        }
        self.lets.insert(index, LetState::Open);
        let (module, node) = self.names.lets.entry(index).map(|entry| (entry.module, entry.node))?;
        let constants = if depth > LET_DEPTH_MAX {
            let message = format!("lets stand for lets more than {LET_DEPTH_MAX} deep");
            self.error(module, "E0308", node.value.span, message, |diagnostic| {
                diagnostic.with_help("write the values out")
            });
            None
        } else if let Some(ty) = Type::from_name(node.type_name.text) {
            match node.value.kind {
                ValueKind::Any | ValueKind::Unknown => {
                    self.error(module, "E0203", node.value.span, "a `let` names values", |diagnostic| {
                        diagnostic.with_help("write `any` where the set is used")
                    });
                    None
                }
                _ => self.constants(module, ty, &node.value, depth),
            }
        } else {
            let types = pkic_vocab::Words::ALL.into_iter().map(pkic_vocab::Words::name).chain([
                "bool",
                "int",
                "date",
                "span",
                "tag",
                "authority",
                "profile",
                "oid",
                "dn",
                "dns-name",
                "uri",
                "ip",
                "email",
                "bytes",
                "string",
            ]);
            self.unknown_word(module, node.type_name.span, "type", node.type_name.text, types);
            None
        };
        self.lets.insert(index, LetState::Done(constants.clone()));
        constants
    }

    /// Whether a path is a constant of that type, which goes before any `let` or fact of the same name.
    pub(crate) fn is_word_of(&self, module: usize, ty: Type, path: &ast::Path<'_>) -> bool {
        match ty {
            Type::Bool => matches!(path.text, "true" | "false"),
            Type::Word(words) => words.word(path.text).is_some(),
            Type::Oid => oids::by_name(path.text).is_some(),
            Type::Span | Type::Date => path.text == "forever",
            Type::Name(NameKind::Tag) => self.names.tags.find(path.text).is_some(),
            Type::Name(NameKind::Authority) => {
                self.names.authorities.find(&self.spelled(module, path)).is_some()
            }
            Type::Name(NameKind::Profile) => self.names.profiles.find(&self.spelled(module, path)).is_some(),
            _ => false,
        }
    }

    fn spelled(&self, module: usize, path: &ast::Path<'_>) -> String {
        match self.module(module) {
            Some(here) if path.segments.len() == 1 => format!("{}.{}", here.name, path.text),
            _ => path.text.to_owned(),
        }
    }

    /// Reads a single value of type `ty`.
    fn scalar(&mut self, module: usize, ty: Type, value: &ast::Value<'a>) -> Option<Scalar> {
        match &value.kind {
            ValueKind::Any => {
                self.error(module, "E0203", value.span, "`any` stands alone behind `in`", |diagnostic| {
                    diagnostic.with_help("write `in any`, which is always satisfied")
                });
                None
            }
            ValueKind::Unknown => {
                self.error(
                    module,
                    "E0205",
                    value.span,
                    "a policy can't ask whether a fact is unknown",
                    |diagnostic| {
                        diagnostic
                            .with_help("an unknown fact refuses by itself; `unknown` stands in tests alone")
                    },
                );
                None
            }
            ValueKind::Int(number) => self.int(module, ty, *number, value.span),
            ValueKind::Duration(duration) => match (ty, self.length_of(*duration)) {
                (Type::Span, Some(span)) => Some(Scalar::Span(span)),
                (Type::Span, None) => {
                    self.error(module, "E0208", value.span, "a span is at most 400 years", |diagnostic| {
                        diagnostic.with_help("write `forever` for a certificate without an end")
                    });
                    None
                }
                _ => self.mismatch(module, ty, value.span, "a span"),
            },
            ValueKind::Date(date) => match ty {
                Type::Date => Some(Scalar::Value(Value::Date(date.unix_s))),
                _ => self.mismatch(module, ty, value.span, "a date"),
            },
            ValueKind::Oid(oid) => match ty {
                Type::Oid => Some(Scalar::Value(Value::Oid(oid.text.to_owned()))),
                _ => self.mismatch(module, ty, value.span, "an object identifier"),
            },
            ValueKind::Str(text) => self.string(module, ty, text),
            ValueKind::Path(path) => self.word(module, ty, path),
            ValueKind::List(_) => self.mismatch(module, ty, value.span, "a list"),
            ValueKind::Record(_) => self.mismatch(module, ty, value.span, "a record"),
        }
    }

    fn int(&mut self, module: usize, ty: Type, number: u64, span: ast::Span) -> Option<Scalar> {
        match ty {
            Type::Int => match i64::try_from(number) {
                Ok(number) => Some(Scalar::Value(Value::Int(number))),
                Err(_) => {
                    self.error(module, "E0208", span, format!("`{number}` is too large"), |diagnostic| {
                        diagnostic
                    });
                    None
                }
            },
            Type::Span => {
                self.error(module, "E0204", span, format!("`{number}` has no unit"), |diagnostic| {
                    diagnostic.with_help(format!("`{number}d`; units are s, min, h, d, mo, y")).with_fix(
                        range(span),
                        format!("{number}d"),
                        false,
                    )
                });
                None
            }
            _ => self.mismatch(module, ty, span, "a number"),
        }
    }

    fn string(&mut self, module: usize, ty: Type, text: &ast::Str<'_>) -> Option<Scalar> {
        match ty {
            Type::Text | Type::Dn | Type::DnsName | Type::Uri | Type::Ip | Type::Email | Type::Bytes => {
                match Value::parse(ty, &text.text) {
                    Ok(value) => Some(Scalar::Value(value)),
                    Err(message) => {
                        self.error(module, "E0208", text.span, message, |diagnostic| diagnostic);
                        None
                    }
                }
            }
            Type::Word(words) if words.word(&text.text).is_some() => {
                let word = text.text.clone().into_owned();
                self.error(
                    module,
                    "E0201",
                    text.span,
                    format!("words of `{}` take no quotes", ty.name()),
                    |diagnostic| {
                        diagnostic.with_help(format!("`{word}`")).with_fix(
                            range(text.span),
                            word.clone(),
                            true,
                        )
                    },
                );
                None
            }
            _ => self.mismatch(module, ty, text.span, "a string"),
        }
    }

    fn word(&mut self, module: usize, ty: Type, path: &ast::Path<'_>) -> Option<Scalar> {
        let text = path.text;
        let value = match ty {
            Type::Word(words) => match words.word(text) {
                Some(word) => return Some(Scalar::Word(word)),
                None => {
                    let known = words.words().iter().map(|def| def.name);
                    self.unknown_word(module, path.span, &format!("word of `{}`", words.name()), text, known);
                    return None;
                }
            },
            Type::Bool => match text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => {
                    self.unknown_word(module, path.span, "bool", text, ["true", "false"].into_iter());
                    return None;
                }
            },
            Type::Span if text == "forever" => return Some(Scalar::Span(Span::FOREVER)),
            Type::Date if text == "forever" => Value::Date(time::FOREVER_DATE),
            Type::Oid => match oids::by_name(text) {
                Some(oid) => Value::Oid(oid.to_owned()),
                None => {
                    let known = oids::NAMED.iter().map(|entry| entry.name);
                    self.unknown_word(module, path.span, "named object identifier", text, known);
                    return None;
                }
            },
            Type::Name(kind) => Value::Name(self.declared_name(module, kind, path)?),
            _ => {
                let is_let = self.nearest_let(module, text);
                self.error(
                    module,
                    "E0201",
                    path.span,
                    format!("`{text}` is no `{}`", ty.name()),
                    |diagnostic| match (is_let, ty) {
                        (Some(name), _) => diagnostic.with_help(format!("did you mean `{name}`?")),
                        (None, Type::Text) => diagnostic
                            .with_help(format!("text takes quotes: `\"{text}\"`"))
                            .with_fix(range(path.span), format!("\"{text}\""), false),
                        (None, _) => diagnostic.with_help(expected(ty)),
                    },
                );
                return None;
            }
        };
        Some(Scalar::Value(value))
    }

    fn nearest_let(&mut self, module: usize, text: &str) -> Option<String> {
        let own = format!("{}.", self.module(module).filter(|_| self.may_suggest())?.name);
        let names: Vec<String> = self
            .names
            .lets
            .entries()
            .iter()
            .map(|entry| entry.name.strip_prefix(&own).unwrap_or(&entry.name).to_owned())
            .collect();
        self.nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// A name that a policy declares, as facts hold it: tags bare, authorities and profiles qualified.
    pub(crate) fn declared_name(
        &mut self,
        module: usize,
        kind: NameKind,
        path: &ast::Path<'_>,
    ) -> Option<String> {
        match kind {
            NameKind::Tag => {
                let name = ast::Name { text: path.text, span: path.span };
                self.find_declared(|names| &names.tags, "tag", module, name)?;
                Some(path.text.to_owned())
            }
            NameKind::Authority => {
                let index = self.find_authority(module, path)?;
                self.names.authorities.entry(index).map(|entry| entry.name.clone())
            }
            NameKind::Profile => {
                let index = self.find_profile(module, path)?;
                self.names.profiles.entry(index).map(|entry| entry.name.clone())
            }
        }
    }

    fn mismatch(&mut self, module: usize, ty: Type, span: ast::Span, found: &str) -> Option<Scalar> {
        self.error(module, "E0201", span, format!("{found} can't be a `{}`", ty.name()), |diagnostic| {
            diagnostic.with_help(expected(ty))
        });
        None
    }

    /// Reads `@ GRADE by BASIS within AGE`. Of a calendar span the lower bound counts.
    pub(crate) fn guard(&mut self, module: usize, grade: &ast::Grade<'_>) -> Option<Guard> {
        let Some(named) = Grade::from_name(grade.name.text) else {
            let known = Grade::ALL.into_iter().map(Grade::name);
            self.unknown_word(module, grade.name.span, "grade", grade.name.text, known);
            return None;
        };
        let mut basis = if grade.by.is_some() { BasisSet::EMPTY } else { BasisSet::ANY };
        let mut is_whole = true;
        for word in grade.by.iter().flat_map(|by| &by.words) {
            match BasisSet::from_name(word.text) {
                Some(found) => basis = basis.union(found),
                None => {
                    let known: Vec<&str> = BasisSet::words().collect();
                    self.unknown_word(module, word.span, "basis", word.text, known.into_iter());
                    is_whole = false;
                }
            }
        }
        let within_s = match grade.within {
            None => None,
            Some(age) => match self.length_of(age) {
                Some(span) => Some(span.min_s),
                None => {
                    self.error(module, "E0208", age.span, "a span is at most 400 years", |diagnostic| {
                        diagnostic
                    });
                    is_whole = false;
                    None
                }
            },
        };
        is_whole.then_some(Guard { grade: Some(named), basis, within_s })
    }
}

/// How a value of that type is written.
fn expected(ty: Type) -> String {
    let example = match ty {
        Type::Bool => "`true` or `false`",
        Type::Int => "a whole number, such as `3`",
        Type::Date => "a date, such as `2027-03-15`",
        Type::Span => "a span, such as `90d`",
        Type::Oid => "an object identifier, such as `1.3.6.1.5.5.7.3.1`",
        Type::Dn => "a distinguished name in quotes, such as `\"OU=plant-1, O=Acme\"`",
        Type::DnsName => "a DNS name in quotes, such as `\"bank.example\"`",
        Type::Uri => "a URI in quotes, such as `\"spiffe://bank.example/ns/a\"`",
        Type::Ip => "an IP address in quotes, such as `\"192.0.2.1\"`",
        Type::Email => "a mail address in quotes",
        Type::Bytes => "bytes in quotes, two hexadecimal digits each",
        Type::Text => "text in quotes",
        Type::Name(NameKind::Tag) => "the name of a declared tag",
        Type::Name(NameKind::Authority) => "the name of an authority",
        Type::Name(NameKind::Profile) => "the name of a profile",
        Type::Word(words) => {
            return format!("write {}", suggest::choices(words.words().iter().map(|def| def.name)));
        }
        Type::List(_) | Type::Record(_) => "one of its members",
    };
    format!("write {example}")
}
