//! Signatures that aws-lc-rs does not check: DSA and HSS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::result_large_err, reason = "the error type is that of the checks")]

use pkic_facts::crypto::{Scheme, Strength, verify_signature};
use pkic_facts::reject::Reject;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Vector {
    key: String,
    message: String,
    signature: String,
}

/// A key as a subjectPublicKeyInfo, a message and its signature.
fn vector(name: &str) -> [Vec<u8>; 3] {
    let vectors: BTreeMap<String, Vector> = toml::from_str(include_str!("vectors/rare.toml")).unwrap();
    let Vector { key, message, signature } = &vectors[name];
    [key, message, signature].map(|digits| {
        let octets =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        octets.collect()
    })
}

fn verify(scheme: Scheme, [key, message, signature]: &[Vec<u8>; 3]) -> Result<(), Reject> {
    verify_signature(key, scheme, Strength::Current, message, signature)
}

/// A good one verifies; with any octet of it changed, and cut anywhere, it does not.
fn check(scheme: Scheme, good: &[Vec<u8>; 3], step: usize) {
    assert_eq!(verify(scheme, good), Ok(()), "{}", scheme.name());
    for part in 0..3 {
        for at in (0..good[part].len()).step_by(if part == 1 { 1 } else { step }) {
            let mut changed = good.clone();
            changed[part][at] ^= 1;
            assert!(verify(scheme, &changed).is_err(), "{} part {part} at {at}", scheme.name());
            changed[part].truncate(at);
            assert!(verify(scheme, &changed).is_err(), "{} part {part} cut at {at}", scheme.name());
        }
    }
    let other = if scheme == Scheme::DsaSha256 { Scheme::HssLms } else { Scheme::DsaSha256 };
    assert_eq!(verify(other, good).unwrap_err().code(), "algorithm-key-mismatch");
}

#[test]
fn dsa() {
    check(Scheme::DsaSha256, &vector("dsa-3072"), 97);
    check(Scheme::DsaSha256, &vector("dsa-2048"), 97);
    let short = verify(Scheme::DsaSha256, &vector("dsa-1024")).unwrap_err();
    assert_eq!(short.code(), "signature-invalid", "1024 bits do not do");
}

/// A signature of zeros, and one of numbers as large as q, are none.
#[test]
fn dsa_refuses_numbers_out_of_range() {
    let [key, message, _] = vector("dsa-3072");
    let of = |r: &[u8], s: &[u8]| {
        let integer = |octets: &[u8]| [&[2, u8::try_from(octets.len()).unwrap()][..], octets].concat();
        let body = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
    };
    let large = [&[0][..], &[0xff; 32]].concat();
    for signature in [
        of(&[0], &[0]),
        of(&[0], &[1]),
        of(&[1], &[0]),
        of(&[1], &[1]),
        of(&large, &large),
        of(&[0xff], &[1]),
    ] {
        assert!(verify(Scheme::DsaSha256, &[key.clone(), message.clone(), signature]).is_err());
    }
}

#[test]
fn hss() {
    let [key, message, signature] = vector("hss");
    for is_wrapped in [false, true] {
        // RFC 9708 has the key bare, RFC 8708 in an OCTET STRING.
        let octets = if is_wrapped { [&[4, 60][..], &key].concat() } else { key.clone() };
        let oid = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x11";
        let bits = [&[3, u8::try_from(octets.len() + 1).unwrap(), 0][..], &octets].concat();
        let body = [&[0x30, 13][..], oid, &bits].concat();
        let spki = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
        check(Scheme::HssLms, &[spki, message.clone(), signature.clone()], if is_wrapped { 211 } else { 13 });
    }
}
