//! Synthetic Android key attestations, each with one thing wrong, and the stage that must refuse it.

use crate::support;

use pkic_evidence::Appraisal;
use rcgen::{DnType, Issuer, KeyPair};
use std::collections::BTreeMap;
use support::android::{
    CHALLENGE, Description, Device, Made, NOW, NULL, described, integer, named, purposes, request,
    root_of_trust, tagged, tlv,
};
use support::{appraise_with, attested, stage_and_code, verified_facts};

fn appraised(made: &Made) -> Appraisal {
    appraise_with(&made.chain, Some(&made.request()), &made.anchors, Some(CHALLENGE), NOW, None)
}

fn code(answer: &Appraisal) -> (&'static str, &'static str) {
    stage_and_code(answer)
}

fn refusal(device: Device) -> (&'static str, &'static str) {
    code(&appraised(&device.make()))
}

fn refusal_of(description: Description) -> (&'static str, &'static str) {
    refusal(Device { description, ..Device::default() })
}

fn facts(device: Device) -> BTreeMap<String, String> {
    verified_facts(&appraised(&device.make()))
}

fn facts_of(description: Description) -> BTreeMap<String, String> {
    facts(Device { description, ..Device::default() })
}

#[test]
fn the_unchanged_one_is_verified() {
    let answer = appraised(&Device::default().make());
    assert_eq!(answer.verdict.name(), "verified", "{:?}", answer.verdict);
    assert_eq!(answer.format, Some("android-key"));
    assert_eq!(answer.freshness(), Some("nonce"));
    let found = attested(answer.facts.table());
    assert_eq!(found["evidence.bound"].1, "true");
    assert_eq!(found["key.storage"], ("statement".to_owned(), "tee".to_owned()));
    assert_eq!(found["key.export"], ("practice".to_owned(), "never".to_owned()));
    assert_eq!(found["platform.os-patch"].1, "2026-11-01");
}

#[test]
fn binding_and_freshness_are_compared() {
    let made = Device::default().make();
    let other = request(&KeyPair::generate().unwrap());
    let answer = appraise_with(&made.chain, Some(&other), &made.anchors, Some(CHALLENGE), NOW, None);
    assert_eq!(code(&answer), ("binding", "key-mismatch"));
    let answer = appraise_with(&made.chain, Some(&made.request()), &made.anchors, Some(b"ours"), NOW, None);
    assert_eq!(code(&answer), ("freshness", "nonce-mismatch"));
    let empty = Description { challenge: Vec::new(), ..Description::default() };
    assert_eq!(refusal_of(empty), ("freshness", "nonce-mismatch"));
}

#[test]
fn anchors_of_the_same_name_do_not_help() {
    let made = Made { anchors: Device::default().make().anchors, ..Device::default().make() };
    assert_eq!(code(&appraised(&made)), ("path", "link-signature"));
}

/// Each certificate in turn is the one of another device, whose names are the same.
#[test]
fn a_certificate_of_another_device_breaks_the_chain() {
    let expected =
        [("signature", "signature-invalid"), ("path", "link-signature"), ("path", "link-signature")];
    for (at, expected) in expected.into_iter().enumerate() {
        let mut made = Device::default().make();
        made.chain[at] = Device::default().make().chain[at].clone();
        let answer = appraise_with(&made.chain, None, &made.anchors, Some(CHALLENGE), NOW, None);
        // The attestation key of the other device did not sign: the path is refused before the statement is looked at.
        assert_eq!(code(&answer), expected, "certificate {at}");
    }
    let named = Device { has_other_issuer_name: true, ..Device::default() };
    assert_eq!(refusal(named), ("format", "field-mismatch"));
}

/// Whoever has an attested signing key describes a key of their own with it.
#[test]
fn a_signing_key_describes_no_other_key() {
    let attest_key = Description::attest_key;
    let chained = |description| Device { attest_keys: vec![description], ..Device::default() };
    assert_eq!(facts(chained(attest_key()))["key.storage"], "tee");
    for wrong in [
        Description::default(),
        attest_key().with(purposes(&[2, 7])),
        attest_key().with(purposes(&[])),
        attest_key().with(tagged(702, &integer(2))),
        Description { levels: [1, 0], ..attest_key() },
        Description { hardware: Vec::new(), software: attest_key().hardware, ..attest_key() },
    ] {
        assert_eq!(refusal(chained(wrong)), ("profile", "property-refused"));
    }
    let keys = vec![attest_key(); 4];
    assert_eq!(refusal(Device { attest_keys: keys, ..Device::default() }), ("parse", "too-large"));
}

