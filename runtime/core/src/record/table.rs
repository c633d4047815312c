//! A fact table as it stands in a record: every row with its grade, and personal values apart.
//!
//! A record is kept for good, and what stands in it of people must not be. A row of a personal path holds a salted digest
//! of its value; the value itself stands in the part that can be erased. Reading puts the two together again, and says
//! which rows cannot be.
use crate::draft::show_path;
use crate::report;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::json::value_of;
use pkic_vocab::{BasisSet, CATALOGUE, Fact, FactId, FactTable, Grade, Path, Purpose, Slot, Source, limits};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Paths whose values tell of a person or of one device, by what they begin with: the rows below them are too.
const PERSONAL: [&str; 8] = [
    "certificate.extension",
    "certificate.san",
    "certificate.subject",
    "companion",
    "module.serial",
    "predecessor",
    "request.requester.id",
    "workload.identity",
];

/// Rows of a recorded table: each path of the catalogue once, and as many declared names.
const ROWS_MAX: usize = CATALOGUE.len() + limits::FACT_LIST_LEN_MAX;

/// A fact table of a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Table {
    /// Whether the certificate's part is complete: what is not here of it is absent.
    closed: bool,
    /// Where facts came from.
    sources: Vec<TableSource>,
    /// The rows, in the order of the catalogue.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableSource {
    name: String,
    digest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Row {
    path: Cow<'static, str>,
    /// The declared name in place of the path's star.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The value; nothing where it stands apart, or where two disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
    /// Salted digest of a value that stands apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    apart: Option<String>,
    /// Nothing where two values disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grade: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    basis: Vec<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_file_since: Option<i64>,
}

/// Values that stand apart, by path with its declared name.
pub type Apart = BTreeMap<String, serde_json::Value>;

/// A row for people and filters.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRow {
    /// Its path, with the declared name in place of its star.
    pub path: String,
    /// The value; its salted digest where the value stands apart and was not given, null where two disagree.
    pub value: serde_json::Value,
    /// How well it was known; nothing where two values disagree.
    pub grade: Option<String>,
    /// What that rested on.
    pub basis: Vec<String>,
    /// Name of the evidence.
    pub source: Option<String>,
}

impl Table {
    /// The rows, with the values that stand apart where `apart` has them.
    pub fn rows<'a>(&'a self, apart: Option<&'a Apart>) -> impl Iterator<Item = ShownRow> + 'a {
        self.rows.iter().map(move |row| {
            let path = row.shown();
            let found = apart.and_then(|apart| apart.get(&path)).filter(|_| row.apart.is_some());
            let digest = || row.apart.clone().map_or(serde_json::Value::Null, serde_json::Value::String);
            let value = found.cloned().or_else(|| row.value.clone()).unwrap_or_else(digest);
            let source = row.source.and_then(|index| self.sources.get(usize::from(index)));
            let grade = row.grade.as_deref().map(str::to_owned);
            let basis = row.basis.iter().map(ToString::to_string).collect();
            ShownRow { path, value, grade, basis, source: source.map(|source| source.name.clone()) }
        })
    }

    /// Where a recorded table is another than this one, which was taken down with the same salt.
    pub(crate) fn differences(&self, recorded: &Table) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for row in self.rows.iter().chain(&recorded.rows) {
            let path = row.shown();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let row = |table: &'_ Table, path: &str| table.rows.iter().find(|row| row.shown() == path).cloned();
        let source = |table: &Table, row: &Row| {
            row.source.and_then(|index| table.sources.get(usize::from(index)).cloned())
        };
        let rows = paths.iter().filter_map(|path| {
            let (found, other) = (row(self, path), row(recorded, path));
            let source_of = |table, row: &Option<Row>| row.as_ref().and_then(|row| source(table, row));
            let is_same = found == other && source_of(self, &found) == source_of(recorded, &other);
            let told = |row: Option<Row>| row.map_or_else(|| "not known".to_owned(), |row| row.told());
            (!is_same).then(|| format!("`{path}`: appraised is {}, recorded is {}", told(found), told(other)))
        });
        let closed = (self.closed != recorded.closed).then(|| "the table's end differs".to_owned());
        rows.chain(closed).collect()
    }

    /// Takes a table down. Personal values go to `apart`, and their digests are salted.
    pub(crate) fn of(table: &FactTable, salt: &[u8], apart: &mut Apart) -> Table {
        let sources = table.sources.iter().map(|source| TableSource {
            name: source.name.clone(),
            digest: Sha256Digest(source.digest).to_string(),
        });
        let plain = FactId::all().map(|id| (Path::from(id), table.get(id)));
        let named = table.named().map(|(path, slot)| (path.clone(), slot));
        let rows = plain.chain(named).filter_map(|(path, slot)| match slot {
            Slot::Known(fact) => Some(row(&path, fact, salt, apart)),
            Slot::Conflict => Some(Row::of(&path)),
            Slot::Unknown | Slot::Absent => None,
        });
        Table { closed: !table.absent().is_empty(), sources: sources.collect(), rows: rows.collect() }
    }

