//! What the draft writes is what the decoder reads, and nothing of the request gets in unasked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;

use common::{NOW, authority, csr, field, fixed, key, path, profile, program, text, usage, validity};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::der;
use pkic_facts::request::CertificationRequest;
use pkic_ir::{Constant, Field, Profile};
use pkic_runtime::decode::certificate_facts;
use pkic_runtime::draft::{Draft, DraftError, DraftInput, Pending, Serial};
use pkic_runtime::issuer::Issuer;
use pkic_runtime::wishes::Wishes;
use pkic_vocab::time::FOREVER_DATE;
use pkic_vocab::{FactTable, Path, Slot, Value};
use proptest::prelude::*;

const DERIVED: fn() -> Serial = || Serial::derived(Sha256Digest([1; 32]), Sha256Digest([2; 32]), NOW);

fn draft_of(profile: &Profile, wishes: &Wishes, issuer: Option<&Issuer>) -> Result<Draft, DraftError> {
    let request = CertificationRequest::from_bytes(&csr(&key(), &["a.example"])).unwrap();
    let spki = request.spki().to_vec();
    Draft::new(&DraftInput { profile, wishes, spki: &spki, issuer, serial: DERIVED(), now: NOW })
}

fn facts(draft: &Draft) -> FactTable {
    let mut table = FactTable::new();
    certificate_facts(draft.tbs(), &mut table).unwrap();
    table
}

fn value(table: &FactTable, name: &str) -> Option<Value> {
    table.fact(&path(name)).map(|fact| fact.value.clone())
}

fn wish(name: &str, value: Value) -> (Path, Value) {
    (path(name), value)
}

#[test]
fn nothing_of_the_request_gets_in_unasked() {
    let program = program();
    let request = CertificationRequest::from_bytes(&csr(&key(), &["a.example", "B.example"])).unwrap();
    let wishes = Wishes::of_request(&request);
    let draft = draft_of(&program.profiles[1], &wishes, None).unwrap();
    let table = facts(&draft);
    assert_eq!(value(&table, "certificate.subject.common-name"), Some(Value::Text("a.example".into())));
    assert_eq!(value(&table, "certificate.subject.organization"), Some(Value::Text("Acme".into())));
    let names = ["a.example", "b.example"].map(|name| Value::DnsName(name.into()));
    assert_eq!(
        value(&table, "certificate.san.dns"),
        Some(Value::List(names.to_vec())),
        "names are written anew"
    );
    assert_eq!(table.slot(&path("certificate.subject.locality")), &Slot::Absent);
    assert_eq!(value(&table, "certificate.other-extensions"), Some(Value::List(Vec::new())));
    let left_out: Vec<&str> = draft.left_out().iter().map(|left| left.what.as_str()).collect();
    assert_eq!(
        left_out,
        [
            "certificate.subject.locality",
            "certificate.extension.1.3.6.1.4.1.99999.1",
            "certificate.subject.organization"
        ]
    );
    let subject = value(&table, "certificate.subject").unwrap();
    assert_eq!(subject.to_string(), "\"CN=a.example, O=Acme, C=DE\"");
}

#[test]
fn what_only_issuance_fills_is_pending_and_unknown() {
    let program = program();
    let draft = draft_of(&program.profiles[1], &Wishes::default(), None).unwrap();
    let aki = Pending::Field(path("certificate.authority-key-identifier"));
    assert_eq!(draft.pending(), [Pending::Issuer, Pending::Serial, aki]);
    let table = facts(&draft);
    assert_eq!(table.slot(&path("certificate.issuer")), &Slot::Unknown);

    let issuer = Issuer::from_certificate(&authority(&key())).unwrap();
    let draft = draft_of(&program.profiles[1], &Wishes::default(), Some(&issuer)).unwrap();
    assert_eq!(draft.pending(), [Pending::Serial]);
    let table = facts(&draft);
    assert_eq!(value(&table, "certificate.issuer"), Some(Value::Dn(issuer.name().clone())));
    let key_id = Value::Bytes(issuer.key_id().unwrap().to_vec());
    assert_eq!(value(&table, "certificate.authority-key-identifier"), Some(key_id));
}

#[test]
fn validity_is_the_policys_to_the_second() {
    let days = |field: Field| {
        let draft = draft_of(&profile("acme.x", vec![field]), &Wishes::default(), None);
        draft.map(|draft| facts(&draft)).map(|table| {
            (value(&table, "certificate.validity").unwrap(), value(&table, "certificate.not-after").unwrap())
        })
    };
    let end = NOW + 47 * 86_400 - 1;
    assert_eq!(days(validity(47)), Ok((Value::Span(47 * 86_400), Value::Date(end))));
    let default = Some(Constant::Value(Value::Span(10)));
    let defaulted = Field { default, ..validity(47) };
    assert_eq!(days(defaulted), Ok((Value::Span(10), Value::Date(NOW + 9))));
    let forever = Field { span_s_max: Some(i64::MAX), ..field("validity") };
    assert_eq!(days(forever), Ok((Value::Span(i64::MAX), Value::Date(FOREVER_DATE))));
    let past_9999 = Field { span_s_max: Some(i64::MAX - 1), ..field("validity") };
    assert!(matches!(days(past_9999), Err(DraftError::TimeOutOfRange { .. })));
    assert!(days(Field { span_s_max: Some(0), ..field("validity") }).is_err());
    assert_eq!(days(field("validity")), Err(DraftError::ValidityUnknown));
    assert_eq!(days(validity(40 * 365)).unwrap().0, Value::Span(40 * 365 * 86_400), "beyond 2049");
}

