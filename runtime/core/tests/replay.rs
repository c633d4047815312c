//! Replay of level 2: a key in a recorded TPM gets a certificate, and its record goes back to the evidence, with nothing
//! but the log's folder; whatever of it is changed, swapped or erased is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod bench;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bench::Bench;
use pkic_audit::{LogError, Reader};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::{Fetched, RevocationData};
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_runtime::ca::{Ca, IssueError, Order};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::input::{Given, Speaker};
use pkic_runtime::record::{Intent, KeptNonce, Level, Particulars, Recorded, Replayed, Unkept, replay};
use pkic_runtime::trust::Trusted;
use std::path::Path;

/// What the recording put into `TPM2_CertifyCreation`.
const NONCE: &[u8] = b"pkic-recording-nonce-0001";
const STATUS_LIST: &[u8] = br#"{"entries": {}}"#;
const POLICY: &str = r#"
anchors recorded "The root of a recorded TPM" {
    anchor "swtpm" spki "sha256:09b3289761b740e61d119305c165b7952ce03ccca003b568323040ea1a85184e" purpose simulator
}

/// People whose key is in a virtual TPM.
profile in-tpm {
    role user
    operations [issue]
    issued-by [issuing]
    key.storage in [tpm.virtual]
    request.requester.id != ""
    contents {
        validity <= 30d
        subject.common-name
        subject.organization
        key-usage critical == [digital-signature]
        authority-key-identifier
    }
}
"#;

fn recorded(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../backends/evidence/tests/recorded/swtpm");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn spki_of(name: &str) -> Sha256Digest {
    Certificate::from_der(&recorded(name)).unwrap().tbs().spki_digest()
}

/// The recorded TPM's root under a name, and a list of revocation that is silent about it.
fn trusted(name: &str) -> Trusted {
    let spki = spki_of("ek-root.der");
    let listing = format!("[[anchor]]\nname = \"{name}\"\nspki = \"{spki}\"\npurpose = \"simulator\"\n");
    let file = AnchorFile { name: "ek-root.der", bytes: &recorded("ek-root.der") };
    let mut lists = RevocationData::default();
    let (at, formats) = (bench::NOW, &["android-key"]);
    let list = Fetched { name: "status", bytes: STATUS_LIST, at, age_s_max: bench::DAY, formats };
    lists.add_status_list(&list).unwrap();
    let anchors = AnchorSet::load(&[file], &listing).unwrap().with_revocation(lists);
    Trusted { anchors, ..Trusted::default() }
}

/// A CA that holds the recorded TPM's root, and an order for the key in it.
struct Scene {
    bench: Bench,
    keeps_evidence: bool,
    name: &'static str,
    /// What the profile says beside.
    more: &'static str,
}

impl Scene {
    fn new(keeps_evidence: bool) -> Scene {
        Scene { bench: Bench::new(), keeps_evidence, name: "swtpm", more: "" }
    }

    /// Issues with these parts of evidence beside the recorded statement.
    fn issue(&self, more: &[&[u8]]) -> Result<Shown, IssueError> {
        let (ca, _, issuing) = self.bench.hierarchy();
        drop(ca);
        let policy = POLICY.replace("    contents {", &format!("{}    contents {{", self.more));
        let ca = self.bench.open_with(&policy, trusted(self.name));
        let ca = if self.keeps_evidence { ca.keeping_evidence() } else { ca };
        let csr = CertificationRequest::from_bytes(&recorded("app-ec.csr")).unwrap();
        let mut evidence = vec![Evidence::new("creation-ec.json", &[&recorded("creation-ec.json")]).unwrap()];
        evidence.extend(more.iter().map(|part| Evidence::new("more", &[part]).unwrap()));
        let requester = Given::from_json("r", br#"{"request.requester.id": "jane"}"#, Speaker::Authority);
        let activation = Activation {
            endorsement_key: spki_of("ek-rsa.der"),
            name: recorded("ak-ec.name"),
            secret: recorded("activation-ec.challenge"),
        };
        let issued = ca.issue(
            &issuing,
            &Order {
                evidence: &evidence,
                requester: &requester.unwrap(),
                nonce: Nonce::Remembered(NONCE),
                activation: Some(&activation),
                ..Order::new("bench.in-tpm", "issue", &csr).unwrap()
            },
        )?;
        ca.log().publish().unwrap();
        let reader = Reader::open(&self.bench.log_directory(), self.bench.log_key()).unwrap();
        let entry = reader.entry(issued.index).unwrap().entry;
        let intent: Intent = serde_json::from_slice(&entry.payload).unwrap();
        let digest = Sha256Digest::from_text(&intent.particulars).unwrap();
        let beside = reader.beside(issued.index, &digest).unwrap().unwrap();
        let particulars = serde_json::from_slice(&beside).unwrap();
        let issuer = issuing.certificate().to_vec();
        Ok(Shown { ca, reader, intent, particulars, issuer, index: issued.index })
    }
}

/// What an auditor reads.
struct Shown {
    ca: Ca,
    reader: Reader,
    intent: Intent,
    particulars: Particulars,
    issuer: Vec<u8>,
    index: u64,
}

impl Shown {
    fn replay(&self) -> Result<Replayed, String> {
        let objects = |digest: &Sha256Digest| self.reader.object(digest).map_err(|error| error.to_string());
        replay(&Recorded {
            loaded: self.ca.loaded(),
            intent: &self.intent,
            particulars: Some(&self.particulars),
            issuer: &self.issuer,
            objects: &objects,
            plugins: &[],
        })
    }
}

#[test]
fn an_attested_issuance_replays_from_its_evidence_to_the_same_facts_and_bytes() {
    let scene = Scene::new(true);
    let shown = scene.issue(&[b"no evidence at all"]).unwrap();
    let kept = shown.particulars.kept.clone().unwrap();
    assert_eq!(kept.evidence.len(), 2);
    assert_eq!(kept.nonce, KeptNonce::Expected(STANDARD.encode(NONCE)));
    let replayed = shown.replay().unwrap();
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!((replayed.level, replayed.is_tbs_redrafted), (Level::Evidence, true));
    let storage = shown.intent.decided.facts.rows(None).find(|row| row.path == "key.storage").unwrap();
    assert_eq!((storage.value, storage.grade), ("tpm.virtual".into(), Some("attested".into())));
}

#[test]
fn a_changed_byte_of_evidence_or_another_nonce_or_claim_is_told() {
    let scene = Scene::new(true);
    let mut shown = scene.issue(&[]).unwrap();
    let whole = shown.particulars.clone();
    let text = &mut shown.particulars.kept.as_mut().unwrap().evidence[0].parts[0];
    let mut bytes = STANDARD.decode(&*text).unwrap();
    let last = bytes.iter().rposition(u8::is_ascii_alphanumeric).unwrap();
    bytes[last] ^= 1;
    *text = STANDARD.encode(bytes);
    let told = shown.replay().unwrap().differences;
    assert!(told.iter().any(|each| each.starts_with("evidence: kept is sha256:")), "{told:?}");
    assert!(told.iter().any(|each| each.contains("`key.storage`: appraised is not known")), "{told:?}");
    assert!(told.iter().any(|each| each.contains("the decision is a refusal")), "{told:?}");

    shown.particulars = whole.clone();
    let kept = shown.particulars.kept.as_mut().unwrap();
    kept.nonce = KeptNonce::Expected(STANDARD.encode(b"another"));
    let told = shown.replay().unwrap().differences;
    assert!(told.iter().any(|each| each.contains("key.storage")), "{told:?}");

    shown.particulars = whole;
    let kept = shown.particulars.kept.as_mut().unwrap();
    kept.requester.insert("request.requester.id".into(), "joe".into());
    let told = shown.replay().unwrap().differences;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("`request.requester.id`: appraised is sha256:"), "{told:?}");
}

