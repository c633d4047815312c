//! Paths of certificates to a trust anchor, over the certificates' own bytes.
//!
//! Every evidence format has its own profile: real attestation certificates break the rules of RFC 5280 in ways that
//! their vendors document (absent basicConstraints, dates of 1970, unknown critical extensions). A link is the
//! issuer's name, byte for byte, and a signature over the raw tbsCertificate. The time is an input.
use crate::anchors::{Anchor, AnchorRef, AnchorSet};
use crate::certificate::{Certificate, Tbs};
use crate::crypto::{Sha256Digest, Strength, verify_signature};
use crate::reject::{Operand, Reject};
use crate::revocation::{Checked, Link, Revocation, Standing};
use crate::verified::Evidence;
use crate::verified::trail::Chain;
use pkic_vocab::limits;
use std::sync::Arc;

/// What a format's path must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathProfile {
    /// The evidence format, by its word in the vocabulary: anchors may be limited to formats.
    pub format: &'static str,
    /// The most certificates between leaf and anchor, the leaf included; at most [`limits::PATH_LEN_MAX`].
    pub certificates_max: usize,
    /// Whether issuers must be marked as authorities.
    pub ca_bit: CaBit,
    /// The extended key usage of the leaf.
    pub key_purpose: KeyPurpose,
    /// Whether validity periods count.
    pub validity: Validity,
    /// Critical extensions that the format's code understands, in dotted form, beside those of RFC 5280.
    pub critical_known: &'static [&'static str],
    /// The weak cryptography that the format puts up with.
    pub strength: Strength,
}

impl PathProfile {
    /// The profile that a format starts from, and says where its certificates differ: issuers are marked as authorities,
    /// validity counts, no further critical extension is understood, and nothing weak is put up with.
    pub const fn strict(format: &'static str, certificates_max: usize) -> PathProfile {
        PathProfile {
            format,
            certificates_max,
            ca_bit: CaBit::Required,
            key_purpose: KeyPurpose::Any,
            validity: Validity::Checked,
            critical_known: &[],
            strength: Strength::Current,
        }
    }
}

/// Whether an issuer must have `basicConstraints.cA`, and keep to its `pathLenConstraint` and `keyUsage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaBit {
    /// It must be there and TRUE.
    Required,
    /// It may be absent, never FALSE: the format's devices issue certificates without it.
    AbsentTolerated,
    /// None of them is looked at: the format's own rules say who issues.
    Ignored,
}

/// The extended key usage that a leaf must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// None is looked for.
    Any,
    /// This one must be there.
    Required(&'static str),
    /// This one must be there if there is any.
    RequiredIfPresent(&'static str),
}

/// Whether validity periods count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Every certificate below the anchor must be valid at the time of appraisal. An anchor's own dates never count.
    Checked,
    /// They do not count: the vendor's dates are constants.
    Ignored,
}

/// Critical extensions that path building itself understands: basicConstraints, keyUsage, extKeyUsage, subjectAltName.
const CRITICAL_KNOWN: [&str; 4] = ["2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"];

/// What a path is built from.
#[derive(Debug, Clone, Copy)]
pub struct PathInput<'a> {
    /// The item of evidence that the leaf came in.
    pub evidence: &'a Evidence,
    /// The certificate whose key is to be trusted.
    pub leaf: &'a Certificate,
    /// Certificates that came with the evidence.
    pub carried: &'a [Certificate],
    /// The trust anchors, with the operator's own intermediates and what is known of revocation.
    pub anchors: &'a AnchorSet,
    /// The format's profile.
    pub profile: &'a PathProfile,
    /// The time of appraisal, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

/// Proof that a certificate's key is reached from a trust anchor. [`verify_path`] alone makes it.
#[derive(Debug)]
pub struct VerifiedPath {
    evidence: Sha256Digest,
    chain: Arc<Chain>,
    now: i64,
    not_after: Option<i64>,
    revocation: Revocation,
}

impl VerifiedPath {
    /// SHA-256 of the item of evidence that the leaf came in.
    pub fn evidence(&self) -> Sha256Digest {
        self.evidence
    }

    /// The certificate whose key is reached.
    pub fn leaf(&self) -> &Certificate {
        &self.chain.leaf
    }

    /// The certificates between the leaf and the anchor, the leaf's issuer first.
    pub fn issuers(&self) -> &[Certificate] {
        &self.chain.issuers
    }

