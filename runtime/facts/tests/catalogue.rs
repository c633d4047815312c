//! Catalogues: what rows say of a module, how well, and until when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use pkic_facts::catalogue::{Catalogue, Rows, Trust};
use pkic_facts::envelope::{Kind, Manifest, SigningKey, seal};
use pkic_facts::facts::Facts;
use pkic_vocab::table::Slot;
use pkic_vocab::time::{DAY_S, parse_date};
use pkic_vocab::types::Type;
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, FactId, Grade, Path, Value};
use proptest::prelude::*;

const ROWS: &str = r#"
[[class]]
id = "softhsm"
match = { manufacturer = "SoftHSM project" }
storage = "software.file"
source = { title = "SoftHSM 2 documentation", dated = "2026-08-01" }

[[class]]
id = "optiga"
match = { vendor = "infineon", models = ["SLB96*"] }
storage = "tpm.discrete"
source = { title = "OPTIGA TPM data sheet", dated = "2026-08-01" }

[[class]]
id = "optiga-contradicted"
match = { vendor = "infineon", models = ["SLB9645"] }
storage = "tpm.firmware"
source = { title = "nobody", dated = "2026-08-01" }

[[validation]]
id = "fips-1402-old"
scheme = "fips-140-2"
number = "2578"
match = { models = ["Luna K7"], firmware = [{ from = "7.0", below = "7.4" }] }
level = 3
status = "active"
sunset = "2026-09-21"
source = { title = "CMVP", dated = "2026-08-01" }

[[validation]]
id = "fips-1403-three"
scheme = "fips-140-3"
number = "4684"
match = { models = ["Luna K7"], firmware = [{ is = "7.8.4" }] }
level = 3
status = "active"
source = { title = "CMVP", dated = "2026-08-01" }

[[validation]]
id = "fips-1403-two"
scheme = "fips-140-3"
number = "4685"
match = { models = ["Luna K7"], firmware = [{ is = "7.8.4" }] }
level = 2
status = "active"
source = { title = "CMVP", dated = "2026-08-01" }

[[validation]]
id = "fips-1403-gone"
scheme = "fips-140-3"
number = "4000"
match = { models = ["Luna K8"] }
level = 3
status = "revoked"
source = { title = "CMVP", dated = "2026-08-01" }

[[validation]]
id = "cc"
scheme = "cc"
number = "BSI-DSZ-CC-1100"
match = { models = ["SLB96*"] }
level = 4
status = "active"
profiles = ["TPM Library PP"]
source = { title = "BSI", dated = "2026-08-01" }

[[advisory]]
id = "CVE-2017-15361"
name = "ROCA"
severity = "critical"
match = { vendor = "infineon", models = ["SLB96*"], firmware = [{ below = "id:00070055" }] }
algorithms = ["rsa"]
source = { title = "NVD", dated = "2017-10-16" }
"#;

fn key() -> SigningKey {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap()
}

fn at(date: &str) -> i64 {
    parse_date(date).unwrap()
}

fn sealed(rows: &str, key: &SigningKey) -> Vec<u8> {
    let rows: Rows = toml::from_str(rows).unwrap();
    let manifest = Manifest {
        kind: Kind::Catalogue,
        name: "modules".to_owned(),
        sequence: 3,
        previous: None,
        created: at("2026-08-01"),
        stale_after: at("2027-08-01"),
    };
    seal(&manifest, &rows.to_payload().unwrap(), key).unwrap()
}

fn catalogue(rows: &str, now: &str) -> Catalogue {
    let key = key();
    let signers = [key.spki_digest()];
    let trust = Trust { names: &["modules"], signers: &signers, age_s_max: None };
    Catalogue::open(&sealed(rows, &key), &trust, None, at(now)).unwrap()
}

fn value(path: &'static str, text: &str) -> Value {
    match FactId::from_path(path).unwrap().def().ty {
        Type::Text => Value::Text(text.to_owned()),
        ty => Value::parse(ty, text).unwrap(),
    }
}

fn observed(identity: &[(&'static str, &str)]) -> Facts {
    let mut facts = Facts::new();
    for (path, text) in identity {
        facts.observe(path, value(path, text)).unwrap();
    }
    facts
}

fn slot<'a>(facts: &'a Facts, path: &str) -> &'a Slot {
    facts.table().slot(&Path::from(FactId::from_path(path).unwrap()))
}

fn known(facts: &Facts, path: &str) -> Option<Value> {
    facts.table().fact(&Path::from(FactId::from_path(path).unwrap())).map(|fact| fact.value.clone())
}

const TPM: [(&str, &str); 4] = [
    ("key.storage", "tpm"),
    ("module.vendor", "infineon"),
    ("module.model", "SLB9670"),
    ("module.firmware", "id:00070055"),
];

