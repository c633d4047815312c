//! What a test changes in its good request: facts, typed as everywhere, and records, which only tests write.
use crate::context::Cx;
use crate::testcase::Change;
use crate::values::{Element, Scalar};
use pkic_ir::{Operand, Profile};
use pkic_syntax::ast::{self, CellKind, TestItemKind, ValueKind};
use pkic_vocab::basis::{BasisSet, Grade};
use pkic_vocab::types::RecordField;
use pkic_vocab::{Fact, Type, Value};

/// Facts that the policy itself states, so that no request can differ in them.
const OF_THE_POLICY: [&str; 5] =
    ["authority.name", "authority.state", "authority.trust", "profile.role", "profile.tags"];

impl<'a> Cx<'a> {
    pub(super) fn change(
        &mut self,
        module: usize,
        given: &ast::Given<'a>,
        at: Option<i64>,
    ) -> Option<Change> {
        let typed = self.resolve(module, &[], &given.path)?;
        let Operand::Fact(path) = typed.operand else { return None };
        let guard = match &given.grade {
            None => None,
            Some(grade) if typed.is_graded => Some(self.guard(module, grade)?),
            Some(grade) => {
                crate::cond::ungraded(self, module, grade.span);
                return None;
            }
        };
        if let ValueKind::Unknown = given.value.kind {
            return Some(Change { path, to: None });
        }
        let value = self.given_value(module, typed.ty, &given.value)?;
        let floor = path.fact.def().floor;
        let grade = guard.and_then(|guard| guard.grade).unwrap_or(floor);
        let basis = guard.map(|guard| guard.basis).filter(|basis| *basis != BasisSet::ANY);
        let mut fact = Fact::new(value, grade, basis.unwrap_or_else(|| usual_basis(grade)));
        if let Some(age) = guard.and_then(|guard| guard.within_s) {
            fact.on_file_since = at.and_then(|at| at.checked_sub(age));
            if at.is_none() {
                self.error(
                    module,
                    "E0501",
                    given.span,
                    "an age counts back from a date, and there is none",
                    |diagnostic| diagnostic.with_help("say `at DATE` first"),
                );
                return None;
            }
        }
        Some(Change { path, to: Some(fact) })
    }

    fn given_value(&mut self, module: usize, ty: Type, value: &ast::Value<'a>) -> Option<Value> {
        if let ValueKind::List(list) = &value.kind
            && list.elements.is_empty()
            && matches!(ty, Type::List(_))
        {
            return Some(Value::List(Vec::new()));
        }
        if let (Type::List(Type::Record(fields)), ValueKind::List(list)) = (ty, &value.kind) {
            return self.records(module, fields, list);
        }
        let constants = self.constants(module, ty.element(), value, 0)?;
        let is_list = matches!(ty, Type::List(_));
        if constants.is_list != is_list {
            let help = if is_list { "write it in brackets" } else { "write one value" };
            self.error(module, "E0201", value.span, "the value does not fit the fact", |diagnostic| {
                diagnostic.with_help(help)
            });
            return None;
        }
        let mut values = Vec::new();
        for element in constants.elements {
            if element.guard.is_some() {
                return self.grade_of_element(module, element.span);
            }
            values.push(self.given_scalar(module, element)?);
        }
        if is_list { Some(Value::List(values)) } else { values.pop() }
    }

    fn given_scalar(&mut self, module: usize, element: Element) -> Option<Value> {
        match element.scalar {
            Scalar::Value(value) => Some(value),
            Scalar::Word(word) => Some(Value::Word(word)),
            Scalar::Span(span) if span.is_exact() => Some(Value::Span(span.min_s)),
            Scalar::Span(_) => {
                self.error(module, "E0207", element.span, "a fact has an exact length", |diagnostic| {
                    diagnostic.with_help("write days or seconds")
                });
                None
            }
        }
    }

    /// A fact has one grade, however many values it has.
    fn grade_of_element<T>(&mut self, module: usize, span: ast::Span) -> Option<T> {
        self.error(module, "E0211", span, "a fact has one grade for all of its values", |diagnostic| {
            diagnostic.with_help("write the grade behind the list")
        });
        None
    }

