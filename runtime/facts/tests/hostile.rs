//! Any bytes are answered by the readers of requests, certificates, anchors, lists and envelopes, in bounded time on a small
//! stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
#[path = "../../../lang/syntax/tests/nasty/mod.rs"]
mod nasty;
mod support;

use nasty::{
    Nasty, SIZE, answers, cbor, der, element, filled, json, nested, noise, numbered, pem, pem_block,
};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{Expected, Kind, open, peek};
use pkic_facts::facts::Facts;
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::{Fetched, RevocationData};
use pkic_vocab::limits;
use std::sync::OnceLock;

fn named(inputs: Vec<(&str, Vec<u8>)>) -> Vec<Nasty> {
    inputs.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

#[test]
fn any_request_is_answered() {
    let read = |bytes: &[u8]| {
        if let Ok(request) = CertificationRequest::from_bytes(bytes) {
            let _ = (Facts::of_request(&request), request.carries_nonce(b"nonce"));
        }
    };
    for len in [limits::CSR_LEN_BYTES_MAX, SIZE] {
        let label = "CERTIFICATE REQUEST";
        answers("request", noise(len).into_iter().chain(der(len)).chain(pem(label, len)), read);
    }
    answers("large request", large_requests(), |bytes| {
        let request = CertificationRequest::from_bytes(bytes).unwrap();
        assert!(!request.is_possession_proven());
        Facts::of_request(&request).unwrap();
    });
}

const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
const RSA_SHA256: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11, 5, 0];

fn rsa_key(modulus_len: usize, exponent_len: usize) -> Vec<u8> {
    let number = |len: usize| element(2, &filled([0x7f], [0xff], len));
    let key = element(0x30, &[number(modulus_len), number(exponent_len)].concat());
    element(0x30, &[RSA, &element(3, &[vec![0], key].concat())].concat())
}

/// A name of as many parts as fit.
fn name(len: usize) -> Vec<u8> {
    let attribute = element(0x30, b"\x06\x03\x55\x04\x03\x0c\x01a");
    element(0x30, &filled([], element(0x31, &attribute), len))
}

/// `count` extensions whose object identifiers differ.
fn extensions(count: usize) -> Vec<u8> {
    let each = (0..count).map(|index| {
        let oid = element(
            6,
            &[0x2a, 0x80 | (index >> 14) as u8 | 0x40, 0x80 | (index >> 7) as u8, index as u8 & 0x7f],
        );
        element(0x30, &[oid, element(4, &[])].concat())
    });
    element(0x30, &each.collect::<Vec<_>>().concat())
}

fn request(subject: &[u8], spki: &[u8], attributes: &[u8], signature_len: usize) -> Vec<u8> {
    let info = element(0x30, &[&[2, 1, 0][..], subject, spki, &element(0xa0, attributes)].concat());
    element(0x30, &[&info[..], RSA_SHA256, &element(3, &vec![0; signature_len])].concat())
}

fn large_requests() -> Vec<Nasty> {
    let max = limits::CSR_LEN_BYTES_MAX - 1_000;
    let small = rsa_key(256, 3);
    let attributes: Vec<u8> = (0..64)
        .flat_map(|index| {
            let values = element(0x31, &filled([], element(4, &[0; 50]), 52 * 60));
            element(0x30, &[&element(6, &[0x2a, index])[..], &values].concat())
        })
        .collect();
    let oid = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e";
    let asked = element(0x30, &[&oid[..], &element(0x31, &extensions(64))].concat());
    named(vec![
        ("a name of many parts", request(&name(max - small.len()), &small, &[], 257)),
        ("a long modulus", request(&name(20), &rsa_key(max, 3), &[], max / 1_000)),
        ("a long exponent", request(&name(20), &rsa_key(256, max - 300), &[], 257)),
        ("a modulus as long as verified", request(&name(20), &rsa_key(1_024, 1_024), &[], 1_025)),
        ("a long signature", request(&name(20), &small, &[], max - 400)),
        ("many attributes of many values", request(&name(20), &small, &attributes, 257)),
        ("many extensions", request(&name(20), &small, &asked, 257)),
    ])
}

/// A certificate that no key signed. The RSA signature is looked at all the same where it is its own issuer.
fn certificate(subject: &[u8], serial: u32, extensions: &[u8]) -> Vec<u8> {
    let validity =
        element(0x30, &[element(0x17, b"200101000000Z"), element(0x17, b"400101000000Z")].concat());
    let serial = element(2, &[&[1][..], &serial.to_be_bytes()].concat());
    let extensions = element(0xa3, extensions);
    let spki = rsa_key(256, 3);
    let version = [0xa0, 3, 2, 1, 2];
    let parts = [&version[..], &serial, RSA_SHA256, subject, &validity, subject, &spki, &extensions];
    element(0x30, &[&element(0x30, &parts.concat())[..], RSA_SHA256, &element(3, &[0; 257])].concat())
}

