//! Evidence inside other data: what is found there is handed to its own format, under the digest of the whole.
//!
//! A carriage signs nothing. One that holds several items takes one of them, whole: what two say is never mixed.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats;
use pkic_facts::reject::Reject;
use pkic_facts::request::CertificationRequest;
use pkic_vocab::limits::EVIDENCE_ITEMS_MAX;

/// Certificates beside an inner item, each of which is one of its parts.
pub(crate) const CERTIFICATES_MAX: usize = EVIDENCE_ITEMS_MAX.saturating_sub(1);

/// The request, where it is itself the item of evidence.
pub(crate) fn carrying_request<'a>(input: &Input<'a>) -> Option<&'a CertificationRequest> {
    input.request.filter(|request| request.is_in(input.evidence.bytes()))
}

/// Appraises an inner item, with further parts that came beside it, as the first of these formats that it looks like.
///
/// # Errors
/// [`Reject::FormatUnknown`] where it looks like none; those of the format.
pub(crate) fn appraise_inside(
    input: &Input<'_>,
    item: &[u8],
    further: &[&[u8]],
    names: &[&str],
) -> Result<Appraised, NotVerified> {
    let parts: Vec<&[u8]> = [item].into_iter().chain(further.iter().copied()).collect();
    let evidence = input.evidence.inside(&parts)?;
    let input = Input { evidence: &evidence, ..*input };
    let mut known = names.iter().filter_map(|name| formats::by_name(name));
    let format = known.find(|format| (format.detect)(&input)).ok_or(Reject::FormatUnknown)?;
    (format.appraise)(&input)
}

/// Of two refusals, the one of the later stage; of two at one stage, the first.
pub(crate) fn farther(held: Option<NotVerified>, other: NotVerified) -> NotVerified {
    let stage = |refusal: &NotVerified| match refusal {
        NotVerified::Refused(reject) | NotVerified::Unproven(reject) => reject.stage(),
    };
    match held {
        Some(held) if stage(&held) >= stage(&other) => held,
        _ => other,
    }
}
