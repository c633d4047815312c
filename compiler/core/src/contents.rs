//! The `contents` record: fields, what they inherit, and that they only grow narrower.
use crate::context::Cx;
use crate::facts::Typed;
use crate::source::range;
use crate::values::Scalar;
use pkic_ir::{Constant, Expr, Field, Operand, Relation, Test};
use pkic_syntax::ast::{self, Cardinality};
use pkic_vocab::fields::{ATTRIBUTE_FACT, EXTENSION_FACT, FIELDS, FieldDef, Filler, Place};
use pkic_vocab::time::Span;
use pkic_vocab::{Path, Type, Value, limits, names};
use std::collections::HashMap;

/// The field by which a base offers every declared attribute.
const PRIVATE: &str = "subject.private";

/// Contents of a profile, inherited ones included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    pub(crate) fields: Vec<Field>,
    /// Module and text of each field, in the order of `fields`.
    pub(crate) places: Vec<(usize, ast::Span)>,
    /// Whether any declared attribute is offered to whoever refines.
    pub(crate) offers_private: bool,
    /// Whether a `contents` block was written, here or in a base.
    pub(crate) is_stated: bool,
}

impl Contents {
    /// What is inherited from this without being named again.
    fn required(&self) -> Contents {
        let mut required = Contents { is_stated: self.is_stated, ..Contents::default() };
        for (field, place) in self.fields.iter().zip(&self.places).filter(|(field, _)| field.min > 0) {
            required.fields.push(field.clone());
            required.places.push(*place);
        }
        required
    }

    /// Whether a field that is not listed may be added: a declared attribute, where all of them are offered.
    fn offers(&self, name: &str) -> bool {
        let is_private =
            name == PRIVATE || (name.starts_with("subject.") && FieldDef::from_name(name).is_none());
        is_private && self.offers_private
    }
}

/// What a field of the text is.
struct Named {
    name: String,
    path: Path,
    extension: Option<String>,
    filler: Filler,
    /// Whether a cardinality counts values, not the extension that holds a list.
    counts_values: bool,
}

