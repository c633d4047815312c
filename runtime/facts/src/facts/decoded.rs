//! The door from sandboxed formats: what a module reads in verified bytes, and never more than a device says of itself.
//!
//! A module is captured state, so it is no decoder of the mint. The mint gives the bytes that were signed, by a `fn`
//! pointer as ever ([`Payload`]); the module gets those bytes and nothing else. What it says has the basis `plugin`,
//! whatever it says. To which key and to which request the statement is tied is read by our own code, beforehand.
use super::{Binding, Carried, Emission, Facts, Heard, Speaker};
use crate::crypto::Sha256Digest;
use crate::reject::{PluginFault, Reject};
use crate::verified::{Evidence, Verified};
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, FactDef, FactId, Grade, Subject, Value};
use std::fmt;

/// The payload of an envelope, with what our own code reads in it. Having it proves nothing: a [`Verified`] does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// The bytes that the module is given.
    pub bytes: Vec<u8>,
    /// The subjectPublicKeyInfo of the key that they are about, where our own code finds one.
    pub key: Option<Vec<u8>>,
    /// The verifier's nonce that they carry.
    pub nonce: Option<Vec<u8>>,
    /// Whether they carry a time.
    pub has_time: bool,
    /// When they stop counting, by their own word, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: Option<i64>,
}

impl Payload {
    fn carried(&self) -> Carried<'_> {
        match &self.nonce {
            Some(nonce) => Carried::Nonce(nonce),
            None if self.has_time => Carried::Time,
            None => Carried::Nothing,
        }
    }
}

/// A decoder of payloads that is not part of this build.
pub trait PayloadDecoder: fmt::Debug {
    /// SHA-256 of the decoder's code, which policies name it by.
    fn digest(&self) -> Sha256Digest;

    /// The facts that it says it reads; it may say no other.
    fn declared(&self) -> &[FactId];

    /// Reads facts in a payload.
    ///
    /// # Errors
    /// [`Reject::Plugin`] with what it did wrong.
    fn decode(&self, payload: &[u8]) -> Result<Vec<(FactId, Value)>, Reject>;
}

/// Facts that a device says of itself and a sandboxed format still does not: certification and advisories come from
/// catalogues, `module.weak-hash` from our own check, a node's attestation and a workload's name from others.
const RESERVED: [&str; 11] = [
    "key.advisories",
    "module.cc.",
    "module.fido.",
    "module.fips-140-2.",
    "module.fips-140-3.",
    "module.matter-certification",
    "module.qscd",
    "module.weak-hash",
    "node.",
    "witness.",
    "workload.",
];

/// Whether a sandboxed format may say such a fact: one about the key, its module or its platform that the device alone
/// knows, no request says and no catalogue.
pub fn is_of_device(def: &FactDef) -> bool {
    let is_about_device = matches!(def.subject, Subject::Key | Subject::Module | Subject::Platform);
    let is_reserved = RESERVED.iter().any(|reserved| def.path.starts_with(reserved));
    is_about_device && def.floor == Grade::Attested && !def.is_keyed() && !is_reserved
}

/// Whether a value says what a catalogue alone says: of which kind a TPM is.
fn is_of_catalogue(def: &FactDef, value: &Value) -> bool {
    let tpm = Words::Storage.word("tpm");
    match (value, tpm) {
        (Value::Word(word), Some(tpm)) if def.path == "key.storage" => *word != tpm && word.is_within(tpm),
        _ => false,
    }
}

impl Facts {
    /// Adds what a sandboxed format reads in a verified payload, with its binding to the request and its freshness,
    /// which our own code has read.
    ///
    /// Every fact of the decoder has the basis [`BasisSet::PLUGIN`] and is `attested` under the payload's anchor. The
    /// statement is the only one of its item.
    ///
    /// # Errors
    /// [`Reject::Plugin`] where the decoder fails or says what it may not; [`Reject::FieldRepeated`] where there are
    /// attested facts already; [`Reject::FieldMissing`] for a payload about no key where there is a request; those of
    /// [`Facts::attest`]. Nothing is added then.
    pub fn attest_decoded(
        &mut self,
        evidence: &Evidence,
        payload: &Verified<Payload>,
        decoder: &dyn PayloadDecoder,
        nonce: Option<&[u8]>,
    ) -> Result<Binding, Reject> {
        if self.attested.is_some() {
            return Err(Reject::FieldRepeated { field: "statement" });
        }
        let value = payload.value();
        let mut said = Emission::default();
        for (fact, value) in decoder.decode(&value.bytes)? {
            let def = fact.def();
            let (path, module) = (def.path, decoder.digest());
            let wrong = |fault| Err(Reject::Plugin { module, fault });
            if !is_of_device(def) || is_of_catalogue(def, &value) {
                return wrong(PluginFault::Reserved { path });
            }
            if !decoder.declared().contains(&fact) {
                return wrong(PluginFault::Undeclared { path });
            }
            if said.entries.iter().any(|(seen, ..)| *seen == path) {
                return wrong(PluginFault::Repeated { path });
            }
            if !value.has_type(def.ty) {
                return wrong(PluginFault::ValueUnfit {
                    path,
                    why: format!("its type is {}", def.ty.name()),
                });
            }
            said.entries.push((path, value, BasisSet::PLUGIN));
        }
        let heard = Heard {
            format: "plugin",
            key: value.key.as_deref(),
            carried: value.carried(),
            said,
            speaker: Speaker::Device,
            decoder: Some(decoder.digest()),
        };
        self.hear(evidence, payload.provenance(), heard, nonce)
    }

    /// SHA-256 of the sandboxed format that read the attested facts, where one did.
    pub fn decoded_by(&self) -> Option<Sha256Digest> {
        self.attested.as_ref().and_then(|attested| attested.decoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_may_say_is_listed_here() {
        let sayable: Vec<&str> =
            FactId::all().map(FactId::def).filter(|def| is_of_device(def)).map(|def| def.path).collect();
        let expected = [
            "key.storage key.origin key.export key.custody key.user-presence key.created key.access-logged",
            "module.vendor module.manufacturer module.model module.aaguid module.serial module.firmware",
            "module.vendor-id module.product-id module.mode platform.layers platform.measurements platform.debug",
            "platform.lifecycle platform.boot platform.boot-key platform.locked platform.os-version",
            "platform.os-patch platform.boot-patch platform.vendor-patch platform.integrity-protection",
            "platform.third-party-kernel",
        ];
        assert_eq!(sayable.join(" "), expected.join(" "));
    }
}
