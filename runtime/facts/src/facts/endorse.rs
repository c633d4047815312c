//! The door from catalogues: what a dated list says of the module whose identity is known.
use super::{Facts, put};
use crate::catalogue::{Catalogue, Identified, Join};
use crate::crypto::Sha256Digest;
use crate::reject::Reject;
use crate::verified::Provenance;
use pkic_vocab::{Fact, FactId, FactTable, Grade, Path, Value};

impl Facts {
    /// Joins what a catalogue says of the module and its key, and gives the ids of the rows that say it.
    ///
    /// A fact of the join is known no better than the identity facts that its row was matched by, and rests on
    /// `catalogue` besides what they rest on. Where a key lives becomes narrower (`tpm` to `tpm.firmware`) or stays; a
    /// row that says something else, like any two values that disagree, makes it unknown. What the requester claims
    /// of a module identifies nothing. Give observed facts before this, and claims in any order.
    ///
    /// # Errors
    /// [`Reject::OtherMoment`] for a catalogue that was opened as of another moment than the evidence was appraised;
    /// [`Reject::ValueUnfit`] where a value is over a limit. Nothing is added then.
    pub fn endorse(&mut self, catalogue: &Catalogue) -> Result<Vec<String>, Reject> {
        if let Some(expected) = self.provenance().map(Provenance::now).filter(|now| *now != catalogue.now()) {
            return Err(Reject::OtherMoment { expected, found: catalogue.now() });
        }
        let anchors: Vec<Sha256Digest> =
            self.provenance().into_iter().flat_map(Provenance::anchors).map(|anchor| anchor.spki).collect();
        let mut table = self.table.clone();
        let classes = Join::classes(catalogue, &Identified::new(&self.table, &anchors));
        take(&mut table, classes.facts)?;
        let is_known = !classes.rows.is_empty();
        let standing = Join::standing(catalogue, &Identified::new(&table, &anchors), is_known);
        let not_after = standing.not_after;
        let mut joined = table.clone();
        take(&mut joined, standing.facts)?;
        self.table = joined;
        let rows: Vec<String> = classes.rows.into_iter().chain(standing.rows).collect();
        if !rows.is_empty() {
            let ends = [self.endorsed_until, Some(catalogue.not_after()), not_after];
            self.endorsed_until = ends.into_iter().flatten().min();
        }
        Ok(rows)
    }
}

fn take(table: &mut FactTable, facts: Vec<(&'static str, Fact)>) -> Result<(), Reject> {
    facts.into_iter().try_for_each(|(path, fact)| match path {
        "key.storage" => narrow(table, path, fact),
        _ => put(table, path, fact),
    })
}

/// Puts a narrower place in place of a wider one. The result is known no better than either.
fn narrow(table: &mut FactTable, path: &'static str, fact: Fact) -> Result<(), Reject> {
    let unfit = Reject::ValueUnfit { path };
    let id = Path::from(FactId::from_path(path).ok_or(unfit.clone())?);
    let held = table.fact(&id).filter(|held| held.grade > Grade::Claimed).cloned();
    let Some(held) = held else { return put(table, path, fact) };
    let (Value::Word(old), Value::Word(new)) = (&held.value, &fact.value) else { return Err(unfit) };
    if old.is_within(*new) {
        return Ok(());
    }
    if !new.is_within(*old) {
        return put(table, path, fact);
    }
    let narrowed = Fact {
        grade: held.grade.min(fact.grade),
        basis: held.basis.union(fact.basis),
        purpose: held.purpose.max(fact.purpose),
        source: held.source.or(fact.source),
        on_file_since: held.on_file_since.into_iter().chain(fact.on_file_since).min(),
        value: fact.value,
    };
    table.set(id, narrowed).map_err(|_| unfit)
}