#[test]
fn a_row_narrows_where_a_key_lives_and_is_no_better_than_the_identity() {
    let mut facts = observed(&TPM);
    let rows = facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(rows, ["optiga", "cc", "CVE-2017-15361"]);
    let Slot::Known(storage) = slot(&facts, "key.storage") else { panic!("unknown") };
    assert_eq!(storage.value, value("key.storage", "tpm.discrete"));
    assert_eq!(storage.grade, Grade::Observed);
    assert_eq!(storage.basis, BasisSet::API.union(BasisSet::CATALOGUE));
    assert_eq!(known(&facts, "module.cc.eal"), Some(Value::Int(4)));
    assert_eq!(known(&facts, "module.cc.certificate"), Some(Value::Text("BSI-DSZ-CC-1100".into())));
    assert_eq!(known(&facts, "module.fips-140-3.level"), None, "no row");
    assert_eq!(facts.not_after(), Some(at("2027-08-01")));
}

#[test]
fn a_claimed_identity_identifies_nothing() {
    let mut facts = Facts::new();
    for (path, text) in TPM {
        facts.claim(path, value(path, text)).unwrap();
    }
    let before = facts.table().clone();
    assert_eq!(facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap(), Vec::<String>::new());
    assert_eq!((facts.table(), facts.not_after()), (&before, None));
}

#[test]
fn rows_that_disagree_make_the_place_unknown() {
    let mut facts =
        observed(&[("key.storage", "tpm"), ("module.vendor", "infineon"), ("module.model", "SLB9645")]);
    facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(slot(&facts, "key.storage"), &Slot::Conflict);
    let mut facts = observed(&[("key.storage", "hsm"), ("module.manufacturer", "SoftHSM project")]);
    facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(slot(&facts, "key.storage"), &Slot::Conflict, "a token that calls itself an HSM");
    let mut facts = observed(&[("module.manufacturer", "SoftHSM project")]);
    facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(known(&facts, "key.storage"), Some(value("key.storage", "software.file")));
}

