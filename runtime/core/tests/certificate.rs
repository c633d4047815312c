//! Certificates and precertificates are put together from bytes that nobody changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;
mod support;

use common::{NOW, csr, key, program};
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::{Hash, Scheme, Strength, verify_signature};
use pkic_facts::der;
use pkic_facts::request::CertificationRequest;
use pkic_runtime::certificate::{
    AssemblyError, POISON, SCT_LIST, is_pair, precertificate, signed, with_scts,
};
use pkic_runtime::draft::{Draft, DraftInput, Serial};
use pkic_runtime::issuer::Issuer;
use pkic_runtime::wishes::Wishes;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, SigningKey};
use support::{Directory, require, tlv};

const ECDSA: Scheme = Scheme::Ecdsa(Hash::Sha256);
/// A list of two timestamps of three and one octets.
const SCTS: &[u8] = &[0, 8, 0, 3, 1, 2, 3, 0, 1, 9];

/// A root that says what it may do, as a strict reader asks.
fn authority(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Acme CA");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.self_signed(key).unwrap().der().to_vec()
}

fn tbs(ca: &KeyPair) -> Vec<u8> {
    let request = CertificationRequest::from_bytes(&csr(&key(), &["a.example"])).unwrap();
    let issuer = Issuer::from_certificate(&authority(ca)).unwrap();
    let program = program();
    let input = DraftInput {
        profile: &program.profiles[1],
        wishes: &Wishes::of_request(&request),
        spki: request.spki(),
        issuer: Some(&issuer),
        serial: Serial::random(&[9; 20]),
        now: NOW,
    };
    Draft::new(&input).unwrap().tbs().to_vec()
}

#[test]
fn a_signed_certificate_verifies_by_openssl_and_by_us() {
    let (directory, ca) = (Directory::new(), key());
    let tbs = tbs(&ca);
    let certificate = signed(&tbs, ECDSA, &ca.sign(&tbs).unwrap()).unwrap();
    let root = authority(&ca);
    directory.write("ca.der", &root);
    directory.write("leaf.der", &certificate);
    require(&directory.0, "openssl", &["x509", "-inform", "DER", "-in", "ca.der", "-out", "ca.pem"]);
    require(&directory.0, "openssl", &["x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.pem"]);
    let at = NOW.to_string();
    let arguments = ["verify", "-x509_strict", "-attime", &at, "-CAfile", "ca.pem", "leaf.pem"];
    require(&directory.0, "openssl", &arguments);

    let read = Certificate::from_der(&certificate).unwrap();
    assert_eq!((read.tbs().raw(), read.scheme()), (tbs.as_slice(), Ok(ECDSA)));
    let root = Certificate::from_der(&root).unwrap();
    let verified = verify_signature(root.tbs().spki(), ECDSA, Strength::Current, &tbs, read.signature());
    assert_eq!(verified, Ok(()));
}

#[test]
fn only_the_algorithm_that_the_bytes_name_signs_them() {
    let tbs = tbs(&key());
    let other = signed(&tbs, Scheme::Ed25519, &[1; 64]).unwrap_err();
    let inside = Some("ecdsa-sha256");
    assert_eq!(other, AssemblyError::SchemeMismatch { inside, signature: "ed25519" });
    assert!(matches!(signed(&tbs, ECDSA, &[]), Err(AssemblyError::Malformed { what: "the signature" })));
    assert!(matches!(signed(&tbs[1..], ECDSA, &[1]), Err(AssemblyError::Malformed { .. })));
    let trailing = [tbs.as_slice(), &[0]].concat();
    assert!(matches!(signed(&trailing, ECDSA, &[1]), Err(AssemblyError::Malformed { .. })));
    let large = vec![0x30; 70_000];
    assert!(matches!(signed(&large, ECDSA, &[1]), Err(AssemblyError::TooLarge { .. })));
}

