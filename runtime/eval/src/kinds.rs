//! What the evaluator treats in its own way: facts of the program and of its authorities.
use pkic_vocab::{CATALOGUE, FactId};

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

static KINDS: [Kind; CATALOGUE.len()] = kinds();

const fn kinds() -> [Kind; CATALOGUE.len()] {
    let mut kinds = [Kind::Plain; CATALOGUE.len()];
    let mut defs = CATALOGUE;
    let mut places: &mut [Kind] = &mut kinds;
    while let ([def, more_defs @ ..], [place, more_places @ ..]) = (defs, places) {
        *place = kind(def.path);
        defs = more_defs;
        places = more_places;
    }
    kinds
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

impl Kind {
    /// The kind of a fact.
    pub(crate) fn of(fact: FactId) -> Kind {
        KINDS.get(fact.index()).copied().unwrap_or(Kind::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_fact_exists_and_every_authority_fact_is_special() {
        let count = |kind: Kind| FactId::all().filter(|id| Kind::of(*id) == kind).count();
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
            assert_ne!(Kind::of(id), Kind::Plain, "{}", id.def().path);
        }
    }
}
