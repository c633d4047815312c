//! What looking a fact up takes: where its value comes from, and what its row of the catalogue says of knowing it.
use pkic_vocab::catalogue::Openness;
use pkic_vocab::{CATALOGUE, FactDef, FactId, Grade, Type};

/// Where the value of a fact is looked up, or what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In the table.
    Plain,
    /// In the table, of the authority that would sign.
    Authority,
    /// In the program.
    AuthorityName,
    /// In the program.
    AuthorityState,
    /// In the program.
    AuthorityTrust,
    /// In the request as the caller states it.
    Operation,
    /// In the program.
    ProfileRole,
    /// In the program.
    ProfileTags,
}

/// What an absent value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// A list without members.
    EmptyList,
    /// No value.
    NoValue,
    /// Nothing: the fact is open.
    Unknown,
}

/// A row of the catalogue as far as looking it up goes, in a few bytes: every decision reads it for every fact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) absence: Absence,
    pub(crate) floor: Grade,
    pub(crate) is_graded: bool,
    pub(crate) is_hardware: bool,
}

static ROWS: [Row; CATALOGUE.len()] = rows();

const fn rows() -> [Row; CATALOGUE.len()] {
    let mut rows = [Row::UNKNOWN; CATALOGUE.len()];
    let mut defs = CATALOGUE;
    let mut places: &mut [Row] = &mut rows;
    while let ([def, more_defs @ ..], [place, more_places @ ..]) = (defs, places) {
        *place = Row::new(def);
        defs = more_defs;
        places = more_places;
    }
    rows
}

const fn kind(path: &str) -> Kind {
    const SPECIAL: &[(&str, Kind)] = &[
        ("authority.name", Kind::AuthorityName),
        ("authority.state", Kind::AuthorityState),
        ("authority.trust", Kind::AuthorityTrust),
        ("authority.algorithm", Kind::Authority),
        ("authority.not-after", Kind::Authority),
        ("authority.subject.*", Kind::Authority),
        ("request.operation", Kind::Operation),
        ("profile.role", Kind::ProfileRole),
        ("profile.tags", Kind::ProfileTags),
    ];
    let mut special = SPECIAL;
    while let [(name, kind), more @ ..] = special {
        if same(path, name) {
            return *kind;
        }
        special = more;
    }
    Kind::Plain
}

const fn same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a, b) {
            ([], []) => return true,
            ([x, more_a @ ..], [y, more_b @ ..]) if *x == *y => (a, b) = (more_a, more_b),
            _ => return false,
        }
    }
}

impl Row {
    /// The row of no fact.
    const UNKNOWN: Row = Row {
        kind: Kind::Plain,
        absence: Absence::Unknown,
        floor: Grade::Attested,
        is_graded: true,
        is_hardware: true,
    };

    const fn new(def: &FactDef) -> Row {
        let absence = match (def.openness, def.ty) {
            (Openness::Open, _) => Absence::Unknown,
            (Openness::Closed, Type::List(_)) => Absence::EmptyList,
            (Openness::Closed, _) => Absence::NoValue,
        };
        Row {
            kind: kind(def.path),
            absence,
            floor: def.floor,
            is_graded: def.is_graded(),
            is_hardware: def.is_hardware(),
        }
    }

    /// The row of a fact.
    #[inline]
    pub(crate) fn of(fact: FactId) -> Row {
        ROWS.get(fact.index()).copied().unwrap_or(Row::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_fact_exists_and_every_authority_fact_is_special() {
        let count = |kind: Kind| FactId::all().filter(|id| Row::of(*id).kind == kind).count();
        assert_eq!(count(Kind::Authority), 3);
        for kind in [
            Kind::AuthorityName,
            Kind::AuthorityState,
            Kind::AuthorityTrust,
            Kind::Operation,
            Kind::ProfileRole,
            Kind::ProfileTags,
        ] {
            assert_eq!(count(kind), 1, "{kind:?}");
        }
        for id in FactId::all().filter(|id| id.def().path.starts_with("authority.")) {
            assert_ne!(Row::of(id).kind, Kind::Plain, "{}", id.def().path);
        }
    }
}
