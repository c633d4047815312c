//! The join: which rows are about a module, and what they say of it.
use super::Catalogue;
use super::rows::{Advisory, Class, Identity, Scheme, Validation, any_holds};
use crate::crypto::Sha256Digest;
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value, Word, limits};

/// What is known of a module and its key, better than claimed.
pub(crate) struct Identified<'a> {
    table: &'a FactTable,
    anchors: &'a [Sha256Digest],
}

/// How a row's conditions came out.
struct Matched<'a> {
    /// Whether all of them hold: nothing where it takes a fact that is not known.
    answer: Option<bool>,
    /// Whether one of them holds.
    is_any: bool,
    /// The facts that they were compared with.
    on: Vec<&'a Fact>,
}

/// What a catalogue says of a module.
#[derive(Debug, Default)]
pub(crate) struct Join {
    /// The facts, by path.
    pub(crate) facts: Vec<(&'static str, Fact)>,
    /// Ids of the rows that they come from.
    pub(crate) rows: Vec<String>,
    /// The last second before one of the rows says something else.
    pub(crate) not_after: Option<i64>,
}

/// A value that rests on a catalogue and on identity facts, and is known no better than the worst of them.
fn joined<'a>(value: Value, on: impl IntoIterator<Item = &'a Fact>) -> Fact {
    let fact = Fact::new(value, Grade::Attested, BasisSet::CATALOGUE);
    on.into_iter().fold(fact, |fact, on| Fact {
        grade: fact.grade.min(on.grade),
        basis: fact.basis.union(on.basis),
        purpose: fact.purpose.max(on.purpose),
        source: fact.source.or(on.source),
        on_file_since: fact.on_file_since.into_iter().chain(on.on_file_since).min(),
        ..fact
    })
}

impl<'a> Identified<'a> {
    /// Of this table, with the keys of the anchors that its evidence hangs on.
    pub(crate) fn new(table: &'a FactTable, anchors: &'a [Sha256Digest]) -> Identified<'a> {
        Identified { table, anchors }
    }

    /// A fact that is better than claimed.
    fn fact(&self, path: &str) -> Option<&'a Fact> {
        let path = Path::from(FactId::from_path(path)?);
        self.table.fact(&path).filter(|fact| fact.grade > Grade::Claimed)
    }

    /// Compares an identity with what is known, its firmware left out where `but_firmware`.
    fn matches(&self, of: &Identity, but_firmware: bool) -> Matched<'a> {
        let mut matched = Matched { answer: Some(true), is_any: false, on: Vec::new() };
        if let Some(vendor) = &of.vendor {
            self.compare(&mut matched, "module.vendor", |value| Some(*value == Value::Word(vendor.0)));
        }
        if let Some(manufacturer) = &of.manufacturer {
            self.compare(&mut matched, "module.manufacturer", |value| Some(text(value)? == manufacturer));
        }
        if !of.models.is_empty() {
            let is_one = |model: &str| of.models.iter().any(|of_row| is_model(of_row, model));
            self.compare(&mut matched, "module.model", |value| text(value).map(is_one));
        }
        if !of.aaguids.is_empty() {
            let is_one = |aaguid: &str| of.aaguids.iter().any(|of_row| of_row == aaguid);
            self.compare(&mut matched, "module.aaguid", |value| text(value).map(is_one));
        }
        if !of.formats.is_empty() {
            let is_one =
                |value: &Value| Some(of.formats.iter().any(|format| *value == Value::Word(format.0)));
            self.compare(&mut matched, "evidence.format", is_one);
        }
        if !of.anchors.is_empty() {
            let is_one = of.anchors.iter().any(|anchor| self.anchors.contains(&anchor.0));
            self.compare(&mut matched, "evidence.anchor.name", |_| Some(is_one));
        }
        if !of.firmware.is_empty() && !but_firmware {
            self.compare(&mut matched, "module.firmware", |value| any_holds(&of.firmware, text(value)?));
        }
        matched
    }

    fn compare(&self, matched: &mut Matched<'a>, path: &str, holds: impl Fn(&Value) -> Option<bool>) {
        let fact = self.fact(path);
        let answer = fact.and_then(|fact| holds(&fact.value));
        matched.is_any |= answer == Some(true);
        matched.answer = match (matched.answer, answer) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        matched.on.extend(fact);
    }

    /// The facts that hold for every module of an identity that this one surely has.
    fn surely(&self, of: &Identity) -> Option<Vec<&'a Fact>> {
        let matched = self.matches(of, false);
        (matched.answer == Some(true)).then_some(matched.on)
    }

    /// Whether the key is of one of these algorithms, or may be.
    fn may_have_algorithm(&self, algorithms: &[super::Algorithm]) -> bool {
        let known = FactId::from_path("key.algorithm").and_then(|id| self.table.fact(&Path::from(id)));
        match known.map(|fact| &fact.value) {
            Some(Value::Word(word)) if !algorithms.is_empty() => {
                algorithms.iter().any(|algorithm| word.is_within(algorithm.0) || algorithm.0.is_within(*word))
            }
            _ => true,
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a model is the one of a row, or begins as that does where a `*` ends it.
fn is_model(of_row: &str, model: &str) -> bool {
    match of_row.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning),
        None => of_row == model,
    }
}

impl Join {
    /// Where the keys of the module live, and who made it.
    pub(crate) fn classes(catalogue: &Catalogue, known: &Identified<'_>) -> Join {
        let mut join = Join::default();
        for Class { id, of, storage, vendor, .. } in &catalogue.rows().classes {
            let Some(on) = known.surely(of) else { continue };
            let storage = storage.as_ref().map(|word| ("key.storage", word.0));
            let vendor = vendor.as_ref().map(|word| ("module.vendor", word.0));
            for (path, word) in storage.into_iter().chain(vendor) {
                join.facts.push((path, joined(Value::Word(word), on.iter().copied())));
            }
            join.rows.push(id.clone());
        }
        join
    }

