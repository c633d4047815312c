//! A TPM that attests to the keys of a CA: the deployment names its attestation key, the probe shows the evidence, and a
//! policy that asks for attested keys of authorities takes it.
#![cfg(feature = "tpm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]
#[path = "../../../backends/tpm/tests/support/mod.rs"]
mod support;
mod work;

use pkic_backend::store::{Generator, NewKey};
use pkic_facts::crypto::{KeyKind, Sha256Digest};
use serde_json::Value;
use support::Swtpm;
use work::Work;

const NONCE: &str = "0102030405060708090a0b0c0d0e0f10";
/// What the issuing key has to be, and its own device has to say: the store itself says it at a lower grade.
const STRICT: &str = "
profile strict-key refines issuing-key {
    key.origin == generated
    key.export == never
}
";

/// A lab CA whose issuing key is in a software TPM, with an attestation key beside it that the lab enrolled.
struct Lab {
    work: Work,
    _swtpm: Swtpm,
    deployment: String,
}

impl Lab {
    fn new(name: &str) -> Lab {
        let work = Work::new(&format!("tpm-{name}"));
        let (code, text) = work.pkic("ca init .");
        assert_eq!(code, 0, "{text}");
        let swtpm = Swtpm::start();
        let store = swtpm.store();
        let ak = store.make_attestation_key("ak").unwrap();
        store.generate(&NewKey { label: "issuing".to_owned(), kind: KeyKind::P256, bits: None }).unwrap();
        let config = pkic_backend_tpm::Config { attestation_key: Some(ak), ..swtpm.config() };
        let attesting = pkic_backend_tpm::TpmStore::open(config).unwrap();
        let spki = Sha256Digest::of(&attesting.attestation_key().unwrap().spki());
        std::fs::create_dir_all(work.0.join("anchors")).unwrap();
        let listing = format!("[[key]]\nname = \"enrolled\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
        work.write("anchors/anchors.toml", listing);
        let (tcti, keys) = (swtpm.config().tcti, swtpm.folder.join("keys"));
        let text = std::fs::read_to_string(work.0.join("pkic.toml")).unwrap();
        let text = text.replacen(
            "key = \"file:keys/issuing.pem\"",
            "store = \"tpm\"\nkey = \"tpmkms:name=issuing\"",
            1,
        );
        let store = format!(
            "[inputs]\nanchors = \"anchors\"\n\n[store.tpm]\nkind = \"tpm\"\ndevice = \"{tcti}\"\ndirectory = \"{}\"\nATTESTATION\n\n[log]",
            keys.display()
        );
        let deployment = text.replacen("[log]", &store, 1);
        let lab = Lab { work, _swtpm: swtpm, deployment };
        lab.attested_by("attestation-key = \"tpmkms:name=ak;ak=true\"");
        let (code, text) = lab.work.pkic("ca certify --authority bench.issuing --subject CN=TPM");
        assert_eq!(code, 0, "{text}");
        lab
    }

    fn attested_by(&self, setting: &str) {
        self.work.write("pkic.toml", self.deployment.replace("ATTESTATION", setting));
    }

    fn probe(&self, rest: &str) -> (i32, Value) {
        let (code, text) = self.work.pkic(&format!("store probe tpm --format json {rest}"));
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        (code, json["stores"][0]["keys"][0].clone())
    }
}

#[test]
fn a_probe_shows_the_evidence_of_a_key() {
    let lab = Lab::new("probe");
    let key = format!("--key tpmkms:name=issuing --nonce {NONCE}");
    let (code, found) = lab.probe(&key);
    let evidence = &found["evidence"];
    assert_eq!((code, &found["attests"]), (0, &Value::Bool(true)), "{found:#}");
    assert_eq!((&evidence["format"], &evidence["verdict"]), (&"tpm2-certify".into(), &"verified".into()));
    assert_eq!((&evidence["freshness"], &evidence["nonce"]), (&"nonce".into(), &NONCE.into()), "{found:#}");
    assert_ne!(lab.probe("--key tpmkms:name=issuing").1["evidence"]["nonce"], NONCE);
    let (code, text) = lab.work.pkic("store probe tpm --key tpmkms:name=issuing");
    assert!(code == 0 && text.contains("evidence tpm2-certify, verified, freshness nonce"), "{text}");

    lab.work.write("anchors/anchors.toml", "");
    assert_eq!(lab.probe(&key).1["evidence"]["verdict"], "unproven", "nobody enrolled the attestation key");
    lab.attested_by("");
    let (code, found) = lab.probe(&key);
    assert_eq!((code, &found["attests"], &found["evidence"]), (0, &Value::Bool(false), &Value::Null));
    lab.attested_by("attestation-key = \"tpmkms:name=issuing\"");
    let (code, found) = lab.probe(&key);
    assert_eq!((code, &found["error"]["problem"]), (2, &"configuration".into()), "{found:#}");
    for setting in ["attestation-key = \"file:ak.pem\"", "attestation-key = \"tpmkms\""] {
        lab.attested_by(setting);
        let (code, text) = lab.work.pkic("config check");
        assert!(code == 1 && text.contains("E0606"), "{setting}: {text}");
    }
}

#[test]
fn an_authority_whose_key_must_be_attested_issues_with_an_attestation_key_alone() {
    let lab = Lab::new("issue");
    let work = &lab.work;
    let policy = std::fs::read_to_string(work.0.join("policy.pki")).unwrap();
    let policy = policy.replacen("    certified-as issuing-key\n", "    certified-as strict-key\n", 1);
    work.write("policy.pki", policy + STRICT);
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out s.csr");
    let issue = "issue --profile server --csr s.csr -o s.pem";
    lab.attested_by("");
    let (code, text) = work.pkic(issue);
    assert_eq!((code, work.0.join("s.pem").exists()), (1, false), "{text}");
    assert!(text.contains("the signer's key does not meet"), "{text}");
    lab.attested_by("attestation-key = \"tpmkms:name=ak;ak=true\"");
    let (code, text) = work.pkic(issue);
    assert_eq!(code, 0, "{text}");
    work.openssl("verify -x509_strict -CAfile root.pem -untrusted issuing.pem s.pem");
}
