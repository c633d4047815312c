//! Devices that start in layers (DICE): each layer certifies the key of the next, with what it measured of it.
//!
//! A link is a signature under the key of the layer before; the first layer hangs on an anchor, or on a key that the operator has enrolled and that comes
//! along. Names are made by the device from its keys and are not compared: makers change them between firmware versions. Every certificate of the item must
//! be a link of the one chain, but for self-signed ones, which anchor nothing; where one has the enrolled key it carries that key.
//!
//! What a chain proves: each layer is believed as far as the ones before it, and says what it measured before it started the next. A layer that runs other code than it was
//! measured as may say anything of those that follow. So a policy must ask about *every* layer. It does not prove where a layer keeps its key:
//! software of that layer holds it, unless the maker of the device says more.
use crate::appraise::{Input, NotVerified};
use crate::spki::public_key_of;
use crate::x509::Files;
use core::marker::PhantomData;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::{PathInput, PathProfile, verify_path};
use pkic_facts::pem::{self, Block};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::request::named_key;
use pkic_facts::verified::{CertifiedKey, Evidence, TrustedKey, Verified, join, mint_certificate};
use pkic_vocab::words::Words;
use pkic_vocab::{Value, limits};
use std::sync::Arc;

/// Certificates of one chain: the longest sample has eight.
pub(crate) const LAYERS_MAX: usize = 16;

/// A layer, as the one before it certifies it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Its key.
    pub(crate) spki: Vec<u8>,
    /// What was measured of it; nothing where the certificate is no layer's.
    pub(crate) measured: Vec<Measured>,
    /// Whether it may certify a next one.
    pub(crate) may_certify: bool,
    /// How many certificates may follow behind its next one.
    pub(crate) path_length: Option<usize>,
    /// When its certificate starts and ends.
    pub(crate) validity: Option<(i64, i64)>,
    /// Critical extensions of its certificate.
    pub(crate) critical: Vec<String>,
    /// The device that it is on.
    pub(crate) ueid: Option<Vec<u8>>,
    /// The name of the layer before it, and its own, where they are part of the format.
    pub(crate) names: Option<(String, String)>,
}

/// What was measured of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Its mode, a word of [`Words::LayerMode`].
    pub(crate) mode: Option<&'static str>,
    /// The digest of its code.
    pub(crate) code_hash: Option<Vec<u8>>,
}

impl Layer {
    /// What every certificate says, without what was measured.
    pub(crate) fn of_certificate(tbs: &Tbs) -> Self {
        let critical = tbs.extensions().iter().filter(|extension| extension.critical);
        Self {
            spki: tbs.spki().to_vec(),
            may_certify: tbs.is_authority() == Some(true) && tbs.may_sign_certificates(),
            path_length: tbs.path_length(),
            validity: Some((tbs.not_before(), tbs.not_after())),
            critical: critical.map(|extension| extension.oid.clone()).collect(),
            ..Self::default()
        }
    }

    /// Whether it may stand at its place: `below` certificates follow it.
    fn check(&self, critical_known: &[&str], below: usize, now: i64) -> Result<(), Reject> {
        if let Some((not_before, not_after)) = self.validity.filter(|(from, to)| now < *from || now > *to) {
            return Err(Reject::OutsideValidity { not_before, not_after, now });
        }
        if let Some(oid) = self.critical.iter().find(|oid| !critical_known.contains(&oid.as_str())) {
            return Err(Reject::CriticalExtension { oid: oid.clone() });
        }
        if below > 0 && !self.may_certify {
            let certificate_key = pkic_facts::crypto::Sha256Digest::of(&self.spki);
            return Err(Reject::NotAnAuthority { certificate_key });
        }
        match self.path_length.filter(|limit| below.saturating_sub(1) > *limit) {
            Some(limit) => Err(Reject::PathTooLong { limit }),
            None => Ok(()),
        }
    }
}

/// A digest of code. One of zeros stands for no measurement where there had to be one.
///
/// # Errors
/// [`Reject::Malformed`] where it has the length of no hash function; [`Reject::PropertyRefused`] where it is all zeros.
pub(crate) fn code_hash(field: &'static str, digest: &[u8]) -> Result<Vec<u8>, Reject> {
    if ![32, 48, 64].contains(&digest.len()) {
        return Err(Reject::Malformed { what: field });
    }
    if digest.iter().all(|octet| *octet == 0) {
        let (expected, found) = (Operand::Word("a digest"), Operand::Word("all zeros"));
        return Err(Reject::PropertyRefused { field, expected, found });
    }
    Ok(digest.to_vec())
}