impl<'a> Cx<'a> {
    /// Merges the `contents` of a profile into those that it inherits. Required fields are inherited, optional ones
    /// only where they are named again.
    pub(crate) fn contents(
        &mut self,
        module: usize,
        fields: &[&ast::Field<'a>],
        parent: Option<&Contents>,
        is_stated: bool,
    ) -> Option<Contents> {
        let mut merged = parent.map(Contents::required).unwrap_or_default();
        merged.is_stated |= is_stated;
        let by_name: HashMap<String, usize> =
            merged.fields.iter().map(|field| field.name.clone()).zip(0..).collect();
        let inherited = parent.filter(|parent| parent.is_stated);
        let offered: HashMap<&str, usize> = inherited
            .iter()
            .flat_map(|parent| (0..).zip(&parent.fields))
            .map(|(index, field)| (field.name.as_str(), index))
            .collect();
        let mut own: HashMap<&str, ast::Span> = HashMap::new();
        let mut is_whole = true;
        for field in fields {
            let Some(path) = &field.path else {
                is_whole = false;
                continue;
            };
            if let Some(first) = own.insert(path.text, path.span) {
                self.field_twice(module, path, first);
                is_whole = false;
                continue;
            }
            let base = inherited.and_then(|parent| {
                let index = *offered.get(path.text)?;
                Some((parent.fields.get(index)?, *parent.places.get(index)?))
            });
            if !inherited.is_none_or(|parent| base.is_some() || parent.offers(path.text)) {
                self.not_offered(module, field, path, inherited);
                is_whole = false;
                continue;
            }
            if path.text == PRIVATE {
                merged.offers_private = true;
                continue;
            }
            let Some(lowered) = self.field(module, field, path, base) else {
                is_whole = false;
                continue;
            };
            let place = (module, field.span);
            match by_name.get(&lowered.name) {
                Some(index) => {
                    if let (Some(slot), Some(at)) =
                        (merged.fields.get_mut(*index), merged.places.get_mut(*index))
                    {
                        *slot = lowered;
                        *at = place;
                    }
                }
                None => {
                    merged.fields.push(lowered);
                    merged.places.push(place);
                }
            }
        }
        if merged.fields.len() > limits::LIST_LEN_MAX {
            let message = format!("contents have more than {} fields", limits::LIST_LEN_MAX);
            let span = fields.first().map_or(ast::Span::default(), |field| field.span);
            self.error(module, "E0308", span, message, |diagnostic| diagnostic.with_help("permit less"));
            return None;
        }
        same_criticality(&mut merged.fields);
        is_whole.then_some(merged)
    }

    fn field_twice(&mut self, module: usize, path: &ast::Path<'_>, first: ast::Span) {
        let file = self.file_of(module);
        self.error(module, "E0104", path.span, format!("field `{}` stands twice", path.text), |diagnostic| {
            diagnostic
                .with_related(file, range(first), "first here")
                .with_help("say all of a field in one line")
        });
    }

    fn not_offered(
        &mut self,
        module: usize,
        field: &ast::Field<'a>,
        path: &ast::Path<'_>,
        parent: Option<&Contents>,
    ) {
        let names: Vec<String> =
            parent.iter().flat_map(|parent| &parent.fields).map(|field| field.name.clone()).collect();
        let near = self.nearest(path.text, names.iter().map(String::as_str)).map(str::to_owned);
        let message = format!("the refined profile does not offer `{}`", path.text);
        self.error(module, "E0303", field.span, message, |diagnostic| {
            diagnostic
                .with_note("grants only shrink: what a base does not list can't be added by refining it")
                .with_help(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("let the base offer it: `{} ?`", path.text),
                })
        });
    }

    fn named(&mut self, module: usize, path: &ast::Path<'_>) -> Option<Named> {
        if let Some(def) = FieldDef::from_name(path.text) {
            let is_list = matches!(def.fact_id()?.def().ty, Type::List(_));
            return Some(Named {
                name: def.name.to_owned(),
                path: Path::from(def.fact_id()?),
                extension: def.extension().map(str::to_owned),
                filler: def.filler,
                counts_values: !is_list || matches!(def.place, Place::SubjectAltName),
            });
        }
        let (fact, table, name) = match (path.text.split_once('.'), path.segments.last()) {
            (Some(("subject", name)), Some(_)) if !name.contains('.') => {
                (ATTRIBUTE_FACT, &self.names.attributes, name)
            }
            (None, Some(name)) => (EXTENSION_FACT, &self.names.extensions, name.text),
            _ => (ATTRIBUTE_FACT, &self.names.attributes, path.text),
        };
        let found = table.find(name).and_then(|index| table.entry(index)).and_then(|entry| entry.node.oid);
        let Some(oid) = found else {
            self.unknown_field(module, path);
            return None;
        };
        Some(Named {
            name: path.text.to_owned(),
            path: Path { fact: *self.facts.get(fact)?, name: Some(oid.text.to_owned()) },
            extension: (fact == EXTENSION_FACT).then(|| oid.text.to_owned()),
            filler: Filler::Draft,
            counts_values: true,
        })
    }

