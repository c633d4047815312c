//! Replay: from what a record holds to the decision, its trace and the bytes that were signed (design D16).
//!
//! Level 1 begins with the facts that were recorded, and shows that the program of that day says of them what was
//! recorded. Level 2 begins with the evidence of that day, where it was kept, and shows that those facts were proven.
use super::again::{Again, Unkept};
use super::day::Objects;
use super::{Apart, Decided, Intent, Particulars, Table, trace};
use crate::bundle::Loaded;
use crate::draft::{Draft, DraftInput, Serial};
use crate::issuer::Issuer;
use crate::report;
use crate::wishes::Wishes;
use pkic_eval::{Ask, Decision};
use pkic_evidence::plugin::Plugin;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::request::CertificationRequest;
use pkic_ir::{Authority, Profile};
use pkic_vocab::FactTable;

/// An intent, and what it names.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    /// The program that the record names.
    pub loaded: &'a Loaded,
    /// The record.
    pub intent: &'a Intent,
    /// What stands beside the entry, unless it was erased.
    pub particulars: Option<&'a Particulars>,
    /// The issuer's certificate that the record names.
    pub issuer: &'a [u8],
    /// The objects of the log.
    pub objects: &'a Objects<'a>,
    /// Sandboxed formats, for evidence that one of them read.
    pub plugins: &'a [&'a dyn Plugin],
}

/// How far a replay went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// Level 2: to the evidence, which was appraised again.
    Evidence,
    /// Level 1: to the facts that were recorded; why no further.
    Facts(Unkept),
}

/// What a replay showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// How far it went back.
    pub level: Level,
    /// Where the replay differs from the record. Empty: all that could be replayed agrees.
    pub differences: Vec<String>,
    /// Facts whose values were erased since; they were unknown to the replay.
    pub erased: Vec<String>,
    /// Whether the tbsCertificate was drafted again, to the byte.
    pub is_tbs_redrafted: bool,
}

/// Decides again what an intent records; on the facts of its evidence, where that was kept.
///
/// # Errors
/// In words, where the inputs are not those of the record, or the record does not read.
pub fn replay(recorded: &Recorded<'_>) -> Result<Replayed, String> {
    let Recorded { loaded, intent, particulars, .. } = *recorded;
    let decided = &intent.decided;
    if loaded.digest().to_string() != decided.inputs.program {
        return Err(format!(
            "the record is of the program {}, given is {}",
            decided.inputs.program,
            loaded.digest()
        ));
    }
    if Sha256Digest::of(recorded.issuer).to_string() != intent.issuer {
        return Err("the issuer's certificate is another than the record's".to_owned());
    }
    let place = Place::find(loaded, decided)?;
    let salt = particulars.and_then(Particulars::salt);
    let none = Apart::new();
    let values = particulars.map_or(&none, |particulars| &particulars.values);
    let signer_values = particulars.map_or(&none, |particulars| &particulars.signer_values);
    let restore = |table: &Table, values| table.restore(salt.as_deref(), values);
    let (facts, mut erased) = restore(&decided.facts, values)?;
    let (signer_facts, erased_of_signer) = restore(&decided.signer_facts, signer_values)?;
    erased.extend(erased_of_signer.into_iter().map(|path| format!("signer's {path}")));
    let mut differences = Vec::new();
    let mut is_tbs_redrafted = false;
    let mut appraised = Err(Unkept::Erased);
    if let Some(particulars) = particulars {
        let redrafted = Redrafted::of(&place, recorded, particulars)?;
        let digest = redrafted.draft.digest().to_string();
        is_tbs_redrafted = digest == intent.tbs;
        if !is_tbs_redrafted {
            differences.push(format!("the draft is {digest}, recorded is {}", intent.tbs));
        }
        appraised = redrafted.appraise(recorded, particulars)?;
    }
    let (level, facts) = match appraised {
        Ok((appraised, others)) => {
            differences.extend(others);
            (Level::Evidence, appraised)
        }
        Err(unkept) => (Level::Facts(unkept), facts),
    };
    differences.extend(decide(loaded, &place, decided, &facts, &signer_facts));
    Ok(Replayed { level, differences, erased, is_tbs_redrafted })
}

/// What a record names, found in its program.
struct Place<'a> {
    index: u32,
    profile: &'a Profile,
    authority: u32,
    signer: u32,
}

