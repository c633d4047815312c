//! What an order brought to its appraisal, kept beside its record: for whoever appraises it again (design D16).
//!
//! It stands in the particulars, which can be erased: evidence tells of devices and of people. What a CA held of others
//! is the same for many orders, and stands in [`super::Day`].
use super::Apart;
use crate::appraise::{Appraised, Known};
use crate::challenge::Nonce;
use crate::input::{Given, InputError, Speaker};
use crate::report;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_vocab::FactId;
use serde::{Deserialize, Serialize};

/// What an order brought to its appraisal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kept {
    /// Items of evidence, in the order of preference.
    pub evidence: Vec<KeptItem>,
    /// What the evidence had to answer.
    pub nonce: KeptNonce,
    /// The registrar's record of a TPM credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<KeptActivation>,
    /// What the requester claimed, by path.
    #[serde(default, skip_serializing_if = "Apart::is_empty")]
    pub claims: Apart,
    /// What the embedding CA vouched for, by path.
    #[serde(default, skip_serializing_if = "Apart::is_empty")]
    pub requester: Apart,
}

/// An item of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeptItem {
    /// Its name in reports.
    pub name: String,
    /// The bytes of its parts, base64.
    pub parts: Vec<String>,
    /// Name and SHA-256 of the sandboxed format that was asked, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<(String, String)>,
}

/// What evidence had to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptNonce {
    /// These octets, base64: a nonce that was remembered, or that of a challenge which was ours.
    Expected(String),
    /// Nothing.
    None,
    /// A challenge that was none of ours for the request. The key that tells so is not in the record.
    Refused,
}

/// The registrar's record of a TPM credential: its secret is answered, and good for nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeptActivation {
    /// SHA-256 of the subjectPublicKeyInfo of the endorsement key.
    pub endorsement_key: String,
    /// The Name of the attestation key, base64.
    pub name: String,
    /// The secret, base64.
    pub secret: String,
}

impl Kept {
    /// Takes down what was appraised.
    pub(crate) fn of(known: &Known<'_>, appraised: &Appraised) -> Kept {
        let items = known.evidence.iter().zip(appraised.items());
        let nonce = match known.nonce {
            Nonce::None => KeptNonce::None,
            Nonce::Remembered(nonce) => KeptNonce::Expected(STANDARD.encode(nonce)),
            Nonce::Challenge(..) if appraised.challenge().is_none() => KeptNonce::Refused,
            Nonce::Challenge(challenge, _) => KeptNonce::Expected(STANDARD.encode(challenge.nonce)),
        };
        Kept {
            evidence: items.map(|(evidence, item)| KeptItem::of(evidence, item.plugin.as_ref())).collect(),
            nonce,
            activation: known.activation.map(KeptActivation::of),
            claims: by_path(known.claims),
            requester: by_path(known.requester),
        }
    }

    /// The items, to be appraised again.
    ///
    /// # Errors
    /// In words, where one does not read.
    pub(super) fn items(&self) -> Result<Vec<Evidence>, String> {
        self.evidence.iter().map(KeptItem::read).collect()
    }

    /// The credential's record.
    ///
    /// # Errors
    /// In words, where it does not read.
    pub(super) fn credential(&self) -> Result<Option<Activation>, String> {
        self.activation.as_ref().map(KeptActivation::read).transpose()
    }

    /// What the requester claimed, and what the embedding CA vouched for.
    ///
    /// # Errors
    /// [`InputError`] where it is not theirs to say.
    pub(super) fn given(&self) -> Result<(Given, Given), InputError> {
        let read = |input, values: &Apart, speaker| {
            let text = serde_json::to_vec(values).unwrap_or_default();
            Given::from_json(input, &text, speaker)
        };
        let claims = read("recorded claims", &self.claims, Speaker::Requester)?;
        Ok((claims, read("recorded requester", &self.requester, Speaker::Authority)?))
    }
}

impl KeptItem {
    fn of(evidence: &Evidence, plugin: Option<&(String, Sha256Digest)>) -> KeptItem {
        KeptItem {
            name: evidence.name().to_owned(),
            parts: evidence.parts().iter().map(|part| STANDARD.encode(part)).collect(),
            plugin: plugin.map(|(name, module)| (name.clone(), module.to_string())),
        }
    }

    fn read(&self) -> Result<Evidence, String> {
        let parts = self.parts.iter().map(|part| decode("evidence", part)).collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Evidence::new(&self.name, &parts).map_err(|reject| reject.to_string())
    }
}

impl KeptActivation {
    fn of(activation: &Activation) -> KeptActivation {
        KeptActivation {
            endorsement_key: activation.endorsement_key.to_string(),
            name: STANDARD.encode(&activation.name),
            secret: STANDARD.encode(&activation.secret),
        }
    }

    fn read(&self) -> Result<Activation, String> {
        let endorsement_key = Sha256Digest::from_text(&self.endorsement_key);
        Ok(Activation {
            endorsement_key: endorsement_key.ok_or("the endorsement key has no digest")?,
            name: decode("the attestation key's name", &self.name)?,
            secret: decode("the credential's secret", &self.secret)?,
        })
    }
}

impl KeptNonce {
    /// The octets; nothing where none were asked for.
    ///
    /// # Errors
    /// In words, where they do not read.
    pub(super) fn octets(&self) -> Result<Option<Vec<u8>>, String> {
        match self {
            KeptNonce::Expected(text) => decode("the nonce", text).map(Some),
            KeptNonce::None | KeptNonce::Refused => Ok(None),
        }
    }
}

fn by_path(given: &Given) -> Apart {
    let entries = given.entries().iter().filter_map(|(path, value)| {
        let ty = FactId::from_path(path)?.def().ty;
        Some(((*path).to_owned(), report::value(value, ty)))
    });
    entries.collect()
}

pub(super) fn decode(what: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("{what}: it is no base64"))
}