    fn unknown_field(&mut self, module: usize, path: &ast::Path<'_>) {
        let attributes: Vec<String> = self
            .names
            .attributes
            .entries()
            .iter()
            .filter(|_| self.may_suggest())
            .map(|entry| format!("subject.{}", entry.name))
            .collect();
        let extensions: Vec<String> = self
            .names
            .extensions
            .entries()
            .iter()
            .filter(|_| self.may_suggest())
            .map(|entry| entry.name.clone())
            .collect();
        let known = FIELDS
            .iter()
            .map(|def| def.name)
            .chain(attributes.iter().map(String::as_str))
            .chain(extensions.iter().map(String::as_str));
        let near = self.nearest(path.text, known).map(str::to_owned);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a field is one of the catalogue, `subject.NAME` of a declared attribute, or a declared extension"
                .to_owned(),
        };
        self.error(module, "E0110", path.span, format!("unknown field `{}`", path.text), |diagnostic| {
            diagnostic.with_help(help)
        });
    }

    fn field(
        &mut self,
        module: usize,
        field: &ast::Field<'a>,
        path: &ast::Path<'a>,
        base: Option<(&Field, (usize, ast::Span))>,
    ) -> Option<Field> {
        let named = self.named(module, path)?;
        let ty = named.path.fact.def().ty;
        let (min, max) = self.cardinality(module, field, &named, ty)?;
        if let Some(critical) = field.critical.filter(|_| named.extension.is_none()) {
            let message = format!("`{}` is no extension, so it can't be critical", named.name);
            self.error(module, "E0212", critical, message, |diagnostic| {
                diagnostic.with_help("leave the word out").with_fix(range(critical), "", false)
            });
            return None;
        }
        let left = Typed { operand: Operand::Fact(named.path.clone()), ty, is_graded: false };
        let own = match &field.constraint {
            None => None,
            Some(constraint) => Some(self.comparison(module, &left, constraint, path.text)?),
        };
        let default = match &field.default {
            None => None,
            Some(value) => Some(self.fixed_value(module, ty, value)?),
        };
        let own = own.filter(|expr| !matches!(self.expr(*expr), Some(Expr::Always(_))));
        let bound = own.and_then(|expr| self.bound(expr));
        let cites = match &field.cites {
            None => base.and_then(|(base, _)| base.cites.clone()),
            Some(cites) => self.citation(module, cites),
        };
        let mut lowered = Field {
            name: named.name,
            path: named.path,
            extension: named.extension,
            min,
            max,
            critical: field.critical.is_some(),
            constraint: own,
            fixed: bound.as_ref().and_then(Bound::only),
            default,
            span_s_max: bound.as_ref().and_then(Bound::span_s_max),
            filler: named.filler,
            text: self.one_line(module, field.span),
            cites,
            origin: self.origin(module, field.span),
        };
        if let Some((base, place)) = base {
            self.narrow(module, field, &mut lowered, base, place, bound.as_ref())?;
        }
        self.default_fits(module, field, &mut lowered)?;
        Some(lowered)
    }

    /// How many values a field may have. A list in an extension of its own is counted as one field.
    fn cardinality(
        &mut self,
        module: usize,
        field: &ast::Field<'a>,
        named: &Named,
        ty: Type,
    ) -> Option<(u32, u32)> {
        let most = if matches!(ty, Type::List(_)) { limits::FACT_LIST_LEN_MAX as u64 } else { 1 };
        let one = if named.counts_values { 1 } else { most };
        let (min, max, span) = match field.cardinality {
            None => (1, one, field.span),
            Some(Cardinality::Optional(span)) => (0, one, span),
            Some(Cardinality::Exactly(count)) => (count.value, count.value, count.span),
            Some(Cardinality::Between(low, high)) => (low.value, high.value, low.span.to(high.span)),
        };
        if min > max {
            // The parser has said so.
            return None;
        }
        if max == 0 || max > most {
            let message = format!("`{}` can't stand there {min} to {max} times", named.name);
            self.error(module, "E0221", span, message, |diagnostic| {
                diagnostic.with_help(match (max, most) {
                    (0, _) => "leave the field out: what is not listed may not appear".to_owned(),
                    (_, 1) => "it has at most one value: write `?`, or nothing".to_owned(),
                    _ => format!("at most {most} values"),
                })
            });
            return None;
        }
        Some((u32::try_from(min).ok()?, u32::try_from(max).ok()?))
    }

    /// A default, as a constant of the whole field.
    fn fixed_value(&mut self, module: usize, ty: Type, value: &ast::Value<'a>) -> Option<Constant> {
        let constants = self.constants(module, ty.element(), value, 0)?;
        let is_list = matches!(ty, Type::List(_));
        if is_list != constants.is_list {
            let help = if is_list { "write it in brackets" } else { "write one value" };
            self.error(module, "E0201", value.span, "the default does not fit its field", |diagnostic| {
                diagnostic.with_help(help)
            });
            return None;
        }
        if let Some(graded) = constants.elements.iter().find(|element| element.guard.is_some()) {
            crate::cond::ungraded(self, module, graded.span);
            return None;
        }
        let scalars: Vec<Scalar> = constants.elements.into_iter().map(|element| element.scalar).collect();
        if is_list { Some(crate::cond::list_of(scalars)) } else { crate::cond::constant_of(scalars) }
    }

    /// Takes over what the base says of a field, and refuses what is wider.
    fn narrow(
        &mut self,
        module: usize,
        field: &ast::Field<'a>,
        own: &mut Field,
        base: &Field,
        place: (usize, ast::Span),
        bound: Option<&Bound>,
    ) -> Option<()> {
        let base_bound = base.constraint.and_then(|expr| self.bound(expr));
        let wider = if own.min < base.min || own.max > base.max {
            Some(format!(
                "`{}` may stand there {} to {} times, and {} to {} in the refined profile",
                own.name, own.min, own.max, base.min, base.max
            ))
        } else if own.critical && !base.critical {
            Some(format!("`{}` is critical here, and not in the refined profile", own.name))
        } else if let (Some(bound), Some(base)) = (bound, &base_bound)
            && bound.is_wider_than(base)
        {
            Some(format!("`{}` permits more than in the refined profile", own.name))
        } else {
            None
        };
        if let Some(message) = wider {
            let file = self.file_of(place.0);
            self.error(module, "E0303", field.span, message, |diagnostic| {
                diagnostic
                    .with_related(file, range(place.1), "the refined profile")
                    .with_note(
                        "grants only shrink: the refined line holds as well, so this text would mislead",
                    )
                    .with_help("write what is permitted, or leave the field out")
            });
            return None;
        }
        own.critical = base.critical;
        own.constraint = match (own.constraint, base.constraint) {
            (Some(own), Some(base)) => Some(self.push_expr(Expr::And(vec![base, own]))),
            (own, base) => own.or(base),
        };
        own.fixed = own.fixed.take().or_else(|| base.fixed.clone());
        own.span_s_max = match (own.span_s_max, base.span_s_max) {
            (Some(own), Some(base)) => Some(own.min(base)),
            (own, base) => own.or(base),
        };
        if own.default.is_none() {
            // A default that the narrower line rules out is none any more.
            own.default =
                base.default.clone().filter(|default| bound.is_none_or(|bound| bound.permits(default)));
        }
        Some(())
    }

    fn default_fits(&mut self, module: usize, field: &ast::Field<'a>, lowered: &mut Field) -> Option<()> {
        let (Some(default), Some(value)) = (&lowered.default, &field.default) else { return Some(()) };
        let over_span = match (default, lowered.span_s_max) {
            (Constant::Span(span), Some(max)) => span.max_s > max && span.min_s > max,
            _ => false,
        };
        let own = field.constraint.as_ref().and(lowered.constraint).and_then(|expr| self.bound(expr));
        if over_span || own.is_some_and(|bound| !bound.permits(default)) {
            let message = format!("the default of `{}` is not permitted by its own line", lowered.name);
            self.error(module, "E0218", value.span, message, |diagnostic| {
                diagnostic.with_help("a default is a value that the constraint permits")
            });
            return None;
        }
        Some(())
    }

    /// The plain bound that a constraint is, where it is one.
    fn bound(&self, expr: pkic_ir::ExprId) -> Option<Bound> {
        let atom = match self.expr(expr)? {
            Expr::Atom(atom) => atom,
            // The own line stands behind the inherited one.
            Expr::And(parts) => match self.expr(*parts.last()?)? {
                Expr::Atom(atom) => atom,
                _ => return None,
            },
            _ => return None,
        };
        match &atom.test {
            Test::Compare(Relation::LessOrEqual, Constant::Span(span)) => Some(Bound::AtMost(*span)),
            Test::Compare(Relation::Less, Constant::Span(span)) if span.min_s < i64::MAX => {
                Some(Bound::AtMost(Span::exact(span.min_s.saturating_sub(1))))
            }
            Test::Compare(Relation::Equal, constant) => Some(Bound::Only(constant.clone())),
            Test::In(constant) => Some(Bound::OneOf(constant.clone())),
            Test::Under(bases) => Some(Bound::Under(bases.clone())),
            _ => None,
        }
    }
}

