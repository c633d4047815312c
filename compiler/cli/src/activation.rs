//! The registrar's record of a TPM credential, as a file: `docs/activation.schema.json`.
//!
//! It says which secret was encrypted, to which endorsement key, for which attestation key. It proves something only
//! as long as requesters can neither read nor write it, so it is never a part of the evidence.
use crate::failure::Failure;
use crate::files;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::verified::activation::{Activation, SECRET_LEN_BYTES_MIN};
use pkic_runtime::input::InputError;
use pkic_vocab::{Type, Value};
use serde::Deserialize;
use std::path::Path;

/// The version of the layout.
const VERSION: u64 = 1;
/// Bytes of a file: a record has below 400.
const FILE_LEN_BYTES_MAX: usize = 4096;
/// Bytes of a secret: what TPM2B_DIGEST holds at most, a digest of SHA-512.
const SECRET_LEN_BYTES_MAX: usize = 64;
/// Identifiers of the Name algorithms, each with the bytes of its Name. Source: TPM 2.0 Library part 1, section 16.
const NAME_ALGORITHMS: [([u8; 2], usize); 3] = [([0x00, 0x0b], 34), ([0x00, 0x0c], 50), ([0x00, 0x0d], 66)];

/// The members, each once and no others. Their types are checked by hand: a message of serde would show the secret.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    version: serde_json::Value,
    endorsement_key: serde_json::Value,
    name: serde_json::Value,
    secret: serde_json::Value,
}

/// Reads the record in a file. No file: no credential was made.
pub(crate) fn read(path: Option<&Path>) -> Result<Option<Activation>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let bytes = files::read_bytes(path, FILE_LEN_BYTES_MAX)?;
    decode(&bytes).map(Some).map_err(|unfit| {
        let Unfit { line, what, help } = unfit;
        Failure::from(&InputError { input: files::shown(path), line, what, help: help.to_owned() })
    })
}

/// What is wrong with a record.
#[derive(Debug)]
struct Unfit {
    line: Option<usize>,
    what: String,
    help: &'static str,
}

impl Unfit {
    fn new(what: impl Into<String>, help: &'static str) -> Unfit {
        Unfit { line: None, what: what.into(), help }
    }
}

fn decode(bytes: &[u8]) -> Result<Activation, Unfit> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| Unfit {
        line: (error.line() > 0).then(|| error.line()),
        what: error.to_string(),
        help: "write one JSON object with `version`, `endorsement-key`, `name` and `secret`",
    })?;
    if record.version.as_u64() != Some(VERSION) {
        return Err(Unfit::new(
            format!("its `version` is not {VERSION}"),
            "this build reads version 1 alone",
        ));
    }
    let endorsement_key =
        record.endorsement_key.as_str().and_then(Sha256Digest::from_text).ok_or_else(|| {
            let help =
                "write `sha256:` and the 64 hexadecimal digits of the endorsement key's SubjectPublicKeyInfo";
            Unfit::new("`endorsement-key` is no digest", help)
        })?;
    Ok(Activation { endorsement_key, name: name(&record.name)?, secret: secret(&record.secret)? })
}

fn name(value: &serde_json::Value) -> Result<Vec<u8>, Unfit> {
    let is_name = |name: &Vec<u8>| {
        NAME_ALGORITHMS.iter().any(|(algorithm, len)| name.starts_with(algorithm) && name.len() == *len)
    };
    octets(value).filter(is_name).ok_or_else(|| {
        let help = "write its two octets of algorithm (SHA-256, SHA-384 or SHA-512) and its digest, in hexadecimal \
                    digits";
        Unfit::new("`name` is no Name of a TPM object", help)
    })
}

fn secret(value: &serde_json::Value) -> Result<Vec<u8>, Unfit> {
    let fits = |secret: &Vec<u8>| (SECRET_LEN_BYTES_MIN..=SECRET_LEN_BYTES_MAX).contains(&secret.len());
    octets(value).filter(fits).ok_or_else(|| {
        let what = format!(
            "`secret` is no run of {SECRET_LEN_BYTES_MIN} to {SECRET_LEN_BYTES_MAX} bytes in hexadecimal"
        );
        Unfit::new(what, "write the secret of the credential: fresh random bytes, used once")
    })
}