#[test]
fn any_certificate_file_is_answered() {
    let read = |bytes: &[u8]| {
        let _ = Certificate::from_der(bytes);
        for certificate in Certificate::all_from_file(bytes).unwrap_or_default() {
            let tbs = certificate.tbs();
            let _ = (certificate.encoding(), tbs.key_purposes(), tbs.path_length(), tbs.is_authority());
        }
        let _ = AnchorSet::load(&[AnchorFile { name: "a.pem", bytes }], "");
    };
    for len in [limits::CERTIFICATE_LEN_BYTES_MAX, SIZE] {
        let inputs = noise(len).into_iter().chain(der(len)).chain(pem("CERTIFICATE", len));
        answers("certificate file", inputs, read);
    }
    let largest = certificate(&name(1_000), 0, &extensions(6_000));
    assert!((60_000..limits::CERTIFICATE_LEN_BYTES_MAX).contains(&largest.len()), "{}", largest.len());
    let long_name = certificate(&name(32_000), 0, &extensions(1));
    let small =
        |serial: usize| pem_block("CERTIFICATE", &certificate(&name(13), serial as u32, &extensions(1)));
    let signed = support::root(support::authority("root")).certificate;
    let root = pem_block("CERTIFICATE", signed.raw());
    let fit = |block: &str| SIZE.min(block.len() * limits::PATH_CANDIDATES_MAX);
    let inputs = named(vec![
        ("many extensions", largest.clone()),
        ("many extensions, many times", filled([], pem_block("CERTIFICATE", &largest), SIZE)),
        ("a long name", long_name.clone()),
        ("a long name, many times", filled([], pem_block("CERTIFICATE", &long_name), SIZE)),
        ("many certificates", numbered("", small, "", fit(&small(0))).into_bytes()),
        ("one root, many times", filled([], &root, fit(&root))),
    ]);
    for (name, bytes) in &inputs {
        Certificate::all_from_file(bytes).unwrap_or_else(|reject| panic!("{name}: {reject}"));
    }
    answers("large certificate file", inputs, read);
}