/// A format whose evidence is such a chain.
pub(crate) trait Layered: core::fmt::Debug {
    /// The format's word in the vocabulary.
    const NAME: &'static str;
    /// Whether the key of a measured layer is derived by the format's rules.
    const IS_KEY_DERIVED: bool;
}

/// What a chain of that format says: its layers, first to last. The last one's key is attested.
#[derive(Debug)]
pub(crate) struct Layers<F> {
    layers: Vec<Layer>,
    spki: Vec<u8>,
    format: PhantomData<F>,
}

/// The layers verified so far, with the key of the last.
pub(crate) struct Chain {
    layers: Verified<Vec<Layer>>,
    key: TrustedKey,
}

impl Chain {
    /// A chain that starts with this layer.
    pub(crate) fn start(first: &Verified<Layer>) -> Result<Self, Reject> {
        let key = TrustedKey::of_statement(first, certified_key)?;
        Ok(Self { layers: first.project(|layer| Ok(vec![layer.clone()]))?, key })
    }

    /// The key of the last layer.
    pub(crate) fn key(&self) -> &TrustedKey {
        &self.key
    }

    /// The last layer.
    pub(crate) fn last(&self) -> Option<&Layer> {
        self.layers.value().last()
    }

    /// The same with one more layer, which the last one certifies.
    pub(crate) fn extended(&self, next: &Verified<Layer>) -> Result<Self, Reject> {
        let key = TrustedKey::of_statement(next, certified_key)?;
        let layers = join(&self.layers, next, |layers, next| {
            Ok(layers.iter().chain(std::iter::once(next)).cloned().collect::<Vec<Layer>>())
        })?;
        Ok(Self { layers, key })
    }

    /// What the whole chain says, once every layer may stand where it does.
    pub(crate) fn conclude<F: Layered>(
        &self,
        critical_known: &[&str],
        now: i64,
    ) -> Result<Verified<Layers<F>>, Reject> {
        let layers = self.layers.value();
        for (index, layer) in layers.iter().enumerate() {
            layer.check(critical_known, layers.len().saturating_sub(index).saturating_sub(1), now)?;
        }
        let mut devices = layers.iter().filter_map(|layer| layer.ueid.as_deref());
        if let Some(expected) = devices.next()
            && let Some(found) = devices.find(|found| *found != expected)
        {
            let (expected, found) = (Operand::bytes(expected), Operand::bytes(found));
            return Err(Reject::FieldMismatch { field: "ueid", expected, found });
        }
        let spki = self.key.decode(|spki| Ok(spki.to_vec()))?;
        join(&self.layers, &spki, |layers, spki| {
            Ok(Layers { layers: layers.clone(), spki: spki.clone(), format: PhantomData })
        })
    }
}

fn certified_key(layer: &Layer) -> Result<CertifiedKey, Reject> {
    Ok(CertifiedKey { spki: layer.spki.clone(), not_after: layer.validity.map(|(_, not_after)| not_after) })
}

/// The key among these that the operator has enrolled, or why none is.
pub(crate) fn enrolled(
    keys: &[Vec<u8>],
    format: &'static str,
    input: &Input<'_>,
) -> Result<TrustedKey, Reject> {
    let mut refusal = Reject::FieldMissing { field: "key of the first layer" };
    for spki in keys {
        match TrustedKey::enrolled(input.anchors, spki, format, input.evidence, input.now) {
            Ok(key) => return Ok(key),
            Err(reject) => refusal = reject,
        }
    }
    Err(refusal)
}

/// How a format reads the certificates of its layers.
pub(crate) struct Reader {
    /// The format's word in the vocabulary.
    pub(crate) format: &'static str,
    /// Critical extensions that are read, in dotted form, with those of RFC 5280.
    pub(crate) critical_known: &'static [&'static str],
    /// Reads a tbsCertificate.
    pub(crate) read: fn(&Tbs) -> Result<Layer, Reject>,
}

/// Critical extensions that the chain itself understands: basicConstraints, keyUsage, extKeyUsage, subjectAltName, certificatePolicies.
pub(crate) const CRITICAL_KNOWN: [&str; 5] =
    ["2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.32"];

