//! What is missing for a stronger answer: which input would raise it, told from the answer itself.
//!
//! It names what somebody can give, and promises nothing: whether it suffices, the next appraisal says. It never
//! proposes to trust a key that the evidence brings: that takes another source than the evidence.
use crate::cli::EvidenceShow;
use pkic_evidence::formats::ANDROID_STATUS_LIST;
use pkic_evidence::{Appraisal, Verdict};
use pkic_facts::facts::Binding;
use pkic_facts::reject::{Reject, Stage};
use pkic_facts::revocation::Revocation;
use pkic_vocab::{FactId, Grade, Purpose, Slot};
use serde::Serialize;

/// What a relying party wants to know of a key.
const OF_KEY: [&str; 3] = ["key.storage", "key.origin", "key.export"];
/// What a row of a catalogue is joined on.
const IDENTITY: [&str; 4] = ["module.vendor", "module.manufacturer", "module.model", "module.aaguid"];

/// Something that is missing.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    /// What it would raise: the verdict, or a fact.
    pub(super) raises: &'static str,
    /// What to give.
    pub(super) needs: String,
}

fn missing(raises: &'static str, needs: impl Into<String>) -> Missing {
    Missing { raises, needs: needs.into() }
}

/// What would raise this answer.
pub(super) fn find(arguments: &EvidenceShow, appraisal: &Appraisal) -> Vec<Missing> {
    let mut found = Vec::new();
    match &appraisal.verdict {
        Verdict::Verified => {
            found.extend(of_binding(appraisal));
            found.extend(of_freshness(arguments, appraisal));
            found.extend(of_path(appraisal));
            found.extend(OF_KEY.iter().filter_map(|path| of_key(appraisal, path)));
            found.push(of_certification(appraisal));
        }
        Verdict::Refused(reject) | Verdict::Unproven(reject) => found.extend(of_verdict(arguments, reject)),
    }
    found
}

fn of_verdict(arguments: &EvidenceShow, reject: &Reject) -> Option<Missing> {
    let needs = match reject {
        Reject::KeyNotEnrolled { key } => format!(
            "the key {key} as `[[key]]` in `anchors.toml` of the folder `--anchors`, if you know from its maker or from \
             your own enrolment that it is the device's"
        ),
        Reject::IssuerUnknown { .. } | Reject::LinkSignature { .. }
            if arguments.circumstances.anchors.is_none() =>
        {
            "the certificate of the maker's root, from the maker, in the folder `--anchors`".to_owned()
        }
        Reject::IssuerUnknown { issuer, .. } => format!(
            "the certificate of the issuer whose name has the digest {issuer}, from the maker, in the folder `--anchors`"
        ),
        Reject::PossessionUnproven { .. } => "a request whose signature verifies".to_owned(),
        Reject::KeyMismatch { attested_key, .. } => {
            format!("evidence about the key of the request: this item is about the key {attested_key}")
        }
        Reject::NonceMismatch { .. } => "evidence that was made with the nonce that was given out".to_owned(),
        Reject::FieldMissing { field } if field.contains("activation") => {
            match arguments.circumstances.answered.activation {
                None => "the registrar's record of the credential that it made for this TPM (`--activation`)"
                    .to_owned(),
                Some(_) => "the secret that the TPM gave back, in the evidence".to_owned(),
            }
        }
        _ if reject.stage() == Stage::Path && arguments.circumstances.anchors.is_none() => {
            "trust anchors (`--anchors`)".to_owned()
        }
        _ => return None,
    };
    Some(missing("verdict", needs))
}

fn of_binding(appraisal: &Appraisal) -> Option<Missing> {
    let needs = "the request whose key it is to be about (`--csr`)";
    (appraisal.binding != Some(Binding::RequestKey)).then(|| missing("evidence.bound", needs))
}

