//! The nonce that evidence must answer: remembered by the caller, or a challenge that comes back with the request.
use crate::appraise::Known;
use crate::input::InputError;
use pkic_facts::challenge::{Asked, Challenge, EdgeKey, Terms};
use pkic_facts::reject::Reject;
use pkic_vocab::Value;

/// What was given out for a request.
#[derive(Debug, Clone, Copy)]
pub enum Nonce<'a> {
    /// Nothing.
    None,
    /// A nonce that the caller remembers to have given out for this very request.
    Remembered(&'a [u8]),
    /// A challenge as the requester brings it, and our key that it is held against. That it comes for the first time is
    /// the caller's to see.
    Challenge(&'a Challenge, &'a EdgeKey),
}

/// The nonce that evidence must answer, or why what came as a challenge is none of ours for this request.
pub(crate) type Expected<'a> = Result<Option<&'a [u8]>, Reject>;

impl<'a> Nonce<'a> {
    /// Holds a challenge against what is asked: authority, profile, and the requester whom the caller vouches for.
    pub(crate) fn expected(self, known: &Known<'a>) -> Result<Expected<'a>, InputError> {
        let (challenge, key) = match self {
            Nonce::None => return Ok(Ok(None)),
            Nonce::Remembered(nonce) => return Ok(Ok(Some(nonce))),
            Nonce::Challenge(challenge, key) => (challenge, key),
        };
        let authority = known.authority.ok_or_else(|| {
            let what = "a challenge is for one authority, and none is named";
            InputError::new("challenge", what, "name the authority that would sign")
        })?;
        let mut requester = None;
        for (path, value) in known.requester.entries() {
            if let ("request.requester.id", Value::Text(id) | Value::Name(id)) = (*path, value) {
                requester = Some(id.as_str());
            }
        }
        let asked = Asked { authority, profile: known.profile, requester, now: known.now };
        Ok(challenge.check(key, &asked).map(Some))
    }

    /// What a challenge is for.
    pub(crate) fn terms(self) -> Option<&'a Terms> {
        match self {
            Nonce::Challenge(challenge, _) => Some(&challenge.terms),
            Nonce::None | Nonce::Remembered(_) => None,
        }
    }
}
