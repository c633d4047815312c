//! Revocation lists say what they are told to say, and OpenSSL takes them.
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

use common::{DAY, NOW, key};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme};
use pkic_facts::revocation::RevocationData;
use pkic_runtime::crl::{ListError, ListInput, Reason, Revoked, draft, signed};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
    SigningKey,
};
use support::{Directory, require, run};

struct Ca {
    key: KeyPair,
    params: CertificateParams,
    certificate: Certificate,
}

impl Ca {
    fn new(key: KeyPair, usages: Vec<KeyUsagePurpose>) -> Ca {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Acme CA \u{fc}");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages;
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Ca { key, params, certificate }
    }

    fn leaf(&self, serial: u64) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(&key(), &issuer).unwrap().pem().into_bytes()
    }

    fn list(&self, scheme: Scheme, revoked: &[Revoked]) -> Vec<u8> {
        let tbs = draft(&input(self, revoked)).unwrap();
        signed(tbs.tbs(), scheme, &self.key.sign(tbs.tbs()).unwrap()).unwrap()
    }
}

fn signing_ca() -> Ca {
    Ca::new(key(), vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign])
}

fn input<'a>(ca: &'a Ca, revoked: &'a [Revoked]) -> ListInput<'a> {
    ListInput { issuer: &ca.certificate, number: 300, this_update: NOW, next_update: NOW + 7 * DAY, revoked }
}

fn revoked(serial: &[u8], reason: Option<Reason>) -> Revoked {
    Revoked { serial: serial.to_vec(), at: NOW - DAY, reason }
}

/// RSA, ECDSA and Ed25519 in turn, each list against a certificate that it names and one that it does not.
#[test]
fn openssl_takes_the_list_and_what_it_says() {
    for (algorithm, scheme) in [
        (&rcgen::PKCS_RSA_SHA256, Scheme::RsaPkcs1(Hash::Sha256)),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Scheme::Ecdsa(Hash::Sha384)),
        (&rcgen::PKCS_ED25519, Scheme::Ed25519),
    ] {
        let usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = Ca::new(KeyPair::generate_for(algorithm).unwrap(), usages);
        let directory = Directory::new();
        let list = ca.list(scheme, &[revoked(&[0x7f, 1], Some(Reason::Superseded)), revoked(&[9], None)]);
        directory.write("ca.der", ca.certificate.raw());
        directory.write("list.der", &list);
        directory.write("named.pem", ca.leaf(9));
        directory.write("other.pem", ca.leaf(10));
        let tool =
            |arguments: &str| run(&directory.0, "openssl", &arguments.split_whitespace().collect::<Vec<_>>());
        assert!(tool("x509 -inform DER -in ca.der -out ca.pem").0);
        let (is_good, said) = tool("crl -verify -inform DER -in list.der -CAfile ca.pem -noout -text");
        assert!(is_good && said.contains("verify OK"), "{scheme:?}: {said}");
        for part in
            ["Version 2", "X509v3 CRL Number: \n                300", "Superseded", "Serial Number: 7F01"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(tool("crl -inform DER -in list.der -out list.pem").0);
        let verify = format!("verify -crl_check -attime {NOW} -CAfile ca.pem -CRLfile list.pem");
        let (is_good, said) = tool(&format!("{verify} other.pem"));
        assert!(is_good, "{said}");
        let (is_good, said) = tool(&format!("{verify} named.pem"));
        assert!(!is_good && said.contains("certificate revoked"), "{said}");

        let mut changed = list.clone();
        let at = changed.windows(2).position(|pair| pair == [0x7f, 1]).unwrap();
        changed[at] ^= 1;
        directory.write("changed.der", &changed);
        let (_, said) = tool("crl -verify -inform DER -in changed.der -CAfile ca.pem -noout");
        assert!(!said.contains("verify OK"), "{said}");
    }
}

#[test]
fn our_own_reader_takes_the_list_too() {
    let ca = signing_ca();
    let list = ca.list(Scheme::Ecdsa(Hash::Sha256), &[revoked(&[1], Some(Reason::KeyCompromise))]);
    let mut data = RevocationData::default();
    data.add_crls("list.der", &list).unwrap();
    let described = data.lists().next().unwrap();
    assert_eq!((described.kind, described.from, described.until), ("crl", NOW, NOW + 7 * DAY));
    assert!(pkic_facts::der::is_strict(&list));
}