fn of_freshness(arguments: &EvidenceShow, appraisal: &Appraisal) -> Option<Missing> {
    let circumstances = &arguments.circumstances;
    let is_given =
        circumstances.answered.nonce.is_some() || circumstances.answered.challenge.challenge.is_some();
    let needs = match (appraisal.freshness(), is_given) {
        (Some("nonce" | "request-nonce"), _) => return None,
        (Some("constant"), _) => {
            "an item that was made with a nonce: this one's tools sign a constant in its place"
        }
        (_, false) => {
            "the nonce that was given out (`--nonce`, or `--challenge` with its record), in the item or in the \
                       request"
        }
        (_, true) => "the nonce in the signed request: the item itself carries none",
    };
    Some(missing("evidence.freshness", needs))
}

fn of_path(appraisal: &Appraisal) -> Vec<Missing> {
    let mut found = Vec::new();
    let Some(provenance) = appraisal.facts.provenance() else { return found };
    if provenance.revocation() == Revocation::Unknown {
        let is_android = appraisal.format.is_some_and(|format| ANDROID_STATUS_LIST.contains(&format));
        let needs = match is_android {
            true => "Google's status list, not older than a day (`--status-list`, `--status-list-fetched`)",
            false => {
                "lists in force of every issuer of the chain (`--crl`), or the word `revocation = \"unpublished\"` \
                      for its anchor where the maker publishes none"
            }
        };
        found.push(missing("evidence.revocation", needs));
    }
    match provenance.anchor().purpose {
        Purpose::Production => {}
        Purpose::Unspecified => found.push(missing(
            "evidence.anchor.purpose",
            "an entry `[[anchor]]` for it in `anchors.toml` that says its purpose: without one it is no production anchor",
        )),
        Purpose::Preview | Purpose::Test | Purpose::Simulator => found.push(missing(
            "evidence.anchor.purpose",
            "evidence of a production device: under this anchor only a lab policy is satisfied",
        )),
    }
    if provenance.is_weak_hash() {
        found.push(missing("module.weak-hash", "evidence without SHA-1"));
    }
    found
}

fn of_key(appraisal: &Appraisal, path: &'static str) -> Option<Missing> {
    let needs = match known(appraisal, path) {
        Some(Grade::Attested) => return None,
        Some(Grade::Witnessed) => {
            "the device's own evidence, which the verifier saw: it would be attested, not witnessed"
                .to_owned()
        }
        Some(_) | None => unknown(appraisal, path),
    };
    Some(missing(path, needs))
}

/// What says something of a key that this item leaves open.
fn unknown(appraisal: &Appraisal, path: &str) -> String {
    let statement =
        "a statement of people about the key (`pkic evaluate --statement`), which makes it witnessed";
    match (path, appraisal.format) {
        ("key.origin", Some("tpm2-certify")) => {
            format!("TPM2_CertifyCreation of the same key, in place of this item; or {statement}")
        }
        ("key.storage", _) if is_identified(appraisal) => {
            format!("a catalogue with a row for this module (`pkic evaluate --catalogue`); or {statement}")
        }
        _ => statement.to_owned(),
    }
}

fn of_certification(appraisal: &Appraisal) -> Missing {
    let needs = match is_identified(appraisal) {
        true => {
            "a catalogue with a row for this module (`pkic evaluate --catalogue`): evidence never says it"
        }
        false => "evidence that names the module, for a catalogue to be joined on: this item does not",
    };
    missing("certification", needs)
}

fn is_identified(appraisal: &Appraisal) -> bool {
    IDENTITY.iter().any(|path| known(appraisal, path).is_some_and(|grade| grade > Grade::Claimed))
}

fn known(appraisal: &Appraisal, path: &str) -> Option<Grade> {
    match appraisal.facts.table().get(FactId::from_path(path)?) {
        Slot::Known(fact) => Some(fact.grade),
        Slot::Unknown | Slot::Absent | Slot::Conflict => None,
    }
}