#[test]
fn every_field_round_trips() {
    let names: Vec<&str> = pkic_vocab::fields::FIELDS.iter().map(|def| def.name).collect();
    let mut contents: Vec<Field> = names.iter().map(|name| field(name)).collect();
    contents[0] = validity(10);
    let line = Path { fact: path_of("certificate.subject.*"), name: Some("1.3.6.1.4.1.55555.1.7".into()) };
    let extension =
        Path { fact: path_of("certificate.extension.*"), name: Some("1.3.6.1.4.1.55555.2".into()) };
    contents.push(Field { path: line.clone(), extension: None, ..field("subject.state") });
    contents.push(Field {
        path: extension.clone(),
        extension: extension.name.clone(),
        critical: true,
        ..field("key-usage")
    });
    let list = |values: Vec<Value>| Value::List(values);
    let oids = |oids: &[&str]| Value::List(oids.iter().map(|oid| Value::Oid((*oid).into())).collect());
    let uri = |uri: &str| list(vec![Value::Uri(uri.into())]);
    let bits = ["digital-signature", "key-cert-sign", "decipher-only"];
    let bits = bits.map(|bit| Value::Word(common::word(pkic_vocab::Words::KeyUsage, bit)));
    let mut wanted = vec![
        wish(
            "certificate.san.ip",
            list(vec![Value::Ip("192.0.2.1".into()), Value::Ip("2001:db8::1".into())]),
        ),
        wish("certificate.san.dns", list(vec![Value::DnsName("*.a.example".into())])),
        wish("certificate.san.uri", uri("spiffe://a.example/x")),
        wish("certificate.san.email", list(vec![Value::Email("a@b.example".into())])),
        wish("certificate.san.hardware-module-name", list(vec![Value::Text("1.2.3.4:00ff".into())])),
        wish("certificate.basic-constraints.ca", Value::Bool(true)),
        wish("certificate.basic-constraints.path-length", Value::Int(0)),
        wish("certificate.key-usage", list(bits.to_vec())),
        wish("certificate.extended-key-usage", oids(&["1.3.6.1.5.5.7.3.1", "2.23.133.8.1"])),
        wish("certificate.certificate-policies", oids(&["2.23.140.1.2.1", "2.5.29.32.0"])),
        wish("certificate.name-constraints", list(vec![Value::DnsName("b.example".into())])),
        (line, Value::Text("line-7 \u{fc}".into())),
        (extension, Value::Bytes(vec![5, 0])),
    ];
    for name in [
        "common-name",
        "organization",
        "organizational-unit",
        "state",
        "locality",
        "serial-number",
        "user-id",
    ] {
        wanted.push(wish(&format!("certificate.subject.{name}"), Value::Text(format!("The {name}"))));
    }
    wanted.push(wish("certificate.subject.country", Value::Text("CH".into())));
    let mut issuer = Issuer::from_certificate(&authority(&key())).unwrap();
    issuer.ca_issuers = vec!["http://ca.example/ca.cer".into()];
    issuer.ocsp = vec!["http://ocsp.example/".into()];
    issuer.crl_distribution_points = vec!["http://crl.example/1.crl".into()];
    let wishes = Wishes { wanted: wanted.clone(), unfit: Vec::new() };
    let draft = draft_of(&profile("acme.x", contents), &wishes, Some(&issuer)).unwrap();
    assert_eq!(draft.left_out(), []);
    let table = facts(&draft);
    for (path, value) in &wanted {
        assert_eq!(table.fact(path).map(|fact| &fact.value), Some(value), "{}", path.fact.def().path);
    }
    assert_eq!(value(&table, "certificate.crl-distribution-points"), Some(uri("http://crl.example/1.crl")));
    let access = ["http://ca.example/ca.cer", "http://ocsp.example/"].map(|uri| Value::Uri(uri.into()));
    assert_eq!(value(&table, "certificate.authority-information-access"), Some(list(access.to_vec())));
    assert!(
        matches!(value(&table, "certificate.subject-key-identifier"), Some(Value::Bytes(id)) if id.len() == 20)
    );
    assert_eq!(value(&table, "certificate.critical"), Some(oids(&["1.3.6.1.4.1.55555.2"])));
    let all = value(&table, "certificate.san").unwrap().to_string();
    assert_eq!(
        all,
        "[\"dns:*.a.example\", \"ip:192.0.2.1\", \"ip:2001:db8::1\", \"uri:spiffe://a.example/x\", \
         \"email:a@b.example\", \"hardware-module-name:1.2.3.4:00ff\"]"
    );
}