#[test]
fn an_empty_list_has_no_entries_and_the_others_are_sorted() {
    let ca = signing_ca();
    let directory = Directory::new();
    let text = |revoked: &[Revoked]| {
        directory.write("list.der", ca.list(Scheme::Ecdsa(Hash::Sha256), revoked));
        run(&directory.0, "openssl", &["crl", "-inform", "DER", "-in", "list.der", "-text", "-noout"]).1
    };
    assert!(text(&[]).contains("No Revoked Certificates"));
    let said = text(&[revoked(&[1, 0], None), revoked(&[0x80], None), revoked(&[0, 0, 2], None)]);
    let serials: Vec<&str> =
        said.lines().filter_map(|line| line.trim().strip_prefix("Serial Number: ")).collect();
    assert_eq!(serials, ["02", "80", "0100"]);
    require(&directory.0, "openssl", &["asn1parse", "-inform", "DER", "-in", "list.der"]);
    for reason in Reason::ALL {
        assert_eq!(Reason::from_name(reason.name()), Some(reason));
        assert_eq!(text(&[revoked(&[1], Some(reason))]).matches("X509v3 CRL Reason Code").count(), 1);
    }
}

#[test]
fn each_thing_that_makes_no_list_is_named() {
    let ca = signing_ca();
    let refused = |revoked: &[Revoked]| draft(&input(&ca, revoked)).unwrap_err();
    assert_eq!(
        refused(&[revoked(&[0, 5], None), revoked(&[5], None)]),
        ListError::SerialRepeated { serial: vec![5] }
    );
    assert_eq!(refused(&[revoked(&[], None)]), ListError::Serial { serial: vec![] });
    assert_eq!(refused(&[revoked(&[0x7f; 21], None)]), ListError::Serial { serial: vec![0x7f; 21] });
    assert!(draft(&input(&ca, &[revoked(&[0x7f; 20], None)])).is_ok());
    let later = Revoked { at: NOW + 1, ..revoked(&[5], None) };
    assert_eq!(refused(&[later]), ListError::RevokedLater { serial: vec![5], at: NOW + 1 });
    let early = Revoked { at: -1, ..revoked(&[5], None) };
    assert_eq!(refused(&[early]), ListError::TimeOutOfRange { at: -1 });

    let same = ListInput { next_update: NOW, ..input(&ca, &[]) };
    assert_eq!(draft(&same).unwrap_err(), ListError::NextUpdate { this_update: NOW, next_update: NOW });
    let past_9999 = ListInput { next_update: i64::MAX, ..input(&ca, &[]) };
    assert_eq!(draft(&past_9999).unwrap_err(), ListError::TimeOutOfRange { at: i64::MAX });
    let silent = Ca::new(key(), vec![KeyUsagePurpose::KeyCertSign]);
    assert_eq!(draft(&input(&silent, &[])).unwrap_err(), ListError::IssuerMayNotSign);
    let leaf = Certificate::all_from_file(&ca.leaf(3)).unwrap().remove(0);
    let of_leaf = ListInput { issuer: &leaf, ..input(&ca, &[]) };
    assert_eq!(draft(&of_leaf).unwrap_err(), ListError::IssuerMayNotSign);
    let nameless = Certificate::from_der(&without_key_id(&ca)).unwrap();
    let of_nameless = ListInput { issuer: &nameless, ..input(&ca, &[]) };
    assert_eq!(draft(&of_nameless).unwrap_err(), ListError::IssuerKeyIdMissing);
}

/// The certificate with another extension in place of subjectKeyIdentifier; its signature is not asked here.
fn without_key_id(ca: &Ca) -> Vec<u8> {
    let mut raw = ca.certificate.raw().to_vec();
    let at = raw.windows(5).position(|part| part == [0x06, 0x03, 0x55, 0x1d, 0x0e]).unwrap();
    raw[at + 4] = 0x7f;
    raw
}