    /// Which validations the module has, and which advisories there are for it. `is_known` says that the catalogue
    /// has a class for it.
    pub(crate) fn standing(catalogue: &Catalogue, known: &Identified<'_>, is_known: bool) -> Join {
        let mut join = Join::default();
        for scheme in [Scheme::Fips1402, Scheme::Fips1403, Scheme::Cc, Scheme::Fido, Scheme::Qscd] {
            join.validation(catalogue, known, scheme);
        }
        let is_known = is_known || !join.rows.is_empty();
        join.advisories(catalogue, known, is_known);
        join
    }

    /// Of several validations of a scheme, the one of the best status, and of these the one of the lowest level.
    fn validation(&mut self, catalogue: &Catalogue, known: &Identified<'_>, scheme: Scheme) {
        let now = catalogue.now();
        let of_scheme = catalogue.rows().validations.iter().filter(|row| row.scheme == scheme);
        let found: Vec<(&Validation, Vec<&Fact>)> =
            of_scheme.filter_map(|row| Some((row, known.surely(&row.of)?))).collect();
        let sunsets = found.iter().filter_map(|(row, _)| row.sunset.as_ref()).map(|day| day.0);
        let next = sunsets.filter(|sunset| *sunset > now).map(|sunset| sunset.saturating_sub(1));
        self.not_after = self.not_after.into_iter().chain(next).min();
        let best =
            found.iter().filter_map(|(row, on)| Some((status(row, now)?, row.level, &row.id, row, on)));
        let best = best.min_by_key(|(status, level, id, ..)| (status.index(), *level, *id));
        let Some((status, _, id, row, on)) = best else { return };
        let [level, of_status, certificate, profiles] = paths(scheme);
        let is_revoked = status.name() == "revoked";
        let mut say = |path: &'static str, value: Option<Value>| {
            let value = value.filter(|_| !path.is_empty());
            self.facts.extend(value.map(|value| (path, joined(value, on.iter().copied()))));
        };
        say(level, row.level.filter(|_| !is_revoked).map(Value::Int));
        say(certificate, Some(Value::Text(row.number.clone())));
        let claimed = row.profiles.iter().map(|profile| Value::Text(profile.clone())).collect();
        say(profiles, (!is_revoked).then_some(Value::List(claimed)));
        match scheme {
            Scheme::Qscd => say(of_status, Some(Value::Bool(status.name() == "active"))),
            Scheme::Fips1402 | Scheme::Fips1403 | Scheme::Cc | Scheme::Fido => {
                say(of_status, Some(Value::Word(status)))
            }
        }
        self.rows.push(id.clone());
    }

    /// What cannot be ruled out affects: an advisory for a model whose firmware is not known counts.
    fn advisories(&mut self, catalogue: &Catalogue, known: &Identified<'_>, is_known: bool) {
        let mut entries: Vec<Value> = Vec::new();
        for row in &catalogue.rows().advisories {
            let Some(status) = advisory_status(row, known) else { continue };
            let severity = Some(Value::Word(row.severity.0));
            entries.push(Value::Record(vec![
                Some(Value::Text(row.id.clone())),
                Some(Value::Word(status)),
                severity,
            ]));
            self.rows.push(row.id.clone());
        }
        if entries.len() > limits::FACT_LIST_LEN_MAX || (entries.is_empty() && !is_known) {
            return;
        }
        let of_module = ["vendor", "manufacturer", "model", "aaguid", "firmware"];
        let on = of_module.iter().filter_map(|name| known.fact(&format!("module.{name}")));
        let on = on.chain(known.fact("evidence.anchor.name"));
        self.facts.push(("key.advisories", joined(Value::List(entries), on)));
    }
}

/// Whether an advisory affects a key, or would with another firmware; nothing where it is about other modules.
fn advisory_status(row: &Advisory, known: &Identified<'_>) -> Option<Word> {
    let but_firmware = known.matches(&row.of, true);
    let may_be = but_firmware.answer == Some(true) || (but_firmware.answer.is_none() && but_firmware.is_any);
    if !may_be || !known.may_have_algorithm(&row.algorithms) {
        return None;
    }
    let is_fixed = known.matches(&row.of, false).answer == Some(false);
    Words::Status.word(if is_fixed { "fixed" } else { "affected" })
}

/// The status of a validation at a moment.
fn status(row: &Validation, now: i64) -> Option<Word> {
    let status = row.status.as_ref()?.0;
    let is_over = row.sunset.as_ref().is_some_and(|sunset| now >= sunset.0);
    if is_over && status.name() == "active" { Words::Validation.word("historical") } else { Some(status) }
}

/// Paths of level, status, certificate and protection profiles; an empty one where the scheme has no such fact.
const fn paths(scheme: Scheme) -> [&'static str; 4] {
    match scheme {
        Scheme::Fips1402 => {
            ["module.fips-140-2.level", "module.fips-140-2.status", "module.fips-140-2.certificate", ""]
        }
        Scheme::Fips1403 => {
            ["module.fips-140-3.level", "module.fips-140-3.status", "module.fips-140-3.certificate", ""]
        }
        Scheme::Cc => ["module.cc.eal", "module.cc.status", "module.cc.certificate", "module.cc.profiles"],
        Scheme::Fido => ["module.fido.level", "module.fido.status", "module.fido.certificate", ""],
        Scheme::Qscd => ["", "module.qscd", "", ""],
    }
}