fn path_of(name: &str) -> pkic_vocab::FactId {
    pkic_vocab::FactId::from_path(name).unwrap()
}

#[test]
fn what_a_field_cannot_hold_is_refused() {
    let refused = |field: Field| {
        let made = draft_of(&profile("acme.x", vec![validity(1), field]), &Wishes::default(), None);
        matches!(made, Err(DraftError::Value(_)))
    };
    assert!(refused(fixed("subject.country", text("Germany"))));
    assert!(refused(fixed("subject.serial-number", text("a@b"))), "no PrintableString");
    assert!(refused(fixed("subject.common-name", text(&"x".repeat(65)))));
    assert!(refused(fixed("san.hardware-module-name", text("no colon"))));
    assert!(refused(fixed("basic-constraints.path-length", Constant::Value(Value::Int(1)))), "no cA");
    assert!(!refused(fixed("key-usage", usage(&["crl-sign"]))));
}

#[test]
fn what_facts_cannot_say_is_refused() {
    let tbs = |extensions: &[(&[u64], Vec<u8>)]| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "x");
        for (oid, content) in extensions {
            params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(oid, content.clone()));
        }
        let certificate = params.self_signed(&key()).unwrap();
        let (body, _) = der::expect("certificate", der::SEQUENCE, certificate.der()).unwrap();
        der::read("tbsCertificate", body).unwrap().0.raw.to_vec()
    };
    let read = |tbs: &[u8]| certificate_facts(tbs, &mut FactTable::new());
    assert_eq!(read(&tbs(&[])), Ok(()));
    let qualified = vec![0x30, 0x0a, 0x30, 0x08, 0x06, 0x02, 0x2a, 0x03, 0x30, 0x02, 0x05, 0x00];
    assert_eq!(read(&tbs(&[(&[2, 5, 29, 32], qualified)])).unwrap_err().part, "2.5.29.32");
    let directory_name = vec![0x30, 0x04, 0xa4, 0x02, 0x30, 0x00];
    assert_eq!(read(&tbs(&[(&[2, 5, 29, 17], directory_name)])).unwrap_err().part, "2.5.29.17");
    let upper = vec![0x30, 0x04, 0x82, 0x02, b'A', b'b'];
    assert_eq!(read(&tbs(&[(&[2, 5, 29, 17], upper)])).unwrap_err().why, "a name is not in its normal form");
    let excluded = vec![0x30, 0x07, 0xa1, 0x05, 0x30, 0x03, 0x82, 0x01, b'a'];
    assert_eq!(read(&tbs(&[(&[2, 5, 29, 30], excluded)])).unwrap_err().why, "it excludes subtrees");
    let twice = tbs(&[(&[1, 2, 3], vec![5, 0]), (&[1, 2, 3], vec![5, 0])]);
    assert!(read(&twice).is_err(), "an extension stands twice");
    let mut trailing = tbs(&[]);
    trailing.push(0);
    assert!(read(&trailing).is_err());
    let plain = tbs(&[]);
    let long_form = [&[0x30, 0x83, 0x00][..], &plain[2..]].concat();
    assert!(plain[1] != 0x82 || read(&long_form).is_err(), "a length that is not the shortest");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_round_trip(cn in "[A-Za-z0-9 .'+=,\\\\\u{fc}\u{4e2d}]{1,60}", names in proptest::collection::vec("[a-z0-9]{1,20}\\.[a-z]{2,6}", 1..20)) {
        prop_assume!(!cn.trim().is_empty());
        let contents = vec![validity(1), field("subject.common-name"), field("san.dns")];
        let names = Value::List(names.into_iter().map(Value::DnsName).collect());
        let wanted = vec![wish("certificate.subject.common-name", Value::Text(cn)), wish("certificate.san.dns", names)];
        let draft = draft_of(&profile("acme.x", contents), &Wishes { wanted: wanted.clone(), unfit: Vec::new() }, None).unwrap();
        let table = facts(&draft);
        for (path, value) in wanted {
            prop_assert_eq!(&table.fact(&path).unwrap().value, &value);
        }
    }

    #[test]
    fn no_byte_changes_unseen(at in 0usize..10_000, to in any::<u8>()) {
        let program = program();
        let draft = draft_of(&program.profiles[1], &Wishes::default(), None).unwrap();
        let mut changed = draft.tbs().to_vec();
        let at = at % changed.len();
        prop_assume!(changed[at] != to);
        changed[at] = to;
        prop_assert_ne!(Sha256Digest::of(&changed), draft.digest());
        let _ = certificate_facts(&changed, &mut FactTable::new());
    }
}
