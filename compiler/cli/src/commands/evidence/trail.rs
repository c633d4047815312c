//! The way from an anchor to a verified statement, for a person and for a program: certificates, signed bytes, digests.
//!
//! What no signature covers stands here as well: it is the other half of what was signed.
use crate::output::{Page, inert};
use pkic_evidence::Appraisal;
use pkic_evidence::formats::{Format, by_name};
use pkic_facts::anchors::AnchorRef;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::verified::trail::{Chain, Hashed, Signed, Step};
use pkic_vocab::{FactId, Slot, Value};
use serde::Serialize;

/// What holds of every item of every format.
const ALWAYS_UNSIGNED: &str = "the names of the files, and whatever in them is not listed above";

/// Certificates and the anchor above them; none for a key that is enrolled itself.
#[derive(Serialize)]
pub(super) struct ChainReport {
    certificates: Vec<CertificateReport>,
    anchor: AnchorReport,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CertificateReport {
    subject: String,
    issuer: String,
    spki: String,
    not_before: String,
    not_after: String,
    signed_with: Option<&'static str>,
    tbs: String,
    length: usize,
}

/// An anchor.
#[derive(Serialize)]
pub(super) struct AnchorReport {
    name: String,
    purpose: &'static str,
    spki: String,
}

#[derive(Serialize)]
pub(super) struct SignedReport {
    what: &'static str,
    length: usize,
    digest: String,
    scheme: &'static str,
    signer: String,
    subject: Option<String>,
}

#[derive(Serialize)]
pub(super) struct HashedReport {
    what: &'static str,
    length: usize,
    digest: String,
    hash: &'static str,
}

/// The steps of a verified statement, each kind in the order of the checks.
#[derive(Serialize, Default)]
pub(super) struct TrailReport {
    chains: Vec<ChainReport>,
    activated: Vec<String>,
    signed: Vec<SignedReport>,
    hashed: Vec<HashedReport>,
    unsigned: Vec<&'static str>,
}

impl AnchorReport {
    /// The report of an anchor.
    pub(super) fn new(anchor: &AnchorRef) -> AnchorReport {
        AnchorReport {
            name: anchor.name.clone(),
            purpose: anchor.purpose.name(),
            spki: anchor.spki.to_string(),
        }
    }
}

impl CertificateReport {
    fn new(certificate: &Certificate) -> CertificateReport {
        let tbs = certificate.tbs();
        CertificateReport {
            subject: name(tbs.subject()),
            issuer: name(tbs.issuer()),
            spki: tbs.spki_digest().to_string(),
            not_before: pkic_runtime::report::moment(tbs.not_before()),
            not_after: pkic_runtime::report::moment(tbs.not_after()),
            signed_with: certificate.scheme().ok().map(pkic_facts::crypto::Scheme::name),
            tbs: pkic_facts::crypto::Sha256Digest::of(tbs.raw()).to_string(),
            length: tbs.raw().len(),
        }
    }
}

impl SignedReport {
    fn new(signed: &Signed) -> SignedReport {
        SignedReport {
            what: signed.what(),
            length: signed.len_bytes(),
            digest: signed.digest().to_string(),
            scheme: signed.scheme().name(),
            signer: signed.signer().to_string(),
            subject: signed.certificate().map(|tbs| name(tbs.subject())),
        }
    }
}

impl HashedReport {
    fn new(hashed: &Hashed) -> HashedReport {
        HashedReport {
            what: hashed.what(),
            length: hashed.len_bytes(),
            digest: hashed.digest().to_string(),
            hash: hashed.hash().name(),
        }
    }
}

impl TrailReport {
    /// The steps of an appraisal: there are none where it verified nothing.
    pub(super) fn new(appraisal: &Appraisal) -> TrailReport {
        let mut report = TrailReport::default();
        let Some(provenance) = appraisal.facts.provenance() else { return report };
        for step in provenance.trail() {
            match step {
                Step::Path(chain) => report.chains.push(chain_report(chain)),
                Step::Enrolled(anchor) => report
                    .chains
                    .push(ChainReport { certificates: Vec::new(), anchor: AnchorReport::new(anchor) }),
                Step::Activated(name) => report.activated.push(crate::challenge::hex(name)),
                Step::Signed(signed) => report.signed.push(SignedReport::new(signed)),
                Step::Hashed(hashed) => report.hashed.push(HashedReport::new(hashed)),
            }
        }
        report.unsigned = formats(appraisal).map(|format| format.unsigned).chain([ALWAYS_UNSIGNED]).collect();
        report
    }