    /// The anchor that the path ends at.
    pub fn anchor(&self) -> &AnchorRef {
        &self.chain.anchor
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// The time of appraisal.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The earliest notAfter on the path, where validity counts, and of the lists that find it good.
    pub fn not_after(&self) -> Option<i64> {
        self.not_after
    }

    /// Certificates below the anchor, the leaf included.
    pub fn certificates(&self) -> usize {
        self.chain.issuers.len().saturating_add(1)
    }

    /// What the lists of the anchor set say of these certificates.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }
}

/// Searches a path from the leaf to an anchor.
///
/// # Errors
/// The refusal of the deepest attempt, all of stage `path` but for [`Reject::AlgorithmWeak`] and
/// [`Reject::TooLarge`]: [`Reject::IssuerUnknown`] where nothing bears the issuer's name, [`Reject::LinkSignature`]
/// where something does and did not sign, and those of the profile. [`Reject::Revoked`] where a list names a certificate
/// of the path that was found: no other path is looked for then.
pub fn verify_path(input: &PathInput<'_>) -> Result<VerifiedPath, Reject> {
    let size = input.carried.len();
    if size > limits::PATH_CANDIDATES_MAX {
        return Err(Reject::TooLarge { what: "certificates", size, limit: limits::PATH_CANDIDATES_MAX });
    }
    check_purpose(input.leaf.tbs(), input.profile.key_purpose)?;
    check_certificate(input.leaf.tbs(), input)?;
    let mut search = Search { input, signatures: 0, chain: vec![input.leaf], best: None };
    match search.extend() {
        Some(anchor) => {
            let ends = search.chain.iter().map(|certificate| certificate.tbs().not_after());
            let end = ends.min().filter(|_| input.profile.validity == Validity::Checked);
            let Standing { state, until } = check_revocation(input, &search.chain, anchor)?;
            Ok(VerifiedPath {
                evidence: input.evidence.digest(),
                chain: Arc::new(Chain {
                    leaf: input.leaf.clone(),
                    issuers: search.chain.iter().skip(1).copied().cloned().collect(),
                    anchor: anchor.reference().clone(),
                }),
                now: input.now,
                not_after: end.into_iter().chain(until).min(),
                revocation: state,
            })
        }
        None => Err(search.refusal()),
    }
}

/// A depth-first search, bounded by the length of the path and by a budget of signature checks.
struct Search<'a> {
    input: &'a PathInput<'a>,
    signatures: usize,
    chain: Vec<&'a Certificate>,
    best: Option<(usize, Reject)>,
}

impl<'a> Search<'a> {
    fn extend(&mut self) -> Option<&'a Anchor> {
        let child = *self.chain.last()?;
        let depth = self.chain.len();
        let input = self.input;
        let mut named = false;
        for anchor in input.anchors.anchors() {
            if anchor.subject() == child.tbs().issuer() && anchor.serves(input.profile.format) {
                named = true;
                if self.is_linked(child, anchor.spki(), depth) {
                    return Some(anchor);
                }
            }
        }
        for issuer in input.carried.iter().chain(input.anchors.candidates()) {
            let is_issuer = issuer.tbs().subject() == child.tbs().issuer();
            let is_repeated = self.chain.iter().any(|above| above.tbs().spki() == issuer.tbs().spki());
            if !is_issuer || is_repeated {
                continue;
            }
            named = true;
            if depth >= input.profile.certificates_max.min(limits::PATH_LEN_MAX) {
                self.note(depth, Reject::PathTooLong { limit: input.profile.certificates_max });
                break;
            }
            if !self.is_linked(child, issuer.tbs().spki(), depth) {
                continue;
            }
            if let Err(reject) = check_issuer(issuer.tbs(), input, depth.saturating_sub(1)) {
                self.note(depth.saturating_add(1), reject);
                continue;
            }
            self.chain.push(issuer);
            if let Some(anchor) = self.extend() {
                return Some(anchor);
            }
            self.chain.pop();
        }
        if !named {
            let issuer = Sha256Digest::of(child.tbs().issuer());
            self.note(depth, Reject::IssuerUnknown { issuer, depth: depth.saturating_sub(1) });
        }
        None
    }

    fn is_linked(&mut self, child: &Certificate, issuer_spki: &[u8], depth: usize) -> bool {
        if self.signatures >= limits::PATH_SIGNATURES_MAX {
            self.best = Some((usize::MAX, Reject::BudgetExhausted { limit: limits::PATH_SIGNATURES_MAX }));
            return false;
        }
        self.signatures = self.signatures.saturating_add(1);
        let strength = self.input.profile.strength;
        let verify =
            |scheme| verify_signature(issuer_spki, scheme, strength, child.tbs().raw(), child.signature());
        match child.scheme().and_then(verify) {
            Ok(()) => true,
            Err(Reject::SignatureInvalid { key, .. }) => {
                self.note(depth, Reject::LinkSignature { issuer_key: key, depth: depth.saturating_sub(1) });
                false
            }
            Err(reject) => {
                self.note(depth, reject);
                false
            }
        }
    }

    /// Keeps the refusal that got farthest; of two at one depth, the first.
    fn note(&mut self, depth: usize, reject: Reject) {
        if self.best.as_ref().is_none_or(|(held, _)| depth > *held) {
            self.best = Some((depth, reject));
        }
    }

    fn refusal(self) -> Reject {
        let issuer = Sha256Digest::of(self.input.leaf.tbs().issuer());
        self.best.map_or(Reject::IssuerUnknown { issuer, depth: 0 }, |(_, reject)| reject)
    }
}

