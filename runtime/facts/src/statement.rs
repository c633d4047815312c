//! Statements of people: what a ceremony, an audit or a contract says of a key, where no device signs it (design D1).
//!
//! A [`Statement`] is made by [`Statement::open`] alone, from a sealed envelope whose signer the caller names for statements of
//! that kind, and [`crate::facts::Facts::witness`] takes it in as `witnessed`, never better. It names a key by its digest, or a
//! module by vendor and serial number, and says nothing about any other. It ends. What it may say is what people can see: where and
//! how a key is kept, which module that is, and that a document exists; never a certification, an advisory, or anything of the
//! evidence.
use crate::catalogue::{Day, KeyDigest, Storage, Vendor};
use crate::crypto::Sha256Digest;
use crate::envelope::{Expected, Kind as Sealed, Manifest, open, peek};
use crate::reject::{Operand, Reject};
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, FactId, Value, Word, limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a statement is, which is also what policies name after `by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A record of a key ceremony, or of an auditor who watched the key being made.
    Ceremony,
    /// A letter of an IT audit.
    ItAudit,
    /// The CA shipped the module with the key in it.
    CaShipment,
    /// The CA prescribed library and module.
    CaLibrary,
    /// A report on a subscription at a cloud service and its configuration.
    CloudReport,
    /// An agreement with a signing service.
    ServiceAgreement,
    /// A record of a key that was brought from one module into another under a wrapping key.
    KeyTransfer,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 7] = [
        Kind::Ceremony,
        Kind::ItAudit,
        Kind::CaShipment,
        Kind::CaLibrary,
        Kind::CloudReport,
        Kind::ServiceAgreement,
        Kind::KeyTransfer,
    ];

    /// The word for it: after `by` in a policy, in `signers statements "…"`, and the name in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ceremony => "ceremony",
            Kind::ItAudit => "it-audit",
            Kind::CaShipment => "ca-shipment",
            Kind::CaLibrary => "ca-library",
            Kind::CloudReport => "cloud-report",
            Kind::ServiceAgreement => "service-agreement",
            Kind::KeyTransfer => "key-transfer",
        }
    }

    /// What facts from such a statement rest on.
    fn basis(self) -> BasisSet {
        // A test compares the names.
        BasisSet::from_name(self.name()).unwrap_or(BasisSet::EMPTY)
    }
}

/// Facts that people may state, beside those that begin with `witness.`.
const SAYABLE: [&str; 13] = [
    "key.storage",
    "key.origin",
    "key.export",
    "key.custody",
    "key.user-presence",
    "key.created",
    "key.access-logged",
    "module.vendor",
    "module.manufacturer",
    "module.model",
    "module.serial",
    "module.firmware",
    "module.mode",
];

/// What a statement says, in the form that its source (TOML) and its sealed payload (JSON) share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Body {
    /// What it is.
    pub kind: Kind,
    /// Who states it: name, and in which role.
    pub by: String,
    /// The day of which it speaks: of the ceremony, of the letter. Its age counts from here.
    pub dated: Day,
    /// Number of the protocol, letter or contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it is about.
    pub about: About,
    /// Facts by path: a word, text or date as policies write it, or a truth value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<String, Said>,
    /// A transfer: [`Kind::KeyTransfer`] has one, and nothing else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
}

/// What a statement is about: a key, or every key in a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum About {
    /// SHA-256 of the key's subjectPublicKeyInfo.
    Key(KeyDigest),
    /// A module.
    Module {
        /// Who made it.
        vendor: Vendor,
        /// Its serial number.
        serial: String,
    },
}

/// A value as a statement writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// A truth value.
    Truth(bool),
    /// Anything else, as policies write it.
    Text(String),
}

/// A key that was brought from one module into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Transfer {
    /// Where it came from.
    pub source: End,
    /// Where it is now.
    pub target: End,
    /// SHA-256 of the subjectPublicKeyInfo, or of the key check value's record, of the wrapping key.
    pub wrapping_key: KeyDigest,
}

/// One end of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct End {
    /// Who made the module.
    pub vendor: Vendor,
    /// Its serial number.
    pub serial: String,
    /// Where its keys live.
    pub storage: Storage,
    /// In which form the key may leave it: a word of [`Words::Export`].
    pub export: String,
}

/// A statement that was opened at a moment, and counts at that moment.
#[derive(Debug)]
pub struct Statement {
    body: Body,
    facts: Vec<(&'static str, Value)>,
    digest: Sha256Digest,
    now: i64,
    not_after: i64,
}

/// Whose statements of a kind count, and how old they may be.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The kind.
    pub kind: Kind,
    /// SHA-256 of the subjectPublicKeyInfo of every signer that counts.
    pub signers: &'a [Sha256Digest],
    /// The oldest that it may be, in seconds since the day of which it speaks; nothing leaves that to its own end.
    pub age_s_max: Option<i64>,
}

impl Statement {
    /// Opens a sealed statement.
    ///
    /// # Errors
    /// Those of [`open`]; [`Reject::FieldMismatch`] where body and manifest are of two kinds; [`Reject::Stale`] for one that is older
    /// than it may be; [`Reject::CreatedLater`] for one of a later day; the errors of [`Body::facts`].
    pub fn open(bytes: &[u8], trust: &Trust<'_>, now: i64) -> Result<Statement, Reject> {
        let (kind, name) = (Sealed::Statement, trust.kind.name());
        let opened = open(bytes, &Expected { kind, name, signers: trust.signers, last_seen: None, now })?;
        let body = Body::from_payload(opened.payload())?;
        if body.kind != trust.kind {
            let (expected, found) = (Operand::Word(name), Operand::Word(body.kind.name()));
            return Err(Reject::FieldMismatch { field: "kind", expected, found });
        }
        if body.dated.0 > now {
            return Err(Reject::CreatedLater { created: body.dated.0, now });
        }
        let by_age = trust.age_s_max.map_or(i64::MAX, |age| body.dated.0.saturating_add(age));
        let not_after = opened.manifest().stale_after.min(by_age);
        if now > not_after {
            return Err(Reject::Stale { stale_after: not_after, now });
        }
        let facts = body.facts()?;
        Ok(Statement { body, facts, digest: opened.digest(), now, not_after })
    }

    /// What it says, as it was written.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The facts that it says.
    pub fn facts(&self) -> &[(&'static str, Value)] {
        &self.facts
    }

    /// What its facts rest on.
    pub(crate) fn basis(&self) -> BasisSet {
        self.body.kind.basis()
    }

    /// SHA-256 of the envelope.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// The moment at which it was opened.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The last second at which it counts.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }
}

/// The kind that a sealed statement says it is of, and what its signer says of it. Nothing is checked.
///
/// # Errors
/// Those of [`peek`]; [`Reject::FieldMismatch`] where its name is of no kind.
pub fn kind_of(bytes: &[u8]) -> Result<(Kind, Manifest, Sha256Digest), Reject> {
    let peeked = peek(bytes)?;
    let name = &peeked.manifest.name;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    let mismatch = || Reject::FieldMismatch {
        field: "name",
        expected: Operand::Word("a kind of statement"),
        found: Operand::text(name),
    };
    Ok((kind.ok_or_else(mismatch)?, peeked.manifest, peeked.signer))
}

impl Body {
    /// The payload of a sealed statement: the body in JSON without spaces.
    ///
    /// # Errors
    /// Those of [`Body::facts`].
    pub fn to_payload(&self) -> Result<Vec<u8>, Reject> {
        self.facts()?;
        serde_json::to_vec(self).map_err(|_| Reject::Malformed { what: "statement" })
    }

    /// Reads the payload of a sealed statement.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for what [`Body::to_payload`] does not write.
    pub fn from_payload(bytes: &[u8]) -> Result<Body, Reject> {
        let malformed = Reject::Malformed { what: "statement" };
        let body: Body = serde_json::from_slice(bytes).map_err(|_| malformed.clone())?;
        match body.to_payload() {
            Ok(payload) if payload == bytes => Ok(body),
            _ => Err(malformed),
        }
    }

    /// The facts that it says.
    ///
    /// # Errors
    /// [`Reject::FactReserved`] for a fact that no person states; [`Reject::ValueUnfit`] for a value that does not fit;
    /// [`Reject::FieldMissing`] where it says nothing, or names nobody; [`Reject::FieldMismatch`] for a transfer that stands where none
    /// may, or says one thing twice.
    pub fn facts(&self) -> Result<Vec<(&'static str, Value)>, Reject> {
        if self.by.trim().is_empty() || self.by.len() > limits::TEXT_LEN_BYTES_MAX {
            return Err(Reject::FieldMissing { field: "by" });
        }
        let mut facts = Vec::new();
        for (path, said) in &self.says {
            let def = FactId::from_path(path).map(FactId::def);
            let sayable = |def: &&pkic_vocab::FactDef| {
                SAYABLE.contains(&def.path) || (def.path.starts_with("witness.") && !def.is_keyed())
            };
            let def = def.filter(sayable).ok_or_else(|| Reject::FieldMismatch {
                field: "says",
                expected: Operand::Word("a fact that people state"),
                found: Operand::text(path),
            })?;
            let value = match said {
                Said::Truth(truth) => Value::Bool(*truth),
                Said::Text(text) => {
                    Value::parse(def.ty, text).map_err(|_| Reject::ValueUnfit { path: def.path })?
                }
            };
            if !value.has_type(def.ty) {
                return Err(Reject::ValueUnfit { path: def.path });
            }
            facts.push((def.path, value));
        }
        match (&self.transfer, self.kind) {
            (Some(transfer), Kind::KeyTransfer) => {
                for (path, value) in transfer.facts()? {
                    if facts.iter().any(|(said, _)| *said == path) {
                        return Err(Reject::FieldRepeated { field: path });
                    }
                    facts.push((path, value));
                }
            }
            (None, Kind::KeyTransfer) => return Err(Reject::FieldMissing { field: "transfer" }),
            (Some(_), kind) => {
                let (expected, found) = (Operand::Word("key-transfer"), Operand::Word(kind.name()));
                return Err(Reject::FieldMismatch { field: "kind", expected, found });
            }
            (None, _) => {}
        }
        if facts.is_empty() {
            return Err(Reject::FieldMissing { field: "says" });
        }
        Ok(facts)
    }
}

impl Transfer {
    /// The key was imported wrapped, lives in the target, and may leave as far as the weaker end lets it.
    fn facts(&self) -> Result<Vec<(&'static str, Value)>, Reject> {
        let export =
            |end: &End| Words::Export.word(&end.export).ok_or(Reject::ValueUnfit { path: "key.export" });
        let weaker: Word = export(&self.source)?.max(export(&self.target)?);
        let origin =
            Words::Origin.word("imported-wrapped").ok_or(Reject::ValueUnfit { path: "key.origin" })?;
        Ok(vec![
            ("key.storage", Value::Word(self.target.storage.0)),
            ("key.origin", Value::Word(origin)),
            ("key.export", Value::Word(weaker)),
            ("module.vendor", Value::Word(self.target.vendor.0)),
            ("module.serial", Value::Text(self.target.serial.clone())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_basis() {
        for kind in Kind::ALL {
            assert_eq!(kind.basis().names().collect::<Vec<_>>(), [kind.name()]);
        }
        for path in SAYABLE {
            assert!(FactId::from_path(path).is_some(), "{path}");
        }
    }
}
