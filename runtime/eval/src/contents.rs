//! The certificate within `contents` (design D13): every field granted, counted, marked and constrained.
use crate::condition::Evaluator;
use crate::decision::Outcome;
use crate::logic::Truth;
use pkic_ir::Field;
use pkic_vocab::fields::{
    ATTRIBUTE, CRITICAL, EXTENSION, FIELD_FACTS, FIELDS, FieldDef, Filler, OTHER_EXTENSIONS, Place,
    SUBJECT_ALT_NAME,
};
use pkic_vocab::table::FactSet;
use pkic_vocab::{FactId, Path, Slot, Value};

/// A field of the certificate that `contents` does not grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stray<'a> {
    pub(crate) fact: FactId,
    /// Its path, where it has a declared name.
    pub(crate) declared: Option<&'a Path>,
    pub(crate) outcome: Outcome,
}

static FIELD_SET: FactSet = FactSet::of(&FIELD_FACTS);

/// Extensions that are marked critical.
#[derive(Clone, Copy)]
pub(crate) struct Critical<'a>(Option<&'a [Value]>);

impl<'a> Evaluator<'a> {
    pub(crate) fn critical(&self) -> Critical<'a> {
        Critical(match self.inputs.table.get(CRITICAL) {
            Slot::Absent => Some(&[]),
            Slot::Known(fact) => match &fact.value {
                Value::List(oids) => Some(oids),
                _ => None,
            },
            Slot::Unknown | Slot::Conflict => None,
        })
    }

    /// Whether a field is as it should be.
    pub(crate) fn field(&self, field: &'a Field, critical: Critical<'a>) -> Outcome {
        let fact = match self.inputs.table.slot(&field.path) {
            Slot::Unknown | Slot::Conflict => return Outcome::Unknown,
            Slot::Absent => return missing(field),
            Slot::Known(fact) => fact,
        };
        let count = match &fact.value {
            Value::List(values) => u32::try_from(values.len()).unwrap_or(u32::MAX),
            _ => 1,
        };
        if count == 0 {
            return missing(field);
        }
        let is_count_right = (field.min..=field.max).contains(&count);
        let constraint = field.constraint.map_or(Truth::True, |id| self.condition(id));
        let all = Truth::from(is_count_right).and(self.is_marked_right(field, critical)).and(constraint);
        Outcome::of(all)
    }

    /// Whether the extension of a field is critical if, and only if, one of its fields says so. Alternative names of an
    /// empty subject must be, whatever their fields say (RFC 5280 section 4.2.1.6).
    fn is_marked_right(&self, field: &Field, critical: Critical<'a>) -> Truth {
        let Some(oid) = &field.extension else {
            return Truth::True;
        };
        let Some(marked) = critical.0 else {
            return Truth::Unknown;
        };
        let is_marked = marked.iter().any(|value| matches!(value, Value::Oid(other) if other == oid));
        let is_said = field.critical
            || self
                .inputs
                .profile
                .contents
                .iter()
                .any(|other| other.critical && other.extension.as_ref() == Some(oid));
        let asked = match is_said {
            false if oid == SUBJECT_ALT_NAME => self.is_subject_empty(),
            _ => Truth::from(is_said),
        };
        if is_marked { asked } else { !asked }
    }

    /// Whether the subject has no attribute at all.
    fn is_subject_empty(&self) -> Truth {
        let table = self.inputs.table;
        let of_subject = |def: &FieldDef| matches!(def.place, Place::Subject(_));
        let fields = FIELDS.iter().zip(&FIELD_FACTS).filter(|(def, _)| of_subject(def));
        let plain = fields.map(|(_, id)| table.get(*id)).chain([table.unnamed(ATTRIBUTE)]);
        let declared = table.named().filter(|(path, _)| path.fact == ATTRIBUTE).map(|(_, slot)| slot);
        plain.chain(declared).fold(Truth::True, |all, slot| {
            all.and(match slot {
                Slot::Absent => Truth::True,
                Slot::Known(_) => Truth::False,
                Slot::Unknown | Slot::Conflict => Truth::Unknown,
            })
        })
    }

    /// Whether `contents` grants each field that is not known to be absent: shown at once for a good certificate.
    fn are_fields_granted(&self) -> bool {
        let mut settled = *self.inputs.table.absent();
        self.inputs.profile.contents.iter().for_each(|field| settled.set(field.path.fact, true));
        FIELD_SET.less(&settled).is_empty()
    }

    /// Fields that the certificate has, or may have, although `contents` does not grant them.
    pub(crate) fn strays(&self) -> impl Iterator<Item = Stray<'a>> + use<'a> {
        let (table, contents) = (self.inputs.table, &self.inputs.profile.contents);
        let stray = |fact, outcome| Stray { fact, declared: None, outcome };
        let open = if self.are_fields_granted() { &[][..] } else { &FIELD_FACTS };
        let plain = open.iter().filter_map(move |id| {
            let outcome = outcome_of_stray(table.get(*id))?;
            let is_granted = contents.iter().any(|field| field.path.fact == *id);
            (!is_granted).then(|| stray(*id, outcome))
        });
        let others = outcome_of_stray(table.get(OTHER_EXTENSIONS)).map(|o| stray(OTHER_EXTENSIONS, o));
        // Names that nothing was said about: this shows whether they are known to be absent.
        let unnamed = [ATTRIBUTE, EXTENSION]
            .into_iter()
            .filter_map(move |id| Some(stray(id, outcome_of_stray(table.unnamed(id))?)));
        let declared = table.named().filter_map(move |(path, slot)| {
            let outcome = outcome_of_stray(slot)?;
            let is_stray = [ATTRIBUTE, EXTENSION].contains(&path.fact)
                && !contents.iter().any(|field| field.path == *path);
            is_stray.then_some(Stray { fact: path.fact, declared: Some(path), outcome })
        });
        plain.chain(others).chain(unnamed).chain(declared)
    }
}

/// What a slot says about a field that is not granted; `None` where it is known to be absent.
fn outcome_of_stray(slot: &Slot) -> Option<Outcome> {
    if *slot == Slot::Absent {
        return None;
    }
    match slot {
        Slot::Known(fact) => (!is_empty(&fact.value)).then_some(Outcome::Violated),
        Slot::Absent | Slot::Unknown | Slot::Conflict => Some(Outcome::Unknown),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::List(values) if values.is_empty())
}

fn missing(field: &Field) -> Outcome {
    match field.filler {
        _ if field.min == 0 => Outcome::Satisfied,
        Filler::Issuer => Outcome::Pending,
        Filler::Draft => Outcome::Violated,
    }
}
