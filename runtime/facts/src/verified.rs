//! The mint: the one place where bytes become verified values (design D2).
//!
//! A [`Verified`] is made by [`mint`]: decoding, by a `fn` pointer, the very bytes whose signature was just checked
//! with a [`TrustedKey`]; [`mint_certificate`] does so with a tbsCertificate, which is read already. A `fn` pointer
//! captures nothing, so a decoder sees the signed bytes and no sibling of theirs. A [`TrustedKey`] comes from a path to an anchor, from an enrolled key, from a credential activation
//! ([`activation`]), or from a verified statement that certifies it, and from nothing else.
//! [`VerifiedPath::decode_leaf`] decodes the tbsCertificate of a path's leaf, [`VerifiedPath::decode_all`] those of all its
//! certificates, [`TrustedKey::decode`] the key itself.
//! From a [`Verified`], [`Verified::preimage`], [`Verified::project`] and [`join`] lead to further ones, again by `fn`
//! pointers. There is no other way: every field is private, and neither `Clone`, `Default`, `From` nor any decoding from
//! stored data is implemented.
use crate::anchors::{AnchorRef, AnchorSet};
use crate::certificate::{Certificate, Tbs};
use crate::crypto::{Hash, Scheme, Sha256Digest, Strength, verify_signature};
use crate::path::VerifiedPath;
use crate::reject::{Operand, Reject};
use crate::revocation::Revocation;
use pkic_vocab::limits;
use std::sync::Arc;
use trail::{Hashed, Signed, Step, TBS_CERTIFICATE};

pub mod activation;
mod readings;
pub mod trail;

/// One item of evidence: its parts as they came. Having it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    name: String,
    parts: Vec<Vec<u8>>,
    digest: Sha256Digest,
    readings: readings::Readings,
}

impl Evidence {
    /// Takes an item of one or more parts (such as two certificate files, or an attestation object with its client
    /// data). The name is for reports.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] beyond [`limits::EVIDENCE_LEN_BYTES_MAX`] in all or [`limits::EVIDENCE_ITEMS_MAX`] parts;
    /// [`Reject::FieldMissing`] where there is no part.
    pub fn new(name: &str, parts: &[&[u8]]) -> Result<Evidence, Reject> {
        let what = "evidence";
        if parts.len() > limits::EVIDENCE_ITEMS_MAX {
            return Err(Reject::TooLarge { what, size: parts.len(), limit: limits::EVIDENCE_ITEMS_MAX });
        }
        let (size, limit) = (parts.iter().map(|part| part.len()).sum(), limits::EVIDENCE_LEN_BYTES_MAX);
        if size > limit {
            return Err(Reject::TooLarge { what, size, limit });
        }
        let digest = match parts {
            [] => return Err(Reject::FieldMissing { field: what }),
            [one] => Sha256Digest::of(one),
            several => {
                let digests: Vec<[u8; 32]> = several.iter().map(|part| Sha256Digest::of(part).0).collect();
                Sha256Digest::of(&digests.concat())
            }
        };
        Ok(Evidence {
            name: name.to_owned(),
            parts: parts.iter().map(|part| part.to_vec()).collect(),
            digest,
            readings: readings::Readings::default(),
        })
    }

    /// An item that this one carries inside, such as a statement in a request. It keeps the name and the digest of the
    /// whole: those are the bytes that came, and that a record keeps.
    ///
    /// # Errors
    /// Those of [`Evidence::new`].
    pub fn inside(&self, parts: &[&[u8]]) -> Result<Evidence, Reject> {
        Ok(Evidence { digest: self.digest, ..Evidence::new(&self.name, parts)? })
    }

