//! Challenges: each thing that a nonce was made for, and each that it was not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pkic_facts::challenge::{Asked, Challenge, EdgeKey, KEY_LEN_BYTES_MIN, Terms};
use pkic_facts::reject::{Reject, Stage};

const NOW: i64 = 1_800_000_000;
const ASKED: Asked<'static> =
    Asked { authority: "acme.ca", profile: "acme.tls", requester: Some("unit-7"), now: NOW };

fn key(octet: u8) -> EdgeKey {
    EdgeKey::new(&[octet; 32]).unwrap()
}

fn terms() -> Terms {
    Terms {
        authority: "acme.ca".to_owned(),
        profile: "acme.tls".to_owned(),
        requester: "unit-7".to_owned(),
        expires: NOW + 600,
    }
}

fn challenge() -> Challenge {
    Challenge::mint(&key(1), [7; 16], terms())
}

fn code(challenge: &Challenge, key: &EdgeKey, asked: &Asked<'_>) -> &'static str {
    match challenge.check(key, asked) {
        Ok(nonce) => {
            assert_eq!(nonce, challenge.nonce);
            "ours"
        }
        Err(reject) => {
            assert_eq!(reject.stage(), Stage::Freshness);
            reject.code()
        }
    }
}

#[test]
fn a_challenge_is_recognised_until_its_end() {
    let challenge = challenge();
    assert_eq!(code(&challenge, &key(1), &ASKED), "ours");
    assert_eq!(code(&challenge, &key(1), &Asked { now: NOW + 600, ..ASKED }), "ours");
    let late = Asked { now: NOW + 601, ..ASKED };
    assert_eq!(
        challenge.check(&key(1), &late),
        Err(Reject::ChallengeExpired { expires: NOW + 600, now: NOW + 601 })
    );
    assert_eq!(&challenge.nonce[..16], [7; 16]);
    assert_ne!(challenge.nonce, Challenge::mint(&key(1), [8; 16], terms()).nonce);
}

#[test]
fn what_it_was_made_for_is_compared_by_name() {
    let answer = |asked: Asked<'_>| challenge().check(&key(1), &asked).map(<[u8]>::to_vec);
    let mismatch = |field, expected: Option<&str>, found: &str| {
        Err(Reject::ChallengeMismatch {
            field,
            expected: expected.map(str::to_owned),
            found: found.to_owned(),
        })
    };
    let authority = answer(Asked { authority: "acme.other", ..ASKED });
    assert_eq!(authority, mismatch("authority", Some("acme.other"), "acme.ca"));
    assert_eq!(
        authority.unwrap_err().to_string(),
        "the challenge is for the authority `acme.ca`, not for `acme.other`"
    );
    assert_eq!(
        answer(Asked { profile: "acme.root", ..ASKED }),
        mismatch("profile", Some("acme.root"), "acme.tls")
    );
    assert_eq!(
        answer(Asked { requester: Some("unit-8"), ..ASKED }),
        mismatch("requester", Some("unit-8"), "unit-7")
    );
    let nobody = answer(Asked { requester: None, ..ASKED });
    assert_eq!(nobody, mismatch("requester", None, "unit-7"));
}

#[test]
fn what_is_not_under_the_tag_is_no_challenge() {
    assert_eq!(code(&challenge(), &key(2), &ASKED), "challenge-forged", "another key");
    let said = |change: fn(&mut Terms)| {
        let mut challenge = challenge();
        change(&mut challenge.terms);
        let terms = challenge.terms.clone();
        let asked = Asked {
            authority: &terms.authority,
            profile: &terms.profile,
            requester: Some(&terms.requester),
            now: NOW,
        };
        code(&challenge, &key(1), &asked)
    };
    assert_eq!(said(|_| ()), "ours");
    assert_eq!(said(|terms| terms.authority = "acme.other".to_owned()), "challenge-forged");
    assert_eq!(said(|terms| terms.profile = "acme.root".to_owned()), "challenge-forged");
    assert_eq!(said(|terms| terms.requester = "unit-8".to_owned()), "challenge-forged");
    assert_eq!(said(|terms| terms.expires += 1), "challenge-forged");
    let moved = |terms: &mut Terms| {
        (terms.authority, terms.profile) = ("acme.caacme".to_owned(), ".tls".to_owned());
    };
    assert_eq!(said(moved), "challenge-forged", "octets that move from one name to the next");
    for bit in 0..challenge().nonce.len() * 8 {
        let mut flipped = challenge();
        flipped.nonce[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(code(&flipped, &key(1), &ASKED), "challenge-forged", "bit {bit}");
    }
}

#[test]
fn short_keys_are_none_and_no_key_is_shown() {
    assert!(EdgeKey::new(&[1; KEY_LEN_BYTES_MIN - 1]).is_none());
    assert!(EdgeKey::new(&[1; KEY_LEN_BYTES_MIN + 1]).is_some());
    assert_eq!(format!("{:?}", key(0x5e)), "EdgeKey");
}