/// One extension is critical as a whole.
fn same_criticality(fields: &mut [Field]) {
    let critical: Vec<String> =
        fields.iter().filter(|field| field.critical).filter_map(|field| field.extension.clone()).collect();
    for field in fields {
        field.critical |= field.extension.as_ref().is_some_and(|oid| critical.contains(oid));
    }
}

/// A constraint that can be compared with another without a proof.
#[derive(Debug, Clone, PartialEq)]
enum Bound {
    AtMost(Span),
    OneOf(Constant),
    Only(Constant),
    Under(Vec<Value>),
}

impl Bound {
    /// The one value that is permitted.
    fn only(&self) -> Option<Constant> {
        match self {
            Bound::Only(constant) => Some(constant.clone()),
            Bound::AtMost(_) | Bound::OneOf(_) | Bound::Under(_) => None,
        }
    }

    fn span_s_max(&self) -> Option<i64> {
        match self {
            Bound::AtMost(span) | Bound::Only(Constant::Span(span)) => Some(span.min_s),
            _ => None,
        }
    }

    /// Whether this permits something that `base` does not, as far as that is plain.
    fn is_wider_than(&self, base: &Bound) -> bool {
        match (self, base) {
            (Bound::AtMost(own), Bound::AtMost(base)) => own.min_s > base.max_s,
            (Bound::Only(Constant::Span(own)), Bound::AtMost(base)) => own.min_s > base.max_s,
            (Bound::OneOf(own) | Bound::Only(own), Bound::OneOf(base) | Bound::Only(base)) => {
                members(own).iter().any(|own| !members(base).contains(own)) && !is_words_within(own, base)
            }
            (Bound::Under(own), Bound::Under(base)) => {
                own.iter().any(|own| !base.iter().any(|base| names::is_under(own, base) == Some(true)))
            }
            _ => false,
        }
    }

    fn permits(&self, value: &Constant) -> bool {
        match (self, value) {
            (Bound::AtMost(max), Constant::Span(span)) => span.min_s <= max.max_s,
            (Bound::Only(only), _) => only == value,
            (Bound::OneOf(set), _) => {
                is_words_within(value, set) || members(value).iter().all(|value| members(set).contains(value))
            }
            _ => true,
        }
    }
}

fn is_words_within(own: &Constant, base: &Constant) -> bool {
    matches!((own, base), (Constant::Words { .. }, Constant::Words { .. }))
        && own.accepted().within(base.accepted())
}

fn members(constant: &Constant) -> Vec<String> {
    match constant {
        Constant::Value(Value::List(values)) | Constant::List(values) => {
            values.iter().map(ToString::to_string).collect()
        }
        Constant::Value(value) => vec![value.to_string()],
        Constant::Span(span) => vec![format!("{}..{}", span.min_s, span.max_s)],
        Constant::Words { named, .. } => named.iter().map(|word| word.name().to_owned()).collect(),
    }
}
