//! The tests inside of examples, decided on the one request that they know: `base`.
use pkic_compiler::{Compilation, Expect, TestRow};
use pkic_eval::Ask;
use pkic_ir::Program;
use pkic_vocab::types::Type;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value};

/// The request `base`: facts in the catalogue's spelling, with their grade.
const BASE: &[(&str, &str, Grade)] = &[
    ("key.storage", "hsm.network", Grade::Attested),
    ("key.origin", "generated", Grade::Attested),
    ("key.export", "never", Grade::Attested),
    ("key.custody", "customer", Grade::Attested),
    ("key.algorithm", "ecdsa-p256", Grade::Claimed),
    ("key.size", "256", Grade::Claimed),
    ("key.strength", "128", Grade::Claimed),
    ("module.vendor", "entrust", Grade::Attested),
    ("module.model", "base", Grade::Attested),
    ("module.serial", "42", Grade::Attested),
    ("module.mode", "fips", Grade::Attested),
    ("module.fips-140-3.level", "3", Grade::Attested),
    ("evidence.freshness", "nonce", Grade::Attested),
    ("evidence.bound", "true", Grade::Attested),
    ("evidence.anchor.purpose", "production", Grade::Attested),
    ("request.proof-of-possession", "true", Grade::Claimed),
    ("request.public-key", "00ff", Grade::Claimed),
    ("request.requester.authenticated", "true", Grade::Observed),
    ("request.domain-validation.age", "24h", Grade::Observed),
    ("certificate.validity", "30d", Grade::Claimed),
    ("certificate.not-before", "2026-11-22", Grade::Claimed),
    ("certificate.not-after", "2026-12-21T23:59:59Z", Grade::Claimed),
    ("certificate.subject", "SERIALNUMBER=42", Grade::Claimed),
    ("certificate.subject.serial-number", "42", Grade::Claimed),
    ("certificate.key-usage", "digital-signature", Grade::Claimed),
    ("certificate.critical", "2.5.29.15", Grade::Claimed),
];

fn base() -> FactTable {
    let mut table = FactTable::new();
    for (path, text, grade) in BASE {
        let id = FactId::from_path(path).unwrap_or_else(|| panic!("no fact `{path}`"));
        let value = match id.def().ty {
            Type::List(element) => Value::List(vec![Value::parse(*element, text).unwrap()]),
            ty => Value::parse(ty, text).unwrap(),
        };
        table.set(Path::from(id), Fact::new(value, *grade, BasisSet::STATEMENT)).unwrap();
    }
    table.close();
    table
}

/// What is decided otherwise than the tests of a compilation expect.
pub fn mistakes(place: &str, compilation: &Compilation) -> Vec<String> {
    let Some(program) = &compilation.program else { return Vec::new() };
    let mut mistakes = Vec::new();
    for test in &compilation.tests {
        assert_eq!(test.fixture, "base", "{place}");
        let profile = program.profiles.iter().position(|profile| profile.name == test.profile).unwrap();
        let mut ask = Ask::new(u32::try_from(profile).unwrap(), test.operation);
        ask.admit_test_anchors = test.anchors_test;
        for (number, row) in (1..).zip(&test.rows) {
            let (found, is_expected) = decide(program, &ask, row);
            if !is_expected {
                mistakes
                    .push(format!("{place}: `{}`, row {number}: {found}, not {:?}", test.name, row.expect));
            }
        }
    }
    mistakes
}

fn decide(program: &Program, ask: &Ask<'_>, row: &TestRow) -> (String, bool) {
    let mut table = base();
    for change in &row.changes {
        match &change.to {
            None => table.forget(change.path.clone()).unwrap(),
            Some(fact) => table.set(change.path.clone(), fact.clone()).unwrap(),
        }
    }
    let decision = pkic_eval::decide(program, &table, ask, row.at.expect("a test without a date"));
    let failing = decision.failing();
    let mut warnings: Vec<String> = decision.warnings().map(|reason| reason.id().to_string()).collect();
    warnings.sort();
    warnings.dedup();
    let is_expected = match &row.expect {
        Expect::Permit => decision.is_permit(),
        Expect::Refuse(ids) => !decision.is_permit() && failing == *ids,
        Expect::Warn(ids) => decision.is_permit() && warnings == *ids,
    };
    let found = if decision.is_permit() {
        format!("permit, warns {warnings:?}")
    } else {
        format!("refuses {failing:?}")
    };
    (found, is_expected)
}