fn check_revocation(
    input: &PathInput<'_>,
    chain: &[&Certificate],
    anchor: &Anchor,
) -> Result<Standing, Reject> {
    let above = chain.iter().skip(1).map(|issuer| (issuer.tbs().spki(), issuer.tbs().may_sign_lists()));
    let issuers = above.chain(std::iter::once((anchor.spki(), true)));
    let links: Vec<Link<'_>> = chain
        .iter()
        .zip(issuers)
        .map(|(certificate, (issuer_spki, may_issuer_sign_lists))| Link {
            tbs: certificate.tbs(),
            issuer_spki,
            may_issuer_sign_lists,
        })
        .collect();
    input.anchors.revocation().check(&Checked {
        links: &links,
        format: input.profile.format,
        strength: input.profile.strength,
        is_unpublished: input.anchors.is_unpublished(anchor.reference().spki),
        now: input.now,
    })
}

/// `below` is the number of certificates between this issuer and the leaf. A self-issued one counts, which RFC 5280
/// section 4.2.1.9 would forgive.
fn check_issuer(tbs: &Tbs, input: &PathInput<'_>, below: usize) -> Result<(), Reject> {
    let is_accepted = match (input.profile.ca_bit, tbs.is_authority()) {
        (CaBit::Ignored, _) | (CaBit::Required | CaBit::AbsentTolerated, Some(true)) => true,
        (CaBit::AbsentTolerated, None) => tbs.extension("2.5.29.19").is_none(),
        (CaBit::Required, None) | (CaBit::Required | CaBit::AbsentTolerated, Some(false)) => false,
    };
    let is_checked = input.profile.ca_bit != CaBit::Ignored;
    if !is_accepted || (is_checked && !tbs.may_sign_certificates()) {
        return Err(Reject::NotAnAuthority { certificate_key: tbs.spki_digest() });
    }
    match tbs.path_length().filter(|limit| is_checked && below > *limit) {
        Some(limit) => Err(Reject::PathTooLong { limit }),
        None => check_certificate(tbs, input),
    }
}

fn check_certificate(tbs: &Tbs, input: &PathInput<'_>) -> Result<(), Reject> {
    let (not_before, not_after, now) = (tbs.not_before(), tbs.not_after(), input.now);
    if input.profile.validity == Validity::Checked && (now < not_before || now > not_after) {
        return Err(Reject::OutsideValidity { not_before, not_after, now });
    }
    let is_known = |oid: &str| CRITICAL_KNOWN.contains(&oid) || input.profile.critical_known.contains(&oid);
    match tbs.extensions().iter().find(|extension| extension.critical && !is_known(&extension.oid)) {
        Some(extension) => Err(Reject::CriticalExtension { oid: extension.oid.clone() }),
        None => Ok(()),
    }
}

fn check_purpose(tbs: &Tbs, purpose: KeyPurpose) -> Result<(), Reject> {
    let (expected, is_optional) = match purpose {
        KeyPurpose::Any => return Ok(()),
        KeyPurpose::Required(expected) => (expected, false),
        KeyPurpose::RequiredIfPresent(expected) => (expected, tbs.extension("2.5.29.37").is_none()),
    };
    let found = tbs.key_purposes();
    if is_optional || found.iter().any(|oid| oid == expected) {
        return Ok(());
    }
    let found = found.first().map_or(Operand::Absent, |oid| Operand::Oid(oid.clone()));
    Err(Reject::KeyPurpose { expected, found })
}