/// A plain certificate between two described ones, or below them, does not hide who signed it.
#[test]
fn described_certificates_come_first_and_issue_nothing() {
    let mut made = Device::default().make();
    let described_params = described(&Description::default());
    let (plain_key, forged_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let plain_params = named(&[(DnType::CommonName, "plain")]);
    let plain =
        plain_params.signed_by(&plain_key, &Issuer::from_params(&described_params, &made.key)).unwrap();
    let forged =
        described_params.signed_by(&forged_key, &Issuer::from_params(&plain_params, &plain_key)).unwrap();
    made.chain.insert(0, plain.der().to_vec());
    assert_eq!(code(&appraised(&made)), ("format", "field-missing"));
    made.chain.insert(0, forged.der().to_vec());
    made.key = forged_key;
    assert_eq!(code(&appraised(&made)), ("format", "field-repeated"));
    // Without the described one that gives it away, nothing leads from the plain one to the anchor.
    made.chain.remove(2);
    assert_eq!(code(&appraised(&made)), ("path", "issuer-unknown"));
}

#[test]
fn a_chain_without_its_attestation_key_is_refused() {
    let mut made = Device::default().make();
    made.chain.truncate(1);
    assert_eq!(code(&appraised(&made)), ("format", "field-missing"));
}

/// Google's server certifies keys of virtual machines too: what is remotely provisioned is held to its dates and marks.
#[test]
fn a_remote_path_is_judged_more_strictly() {
    let device = |is_remote| Device { is_remote, ..Device::default() };
    for (is_remote, expected) in [(true, ("path", "outside-validity")), (false, ("", ""))] {
        let ended = Device { end_year: 2025, ..device(is_remote) };
        match is_remote {
            true => assert_eq!(refusal(ended), expected),
            false => assert_eq!(facts(ended)["key.storage"], "tee"),
        }
    }
    assert_eq!(facts(device(true))["key.storage"], "tee");
    let unmarked = |is_remote| Device { is_attester_authority: false, ..device(is_remote) };
    assert_eq!(refusal(unmarked(true)), ("path", "not-an-authority"));
    assert_eq!(facts(unmarked(false))["key.storage"], "tee");
    let named = Device { common_name: Some("machine"), is_attester_authority: false, ..Device::default() };
    assert_eq!(refusal(named), ("path", "not-an-authority"), "no factory gives such a name");
}

#[test]
fn the_lower_security_level_counts() {
    let levels = |levels| Description { levels, ..Description::default() };
    let device = |keeper, of| Device { keeper, description: levels(of), ..Device::default() };
    assert_eq!(facts(device("StrongBox", [2, 2]))["key.storage"], "se");
    assert_eq!(facts(device("StrongBox", [2, 1]))["key.storage"], "tee");
    assert_eq!(refusal(device("TEE", [2, 2])), ("format", "field-mismatch"));
    assert_eq!(refusal(device("", [2, 2])), ("format", "field-mismatch"));
    assert_eq!(refusal(device("TEE", [3, 1])), ("format", "field-mismatch"));
    for of in [[0, 1], [1, 0], [0, 0]] {
        let found = facts(device("TEE", of));
        assert_eq!(found["key.storage"], "software", "{of:?}");
        assert!(
            found.keys().all(|path| path == "key.storage"
                || path.starts_with("evidence.")
                || path == "module.weak-hash"),
            "{found:?}"
        );
    }
    let software = Some("Android Keystore Software Attestation Intermediate");
    let forged = Device { common_name: software, ..device("TEE", [1, 1]) };
    assert_eq!(refusal(forged), ("format", "field-mismatch"), "its private key is public");
    let through = Device {
        keeper: "StrongBox",
        attest_keys: vec![Description::attest_key()],
        ..device("StrongBox", [2, 2])
    };
    assert_eq!(facts(through)["key.storage"], "tee", "described by a key in a trusted environment");
}

#[test]
fn what_software_enforces_is_no_fact() {
    let all = Description::default();
    let moved = Description { software: all.hardware.clone(), hardware: Vec::new(), ..all };
    let found = facts_of(moved);
    assert!(!found.keys().any(|path| path.starts_with("platform.") || path == "key.origin"), "{found:?}");
    assert_eq!(found.get("key.user-presence"), None);
}

#[test]
fn versions_of_what_nobody_verified_are_no_facts() {
    let boot =
        |locked, state| facts_of(Description::default().with(root_of_trust(&[0x77; 32], locked, state)));
    for (locked, state, word) in [(0, 2, "unchecked"), (0xff, 3, "failed"), (0, 0, "verified")] {
        let found = boot(locked, state);
        assert_eq!(found["platform.boot"], word);
        assert!(!found.contains_key("platform.os-patch") && !found.contains_key("platform.os-version"));
    }
    assert_eq!(boot(0xff, 1)["platform.os-version"], "15.0.0");
    let found = facts_of(Description::default().with(root_of_trust(&[0; 32], 0xff, 0)));
    assert_eq!(found.get("platform.boot-key"), None);
}

#[test]
fn origin_and_user_presence_have_words() {
    let with = |number, value: &[u8]| facts_of(Description::default().with(tagged(number, value)));
    for (origin, word) in [(1, "derived"), (2, "imported"), (4, "imported-wrapped")] {
        assert_eq!(with(702, &integer(origin))["key.origin"], word);
    }
    assert_eq!(with(702, &integer(3)).get("key.origin"), None);
    assert_eq!(with(507, NULL)["key.user-presence"], "touch");
    let mut asked = Description::default();
    asked.hardware.remove(1);
    let presence =
        |kind| facts_of(asked.clone().with(tagged(504, &integer(kind)))).remove("key.user-presence");
    assert_eq!(presence(1).as_deref(), Some("pin"));
    assert_eq!(presence(2).as_deref(), Some("biometric"));
    assert_eq!(presence(3), None, "either will do");
    let both = asked.clone().with(tagged(504, &integer(1))).with(tagged(507, NULL));
    assert_eq!(facts_of(both)["key.user-presence"], "pin-and-touch");
    assert_eq!(facts_of(asked).get("key.user-presence"), None);
}

#[test]
fn a_description_is_read_strictly_where_it_counts() {
    let with = |authorization| refusal_of(Description::default().with(authorization));
    assert_eq!(with(root_of_trust(&[0x77; 32], 0x01, 0)), ("parse", "malformed"));
    assert_eq!(with(root_of_trust(&[0x77; 65], 0xff, 0)), ("parse", "too-large"));
    assert_eq!(with(root_of_trust(&[0x77; 32], 0xff, 4)), ("format", "field-mismatch"));
    assert_eq!(with(tagged(702, NULL)), ("parse", "malformed"));
    assert_eq!(with(tagged(507, &tlv(&[1], &[0]))), ("parse", "malformed"));
    assert_eq!(with(tagged(717, &tlv(&[4], &[0xff]))), ("parse", "malformed"));
    assert_eq!(with(purposes(&[2; 17])), ("parse", "too-large"));
    let mut twice = Description::default();
    twice.hardware.push(tagged(702, &integer(2)));
    assert_eq!(refusal_of(twice), ("format", "field-repeated"));
    let many = (900..1000).map(|number| tagged(number, NULL)).collect();
    let many = Description { software: many, ..Description::default() };
    assert_eq!(refusal_of(many), ("parse", "too-large"));
    let critical = Device { has_unknown_critical: true, ..Device::default() };
    assert_eq!(refusal(critical), ("path", "critical-extension"));
}

#[test]
fn order_and_unknown_authorizations_do_not_matter() {
    let mut description = Description::default();
    description.hardware.reverse();
    description.hardware.push(tagged(999, NULL));
    assert_eq!(facts_of(description), facts(Device::default()));
}

#[test]
fn one_file_is_as_good_as_several() {
    let made = Device::default().make();
    let text: String = made.chain.iter().map(|der| pem(der)).collect();
    let answer = appraise_with(&[text.into_bytes()], None, &made.anchors, None, NOW, None);
    assert_eq!((answer.verdict.name(), answer.freshness()), ("verified", Some("none")));
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
