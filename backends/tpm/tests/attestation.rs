//! Evidence that the store makes, appraised by pkic's own formats: from the maker's certificate in the TPM to the facts.
#![cfg(feature = "tss")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use aws_lc_rs::rand;
use pkic_backend::error::Problem;
use pkic_backend::store::{KeyStore, NewKey, Signer};
use pkic_backend_tpm::{Config, TpmStore, Vouching};
use pkic_evidence::tpm::activation::{EndorsementKey, make_credential};
use pkic_evidence::{Appraisal, Input, appraise};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, KeyKind, PublicKey, Scheme, Sha256Digest};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_vocab::{FactId, Grade, Path, Purpose};
use rcgen::{
    CertificateParams, DnType, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use std::sync::Arc;
use support::Swtpm;

/// 2027-01-15, in seconds since 1970-01-01T00:00:00Z: swtpm's certificates are valid then.
const NOW: i64 = 1_800_000_000;
const NONCE: &[u8] = b"a nonce of exactly 32 octets ...";

/// A certified TPM whose store has an attestation key and an application key.
struct Setting {
    swtpm: Swtpm,
    store: TpmStore,
    signer: Arc<dyn Signer>,
}

impl Setting {
    fn new() -> Setting {
        let swtpm = Swtpm::start_certified();
        let ak = swtpm.store().make_attestation_key("ak").unwrap();
        let store = TpmStore::open(Config { attestation_key: Some(ak), ..swtpm.config() }).unwrap();
        let key = NewKey { label: "app".to_owned(), kind: KeyKind::P256, bits: None };
        let signer = store.signer(&store.generator().unwrap().generate(&key).unwrap()).unwrap();
        Setting { swtpm, store, signer }
    }

    /// The maker's certificates: the root, and the issuer below it.
    fn authority(&self) -> [Vec<u8>; 2] {
        let read = |name: &str| std::fs::read(self.swtpm.folder.join("ca").join(name)).unwrap();
        [read("swtpm-localca-rootca-cert.pem"), read("issuercert.pem")]
    }

    fn anchors(&self) -> AnchorSet {
        let [root, _] = self.authority();
        let certificate = Certificate::all_from_file(&root).unwrap().remove(0);
        let listing = format!(
            "[[anchor]]\nname = \"swtpm-localca\"\nspki = \"{}\"\npurpose = \"simulator\"\n\
             formats = [\"tpm2-certify\", \"tpm2-quote\", \"tpm2-certificate\"]\n",
            certificate.tbs().spki_digest()
        );
        AnchorSet::load(&[AnchorFile { name: "root.pem", bytes: &root }], &listing).unwrap()
    }

    /// The registrar's half and the TPM's, with the endorsement key of that kind: the store that is vouched for, and the
    /// registrar's record.
    fn activated(&self, kind: KeyKind) -> (TpmStore, Activation) {
        let certificates = self.store.endorsement_certificates().unwrap();
        let certificates = certificates.iter().map(|der| Certificate::from_der(der).unwrap());
        let of_kind = |certificate: &Certificate| {
            PublicKey::from_spki(certificate.tbs().spki()).is_ok_and(|key| key.kind == kind)
        };
        let certificate = certificates.into_iter().find(of_kind).expect("the TPM has such a certificate");
        let name = self.store.attestation_key().unwrap().name();
        let ek = EndorsementKey::from_spki(certificate.tbs().spki()).unwrap();
        let (mut secret, mut randomness) = (vec![0; 32], vec![0; ek.randomness_len_bytes()]);
        rand::fill(&mut secret).unwrap();
        rand::fill(&mut randomness).unwrap();
        let credential = make_credential(&ek, &name, &secret, &randomness).unwrap();
        let returned = self.store.activate_credential(certificate.tbs().spki(), &credential).unwrap();
        assert_eq!(returned.expose(), secret);
        let [_, issuer] = self.authority();
        let issuer = Certificate::all_from_file(&issuer).unwrap().remove(0);
        let ek_chain = vec![certificate.raw().to_vec(), issuer.raw().to_vec()];
        let endorsement_key = certificate.tbs().spki_digest();
        let store = self.store.vouched_by(Vouching::Activation { ek_chain, secret: returned });
        (store, Activation { endorsement_key, name, secret })
    }

    fn appraise(
        &self,
        evidence: &[u8],
        request: Option<&[u8]>,
        activation: Option<&Activation>,
    ) -> Appraisal {
        let evidence = Evidence::new("store", &[evidence]).unwrap();
        let request = request.map(|bytes| CertificationRequest::from_bytes(bytes).unwrap());
        let (request, anchors) = (request.as_ref(), &self.anchors());
        appraise(&Input { evidence: &evidence, request, anchors, now: NOW, nonce: Some(NONCE), activation })
    }
}

/// A key of the store, as rcgen signs a request with it.
struct Remote<'a> {
    signer: &'a dyn Signer,
    point: Vec<u8>,
}