#[test]
fn a_validation_ends_on_its_day_and_needs_its_firmware() {
    let status = |firmware: &[(&'static str, &str)], now| {
        let mut facts = observed(&[&[("module.model", "Luna K7")], firmware].concat());
        facts.endorse(&catalogue(ROWS, now)).unwrap();
        (
            known(&facts, "module.fips-140-2.level"),
            known(&facts, "module.fips-140-2.status"),
            facts.not_after(),
        )
    };
    let word = |text: &str| Some(Value::Word(Words::Validation.word(text).unwrap()));
    let old = [("module.firmware", "7.3.0")];
    let last = at("2026-09-21").checked_sub(1);
    assert_eq!(status(&old, "2026-09-20"), (Some(Value::Int(3)), word("active"), last));
    assert_eq!(status(&old, "2026-09-21"), (Some(Value::Int(3)), word("historical"), Some(at("2027-08-01"))));
    for firmware in
        [&[][..], &[("module.firmware", "7.4")], &[("module.firmware", "6.9.9")], &[("module.firmware", "x")]]
    {
        assert_eq!(status(firmware, "2026-09-20"), (None, None, None), "{firmware:?}");
    }
}

#[test]
fn of_several_validations_the_lower_level_counts_and_a_revoked_one_has_none() {
    let mut facts = observed(&[("module.model", "Luna K7"), ("module.firmware", "7.8.4")]);
    facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(known(&facts, "module.fips-140-3.level"), Some(Value::Int(2)));
    let mut facts = observed(&[("module.model", "Luna K8")]);
    facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
    assert_eq!(known(&facts, "module.fips-140-3.level"), None);
    assert_eq!(known(&facts, "module.fips-140-3.status"), Some(value("module.fips-140-3.status", "revoked")));
}

#[test]
fn what_cannot_be_ruled_out_affects() {
    let advisories = |identity: &[(&'static str, &str)], algorithm: Option<&str>| {
        let mut facts = observed(identity);
        if let Some(algorithm) = algorithm {
            facts.claim("key.algorithm", value("key.algorithm", algorithm)).unwrap();
        }
        facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
        known(&facts, "key.advisories").map(|value| {
            let Value::List(entries) = value else { panic!("no list") };
            entries
                .into_iter()
                .map(|entry| {
                    let Value::Record(fields) = entry else { panic!("no record") };
                    let Some(Value::Word(status)) = fields[1] else { panic!("no status") };
                    status.name()
                })
                .collect::<Vec<_>>()
        })
    };
    let with = |firmware| [TPM[0], TPM[1], TPM[2], ("module.firmware", firmware)];
    assert_eq!(advisories(&with("id:00070054"), Some("rsa-2048")), Some(vec!["affected"]));
    assert_eq!(advisories(&with("id:00070055"), Some("rsa-2048")), Some(vec!["fixed"]));
    assert_eq!(advisories(&with("7.85"), Some("rsa-2048")), Some(vec!["affected"]), "cannot be compared");
    assert_eq!(advisories(&with("id:00070054"), Some("ecdsa-p256")), Some(vec![]), "another algorithm");
    assert_eq!(advisories(&with("id:00070054"), None), Some(vec!["affected"]), "unknown algorithm");
    assert_eq!(advisories(&TPM[..3], None), Some(vec!["affected"]), "unknown firmware");
    assert_eq!(advisories(&TPM[..2], None), Some(vec!["affected"]), "unknown model");
    assert_eq!(advisories(&[("module.vendor", "yubico")], None), None, "a module of which nothing is known");
}

#[test]
fn a_catalogue_counts_by_name_signer_age_and_moment() {
    let key = key();
    let (bytes, signers) = (sealed(ROWS, &key), [key.spki_digest()]);
    let open = |trust: &Trust<'_>, last_seen, now| {
        Catalogue::open(&bytes, trust, last_seen, at(now)).map(|_| "opened").map_err(|reject| reject.code())
    };
    let trust = Trust { names: &["other", "modules"], signers: &signers, age_s_max: Some(30 * DAY_S) };
    assert_eq!(open(&trust, Some(3), "2026-08-31"), Ok("opened"));
    assert_eq!(open(&trust, None, "2026-08-31T00:00:01Z"), Err("stale"));
    assert_eq!(open(&trust, Some(4), "2026-08-31"), Err("sequence-rollback"));
    assert_eq!(open(&trust, None, "2026-07-31"), Err("created-later"));
    assert_eq!(open(&Trust { names: &["other"], ..trust }, None, "2026-08-02"), Err("field-mismatch"));
    assert_eq!(open(&Trust { names: &[], ..trust }, None, "2026-08-02"), Err("field-mismatch"));
    assert_eq!(open(&Trust { signers: &[], ..trust }, None, "2026-08-02"), Err("signer-unknown"));
    assert_eq!(open(&Trust { age_s_max: None, ..trust }, None, "2027-08-01"), Ok("opened"));
}

#[test]
fn rows_that_say_too_much_or_too_little_are_refused() {
    let source = "source = { title = \"t\", dated = \"2026-08-01\" }\n";
    let refuse = |text: &str, expected: &str| {
        let rows = toml::from_str::<Rows>(&format!("{text}\n{source}"));
        let what = match rows {
            Ok(rows) => rows.to_payload().unwrap_err().what,
            Err(error) => error.message().to_owned(),
        };
        assert!(what.contains(expected), "`{what}` lacks `{expected}`");
    };
    refuse("[[class]]\nid = 'a'\nstorage = 'hsm'\nmatch = {}", "every module");
    refuse("[[class]]\nid = 'a'\nmatch = { vendor = 'thales' }", "says nothing");
    refuse("[[class]]\nid = ''\nstorage = 'hsm'\nmatch = { vendor = 'thales' }", "id is empty");
    refuse(
        "[[class]]\nid = 'a'\nstorage = 'cupboard'\nmatch = { vendor = 'thales' }",
        "`cupboard` is no word",
    );
    refuse(
        "[[class]]\nid = 'a'\nstorage = 'hsm'\nmatch = { vendor = 'thales', firmware = [{}] }",
        "always holds",
    );
    refuse("[[class]]\nid = 'a'\nstorage = 'hsm'\nmatch = { models = ['*'] }", "always holds");
    refuse("[[class]]\nid = 'a'\nstorage = 'hsm'\nmatch = { vender = 'thales' }", "unknown field");
    let validation = "[[validation]]\nid = 'a'\nscheme = 'fips-140-3'\nnumber = '1'\n";
    refuse(&format!("{validation}match = {{ models = ['a'] }}\nstatus = 'active'\nlevel = 5"), "no level");
    refuse(&format!("{validation}match = {{ models = ['a'] }}\nstatus = 'active'"), "no level");
    refuse(&format!("{validation}match = {{ models = ['a'] }}\nlevel = 3"), "no status");
    refuse(
        &format!("{validation}match = {{ vendor = 'thales' }}\nlevel = 3\nstatus = 'active'"),
        "names its modules",
    );
    let twice: Rows = toml::from_str(&[ROWS, ROWS].concat()).unwrap();
    assert_eq!(twice.to_payload().unwrap_err().what, "the id stands twice");
}

#[test]
fn rows_have_one_spelling() {
    let payload = toml::from_str::<Rows>(ROWS).unwrap().to_payload().unwrap();
    let rows = Rows::from_payload(&payload).unwrap();
    assert_eq!(rows.count(), 9);
    let spaced = String::from_utf8(payload.clone()).unwrap().replacen(',', ", ", 1);
    assert!(Rows::from_payload(spaced.as_bytes()).is_err());
    let swapped = Rows { classes: rows.classes.iter().rev().cloned().collect(), ..rows };
    assert!(Rows::from_payload(&serde_json::to_vec(&swapped).unwrap()).is_err());
    assert!(Rows::from_payload(&payload[1..]).is_err());
}

proptest! {
    #[test]
    fn no_payload_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Rows::from_payload(&bytes);
    }

    #[test]
    fn less_identity_is_never_a_better_place(mask in 0u8..16) {
        let identity: Vec<_> =
            TPM.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0).map(|(_, fact)| *fact).collect();
        let mut facts = observed(&identity);
        facts.endorse(&catalogue(ROWS, "2026-08-02")).unwrap();
        if known(&facts, "key.storage") == Some(value("key.storage", "tpm.discrete")) {
            prop_assert!(mask & 0b0110 == 0b0110);
        }
    }
}