    /// Shows it to a person.
    pub(super) fn show(&self, page: &mut Page) {
        if self.chains.is_empty() {
            return;
        }
        page.line("  its chain");
        self.chains.iter().for_each(|chain| show_chain(page, chain));
        for name in &self.activated {
            page.hanging(
                "    ",
                &format!(
                    "the same TPM has the attestation key with the Name {name}: it answered our credential"
                ),
            );
        }
        page.gap();
        page.line("  what was signed");
        let certificates: usize = self.chains.iter().map(|chain| chain.certificates.len()).sum();
        if certificates > 0 {
            let what = if certificates == 1 {
                "the certificate of the chain"
            } else {
                "the certificates of the chain"
            };
            page.line(format_args!("    - {what}, each by the next"));
        }
        for SignedReport { what, length, digest, scheme, signer, subject } in &self.signed {
            let of = subject.as_ref().map(|name| format!(" of {}", inert(name))).unwrap_or_default();
            let text = format!("{what}{of}: {length} bytes, {digest}, with {scheme} by key {signer}");
            page.hanging("    - ", &text);
        }
        for HashedReport { what, length, digest, hash } in &self.hashed {
            let text =
                format!("{what}: {length} bytes, {digest}, whose {hash} digest stands in signed bytes");
            page.hanging("    - ", &text);
        }
        page.gap();
        page.line("  what no signature covers");
        self.unsigned.iter().for_each(|text| page.hanging("    - ", text));
        page.gap();
    }
}

/// The format that an item was recognised as, and the one of the statement that it carried.
fn formats(appraisal: &Appraisal) -> impl Iterator<Item = &'static Format> {
    let carrier = appraisal.format.and_then(by_name);
    let table = appraisal.facts.table();
    let inner = FactId::from_path("evidence.format").and_then(|id| match table.get(id) {
        Slot::Known(fact) => match &fact.value {
            Value::Word(word) => by_name(word.name()),
            _ => None,
        },
        Slot::Unknown | Slot::Absent | Slot::Conflict => None,
    });
    let inner = inner.filter(|inner| carrier.is_none_or(|carrier| carrier.name != inner.name));
    carrier.into_iter().chain(inner)
}

fn chain_report(chain: &Chain) -> ChainReport {
    ChainReport {
        certificates: chain.certificates().map(CertificateReport::new).collect(),
        anchor: AnchorReport::new(chain.anchor()),
    }
}

fn show_chain(page: &mut Page, chain: &ChainReport) {
    let date = |text: &str| text.get(..10).unwrap_or(text).to_owned();
    for certificate in &chain.certificates {
        page.hanging("    ", &inert(&certificate.subject));
        let CertificateReport { spki, not_before, not_after, signed_with, .. } = certificate;
        let (from, until) = (date(not_before), date(not_after));
        page.line(format_args!("      key {spki}"));
        let scheme = signed_with.unwrap_or("an unknown algorithm");
        page.line(format_args!("      dated {from} to {until}, signed with {scheme} by"));
    }
    let AnchorReport { name, purpose, spki } = &chain.anchor;
    let is_enrolled = if chain.certificates.is_empty() { "enrolled key" } else { "anchor" };
    page.line(format_args!("    {is_enrolled} `{}` ({purpose})", inert(name)));
    page.line(format_args!("      key {spki}"));
}

fn name(raw: &[u8]) -> String {
    match Tbs::name_text(raw) {
        Some(text) if text.is_empty() => "(no name)".to_owned(),
        Some(text) => text,
        None => "(a name that does not read)".to_owned(),
    }
}