    fn records(
        &mut self,
        module: usize,
        fields: &'static [RecordField],
        list: &ast::List<'a>,
    ) -> Option<Value> {
        let mut records = Vec::new();
        for element in &list.elements {
            if let Some(grade) = &element.grade {
                return self.grade_of_element(module, grade.span);
            }
            let ValueKind::Record(record) = &element.value.kind else {
                self.error(
                    module,
                    "E0201",
                    element.span,
                    "a member of this list is a record",
                    |diagnostic| {
                        diagnostic.with_help(format!("write its fields in parentheses: {}", shape(fields)))
                    },
                );
                return None;
            };
            records.push(self.record(module, fields, record)?);
        }
        Some(Value::List(records))
    }

    /// A record; a field that is not given is unknown.
    fn record(
        &mut self,
        module: usize,
        fields: &'static [RecordField],
        record: &ast::Record<'a>,
    ) -> Option<Value> {
        let mut values = vec![None; fields.len()];
        let mut given: Vec<&str> = Vec::new();
        for field in &record.fields {
            let name = field.name;
            let place = fields.iter().position(|other| other.name == name.text);
            let Some((place, def)) = place.and_then(|place| Some((place, fields.get(place)?))) else {
                let known = fields.iter().map(|field| field.name);
                self.unknown_word(module, name.span, "field of the record", name.text, known);
                return None;
            };
            if given.contains(&name.text) {
                let message = format!("field `{}` stands twice", name.text);
                self.error(module, "E0104", name.span, message, |diagnostic| {
                    diagnostic.with_help("a record has one value for each field")
                });
                return None;
            }
            given.push(name.text);
            if let ValueKind::Unknown = field.value.kind {
                continue;
            }
            let value = self.given_value(module, def.ty, &field.value)?;
            if let Some(slot) = values.get_mut(place) {
                *slot = Some(value);
            }
        }
        Some(Value::Record(values))
    }

    /// Warns of changes that no decision can notice.
    pub(super) fn check_givens(
        &mut self,
        module: usize,
        test: &ast::Test<'a>,
        profile: &str,
        profiles: &[Profile],
    ) -> Option<()> {
        let index = profiles.binary_search_by(|other| other.name.as_str().cmp(profile)).ok()?;
        let has_authority = !profiles.get(index)?.issued_by.is_empty();
        let before = test.items.iter().filter_map(|item| match &item.kind {
            TestItemKind::With(given) => Some(given),
            _ => None,
        });
        let cells = test.table.iter().flat_map(|table| &table.rows).flat_map(|row| &row.cells);
        let in_rows = cells.filter_map(|cell| match &cell.kind {
            CellKind::With(given) => Some(given),
            _ => None,
        });
        for given in before.chain(in_rows) {
            let fact = given.path.text;
            let (note, help) = if OF_THE_POLICY.contains(&fact) {
                (
                    "the policy states it, and no request changes what the policy states".to_owned(),
                    "test a profile or authority of which the policy states otherwise",
                )
            } else if fact.starts_with("authority.") && !has_authority {
                (
                    format!("`{profile}` names no authority in `issued-by`, so nothing is known of any"),
                    "say `issued-by [AUTHORITY]` in the profile",
                )
            } else {
                continue;
            };
            let message = format!("to change `{fact}` has no effect");
            self.warning(module, "W0505", given.path.span, message, |diagnostic| {
                diagnostic.with_note(note).with_help(help)
            });
        }
        Some(())
    }
}

/// How a record with those fields is written.
fn shape(fields: &[RecordField]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| format!("{} = …", field.name)).collect();
    format!("`({})`", fields.join(", "))
}

/// What a fact of that grade rests on where a test does not say.
fn usual_basis(grade: Grade) -> BasisSet {
    match grade {
        Grade::Claimed => BasisSet::REQUEST,
        Grade::Observed => BasisSet::API,
        Grade::Witnessed => BasisSet::from_name("witness").unwrap_or(BasisSet::ANY),
        Grade::Attested => BasisSet::STATEMENT,
    }
}
