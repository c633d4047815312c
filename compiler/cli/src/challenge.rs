//! Challenges as files: `docs/challenge.schema.json`, and the edge key that makes and recognises them.
//!
//! The record of a challenge may pass through the requester's hands: its nonce tells whether anything of it was changed.
use crate::cli::request::ChallengeFiles;
use crate::failure::Failure;
use crate::files;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkic_facts::challenge::{Challenge, EdgeKey, KEY_LEN_BYTES_MIN, NONCE_LEN_BYTES, Terms};
use pkic_runtime::input::InputError;
use pkic_vocab::{Type, Value, limits, time};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the layout.
const VERSION: u32 = 1;
/// Bytes of a record: three names of any length that a fact may have.
const FILE_LEN_BYTES_MAX: usize = 4 * limits::TEXT_LEN_BYTES_MAX;
/// Bytes of a key file: HMAC hashes what is longer than a block anyway.
const KEY_LEN_BYTES_MAX: usize = 1024;

/// The members, each once and no others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    version: u32,
    nonce: String,
    nonce_base64url: String,
    authority: String,
    profile: String,
    requester: String,
    expires: String,
}

/// A challenge that came back, and the key that it is held against.
pub(crate) struct Returned {
    pub(crate) challenge: Challenge,
    pub(crate) key: EdgeKey,
}

/// Reads what came back. No file: no challenge.
pub(crate) fn read(files: &ChallengeFiles) -> Result<Option<Returned>, Failure> {
    let (Some(record), Some(key)) = (&files.challenge, &files.challenge_key) else { return Ok(None) };
    let bytes = files::read_bytes(record, FILE_LEN_BYTES_MAX)?;
    let challenge = decode(&bytes).map_err(|(line, what)| {
        let help = "give the file that `pkic evidence challenge --format json` wrote".to_owned();
        Failure::from(&InputError { input: files::shown(record), line, what, help })
    })?;
    Ok(Some(Returned { challenge, key: self::key(key)? }))
}

/// Reads an edge key: random octets as they are, in a file that its owner alone may read.
pub(crate) fn key(path: &Path) -> Result<EdgeKey, Failure> {
    if files::is_open_to_others(path)? {
        let what = format!("`{}`: others than its owner may read or write this key", files::shown(path));
        return Err(Failure::usage_with_help(
            what,
            "take the leave away with `chmod 600`, or make a new key",
        ));
    }
    EdgeKey::new(&files::read_bytes(path, KEY_LEN_BYTES_MAX)?).ok_or_else(|| {
        let what =
            format!("`{}`: an edge key has {KEY_LEN_BYTES_MIN} random bytes or more", files::shown(path));
        Failure::usage_with_help(what, "make one with `openssl rand -out FILE 32`")
    })
}

/// The record of a challenge.
pub(crate) fn record(challenge: &Challenge) -> impl Serialize {
    Record {
        version: VERSION,
        nonce: hex(&challenge.nonce),
        nonce_base64url: base64url(&challenge.nonce),
        authority: challenge.terms.authority.clone(),
        profile: challenge.terms.profile.clone(),
        requester: challenge.terms.requester.clone(),
        expires: pkic_runtime::report::moment(challenge.terms.expires),
    }
}

/// Octets in hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Octets in base64url without padding.
pub(crate) fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn decode(bytes: &[u8]) -> Result<Challenge, (Option<usize>, String)> {
    let unfit = |what: &str| (None, what.to_owned());
    let record: Record = serde_json::from_slice(bytes)
        .map_err(|error| ((error.line() > 0).then(|| error.line()), error.to_string()))?;
    if record.version != VERSION {
        return Err(unfit("its `version` is not 1"));
    }
    let nonce: [u8; NONCE_LEN_BYTES] = match Value::parse(Type::Bytes, &record.nonce) {
        Ok(Value::Bytes(octets)) => octets.try_into().map_err(|_| unfit("`nonce` is no nonce of ours"))?,
        _ => return Err(unfit("`nonce` is not in hexadecimal digits")),
    };
    if base64url(&nonce) != record.nonce_base64url {
        return Err(unfit("`nonce` and `nonce-base64url` differ"));
    }
    let expires = time::parse_date(&record.expires).ok_or_else(|| unfit("`expires` is no moment"))?;
    let Record { authority, profile, requester, .. } = record;
    Ok(Challenge { nonce, terms: Terms { authority, profile, requester, expires } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        let terms = Terms {
            authority: "acme.ca".to_owned(),
            profile: "acme.tls".to_owned(),
            requester: "unit-7".to_owned(),
            expires: 1_800_000_000,
        };
        Challenge::mint(&EdgeKey::new(&[1; 32]).unwrap(), [7; 16], terms)
    }

    fn changed(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Challenge, String> {
        let mut value = serde_json::to_value(record(&challenge())).unwrap();
        edit(&mut value);
        decode(value.to_string().as_bytes()).map_err(|(_, what)| what)
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(changed(|_| ()), Ok(challenge()));
    }

    #[test]
    fn the_members_are_those_of_the_schema() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/challenge.schema.json")).unwrap();
        let mut required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        required.sort_unstable();
        let value = serde_json::to_value(record(&challenge())).unwrap();
        let mut members: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, required);
        for name in required {
            let what = changed(|value| drop(value.as_object_mut().unwrap().remove(name))).unwrap_err();
            assert!(what.contains(&format!("missing field `{name}`")), "{what}");
        }
    }

    #[test]
    fn each_member_has_its_form() {
        for (member, value, says) in [
            ("version", 2.into(), "`version` is not 1"),
            ("nonce", "00".into(), "`nonce` is no nonce"),
            ("nonce", "zz".into(), "`nonce` is not in hexadecimal"),
            ("nonce", "00".repeat(32).into(), "differ"),
            ("nonce-base64url", "AAAA".into(), "differ"),
            ("expires", "soon".into(), "`expires` is no moment"),
            ("note", "mine".into(), "unknown field `note`"),
        ] {
            let what = changed(|record| record[member] = value).unwrap_err();
            assert!(what.contains(says), "{member}: {what}");
        }
    }
}