    /// The table as it was, and the rows whose values were erased: they are unknown in it.
    ///
    /// # Errors
    /// In words, where the rows are no table of this version of the catalogue, or a value that stands apart is not the
    /// one that its digest is of.
    pub fn restore(&self, salt: Option<&[u8]>, apart: &Apart) -> Result<(FactTable, Vec<String>), String> {
        if self.rows.len() > ROWS_MAX || self.sources.len() > limits::EVIDENCE_ITEMS_MAX.saturating_mul(8) {
            return Err("it has more rows than there are facts".to_owned());
        }
        let mut table = FactTable::new();
        for source in &self.sources {
            let digest = Sha256Digest::from_text(&source.digest).ok_or("a source has no digest")?;
            table.sources.push(Source { name: source.name.clone(), digest: digest.0 });
        }
        let mut erased = Vec::new();
        let mut conflicts = Vec::new();
        for row in &self.rows {
            let fact = FactId::from_path(&row.path).ok_or_else(|| format!("no fact `{}`", row.path))?;
            let path = Path { fact, name: row.name.clone() };
            let shown = show_path(&path);
            let Some(grade) = &row.grade else {
                conflicts.push(path);
                continue;
            };
            let Some(value) = row.value(&shown, salt, apart)? else {
                erased.push(shown);
                continue;
            };
            let unfit = |what: String| format!("`{shown}`: {what}");
            let fact = Fact {
                value: value_of(path.fact.def().ty, &value).map_err(unfit)?,
                grade: Grade::from_name(grade).ok_or_else(|| unfit(format!("no grade `{grade}`")))?,
                basis: row.basis().map_err(unfit)?,
                purpose: row.purpose().map_err(unfit)?,
                source: row.source,
                on_file_since: row.on_file_since,
            };
            table.set(path, fact).map_err(|_| unfit("the value does not fit".to_owned()))?;
        }
        if self.closed {
            table.close();
        }
        conflicts
            .into_iter()
            .try_for_each(|path| table.set_conflict(path))
            .map_err(|_| "a row has no name")?;
        Ok((table, erased))
    }
}

impl Row {
    fn of(path: &Path) -> Row {
        Row {
            path: Cow::Borrowed(path.fact.def().path),
            name: path.name.clone(),
            value: None,
            apart: None,
            grade: None,
            basis: Vec::new(),
            purpose: None,
            source: None,
            on_file_since: None,
        }
    }

    /// Its path, with the declared name in place of its star.
    fn shown(&self) -> String {
        let star = |name: &String| format!("{}{name}", self.path.trim_end_matches('*'));
        self.name.as_ref().map_or_else(|| self.path.to_string(), star)
    }

    /// Value, grade and basis; of a value that stands apart, its salted digest.
    fn told(&self) -> String {
        let Some(grade) = &self.grade else { return "in conflict".to_owned() };
        let value = match (&self.value, &self.apart) {
            (Some(value), _) => value.to_string(),
            (None, digest) => digest.clone().unwrap_or_default(),
        };
        let purpose = self.purpose.as_ref().map(|purpose| format!(", {purpose}")).unwrap_or_default();
        format!("{value} {grade} ({}{purpose})", self.basis.join(" "))
    }

    /// The value; nothing where it was erased.
    fn value(
        &self,
        shown: &str,
        salt: Option<&[u8]>,
        apart: &Apart,
    ) -> Result<Option<serde_json::Value>, String> {
        let Some(digest) = &self.apart else { return Ok(self.value.clone()) };
        let (Some(salt), Some(value)) = (salt, apart.get(shown)) else { return Ok(None) };
        if salted(salt, value) == *digest {
            Ok(Some(value.clone()))
        } else {
            Err(format!("`{shown}` was changed"))
        }
    }

    fn basis(&self) -> Result<BasisSet, String> {
        self.basis.iter().try_fold(BasisSet::EMPTY, |set, name| {
            BasisSet::from_name(name).map(|word| set.union(word)).ok_or_else(|| format!("no basis `{name}`"))
        })
    }

    fn purpose(&self) -> Result<Purpose, String> {
        match &self.purpose {
            None => Ok(Purpose::Production),
            Some(name) => Purpose::from_name(name).ok_or_else(|| format!("no purpose `{name}`")),
        }
    }
}

fn row(path: &Path, fact: &Fact, salt: &[u8], apart: &mut Apart) -> Row {
    let def = path.fact.def();
    let value = report::value(&fact.value, def.ty);
    let mut row = Row {
        grade: Some(Cow::Borrowed(fact.grade.name())),
        basis: fact.basis.names().map(Cow::Borrowed).collect(),
        purpose: (fact.purpose != Purpose::Production).then(|| Cow::Borrowed(fact.purpose.name())),
        source: fact.source,
        on_file_since: fact.on_file_since,
        ..Row::of(path)
    };
    if is_personal(def.path) {
        row.apart = Some(salted(salt, &value));
        apart.insert(show_path(path), value);
    } else {
        row.value = Some(value);
    }
    row
}

fn is_personal(path: &str) -> bool {
    PERSONAL
        .iter()
        .any(|of| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// SHA-256 over the salt and the value's JSON text.
fn salted(salt: &[u8], value: &serde_json::Value) -> String {
    Sha256Digest::of(&[salt, value.to_string().as_bytes()].concat()).to_string()
}