#[test]
fn another_anchor_set_of_that_day_is_told() {
    let scene = Scene::new(true);
    let mut shown = scene.issue(&[]).unwrap();
    let elsewhere = Scene { name: "another", ..Scene::new(true) };
    let other = elsewhere.issue(&[]).unwrap();
    let day = Sha256Digest::from_text(other.intent.day.as_ref().unwrap()).unwrap();
    let day = other.reader.object(&day).unwrap().unwrap();
    let anchors: serde_json::Value = serde_json::from_slice(&day).unwrap();
    let anchors = Sha256Digest::from_text(anchors["anchors"].as_str().unwrap()).unwrap();
    let anchors = other.reader.object(&anchors).unwrap().unwrap();
    for object in [&day, &anchors] {
        shown.ca.log().put_object(object).unwrap();
    }
    shown.intent.day.clone_from(&other.intent.day);
    let told = shown.replay().unwrap().differences;
    assert!(told.iter().any(|each| each.starts_with("the anchor set: kept is sha256:")), "{told:?}");
}

#[test]
fn what_was_erased_or_is_not_kept_leaves_level_1_and_is_named() {
    let scene = Scene::new(true);
    let shown = scene.issue(&[]).unwrap();
    let day = Sha256Digest::from_text(shown.intent.day.as_ref().unwrap()).unwrap();
    let digits = day.to_string().trim_start_matches("sha256:").to_owned();
    let path = scene.bench.log_directory().join("objects/sha256").join(&digits[..2]).join(&digits[2..]);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
    let error = shown.replay().unwrap_err();
    assert!(error.contains("its bytes have not the digest"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let replayed = shown.replay().unwrap();
    let Level::Facts(Unkept::Input(missing)) = replayed.level else { panic!("{replayed:?}") };
    assert_eq!((missing.what, missing.digest), ("that day's inputs", day.to_string()));
    assert_eq!((replayed.differences.len(), replayed.is_tbs_redrafted), (0, true));

    shown.ca.log().erase_beside(shown.index).unwrap();
    let digest = Sha256Digest::from_text(&shown.intent.particulars).unwrap();
    assert_eq!(shown.reader.beside(shown.index, &digest).unwrap(), None);

    let shown = Scene::new(false).issue(&[]).unwrap();
    assert_eq!(shown.particulars.kept, None, "neither deployment nor policy asks for it");
    assert_eq!(shown.replay().unwrap().level, Level::Facts(Unkept::Evidence));
}

#[test]
fn a_profile_that_obliges_it_has_its_evidence_kept() {
    let scene = Scene { more: "    oblige record(evidence)\n", ..Scene::new(false) };
    assert_eq!(scene.issue(&[]).unwrap().replay().unwrap().level, Level::Evidence);
}

#[test]
fn bytes_beside_a_record_that_were_changed_on_the_disk_are_not_taken_for_erased() {
    let scene = Scene::new(true);
    let shown = scene.issue(&[]).unwrap();
    let path = scene.bench.log_directory().join("beside/000");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|window| window == b"\"kept\"").unwrap();
    bytes[at + 1] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let digest = Sha256Digest::from_text(&shown.intent.particulars).unwrap();
    let error = shown.reader.beside(shown.index, &digest).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[test]
fn evidence_that_the_record_has_no_room_for_is_refused_where_it_is_to_be_kept() {
    let long = vec![0u8; 300 << 10];
    let error = Scene::new(true).issue(&[&long]).err().unwrap();
    assert!(error.to_string().contains("bytes to be kept, the limit is 262144"), "{error}");
    assert!(Scene::new(false).issue(&[&long]).is_ok());
}