impl PublicKeyData for Remote<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Remote<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signer.sign(Scheme::Ecdsa(Hash::Sha256), message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn request_of(signer: &dyn Signer) -> Vec<u8> {
    let point = PublicKey::from_spki(&signer.spki().unwrap()).unwrap().octets.to_vec();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "app");
    params.serialize_request(&Remote { signer, point }).unwrap().der().to_vec()
}

/// A fact's value, which must be attested, by a simulator.
fn attested(appraisal: &Appraisal, path: &str) -> String {
    let fact = appraisal.facts.table().fact(&Path::from(FactId::from_path(path).unwrap())).unwrap();
    assert_eq!((fact.grade, fact.purpose), (Grade::Attested, Purpose::Simulator), "{path}");
    fact.value.to_string().replace('"', "")
}

#[test]
fn a_key_is_certified_by_an_attestation_key_that_the_makers_certificate_vouches_for() {
    let setting = Setting::new();
    let request = request_of(setting.signer.as_ref());
    for kind in [KeyKind::Rsa, KeyKind::P384] {
        let (store, record) = setting.activated(kind);
        let signer = store.signer(setting.signer.uri()).unwrap();
        let evidence = signer.attester().unwrap().evidence(NONCE).unwrap();
        let appraisal = setting.appraise(&evidence, Some(&request), Some(&record));
        assert_eq!(
            (appraisal.format, appraisal.verdict.name()),
            (Some("tpm2-certify"), "verified"),
            "{kind:?}: {:?}",
            appraisal.verdict
        );
        assert_eq!(appraisal.freshness(), Some("nonce"));
        for (path, value) in [
            ("key.storage", "tpm.virtual"),
            ("key.origin", "generated"),
            ("key.export", "never"),
            ("module.vendor", "ibm"),
            ("module.model", "swtpm"),
        ] {
            assert_eq!(attested(&appraisal, path), value, "{path}");
        }
        let stranger = Activation { secret: vec![7; 32], ..record.clone() };
        let appraisal = setting.appraise(&evidence, Some(&request), Some(&stranger));
        assert_eq!(appraisal.verdict.reason().map(|reject| reject.code()), Some("nonce-mismatch"));
        let appraisal = setting.appraise(&evidence, Some(&request), None);
        assert_eq!(appraisal.verdict.name(), "unproven");
    }
}

#[test]
fn registers_are_quoted_with_their_values() {
    let setting = Setting::new();
    let (store, record) = setting.activated(KeyKind::Rsa);
    let all: Vec<u8> = (0..24).collect();
    let boot: Vec<u8> = (0..8).collect();
    for (registers, count) in [(&boot, 8), (&all, 24), (&vec![23, 0], 2)] {
        let evidence = store.quote(registers, NONCE).unwrap();
        let appraisal = setting.appraise(&evidence, None, Some(&record));
        assert_eq!(
            (appraisal.format, appraisal.verdict.name()),
            (Some("tpm2-quote"), "verified"),
            "{:?}",
            appraisal.verdict
        );
        let measured = attested(&appraisal, "platform.measurements");
        assert_eq!(measured.matches("pcr").count(), count, "{measured}");
    }
    assert_eq!(store.quote(&[32], NONCE).unwrap_err().problem, Problem::Configuration);
}

