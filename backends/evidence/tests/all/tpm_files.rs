//! The recordings as the separate files that tpm2-tools write, in any order.

use crate::tpm_support;

use pkic_evidence::appraise::{Input, appraise};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use tpm_support::{Case, recorded};

type Answer = (Option<&'static str>, &'static str, &'static str);

/// The answer to these files in the given order, in the opposite one, and with the first two exchanged: one for all.
fn answer(case: &Case, files: &[Vec<u8>]) -> Answer {
    let mut orders = [files.to_vec(), files.to_vec(), files.to_vec()];
    orders[1].reverse();
    orders[2].swap(0, 1);
    let answers = orders.iter().map(|files| {
        let parts: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("files", &parts).unwrap();
        let request =
            (!case.request.is_empty()).then(|| CertificationRequest::from_bytes(&case.request).unwrap());
        let appraisal = appraise(&Input {
            evidence: &evidence,
            request: request.as_ref(),
            anchors: &case.anchors,
            now: case.now,
            nonce: case.nonce.as_deref(),
            activation: case.activation.as_ref(),
        });
        (
            appraisal.format,
            appraisal.verdict.name(),
            appraisal.verdict.reason().map_or("", |reject| reject.code()),
        )
    });
    let answers: Vec<Answer> = answers.collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0]
}

fn members(case: &Case, names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| case.member(name)).collect()
}

fn with_certificates(mut files: Vec<Vec<u8>>, names: &[&str]) -> Vec<Vec<u8>> {
    files.extend(names.iter().map(|name| recorded(name)));
    files
}

const CERTIFICATION: [&str; 3] = ["attest", "signature", "public"];

#[test]
fn files_of_every_kind_verify() {
    for (recording, request, ak) in [
        ("certify-ec", "app-ec", "ak-ec-certificate.der"),
        ("certify-rsa", "app-rsa", "ak-rsa-certificate.der"),
    ] {
        let case = Case::certify(recording, request);
        let files = with_certificates(members(&case, &CERTIFICATION), &[ak]);
        assert_eq!(answer(&case, &files), (Some("tpm2-certify"), "verified", ""), "{recording}");
        let with_ak =
            with_certificates(members(&case, &["attest", "signature", "public", "ak-public"]), &[ak]);
        assert_eq!(answer(&case, &with_ak), (Some("tpm2-certify"), "verified", ""), "{recording}");
    }
    let case = Case::creation();
    let names = ["attest", "signature", "public", "creation-data", "ak-public", "activation-secret"];
    let files = with_certificates(members(&case, &names), &["ek-rsa.der", "ek-issuer.der"]);
    assert_eq!(answer(&case, &files), (Some("tpm2-certify-creation"), "verified", ""));
    let case = Case::quote();
    let files =
        with_certificates(members(&case, &["attest", "signature", "pcr-values"]), &["ak-ec-certificate.der"]);
    assert_eq!(answer(&case, &files), (Some("tpm2-quote"), "verified", ""));
}

#[test]
fn an_enrolled_key_needs_no_certificate() {
    let mut case = Case::certify("certify-ec", "app-ec");
    let files = members(&case, &["attest", "signature", "public", "ak-public"]);
    assert_eq!(answer(&case, &files), (Some("tpm2-certify"), "unproven", "key-not-enrolled"));
    case.enrol();
    assert_eq!(answer(&case, &files), (Some("tpm2-certify"), "verified", ""));
}

#[test]
fn what_is_missing_or_repeated_is_refused() {
    let case = Case::certify("certify-ec", "app-ec");
    let certify = |verdict, code| (Some("tpm2-certify"), verdict, code);
    let good = with_certificates(members(&case, &CERTIFICATION), &["ak-ec-certificate.der"]);
    for at in 1..3 {
        let mut files = good.clone();
        files.remove(at);
        assert_eq!(answer(&case, &files), certify("refused", "field-missing"), "without file {at}");
    }
    for at in 0..4 {
        let mut files = good.clone();
        files.push(good[at].clone());
        assert_eq!(answer(&case, &files), certify("refused", "field-repeated"), "file {at} twice");
    }
    let mut files = good.clone();
    files.extend([b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(answer(&case, &files), certify("refused", "field-repeated"), "two files of unknown content");
    files.truncate(3);
    assert_eq!(answer(&case, &files), certify("refused", "field-missing"), "no attestation key");
}

#[test]
fn files_of_others_do_not_fit() {
    let case = Case::certify("certify-ec", "app-ec");
    let other = Case::certify("certify-rsa", "app-rsa");
    let mut files = with_certificates(members(&case, &CERTIFICATION), &["ak-ec-certificate.der"]);
    files[2] = other.member("public");
    assert_eq!(answer(&case, &files).1, "refused", "a public area of another Name is no certified key's");
    let files = with_certificates(members(&case, &CERTIFICATION), &["ak-ec-certificate-no-eku.der"]);
    assert_eq!(answer(&case, &files), (Some("tpm2-certify"), "refused", "key-purpose"));
    let mut files = with_certificates(members(&case, &CERTIFICATION), &["ak-ec-certificate.der"]);
    *files[1].last_mut().unwrap() ^= 1;
    assert_eq!(answer(&case, &files), (Some("tpm2-certify"), "refused", "signature-invalid"));
}