impl<'a> Place<'a> {
    fn find(loaded: &'a Loaded, decided: &Decided) -> Result<Place<'a>, String> {
        let program = loaded.program();
        let (index, profile) = (0u32..)
            .zip(&program.profiles)
            .find(|(_, profile)| profile.name == decided.profile)
            .ok_or_else(|| format!("the program has no profile `{}`", decided.profile))?;
        let (authority, of): (u32, &Authority) = (0u32..)
            .zip(&program.authorities)
            .find(|(_, authority)| authority.name == decided.authority)
            .ok_or_else(|| format!("the program has no authority `{}`", decided.authority))?;
        let signer = of.certified_as.ok_or("the authority has no profile for its key")?;
        Ok(Place { index, profile, authority, signer })
    }
}

fn decide(
    loaded: &Loaded,
    place: &Place<'_>,
    decided: &Decided,
    facts: &FactTable,
    signer_facts: &FactTable,
) -> Vec<String> {
    let program = loaded.program();
    let mut differences = Vec::new();
    let Some(operation) = pkic_eval::operation(&decided.operation) else {
        return vec![format!("there is no operation `{}`", decided.operation)];
    };
    let approvals: Vec<(u32, &str)> =
        decided.approvals.request.iter().map(|(group, member)| (*group, member.as_str())).collect();
    let of_exceptions: Vec<(&str, u32, &str)> = decided
        .approvals
        .exceptions
        .iter()
        .map(|(name, group, member)| (name.as_str(), *group, member.as_str()))
        .collect();
    let uses: Vec<(&str, u32)> =
        decided.approvals.uses.iter().map(|(name, uses)| (name.as_str(), *uses)).collect();
    let ask = Ask {
        authority: Some(place.authority),
        approvals: &approvals,
        exception_approvals: &of_exceptions,
        exception_uses: &uses,
        ..Ask::new(place.index, operation)
    };
    let decision = pkic_eval::evaluate(program, facts, &ask, decided.at);
    if !decision.is_permit() {
        differences.push(format!("the decision is a refusal: {}", decision.failing().join(", ")));
    }
    compare_trace(&trace(&report::requirements(program, &decision)), decided, &mut differences);
    let signer: Decision<'_> = pkic_eval::evaluate_signer(program, place.signer, signer_facts, decided.at);
    if !signer.is_permit() {
        differences.push(format!("the signer's key is refused: {}", signer.failing().join(", ")));
    }
    differences
}

fn compare_trace(found: &[(String, String)], decided: &Decided, differences: &mut Vec<String>) {
    if found == decided.trace {
        return;
    }
    let first = found.iter().zip(&decided.trace).find(|(found, recorded)| found != recorded);
    differences.push(match first {
        Some(((id, result), (recorded, of))) => {
            format!("`{id}` is {result}, where the record has `{recorded}` {of}")
        }
        None => format!("{} results, the record has {}", found.len(), decided.trace.len()),
    });
}

/// The tbsCertificate that the record's inputs give, and what it was drafted from.
struct Redrafted {
    request: CertificationRequest,
    issuer: Issuer,
    draft: Draft,
}

impl Redrafted {
    fn of(
        place: &Place<'_>,
        recorded: &Recorded<'_>,
        particulars: &Particulars,
    ) -> Result<Redrafted, String> {
        let intent = recorded.intent;
        let csr = particulars.csr().ok_or("the request is no base64")?;
        if intent.decided.inputs.csr.as_deref() != Some(Sha256Digest::of(&csr).to_string().as_str()) {
            return Err("the request is another than the record's".to_owned());
        }
        let request = CertificationRequest::from_bytes(&csr).map_err(|reject| reject.to_string())?;
        let mut issuer = Issuer::from_certificate(recorded.issuer).map_err(|unfit| unfit.to_string())?;
        issuer.ca_issuers.clone_from(&intent.locations.ca_issuers);
        issuer.ocsp.clone_from(&intent.locations.ocsp);
        issuer.crl_distribution_points.clone_from(&intent.locations.crl);
        let octets = serial(&intent.serial).ok_or("the serial is not 20 octets in hexadecimal")?;
        let draft = Draft::new(&DraftInput {
            profile: place.profile,
            wishes: &Wishes::of_request(&request),
            spki: request.spki(),
            issuer: Some(&issuer),
            serial: Serial::recorded(octets),
            now: intent.decided.at,
        });
        let draft = draft.map_err(|error| error.to_string())?;
        Ok(Redrafted { request, issuer, draft })
    }

    fn appraise(
        &self,
        recorded: &Recorded<'_>,
        particulars: &Particulars,
    ) -> Result<Result<(FactTable, Vec<String>), Unkept>, String> {
        let again = Again {
            loaded: recorded.loaded,
            intent: recorded.intent,
            particulars,
            request: &self.request,
            draft: &self.draft,
            issuer: &self.issuer,
            objects: recorded.objects,
            plugins: recorded.plugins,
        };
        again.facts()
    }
}

fn serial(digits: &str) -> Option<[u8; 20]> {
    let mut octets = [0u8; 20];
    if digits.len() != 40 {
        return None;
    }
    for (index, octet) in octets.iter_mut().enumerate() {
        let at = index.checked_mul(2)?;
        *octet = u8::from_str_radix(digits.get(at..at.checked_add(2)?)?, 16).ok()?;
    }
    Some(octets)
}
