//! Challenges: nonces that the edge of a CA gives out, and recognises again without having remembered them (design D18).
//!
//! A nonce is random octets and a tag over them and over what the challenge is for: authority, profile, requester and
//! end, under a key that the edge alone has. What it is for comes back beside it and is believed as far as the tag goes.
//! So a nonce that was given out for one purpose answers no other one. That it is spent once is not said here: it holds
//! until its end, and whoever keeps the log sees whether it came before.
use crate::reject::Reject;
use aws_lc_rs::{constant_time, hmac};

/// The shortest edge key: as long as the digest of its HMAC. Source: RFC 2104 section 3.
pub const KEY_LEN_BYTES_MIN: usize = 32;
/// Random octets of a nonce.
pub const RANDOM_LEN_BYTES: usize = 16;
/// Octets of the tag: half of the digest, the least that RFC 2104 section 5 advises. The nonce is no longer than a TPM
/// takes that knows SHA-256 alone.
const TAG_LEN_BYTES: usize = 16;
/// Octets of a nonce.
pub const NONCE_LEN_BYTES: usize = RANDOM_LEN_BYTES + TAG_LEN_BYTES;

/// What the tag is over, first of all, so that the key makes no such tag for another purpose.
const CONTEXT: &[u8] = b"pkic challenge 1";

/// The edge's key.
pub struct EdgeKey(hmac::Key);

impl EdgeKey {
    /// Takes a key of random octets; nothing where there are fewer than [`KEY_LEN_BYTES_MIN`].
    pub fn new(octets: &[u8]) -> Option<EdgeKey> {
        (octets.len() >= KEY_LEN_BYTES_MIN).then(|| EdgeKey(hmac::Key::new(hmac::HMAC_SHA256, octets)))
    }
}

impl std::fmt::Debug for EdgeKey {
    /// Shows nothing of the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EdgeKey")
    }
}

/// What a challenge is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Qualified name of the authority.
    pub authority: String,
    /// Qualified name of the profile.
    pub profile: String,
    /// Whoever is to answer: `request.requester.id`.
    pub requester: String,
    /// The last moment at which an answer counts, in seconds since 1970-01-01T00:00:00Z.
    pub expires: i64,
}

/// A nonce with what it is said to be for. Having it proves nothing: [`Challenge::check`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The nonce.
    pub nonce: [u8; NONCE_LEN_BYTES],
    /// What it is said to be for.
    pub terms: Terms,
}

/// What is asked for where a challenge comes back.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Qualified name of the authority that would sign.
    pub authority: &'a str,
    /// Qualified name of the profile.
    pub profile: &'a str,
    /// The requester, where it is known.
    pub requester: Option<&'a str>,
    /// The time of the check, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

impl Challenge {
    /// Makes a challenge. The random octets are fresh, and of a source that nobody can guess.
    pub fn mint(key: &EdgeKey, random: [u8; RANDOM_LEN_BYTES], terms: Terms) -> Challenge {
        let tag = tag(key, &random, &terms);
        let mut nonce = [0; NONCE_LEN_BYTES];
        let octets = random.iter().chain(tag.as_ref());
        nonce.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        Challenge { nonce, terms }
    }

    /// The nonce that evidence must answer, once the challenge is seen to be ours, for what is asked, and in time.
    ///
    /// # Errors
    /// [`Reject::ChallengeForged`] where another key made it, or it is said to be for something else than it was made
    /// for; [`Reject::ChallengeMismatch`] where it was made for another authority, profile or requester;
    /// [`Reject::ChallengeExpired`].
    pub fn check(&self, key: &EdgeKey, asked: &Asked<'_>) -> Result<&[u8], Reject> {
        let (random, found) = self.nonce.split_at(RANDOM_LEN_BYTES);
        let tag = tag(key, random, &self.terms);
        let expected = tag.as_ref().get(..TAG_LEN_BYTES).unwrap_or_default();
        if constant_time::verify_slices_are_equal(expected, found).is_err() {
            return Err(Reject::ChallengeForged);
        }
        let Terms { authority, profile, requester, expires } = &self.terms;
        for (field, expected, found) in [
            ("authority", Some(asked.authority), authority),
            ("profile", Some(asked.profile), profile),
            ("requester", asked.requester, requester),
        ] {
            if expected != Some(found.as_str()) {
                let (expected, found) = (expected.map(str::to_owned), found.clone());
                return Err(Reject::ChallengeMismatch { field, expected, found });
            }
        }
        if asked.now > *expires {
            return Err(Reject::ChallengeExpired { expires: *expires, now: asked.now });
        }
        Ok(&self.nonce)
    }
}

/// Each text with its length before it, so that none can give octets to the next.
fn tag(key: &EdgeKey, random: &[u8], terms: &Terms) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&key.0);
    context.update(CONTEXT);
    context.update(random);
    for text in [&terms.authority, &terms.profile, &terms.requester] {
        context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(text.as_bytes());
    }
    context.update(&terms.expires.to_be_bytes());
    context.sign()
}