#[test]
fn a_credential_for_another_key_is_not_opened() {
    let setting = Setting::new();
    let other = setting.swtpm.store().make_attestation_key("other").unwrap();
    let (_, record) = setting.activated(KeyKind::Rsa);
    let store = TpmStore::open(Config { attestation_key: Some(other), ..setting.swtpm.config() }).unwrap();
    let certificates = setting.store.endorsement_certificates().unwrap();
    let certificate = Certificate::from_der(&certificates[0]).unwrap();
    let ek = EndorsementKey::from_spki(certificate.tbs().spki()).unwrap();
    let randomness = vec![7; ek.randomness_len_bytes()];
    let credential = make_credential(&ek, &record.name, &record.secret, &randomness).unwrap();
    let error = store.activate_credential(certificate.tbs().spki(), &credential).unwrap_err();
    assert_eq!(error.problem, Problem::Denied, "{error}");
    let no_key = setting.signer.spki().unwrap();
    let error = store.activate_credential(&no_key, &credential).unwrap_err();
    assert_eq!(error.problem, Problem::KeyUnknown, "{error}");
}

/// A key that was enrolled needs nobody to vouch for it, and a key that signs anything attests to nothing.
#[test]
fn an_enrolled_attestation_key_stands_for_itself() {
    let swtpm = Swtpm::start();
    let plain = swtpm.store();
    let key = NewKey { label: "app".to_owned(), kind: KeyKind::P256, bits: None };
    let app = plain.generator().unwrap().generate(&key).unwrap();
    let signer = plain.signer(&app).unwrap();
    assert!(signer.attester().is_none());
    assert_eq!(plain.attestation_key().unwrap_err().problem, Problem::Configuration);
    assert_eq!(plain.endorsement_certificates().unwrap(), Vec::<Vec<u8>>::new(), "no maker certified it");

    let ak = plain.make_attestation_key("ak").unwrap();
    let ak = plain.persist(&ak).unwrap();
    let store = TpmStore::open(Config { attestation_key: Some(ak), ..swtpm.config() }).unwrap();
    let spki = Sha256Digest::of(&store.attestation_key().unwrap().spki());
    let listing = format!("[[key]]\nname = \"enrolled\"\nspki = \"{spki}\"\npurpose = \"test\"\n");
    let anchors = AnchorSet::load(&[], &listing).unwrap();
    let signer = store.signer(&app).unwrap();
    let attester = signer.attester().unwrap();
    let request = CertificationRequest::from_bytes(&request_of(signer.as_ref())).unwrap();
    for (nonce, freshness) in [(NONCE, Some("nonce")), (&b"another"[..], None)] {
        let evidence = Evidence::new("store", &[&attester.evidence(nonce).unwrap()]).unwrap();
        let (request, nonce, activation) = (Some(&request), Some(NONCE), None);
        let input = Input { evidence: &evidence, request, anchors: &anchors, now: NOW, nonce, activation };
        assert_eq!(appraise(&input).freshness(), freshness);
    }
    assert_eq!(attester.evidence(&[0; 65]).unwrap_err().problem, Problem::Configuration);

    let loose = TpmStore::open(Config { attestation_key: Some(app.clone()), ..swtpm.config() }).unwrap();
    let loose = loose.signer(&app).unwrap();
    let error = loose.attester().unwrap().evidence(NONCE).unwrap_err();
    assert_eq!(error.problem, Problem::Configuration, "{error}");
    assert!(error.what.contains("TPMA_OBJECT.restricted is false"), "{error}");
}