    /// The name for reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the first part.
    pub fn bytes(&self) -> &[u8] {
        self.parts.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// The bytes of every part.
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    /// SHA-256 of the bytes; of several parts, SHA-256 over the SHA-256 digests of each.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

/// Bytes with the signature that is said to be over them. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBytes {
    /// What the bytes are, in the word of the standard: for whoever follows the [`trail`].
    pub what: &'static str,
    /// The bytes, as they were signed.
    pub message: Vec<u8>,
    /// The algorithm that the signature names.
    pub scheme: Scheme,
    /// The signature, in the form that the algorithm has in X.509.
    pub signature: Vec<u8>,
}

/// What a verified value rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    evidence: Sha256Digest,
    anchor: AnchorRef,
    others: Vec<AnchorRef>,
    now: i64,
    not_after: Option<i64>,
    weak_hash: bool,
    revocation: Revocation,
    trail: Vec<Step>,
}

impl Provenance {
    /// SHA-256 of the item of evidence.
    pub fn evidence(&self) -> Sha256Digest {
        self.evidence
    }

    /// The anchor that the signing key is reached from; of several, the one with the purpose farthest from production
    /// by the deployment's word.
    pub fn anchor(&self) -> &AnchorRef {
        &self.anchor
    }

    /// Every anchor that the value rests on, each once: [`Self::anchor`], then the others.
    pub fn anchors(&self) -> impl Iterator<Item = &AnchorRef> {
        std::iter::once(&self.anchor).chain(&self.others)
    }

    /// The time of appraisal, in seconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The earliest end of what the value rests on: certificates, where validity counts, and lists that find them good.
    pub fn not_after(&self) -> Option<i64> {
        self.not_after
    }

    /// Whether a signature over the statement used SHA-1.
    pub fn is_weak_hash(&self) -> bool {
        self.weak_hash
    }

    /// What is known of revocation along the paths that it rests on, at worst.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// What was checked on the way to the value, in the order of the checks.
    pub fn trail(&self) -> &[Step] {
        &self.trail
    }

    fn and(&self, step: Step) -> Provenance {
        let mut next = self.clone();
        next.trail.push(step);
        next
    }

    /// What rests on both, and so on the anchors of both.
    ///
    /// # Errors
    /// [`Reject::OtherEvidence`] where the items differ; [`Reject::OtherMoment`] where they were appraised at different
    /// moments: a path that held at the one need not hold at the other.
    pub(crate) fn merged(&self, other: &Provenance) -> Result<Provenance, Reject> {
        if self.evidence != other.evidence {
            return Err(Reject::OtherEvidence { expected: self.evidence, found: other.evidence });
        }
        if self.now != other.now {
            return Err(Reject::OtherMoment { expected: self.now, found: other.now });
        }
        let mut anchors: Vec<AnchorRef> = Vec::new();
        for anchor in self.anchors().chain(other.anchors()) {
            if !anchors.contains(anchor) {
                anchors.push(anchor.clone());
            }
        }
        // Stable, so that the first of two with one purpose stays the first. Purposes are ordered from production away.
        anchors.sort_by_key(|anchor| std::cmp::Reverse(anchor.purpose));
        let mut anchors = anchors.into_iter();
        let mut trail = self.trail.clone();
        trail.extend(other.trail.iter().filter(|step| !self.trail.contains(step)).cloned());
        Ok(Provenance {
            evidence: self.evidence,
            anchor: anchors.next().unwrap_or_else(|| self.anchor.clone()),
            others: anchors.collect(),
            now: self.now,
            not_after: [self.not_after, other.not_after].into_iter().flatten().min(),
            weak_hash: self.weak_hash || other.weak_hash,
            revocation: self.revocation.max(other.revocation),
            trail,
        })
    }
}

/// A public key that an anchor vouches for.
#[derive(Debug)]
pub struct TrustedKey {
    spki: Vec<u8>,
    provenance: Provenance,
}

impl TrustedKey {
    /// The key of the leaf of a verified path.
    pub fn of_path(path: &VerifiedPath) -> TrustedKey {
        TrustedKey {
            spki: path.leaf().tbs().spki().to_vec(),
            provenance: Provenance {
                evidence: path.evidence(),
                anchor: path.anchor().clone(),
                others: Vec::new(),
                now: path.now(),
                not_after: path.not_after(),
                weak_hash: false,
                revocation: path.revocation(),
                trail: vec![Step::Path(Arc::clone(path.chain()))],
            },
        }
    }

