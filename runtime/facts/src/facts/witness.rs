//! The door from people: what a statement says of a key, or of the module that is known to hold it.
use super::{Facts, put};
use crate::crypto::Sha256Digest;
use crate::reject::{Operand, Reject};
use crate::statement::{About, Statement};
use crate::verified::Provenance;
use pkic_vocab::{Fact, FactId, Grade, Path, Source, Value};

impl Facts {
    /// Adds what a statement says, as `witnessed` or, where it is about a module that is known less well, as well as
    /// that is known. Gives the paths that were taken.
    ///
    /// Facts of the key and its module come from one source (design D1): where evidence attests them, or another
    /// statement has said them, only what begins with `witness.` is taken.
    ///
    /// # Errors
    /// [`Reject::PossessionUnproven`], [`Reject::KeyMismatch`] where it is about another key than the request's;
    /// [`Reject::FieldMismatch`] where it is about another module, or the module is not known; [`Reject::OtherMoment`] where it was
    /// opened as of another moment than the evidence was appraised; [`Reject::ValueUnfit`] where a value does not fit.
    pub fn witness(&mut self, statement: &Statement) -> Result<Vec<&'static str>, Reject> {
        if let Some(expected) = self.provenance().map(Provenance::now).filter(|now| *now != statement.now()) {
            return Err(Reject::OtherMoment { expected, found: statement.now() });
        }
        let grade = self.scope(&statement.body().about)?;
        let is_taken_elsewhere = self.attested.is_some() || self.witnessed.is_some();
        let mut table = self.table.clone();
        let source = u16::try_from(table.sources.len()).ok();
        let name = format!("{} by {}", statement.body().kind.name(), statement.body().by);
        table.sources.push(Source { name, digest: statement.digest().0 });
        let mut taken = Vec::new();
        for (path, value) in statement.facts() {
            let path: &'static str = path;
            if is_taken_elsewhere && !path.starts_with("witness.") {
                continue;
            }
            let fact = Fact::new(value.clone(), grade, statement.basis());
            let on_file_since = Some(statement.body().dated.0);
            put(&mut table, path, Fact { source, on_file_since, ..fact })?;
            taken.push(path);
        }
        if !taken.is_empty() {
            self.table = table;
            self.endorsed_until = self.endorsed_until.into_iter().chain([statement.not_after()]).min();
        }
        if taken.iter().any(|path| !path.starts_with("witness.")) {
            self.witnessed = Some(statement.digest());
        }
        Ok(taken)
    }

    /// Whether the statement is about the key of the request, and how well that is known.
    fn scope(&self, about: &About) -> Result<Grade, Reject> {
        match about {
            About::Key(key) => {
                let origin = self.origin.as_ref().ok_or(Reject::FieldMissing { field: "request" })?;
                let request_key = origin.key();
                if !origin.possession_proven {
                    return Err(Reject::PossessionUnproven { request_key });
                }
                if key.0 != request_key {
                    return Err(Reject::KeyMismatch { request_key, attested_key: key.0 });
                }
                Ok(Grade::Witnessed)
            }
            About::Module { vendor, serial } => {
                let vendor = self.identity("module.vendor", &Value::Word(vendor.0))?;
                let serial = self.identity("module.serial", &Value::Text(serial.clone()))?;
                Ok(vendor.min(serial).min(Grade::Witnessed))
            }
        }
    }

    /// How well it is known that the module has that value.
    fn identity(&self, path: &'static str, expected: &Value) -> Result<Grade, Reject> {
        let id = FactId::from_path(path).ok_or(Reject::ValueUnfit { path })?;
        let held = self.table.fact(&Path::from(id)).filter(|held| held.grade > Grade::Claimed);
        match held {
            Some(held) if held.value == *expected => Ok(held.grade),
            held => Err(Reject::FieldMismatch {
                field: path,
                expected: Operand::text(&expected.to_string()),
                found: held.map_or(Operand::Absent, |held| Operand::text(&held.value.to_string())),
            }),
        }
    }

    /// SHA-256 of the statement that facts of the key and its module come from, where one does.
    pub fn witnessed_by(&self) -> Option<Sha256Digest> {
        self.witnessed
    }
}