fn octets(value: &serde_json::Value) -> Option<Vec<u8>> {
    match Value::parse(Type::Bytes, value.as_str()?) {
        Ok(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Activation, Unfit> {
        let mut record = serde_json::json!({
            "version": 1,
            "endorsement-key": Sha256Digest([0xab; 32]).to_string(),
            "name": format!("000b{}", "11".repeat(32)),
            "secret": "5e".repeat(16),
        });
        edit(&mut record);
        decode(record.to_string().as_bytes())
    }

    #[test]
    fn a_record_is_read_as_it_stands() {
        let read = record(|_| ()).unwrap();
        assert_eq!(read.endorsement_key, Sha256Digest([0xab; 32]));
        assert_eq!((read.name.len(), read.secret), (34, vec![0x5e; 16]));
        let longest = record(|record| record["secret"] = "5e".repeat(64).into()).unwrap();
        assert_eq!(longest.secret.len(), 64);
        let sha384 = record(|record| record["name"] = format!("000c{}", "11".repeat(48)).into()).unwrap();
        assert_eq!(sha384.name.len(), 50);
    }

    #[test]
    fn each_member_has_its_form_and_no_message_shows_the_secret() {
        let name = |algorithm: &str, len: usize| format!("{algorithm}{}", "11".repeat(len));
        for (member, value, says) in [
            ("version", 2.into(), "`version` is not 1"),
            ("version", "1".into(), "`version` is not 1"),
            ("endorsement-key", "ab".repeat(32).into(), "`endorsement-key` is no digest"),
            ("endorsement-key", serde_json::Value::Null, "`endorsement-key` is no digest"),
            ("name", name("000b", 31).into(), "`name` is no Name"),
            ("name", name("000b", 48).into(), "`name` is no Name"),
            ("name", name("0004", 20).into(), "`name` is no Name"),
            ("name", "zz".into(), "`name` is no Name"),
            ("secret", "5e".repeat(15).into(), "`secret` is no run of 16 to 64 bytes"),
            ("secret", "5e".repeat(65).into(), "`secret` is no run of 16 to 64 bytes"),
            ("secret", format!("{}5", "5e".repeat(16)).into(), "`secret` is no run of 16 to 64 bytes"),
            ("secret", serde_json::json!(["5e5e"]), "`secret` is no run of 16 to 64 bytes"),
            ("secret", serde_json::Value::from(0x5e5e), "`secret` is no run of 16 to 64 bytes"),
            ("note", "mine".into(), "unknown field `note`"),
        ] {
            let Unfit { what, help, .. } = record(|record| record[member] = value).unwrap_err();
            assert!(what.contains(says), "{member}: {what}");
            assert!(!what.contains("5e5e") && !help.is_empty(), "{member}: {what}");
        }
    }

    #[test]
    fn the_members_are_those_of_the_schema() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/activation.schema.json")).unwrap();
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let text: serde_json::Value = serde_json::from_str(&record_text()).unwrap();
        let mut members: Vec<&str> = text.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable_by_key(|name| required.iter().position(|other| other == name));
        assert_eq!(members, required);
        for name in required {
            let what = record(|record| drop(record.as_object_mut().unwrap().remove(name))).unwrap_err().what;
            assert!(what.contains(&format!("missing field `{name}`")), "{what}");
        }
    }

    #[test]
    fn members_stand_once_and_nothing_follows() {
        let text = record_text();
        assert!(decode(text.as_bytes()).is_ok());
        let twice = text.replacen('{', "{\"version\":1,", 1);
        assert!(decode(twice.as_bytes()).unwrap_err().what.contains("duplicate field `version`"));
        let without = text.replacen("\"secret\"", "\"secrets\"", 1);
        assert!(decode(without.as_bytes()).is_err());
        for broken in ["", "[]", "{}", "null", &text.repeat(2), &text[..text.len() - 1], &"[".repeat(4000)] {
            assert!(decode(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    fn record_text() -> String {
        let (key, name) = (Sha256Digest([1; 32]), format!("000b{}", "11".repeat(32)));
        let secret = "5e".repeat(32);
        format!("{{\"version\":1,\"endorsement-key\":\"{key}\",\"name\":\"{name}\",\"secret\":\"{secret}\"}}")
    }
}