#[test]
fn a_pair_differs_in_poison_and_timestamps_alone() {
    let base = tbs(&key());
    let pre = precertificate(&base).unwrap();
    let last = with_scts(&base, SCTS).unwrap();
    assert_eq!(with_scts(&pre, SCTS).unwrap(), last, "from either side");
    assert!(is_pair(&pre, &last));

    let of = |tbs: &[u8]| Tbs::from_der(tbs).unwrap();
    let (before, pre_read, last_read) = (of(&base), of(&pre), of(&last));
    let poison = pre_read.extensions().last().unwrap();
    assert_eq!((poison.oid.as_str(), poison.critical, poison.value.as_slice()), (POISON, true, &[5, 0][..]));
    let scts = last_read.extensions().last().unwrap();
    assert_eq!((scts.oid.as_str(), scts.critical), (SCT_LIST, false));
    assert_eq!(scts.value, tlv(0x04, SCTS));
    let count = before.extensions().len();
    assert_eq!(pre_read.extensions()[..count], *before.extensions());
    assert_eq!(last_read.extensions()[..count], *before.extensions());
    assert!(pkic_facts::der::is_strict(&pre) && pkic_facts::der::is_strict(&last));
}

#[test]
fn what_is_no_pair_is_none() {
    let base = tbs(&key());
    let (pre, last) = (precertificate(&base).unwrap(), with_scts(&base, SCTS).unwrap());
    assert!(!is_pair(&base, &last), "no poison");
    assert!(!is_pair(&pre, &base), "no timestamps");
    assert!(!is_pair(&pre, &pre) && !is_pair(&last, &last) && !is_pair(&last, &pre));
    assert!(!is_pair(&pre, &with_scts(&tbs(&key()), SCTS).unwrap()), "of another key");
    for at in 0..last.len() {
        let mut changed = last.clone();
        changed[at] ^= 1;
        let is_in_scts = last.windows(SCTS.len()).position(|part| part == SCTS).unwrap();
        // The timestamps themselves are the logs' to say.
        if !(is_in_scts..is_in_scts + SCTS.len()).contains(&at) {
            assert!(!is_pair(&pre, &changed), "byte {at} of {}", last.len());
        }
    }
    for at in 0..pre.len() {
        let mut changed = pre.clone();
        changed[at] ^= 1;
        assert!(!is_pair(&changed, &last), "byte {at} of {}", pre.len());
    }
}

#[test]
fn poison_and_timestamps_stand_once_and_in_form() {
    let base = tbs(&key());
    let (pre, last) = (precertificate(&base).unwrap(), with_scts(&base, SCTS).unwrap());
    let present = |oid| Err(AssemblyError::ExtensionPresent { oid });
    assert_eq!(precertificate(&pre), present(POISON));
    assert_eq!(precertificate(&last), present(SCT_LIST));
    assert_eq!(with_scts(&last, SCTS), present(SCT_LIST));
    let bad: [&[u8]; 6] = [&[], &[0, 0], &[0, 1, 0], &[0, 2, 0, 0], &[0, 4, 0, 3, 1, 2], &[0, 3, 0, 1, 9, 9]];
    for list in bad {
        assert!(matches!(with_scts(&base, list), Err(AssemblyError::Malformed { .. })), "{list:?}");
    }
    for cut in 0..base.len() {
        assert!(precertificate(&base[..cut]).is_err(), "{cut}");
    }
}

/// What the readers of a pair would refuse is not made.
#[test]
fn a_list_of_extensions_that_is_full_takes_no_more() {
    let base = tbs(&key());
    let fits =
        (0..64).map(|count| with_scts(&extended(&base, count), SCTS)).take_while(Result::is_ok).count();
    let full = extended(&base, fits);
    assert!(fits > 32, "{fits}");
    assert!(matches!(precertificate(&full), Err(AssemblyError::Malformed { .. })));
    let last_room = extended(&base, fits - 1);
    assert!(is_pair(&precertificate(&last_room).unwrap(), &with_scts(&last_room, SCTS).unwrap()));
}

/// The same, with that many extensions of unknown kinds more.
fn extended(tbs: &[u8], count: usize) -> Vec<u8> {
    let body = der::only("tbsCertificate", der::SEQUENCE, tbs).unwrap();
    let wrapped = der::elements("fields", body, 10).unwrap().pop().unwrap();
    let list = der::only("extensions", der::SEQUENCE, wrapped.content).unwrap();
    let more = (0..count).flat_map(|number| {
        let oid = [tlv(0x06, &[0x2b, 6, 1, 4, 1, 0x7f, number as u8]), tlv(0x04, &[5, 0])].concat();
        tlv(0x30, &oid)
    });
    let list = tlv(0x30, &list.iter().copied().chain(more).collect::<Vec<_>>());
    tlv(0x30, &[&body[..body.len() - wrapped.raw.len()], tlv(0xa3, &list).as_slice()].concat())
}