    /// A key that is enrolled as an anchor by itself, such as an attestation key.
    ///
    /// # Errors
    /// [`Reject::KeyNotEnrolled`] where the set has no `[[key]]` entry with this key for this format.
    pub fn enrolled(
        anchors: &AnchorSet,
        spki: &[u8],
        format: &str,
        evidence: &Evidence,
        now: i64,
    ) -> Result<TrustedKey, Reject> {
        let key = Sha256Digest::of(spki);
        let anchor = anchors.enrolled(key, format).ok_or(Reject::KeyNotEnrolled { key })?.clone();
        let provenance = Provenance {
            evidence: evidence.digest(),
            trail: vec![Step::Enrolled(Arc::new(anchor.clone()))],
            anchor,
            others: Vec::new(),
            now,
            not_after: None,
            weak_hash: false,
            revocation: match anchors.is_unpublished(key) {
                true => Revocation::Unpublished,
                false => Revocation::Unknown,
            },
        };
        Ok(TrustedKey { spki: spki.to_vec(), provenance })
    }

    /// A key that a verified statement certifies, as each layer of a device that starts in layers does the next.
    ///
    /// It is trusted as far as the statement, and ends with the first of the two.
    ///
    /// # Errors
    /// Those of `key`.
    pub fn of_statement<T>(
        statement: &Verified<T>,
        key: fn(&T) -> Result<CertifiedKey, Reject>,
    ) -> Result<TrustedKey, Reject> {
        let CertifiedKey { spki, not_after } = key(&statement.value)?;
        let held = &statement.provenance;
        let not_after = held.not_after.into_iter().chain(not_after).min();
        Ok(TrustedKey { spki, provenance: Provenance { not_after, ..held.clone() } })
    }

    /// What the key itself says: `decode` reads its subjectPublicKeyInfo.
    ///
    /// # Errors
    /// Those of `decode`.
    pub fn decode<T>(&self, decode: fn(&[u8]) -> Result<T, Reject>) -> Result<Verified<T>, Reject> {
        Ok(Verified { value: decode(&self.spki)?, provenance: self.provenance.clone() })
    }

    /// Its subjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What its trust rests on.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// What these bytes rest on, which the key has signed.
    fn signing(&self, what: &'static str, scheme: Scheme, message: &[u8]) -> Provenance {
        let weak_hash = self.provenance.weak_hash || scheme.is_weak();
        let provenance = self.provenance.and(Step::Signed(Signed::new(what, scheme, &self.spki, message)));
        Provenance { weak_hash, ..provenance }
    }
}

/// A key that a statement certifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedKey {
    /// Its subjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// When the certification ends, in seconds since 1970-01-01T00:00:00Z, where that counts.
    pub not_after: Option<i64>,
}

/// A value decoded from bytes whose signature was checked with a trusted key.
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    provenance: Provenance,
}

/// Checks the signature and decodes those very bytes.
///
/// `decode` is a `fn` pointer: a closure that captures anything, such as an unsigned sibling of the statement, does
/// not compile here.
///
/// # Errors
/// Those of [`verify_signature`] and of `decode`.
pub fn mint<T>(
    signed: &SignedBytes,
    key: &TrustedKey,
    strength: Strength,
    decode: fn(&[u8]) -> Result<T, Reject>,
) -> Result<Verified<T>, Reject> {
    verify_signature(&key.spki, signed.scheme, strength, &signed.message, &signed.signature)?;
    let value = decode(&signed.message)?;
    Ok(Verified { value, provenance: key.signing(signed.what, signed.scheme, &signed.message) })
}