/// The certificates of an item, and the keys that come along: of self-signed certificates, of requests (the initial identity of a device is one), and bare ones.
pub(crate) struct Parts {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) keys: Vec<Vec<u8>>,
}

impl Parts {
    /// Those of an item, read once.
    pub(crate) fn of(input: &Input<'_>) -> Result<Arc<Self>, Reject> {
        input.evidence.reading(Reading::read).0.clone()
    }

    fn of_files(evidence: &Evidence) -> Result<Self, Reject> {
        let mut parts = Self { certificates: Vec::new(), keys: Vec::new() };
        let files = evidence.reading(Files::read);
        for (part, found) in evidence.parts().iter().zip(&files.0) {
            parts.read(part, found.as_deref().unwrap_or_default())?;
        }
        Ok(parts)
    }

    /// Reads a file: one of the three in DER, or PEM with any of them, in one pass. `found` is what it has of
    /// certificates, where all of them read.
    fn read(&mut self, file: &[u8], found: &[Certificate]) -> Result<(), Reject> {
        let what = "certificates of layers";
        let mut found = found.iter().cloned();
        if file.first() == Some(&0x30) {
            if let Some(certificate) = found.next() {
                return self.take(certificate);
            }
            return match public_key_of(file).or_else(|| named_key(file).ok()) {
                Some(spki) => self.take_key(spki),
                None => self.take(Certificate::from_der(file)?),
            };
        }
        let mut is_empty = true;
        for block in pem::blocks(file) {
            let block = block.map_err(|_| Reject::Malformed { what })?;
            is_empty = false;
            if block.label == "CERTIFICATE" {
                let certificate = found.next().map(Ok);
                self.take(certificate.unwrap_or_else(|| Certificate::from_der(&block.contents()?))?)?;
            } else {
                self.read_key(block)?;
            }
        }
        if is_empty { Err(Reject::Malformed { what }) } else { Ok(()) }
    }

    fn read_key(&mut self, block: Block<'_>) -> Result<(), Reject> {
        match block.label {
            "PUBLIC KEY" => self.take_key(block.contents()?),
            label if label.ends_with("CERTIFICATE REQUEST") => self.take_key(named_key(&block.contents()?)?),
            _ => Ok(()),
        }
    }

    /// A self-signed certificate anchors nothing, and carries its key.
    fn take(&mut self, certificate: Certificate) -> Result<(), Reject> {
        if certificate.tbs().subject() == certificate.tbs().issuer() {
            return self.take_key(certificate.tbs().spki().to_vec());
        }
        self.certificates.push(certificate);
        self.check_size()
    }

    fn take_key(&mut self, spki: Vec<u8>) -> Result<(), Reject> {
        self.keys.push(spki);
        self.check_size()
    }

    fn check_size(&self) -> Result<(), Reject> {
        let size = self.keys.len().max(self.certificates.len());
        if size > LAYERS_MAX {
            return Err(Reject::TooLarge { what: "chain of layers", size, limit: LAYERS_MAX });
        }
        Ok(())
    }

    /// The chain of all certificates.
    pub(crate) fn chain(&self, reader: &Reader, input: &Input<'_>) -> Result<Chain, NotVerified> {
        let mut rest = self.certificates.clone();
        let mut chain = match enrolled(&self.keys, reader.format, input) {
            Ok(key) => Chain::start(&next(&mut rest, &key, reader)?)?,
            Err(not_enrolled) => match anchored(&mut rest, reader, input) {
                Ok(first) => Chain::start(&first)?,
                // Where the item has its first key, and no certificate leads elsewhere, enrolling that key is what is missing.
                Err(Reject::IssuerUnknown { .. }) if !self.keys.is_empty() => {
                    return Err(NotVerified::Unproven(not_enrolled));
                }
                Err(reject) => return Err(reject.into()),
            },
        };
        while !rest.is_empty() {
            chain = chain.extended(&next(&mut rest, chain.key(), reader)?)?;
        }
        Ok(chain)
    }
}

/// What the formats of layers make of an item.
struct Reading(Result<Arc<Parts>, Reject>);

impl Reading {
    fn read(evidence: &Evidence) -> Self {
        Self(Parts::of_files(evidence).map(Arc::new))
    }
}

