//! Appraisal: what an item of evidence proves about the key of a request.
use crate::formats::{self, Format};
use pkic_facts::anchors::{AnchorRef, AnchorSet};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::{Binding, Facts, Payload, PayloadDecoder, Statement};
use pkic_facts::reject::{Reject, Stage};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::activation::Activation;
use pkic_facts::verified::{Evidence, Verified};
use pkic_vocab::words::Words;
use pkic_vocab::{FactId, Slot, Value};

/// What is appraised, and against what.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The item of evidence; where a request carries its evidence inside, the request's bytes.
    pub evidence: &'a Evidence,
    /// The request whose key the evidence is to be about.
    pub request: Option<&'a CertificationRequest>,
    /// Whom we trust.
    pub anchors: &'a AnchorSet,
    /// The time of appraisal, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// The nonce that we gave out for this request, if any.
    pub nonce: Option<&'a [u8]>,
    /// Our own record of a TPM credential that we made for this request, if any.
    pub activation: Option<&'a Activation>,
}

impl Input<'_> {
    /// Ends an appraisal: takes over what the verified statement says, with its binding and freshness.
    ///
    /// # Errors
    /// Those of [`Facts::attest`].
    pub fn conclude<S: Statement>(&self, statement: &Verified<S>) -> Result<Appraised, NotVerified> {
        let mut facts = self.request_facts()?;
        let binding = facts.attest(self.evidence, statement, self.nonce)?;
        Ok(Appraised { facts, binding })
    }

    /// Ends an appraisal of a payload that a sandboxed format decodes.
    ///
    /// # Errors
    /// Those of [`Facts::attest_decoded`].
    pub fn conclude_decoded(
        &self,
        payload: &Verified<Payload>,
        decoder: &dyn PayloadDecoder,
    ) -> Result<Appraised, NotVerified> {
        let mut facts = self.request_facts()?;
        let binding = facts.attest_decoded(self.evidence, payload, decoder, self.nonce)?;
        Ok(Appraised { facts, binding })
    }

    /// Ends an appraisal of a statement about no key, such as a platform's: there is nothing to tie to a request.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`] where there is a request; else those of [`Input::conclude`].
    pub fn conclude_without_key<S: Statement>(
        &self,
        statement: &Verified<S>,
    ) -> Result<Appraised, NotVerified> {
        match self.request {
            Some(_) => Err(Reject::FieldMissing { field: "attested key" }.into()),
            None => self.conclude(statement),
        }
    }

    fn request_facts(&self) -> Result<Facts, Reject> {
        self.request.map_or_else(|| Ok(Facts::new()), Facts::of_request)
    }
}

/// A successful appraisal. [`Input::conclude`] and [`Input::conclude_decoded`] alone make it.
#[derive(Debug)]
pub struct Appraised {
    facts: Facts,
    binding: Binding,
}

/// Why a format did not verify its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotVerified {
    /// The evidence is wrong.
    Refused(Reject),
    /// The evidence lacks what would tie it to an anchor; [`Verdict`] has the rule.
    Unproven(Reject),
}

impl From<Reject> for NotVerified {
    fn from(reject: Reject) -> NotVerified {
        NotVerified::Refused(reject)
    }
}

/// The answer of an appraisal.
///
/// One rule tells `refused` from `unproven` in every format. Evidence that lacks what would tie its signer to an
/// anchor is unproven: it names an attestation key alone that nobody enrolled, or an endorsement key without our
/// record of a credential or without the TPM's answer to it. Evidence that brings certificates is held to them: where
/// no path leads from them to an anchor, it is refused at stage `path`, whether the issuer is unknown
/// (`issuer-unknown`) or known and did not sign (`link-signature`). Nothing of the statement was checked by then, so
/// that a forgery and a genuine statement under an unlisted root have one answer. Neither verdict yields facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The statement is genuine, about the request's key where there is a request, and its facts are attested.
    Verified,
    /// The evidence is wrong. It yields no facts.
    Refused(Reject),
    /// The evidence lacks what would tie it to an anchor. It yields no facts.
    Unproven(Reject),
}

impl Verdict {
    /// The word for this verdict in reports and vectors.
    pub const fn name(&self) -> &'static str {
        match self {
            Verdict::Verified => "verified",
            Verdict::Refused(_) => "refused",
            Verdict::Unproven(_) => "unproven",
        }
    }

    /// Why it is not verified.
    pub const fn reason(&self) -> Option<&Reject> {
        match self {
            Verdict::Verified => None,
            Verdict::Refused(reject) | Verdict::Unproven(reject) => Some(reject),
        }
    }

    /// The stage that refused.
    pub const fn stage(&self) -> Option<Stage> {
        match self.reason() {
            Some(reject) => Some(reject.stage()),
            None => None,
        }
    }
}

/// What an item of evidence proves.
#[derive(Debug)]
pub struct Appraisal {
    /// The format, where it was recognised.
    pub format: Option<&'static str>,
    /// Name and SHA-256 of the sandboxed format that was asked, where one was.
    pub plugin: Option<(String, Sha256Digest)>,
    /// The answer.
    pub verdict: Verdict,
    /// SHA-256 of the item.
    pub evidence: Sha256Digest,
    /// How a verified statement is tied to the request.
    pub binding: Option<Binding>,
    /// The facts: what the request says of itself, and what a verified statement adds.
    pub facts: Facts,
}

impl Appraisal {
    /// The anchor that a verified statement hangs on.
    pub fn anchor(&self) -> Option<&AnchorRef> {
        self.facts.provenance().map(|provenance| provenance.anchor())
    }

    /// How a verified statement is tied to the request in time: a word of [`Words::Freshness`].
    pub fn freshness(&self) -> Option<&'static str> {
        match self.facts.table().get(FactId::from_path("evidence.freshness")?) {
            Slot::Known(fact) => match &fact.value {
                Value::Word(word) if word.words() == Words::Freshness => Some(word.name()),
                _ => None,
            },
            Slot::Unknown | Slot::Absent | Slot::Conflict => None,
        }
    }
}

/// Appraises one item of evidence in the format that it is recognised as.
pub fn appraise(input: &Input<'_>) -> Appraisal {
    match formats::detect(input) {
        Some(format) => appraise_as(format, input),
        None => answer(None, input, Err(NotVerified::Refused(Reject::FormatUnknown))),
    }
}

/// Appraises one item of evidence in a given format.
pub fn appraise_as(format: &'static Format, input: &Input<'_>) -> Appraisal {
    answer(Some(format.name), input, (format.appraise)(input))
}

/// Refuses an item whatever it says, for a reason that lies outside it, such as a challenge that is none of ours.
pub fn refuse(input: &Input<'_>, reject: Reject) -> Appraisal {
    answer(formats::detect(input).map(|format| format.name), input, Err(NotVerified::Refused(reject)))
}

pub(crate) fn answer(
    format: Option<&'static str>,
    input: &Input<'_>,
    result: Result<Appraised, NotVerified>,
) -> Appraisal {
    let evidence = input.evidence.digest();
    let verdict = match result {
        Ok(Appraised { facts, binding }) => {
            let binding = Some(binding);
            return Appraisal { format, plugin: None, verdict: Verdict::Verified, evidence, binding, facts };
        }
        Err(NotVerified::Refused(reject)) => Verdict::Refused(reject),
        Err(NotVerified::Unproven(reject)) => Verdict::Unproven(reject),
    };
    let facts = input.request_facts().unwrap_or_default();
    Appraisal { format, plugin: None, verdict, evidence, binding: None, facts }
}
