//! Revocation of evidence: what an appraisal says with lists, and Android's status list against the serial numbers of real
//! chains.

use crate::support;

use pkic_evidence::Appraisal;
use pkic_evidence::formats::ANDROID_STATUS_LIST;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::path::{CaBit, KeyPurpose, PathInput, PathProfile, Validity, verify_path};
use pkic_facts::revocation::{Fetched, Revocation, RevocationData};
use pkic_facts::verified::Evidence;
use rcgen::{CertificateRevocationListParams, RevokedCertParams, SerialNumber, date_time_ymd};
use support::synthetic::{Made, Token};
use support::{appraise_with, attested};

/// 2026-01-15T00:00:00Z.
const NOW: i64 = 1_768_435_200;
/// 2026-02-01T00:00:00Z.
const NEXT_UPDATE: i64 = 1_769_904_000;

/// A list of the synthetic root, from 2026-01-01 until 2026-02-01, with the serial numbers that it names.
fn list(made: &Made, named: &[&[u8]]) -> RevocationData {
    let revoked = |serial: &&[u8]| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: date_time_ymd(2026, 1, 5),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 2, 1),
        crl_number: SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: named.iter().map(revoked).collect(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let mut data = RevocationData::default();
    data.add_crls("root.crl", list.signed_by(&made.root).unwrap().der()).unwrap();
    data
}

fn appraised(made: &Made, data: RevocationData, now: i64) -> Appraisal {
    let anchors = made.anchors.clone().with_revocation(data);
    appraise_with(std::slice::from_ref(&made.request), Some(&made.request), &anchors, None, now, None)
}

fn status_list(entries: &str) -> RevocationData {
    let mut data = RevocationData::default();
    let bytes = format!("{{\"entries\":{{{entries}}}}}");
    let (bytes, formats) = (bytes.as_bytes(), ANDROID_STATUS_LIST);
    data.add_status_list(&Fetched { name: "status", bytes, at: NOW, age_s_max: 3600, formats }).unwrap();
    data
}

#[test]
fn what_lists_in_force_say_is_a_fact() {
    let made = Token::default().make();
    let answer = appraised(&made, list(&made, &[]), NOW);
    let good = ("statement".to_owned(), "not-revoked".to_owned());
    assert_eq!(attested(answer.facts.table()).get("evidence.revocation"), Some(&good));
    assert_eq!(answer.facts.not_after(), Some(NEXT_UPDATE));
    for (data, now) in [(RevocationData::default(), NOW), (list(&made, &[]), NEXT_UPDATE + 1)] {
        let answer = appraised(&made, data, now);
        assert_eq!(answer.verdict.name(), "verified");
        assert_eq!(attested(answer.facts.table()).get("evidence.revocation"), None);
        assert_eq!(answer.facts.not_after(), None);
    }
}

#[test]
fn evidence_of_a_revoked_device_is_refused_and_says_nothing() {
    let made = Token::default().make();
    for now in [NOW, NEXT_UPDATE + 1] {
        let answer = appraised(&made, list(&made, &[&[7], &made.device_serial]), now);
        let reject = answer.verdict.reason().unwrap();
        assert_eq!((reject.stage().name(), reject.code()), ("path", "revoked"));
        assert!(attested(answer.facts.table()).is_empty());
    }
}

/// The list names serial numbers alone: those of other vendors are no business of its.
#[test]
fn androids_list_speaks_for_no_other_format() {
    let made = Token::default().make();
    let serial: String = made.device_serial.iter().map(|octet| format!("{octet:02x}")).collect();
    let named = format!("\"{}\":{{\"status\":\"REVOKED\"}}", serial.trim_start_matches('0'));
    let answer = appraised(&made, status_list(&named), NOW);
    assert_eq!(answer.verdict.name(), "verified");
    assert_eq!(attested(answer.facts.table()).get("evidence.revocation"), None);
}

/// How real Android chains are searched here: their links and names. Their format has the rest.
const ANDROID: PathProfile = PathProfile {
    format: "android-key",
    certificates_max: 6,
    ca_bit: CaBit::Ignored,
    key_purpose: KeyPurpose::Any,
    validity: Validity::Ignored,
    critical_known: &[],
    strength: Strength::LegacyTolerated,
};

fn sample(name: &str) -> Option<Vec<u8>> {
    let file = support::samples_folder().map(|folder| folder.join("android-key-attestation").join(name));
    let bytes = file.and_then(|file| std::fs::read(file).ok());
    if bytes.is_none() {
        assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "no {name}");
        eprintln!("skipped: the sample {name} is not here");
    }
    bytes
}

fn android(
    chain: &[Certificate],
    anchors: &AnchorSet,
    data: RevocationData,
) -> Result<Revocation, &'static str> {
    let evidence = Evidence::new("chain", &[chain[0].raw()]).unwrap();
    let anchors = anchors.clone().with_revocation(data);
    let input = PathInput {
        evidence: &evidence,
        leaf: &chain[0],
        carried: &chain[1..],
        anchors: &anchors,
        profile: &ANDROID,
        now: NOW,
    };
    verify_path(&input).map(|path| path.revocation()).map_err(|reject| reject.code())
}

#[test]
fn each_certificate_of_real_android_chains_is_looked_up() {
    let roots = ["google-root-rsa-2022.pem", "google-root-ecdsa-2025.pem"].map(sample);
    let [Some(rsa), Some(ecdsa)] = roots else { return };
    let files = [AnchorFile { name: "rsa", bytes: &rsa }, AnchorFile { name: "ecdsa", bytes: &ecdsa }];
    let anchors = AnchorSet::load(&files, "").unwrap();
    let mut looked_up = 0;
    for name in ["caiman36_SB_EC", "akita34_TEE_EC", "tegu36_SB_EC_newroot", "blueline28_TEE_EC"] {
        let Some(bytes) = sample(&format!("{name}.chain.pem")) else { return };
        let chain = Certificate::all_from_file(&bytes).unwrap();
        assert_eq!(android(&chain, &anchors, RevocationData::default()), Ok(Revocation::Unknown), "{name}");
        assert_eq!(android(&chain, &anchors, status_list("")), Ok(Revocation::Good), "{name}");
        let is_anchor =
            |each: &Certificate| anchors.anchors().iter().any(|anchor| anchor.spki() == each.tbs().spki());
        for certificate in chain.iter().filter(|each| !is_anchor(each)) {
            let serial: String =
                certificate.tbs().serial().iter().map(|octet| format!("{octet:02x}")).collect();
            let serial = serial.trim_start_matches('0');
            for status in ["REVOKED", "SUSPENDED"] {
                let named = status_list(&format!("\"{serial}\":{{\"status\":\"{status}\"}}"));
                assert_eq!(android(&chain, &anchors, named), Err("revoked"), "{name}: {serial}");
            }
            looked_up += 1;
        }
    }
    assert!(looked_up >= 8, "{looked_up}");
}

#[test]
fn the_published_sample_of_a_status_list_reads() {
    let Some(bytes) = sample("status-list-example.json") else { return };
    let mut data = RevocationData::default();
    let fetched =
        Fetched { name: "status", bytes: &bytes, at: NOW, age_s_max: 3600, formats: ANDROID_STATUS_LIST };
    data.add_status_list(&fetched).unwrap();
    assert_eq!(data.lists().count(), 1);
}