/// Takes the first certificate that an anchor, or an intermediate of the operator, issued. Of those whose issuer is not among the others, the first one's refusal counts.
fn anchored(
    rest: &mut Vec<Certificate>,
    reader: &Reader,
    input: &Input<'_>,
) -> Result<Verified<Layer>, Reject> {
    let profile = PathProfile {
        critical_known: reader.critical_known,
        ..PathProfile::strict(reader.format, limits::PATH_LEN_MAX)
    };
    let mut refusal = None;
    for index in 0..rest.len() {
        let Some(leaf) = rest.get(index) else { break };
        if rest.iter().any(|other| other.tbs().subject() == leaf.tbs().issuer()) {
            continue;
        }
        let (evidence, anchors, now) = (input.evidence, input.anchors, input.now);
        match verify_path(&PathInput { evidence, leaf, carried: &[], anchors, profile: &profile, now }) {
            Ok(path) => {
                rest.remove(index);
                return path.decode_leaf(reader.read);
            }
            Err(reject) => refusal = refusal.or(Some(reject)),
        }
    }
    Err(refusal.unwrap_or(Reject::FieldMissing { field: "certificate of the first layer" }))
}

/// Takes the first certificate that this key signed. Those are tried first whose issuer is not among the others: a name
/// proves nothing, and saves signature checks where files stand in any order.
fn next(rest: &mut Vec<Certificate>, key: &TrustedKey, reader: &Reader) -> Result<Verified<Layer>, Reject> {
    let mut refusal = Reject::FieldMissing { field: "certificate of a layer" };
    let is_issued_inside = |at: &usize| {
        let issuer = rest.get(*at).map(|certificate| certificate.tbs().issuer());
        rest.iter().any(|other| Some(other.tbs().subject()) == issuer)
    };
    let (later, first): (Vec<usize>, Vec<usize>) = (0..rest.len()).partition(is_issued_inside);
    for index in first.into_iter().chain(later) {
        let Some(certificate) = rest.get(index) else { break };
        match mint_certificate(certificate, key, Strength::Current, reader.read) {
            Ok(layer) => {
                rest.remove(index);
                return Ok(layer);
            }
            // What is signed and does not read must not be passed over.
            Err(reject) if !is_no_link(&reject) => return Err(reject),
            Err(reject) => refusal = reject,
        }
    }
    Err(refusal)
}

const fn is_no_link(reject: &Reject) -> bool {
    matches!(reject, Reject::SignatureInvalid { .. } | Reject::AlgorithmKeyMismatch { .. })
}

impl<F: Layered> Statement for Layers<F> {
    const FORMAT: &'static str = F::NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        if let Some(ueid) = self.layers.iter().find_map(|layer| layer.ueid.as_deref()) {
            let digits = ueid.iter().map(|octet| format!("{octet:02x}")).collect();
            to.statement("module.serial", Value::Text(digits));
        }
        let is_measured = self.layers.last().is_some_and(|layer| !layer.measured.is_empty());
        if F::IS_KEY_DERIVED && is_measured {
            to.practice_word("key.origin", Words::Origin, "derived");
        }
        let measured = self.measured();
        if measured.is_empty() {
            return;
        }
        let record = |measured: &Measured| {
            let mode = measured.mode.and_then(|mode| Words::LayerMode.word(mode)).map(Value::Word);
            Value::Record(vec![mode, measured.code_hash.clone().map(Value::Bytes)])
        };
        to.statement("platform.layers", Value::List(measured.iter().map(record).collect()));
        // Open if any layer is; closed only if every layer says that it is not.
        if measured.iter().any(|measured| measured.mode == Some("debug")) {
            to.statement("platform.debug", Value::Bool(true));
        } else if measured.iter().all(|measured| measured.mode.is_some()) {
            to.statement("platform.debug", Value::Bool(false));
        }
    }
}

impl<F> Layers<F> {
    /// What was measured, first to last. Certificates before the first measured layer are those of the maker and of the device's identity; the last may be a key that the last layer
    /// certifies. One between measured layers, with nothing measured, hides a layer, which is then an unknown one.
    fn measured(&self) -> Vec<Measured> {
        let started = self.layers.iter().skip_while(|layer| layer.measured.is_empty());
        let mut found: Vec<Measured> = Vec::new();
        let mut layers = started.peekable();
        while let Some(layer) = layers.next() {
            if layer.measured.is_empty() && layers.peek().is_some() {
                found.push(Measured::default());
            }
            found.extend(layer.measured.iter().cloned());
        }
        found
    }
}