fn listings() -> Vec<Nasty> {
    let entry = |kind: &str, index: usize| {
        format!("[[{kind}]]\nname=\"\"\nspki=\"sha256:{index:064x}\"\npurpose=\"test\"\n")
    };
    let formats = "\"webauthn-tpm\",";
    let text = |text: String| text.into_bytes();
    named(vec![
        ("keys", text(numbered("", |index| entry("key", index), "", SIZE))),
        ("anchors", text(numbered("", |index| entry("anchor", index), "", SIZE))),
        ("the last key twice", text(numbered("", |index| entry("key", index), &entry("key", 3), SIZE))),
        (
            "formats",
            text(numbered(
                "[[key]]\nname=\"\"\nspki=\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\npurpose=\"test\"\nformats=[",
                |_| formats.to_owned(),
                "]\n",
                SIZE,
            )),
        ),
        ("nested arrays", nested("a=[", "", "]", 1).into_iter().chain(filled([], "[", SIZE - 10)).collect()),
        ("closed arrays", [b"a=".to_vec(), nested("[", "", "]", SIZE / 2 - 10)].concat()),
        ("inline tables", filled([], "a={", SIZE)),
        ("closed inline tables", [b"a=".to_vec(), nested("{a=", "0", "}", SIZE / 5)].concat()),
        ("a dotted name", filled("a", ".a", SIZE - 3).into_iter().chain(*b"=1\n").collect()),
        ("a dotted name in a table", filled("[a", ".a", SIZE - 3).into_iter().chain(*b"]\n").collect()),
        (
            "a dotted name in an inline table",
            filled("a={a", ".a", SIZE - 5).into_iter().chain(*b"=1}\n").collect(),
        ),
        ("dotted names", text(numbered("", |index| format!("a.b{index}.c=1\n"), "", SIZE))),
        (
            "dotted names of 80",
            text(numbered("", |index| format!("{}b{index}=1\n", "a.".repeat(79)), "", SIZE)),
        ),
        ("names", text(numbered("", |index| format!("b{index}=1\n"), "", SIZE))),
        ("one name over and over", filled([], "a=1\n", SIZE)),
        ("tables", text(numbered("", |index| format!("[b{index}]\n"), "", SIZE))),
        ("tables of 80", text(numbered("", |index| format!("[{}b{index}]\n", "a.".repeat(79)), "", SIZE))),
        ("array tables", filled([], "[[a]]\n", SIZE)),
        ("array tables in array tables", text(numbered("", |_| "[[a]]\n[[a.b]]\n".to_owned(), "", SIZE))),
        ("anchors without anything", filled([], "[[anchor]]\n", SIZE)),
        ("open strings", filled("a=", "\"", SIZE)),
        ("open long strings", filled("a=\"\"\"", "a\n", SIZE)),
        (
            "a long string",
            [b"[[key]]\nname=\"".to_vec(), filled([], "a", SIZE - 20), b"\"\n".to_vec()].concat(),
        ),
        (
            "a long digest",
            [
                b"[[key]]\nname=\"\"\npurpose=\"test\"\nspki=\"".to_vec(),
                filled([], "0", SIZE - 50),
                b"\"\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "a long purpose",
            [
                b"[[key]]\nname=\"\"\nspki=\"\"\npurpose=\"".to_vec(),
                filled([], "0", SIZE - 50),
                b"\"\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "escapes",
            [b"[[key]]\nname=\"".to_vec(), filled([], "\\u0000", SIZE - 20), b"\"\n".to_vec()].concat(),
        ),
        (
            "bad escapes",
            [b"[[key]]\nname=\"".to_vec(), filled([], "\\q", SIZE - 20), b"\"\n".to_vec()].concat(),
        ),
        ("comments", filled([], "# a\n", SIZE)),
        ("digits", filled("a=", "9", SIZE)),
        ("dates", filled([], "a=2027-01-01T00:00:00Z\n", SIZE)),
        ("equals", filled([], "=", SIZE)),
        ("lines that are wrong", filled([], "?\n", SIZE)),
        ("commas", filled("a=[", ",", SIZE)),
        ("quoted names", filled([], "\"a\"", SIZE)),
    ])
}

#[test]
fn any_anchor_listing_is_answered() {
    static ROOT: OnceLock<Vec<u8>> = OnceLock::new();
    ROOT.get_or_init(|| support::root(support::authority("root")).certificate.raw().to_vec());
    answers("anchors.toml", noise(SIZE).into_iter().chain(listings()), |bytes| {
        let listing = String::from_utf8_lossy(bytes);
        let listing = nasty::cut(listing.into_owned(), SIZE);
        let _ = AnchorSet::load(&[AnchorFile { name: "root.der", bytes: ROOT.get().unwrap() }], &listing);
        if let Ok(set) = AnchorSet::load(&[], &listing) {
            let _ = set.digest();
        }
    });
}

/// A folder of as many certificates as may be in it, and of more.
#[test]
fn any_anchor_folder_is_answered() {
    let read = |bytes: &[u8]| {
        let count = usize::from_be_bytes(bytes.try_into().unwrap());
        let certificates: Vec<Vec<u8>> =
            (0..count).map(|serial| certificate(&name(13), serial as u32, &extensions(1))).collect();
        let files: Vec<AnchorFile<'_>> =
            certificates.iter().map(|bytes| AnchorFile { name: "a.der", bytes }).collect();
        let read = AnchorSet::load(&files, "");
        assert_eq!(read.is_ok(), files.len() <= limits::PATH_CANDIDATES_MAX, "{}", files.len());
    };
    let folders = [limits::PATH_CANDIDATES_MAX, limits::PATH_CANDIDATES_MAX + 1];
    let folders = folders.map(|count| (format!("{count} certificates"), count.to_be_bytes().to_vec()));
    answers("anchor folder", folders, read);
}

#[test]
fn any_revocation_list_is_answered() {
    let read = |bytes: &[u8]| {
        let mut data = RevocationData::default();
        let _ = data.add_crls("a.crl", bytes);
        let _ = data.digest();
    };
    answers("CRL", noise(SIZE).into_iter().chain(der(SIZE)).chain(pem("X509 CRL", SIZE)), read);
    // Entries in falling order, each with as many extensions as it may have.
    let entry = |index: u32, extensions: &[u8]| {
        let serial = element(2, &(u32::MAX / 2 - index).to_be_bytes());
        element(0x30, &[&serial[..], &element(0x17, b"260105000000Z"), extensions].concat())
    };
    let list = |entries: &[u8]| {
        let (from, until) = (element(0x17, b"260101000000Z"), element(0x17, b"260201000000Z"));
        let tbs = [&[2, 1, 1][..], RSA_SHA256, &name(1), &from, &until, &element(0x30, entries)].concat();
        element(0x30, &[&element(0x30, &tbs)[..], RSA_SHA256, &element(3, &[0; 257])].concat())
    };
    let many = |extensions: &[u8]| {
        let len = entry(0, extensions).len();
        let count = (SIZE - 1_000) / len;
        list(&(0..count).flat_map(|index| entry(index as u32, extensions)).collect::<Vec<_>>())
    };
    assert!(RevocationData::default().add_crls("a.crl", &many(&[])).is_ok());
    let inputs = named(vec![
        ("many entries", many(&[])),
        ("many entries with extensions", many(&extensions(32))),
        ("many lists", filled([], pem_block("X509 CRL", &list(&[])), SIZE)),
    ]);
    answers("CRL", inputs, read);
}

#[test]
fn any_status_list_is_answered() {
    let read = |bytes: &[u8]| {
        let fetched = Fetched { name: "a", bytes, at: 0, age_s_max: 1, formats: &["android-key"] };
        let _ = RevocationData::default().add_status_list(&fetched);
    };
    let entry = |serial: String| format!("\"{serial}\":{{\"status\":\"REVOKED\"}},");
    let whole = |entries: String| {
        format!("{{\"entries\":{{{entries}\"1\":{{\"status\":\"SUSPENDED\"}}}}}}").into_bytes()
    };
    let long = |index: usize| entry(format!("1{index:048}"));
    let inputs = named(vec![
        ("many numbers", whole(numbered("", |index| entry(format!("a{index:x}")), "", SIZE - 100))),
        ("many long decimals", whole(numbered("", long, "", SIZE - 100))),
        ("one number over and over", whole(numbered("", |_| entry("a".to_owned()), "", SIZE - 100))),
    ]);
    answers("status list", noise(SIZE).into_iter().chain(json(SIZE)).chain(inputs), read);
}

/// An envelope of these parts, each already CBOR.
fn envelope(protected: &[u8], unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[0x84], &string(protected)[..], unprotected, &string(payload), &[0x40]].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x5a], &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Headers whose countersignature has a protected header whose countersignature …
fn countersigned(levels: usize) -> Vec<u8> {
    let mut header = vec![0xa0];
    for _ in 0..levels {
        header = [&[0xa1, 7, 0x83][..], &string(&header), &[0xa0, 0x40]].concat();
    }
    header
}

#[test]
fn any_envelope_is_answered() {
    let read = |bytes: &[u8]| {
        let signers = [Sha256Digest::of(b"key")];
        let expected = Expected { kind: Kind::Bundle, name: "a", signers: &signers, last_seen: None, now: 0 };
        assert!(open(bytes, &expected).is_err());
        let _ = peek(bytes);
    };
    let mut inside = Vec::new();
    for (name, bytes) in cbor(SIZE / 16) {
        inside.push((format!("{name} in the protected header"), envelope(&bytes, &[0xa0], &[])));
        inside.push((format!("{name} as the unprotected header"), envelope(&[0xa0], &bytes, &[])));
        inside.push((
            format!("{name} in a header"),
            envelope(&[&[0xa1, 24][..], &bytes].concat(), &[0xa0], &[]),
        ));
        let signed = [&[0xa2, 1, 0x27, 0x3a, 0, 1, 0x11, 0x70][..], &string(b"key")].concat();
        inside.push((format!("{name} in the payload"), envelope(&signed, &[0xa0], &bytes)));
    }
    for levels in [10, 100, 1_000, 10_000] {
        inside.push((format!("{levels} countersignatures"), envelope(&countersigned(levels), &[0xa0], &[])));
        let header = countersigned(levels);
        inside.push((format!("{levels} countersignatures outside"), envelope(&[0xa0], &header, &[])));
    }
    let labels = |part: fn(u32) -> Vec<u8>| {
        let parts: Vec<Vec<u8>> = (0..100_000).map(part).collect();
        [&[0xba, 0, 1, 0x86, 0xa0][..], &parts.concat()].concat()
    };
    let many = labels(|index| [&[0x1a], &(index + 1_000).to_be_bytes()[..], &[0]].concat());
    inside.push(("many labels".to_owned(), envelope(&many, &[0xa0], &[])));
    inside.push(("many labels outside".to_owned(), envelope(&[0xa0], &many, &[])));
    let same = labels(|_| vec![0x18, 99, 0]);
    inside.push(("one label over and over".to_owned(), envelope(&same, &[0xa0], &[])));
    answers("envelope", noise(SIZE).into_iter().chain(cbor(SIZE)).chain(inside), read);
}