/// Checks the issuer's signature of a certificate and decodes its tbsCertificate, which was read from the very bytes that
/// are signed. Otherwise as [`mint`].
///
/// # Errors
/// Those of [`Certificate::scheme`], of [`verify_signature`] and of `decode`.
pub fn mint_certificate<T>(
    certificate: &Certificate,
    key: &TrustedKey,
    strength: Strength,
    decode: fn(&Tbs) -> Result<T, Reject>,
) -> Result<Verified<T>, Reject> {
    let (scheme, tbs) = (certificate.scheme()?, certificate.tbs());
    verify_signature(&key.spki, scheme, strength, tbs.raw(), certificate.signature())?;
    Ok(Verified { value: decode(tbs)?, provenance: key.signing(TBS_CERTIFICATE, scheme, tbs.raw()) })
}

impl VerifiedPath {
    /// Decodes the leaf's tbsCertificate, whose signature the path has checked.
    ///
    /// # Errors
    /// Those of `decode`.
    pub fn decode_leaf<T>(&self, decode: fn(&Tbs) -> Result<T, Reject>) -> Result<Verified<T>, Reject> {
        let provenance = TrustedKey::of_path(self).provenance;
        Ok(Verified { value: decode(self.leaf().tbs())?, provenance })
    }

    /// Decodes every tbsCertificate of the path together, the leaf first, for formats whose certificates must agree with
    /// one another. The path has checked the signature of each.
    ///
    /// # Errors
    /// Those of `decode`.
    pub fn decode_all<T>(&self, decode: fn(&[&Tbs]) -> Result<T, Reject>) -> Result<Verified<T>, Reject> {
        let provenance = TrustedKey::of_path(self).provenance;
        let certificates = std::iter::once(self.leaf()).chain(self.issuers());
        let certificates: Vec<&Tbs> = certificates.map(Certificate::tbs).collect();
        Ok(Verified { value: decode(&certificates)?, provenance })
    }
}

/// Makes one verified value of two from the same item of evidence, appraised at the same moment. It rests on both.
///
/// # Errors
/// [`Reject::OtherEvidence`] where the items differ; [`Reject::OtherMoment`] where the moments do; those of `combine`.
pub fn join<A, B, C>(
    first: &Verified<A>,
    second: &Verified<B>,
    combine: fn(&A, &B) -> Result<C, Reject>,
) -> Result<Verified<C>, Reject> {
    let provenance = first.provenance.merged(&second.provenance)?;
    Ok(Verified { value: combine(&first.value, &second.value)?, provenance })
}

/// A digest that a signed statement gives for bytes beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashOf {
    /// What is hashed, in the spelling of the standard.
    pub what: &'static str,
    /// The hash function.
    pub hash: Hash,
    /// The digest.
    pub digest: Vec<u8>,
}

impl<T> Verified<T> {
    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What it rests on.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Decodes bytes whose digest stands in this verified value: they are as good as signed.
    ///
    /// # Errors
    /// [`Reject::DigestMismatch`]; those of `digest_of` and of `decode`.
    pub fn preimage<U>(
        &self,
        digest_of: fn(&T) -> Result<HashOf, Reject>,
        bytes: &[u8],
        decode: fn(&[u8]) -> Result<U, Reject>,
    ) -> Result<Verified<U>, Reject> {
        let HashOf { what, hash, digest } = digest_of(&self.value)?;
        let found = hash.digest(bytes);
        if found != digest {
            let (expected, found) = (Operand::bytes(&digest), Operand::bytes(&found));
            return Err(Reject::DigestMismatch { what, expected, found });
        }
        let weak_hash = self.provenance.weak_hash || hash == Hash::Sha1;
        let provenance = self.provenance.and(Step::Hashed(Hashed::new(what, hash, bytes)));
        Ok(Verified { value: decode(bytes)?, provenance: Provenance { weak_hash, ..provenance } })
    }

    /// A part of this value, or a reading of it.
    ///
    /// # Errors
    /// Those of `part`.
    pub fn project<U>(&self, part: fn(&T) -> Result<U, Reject>) -> Result<Verified<U>, Reject> {
        Ok(Verified { value: part(&self.value)?, provenance: self.provenance.clone() })
    }
}
