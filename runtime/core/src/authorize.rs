//! The second door (design D2): from appraised facts and a draft to a permit, or a refusal.
use crate::appraise::{self, Appraised};
use crate::bundle::{Loaded, Seal};
use crate::decode::{facts_of, read_tbs};
use crate::draft::{Draft, Pending};
use crate::issuer::Issuer;
use crate::permit::{Account, Permit, Terms};
use crate::report::{self, Context};
use crate::transparency;
use crate::unfit::Unfit;
use pkic_eval::{Ask, Decision};
use pkic_facts::challenge;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::facts::Facts;
use pkic_facts::verified::Provenance;
use pkic_ir::{Body, Profile, Program, RequirementId};
use pkic_vocab::time::format_date;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Seconds for which what a store says of the signer's key counts (design D14).
pub const SIGNER_AGE_S_MAX: i64 = 60;

/// What is known of the key that would sign, at a moment.
#[derive(Debug)]
pub struct SignerFacts {
    spki: Sha256Digest,
    facts: Facts,
    at: i64,
}

impl SignerFacts {
    /// Takes what a key store yields of its key: SHA-256 of its subjectPublicKeyInfo, facts that the store's back end
    /// observed or that evidence about the key attests, and the moment of asking.
    pub fn new(spki: Sha256Digest, facts: Facts, at: i64) -> SignerFacts {
        SignerFacts { spki, facts, at }
    }

    /// What is known of the key.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// When the store was asked, in seconds since 1970-01-01T00:00:00Z.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// When what they rest on ends, and when they are too old.
    pub(crate) fn ends(&self) -> [Option<i64>; 2] {
        [self.facts.not_after(), self.at.checked_add(SIGNER_AGE_S_MAX)]
    }
}

/// Why nothing may be signed.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Outside a lab, only a signed bundle authorizes.
    BundleUnsigned,
    /// Outside a lab, only a signer that the reader of the bundle listed counts.
    BundleSignerUntrusted {
        /// SHA-256 of the signer's subjectPublicKeyInfo.
        signer: Sha256Digest,
    },
    /// Outside a lab, only a program with anchor sets authorizes: what makes evidence count is policy.
    AnchorsMissing,
    /// Test anchors count in tests of a policy alone.
    TestAnchorsAdmitted,
    /// The program has no profile of that index.
    ProfileUnknown {
        /// The index.
        profile: u32,
    },
    /// The profile names no authority, or the ask does not.
    AuthorityMissing,
    /// The authority is not judged by a profile: it does not say `certified-as`.
    SignerProfileMissing {
        /// Name of the authority.
        authority: String,
    },
    /// The draft leaves something open that only issuance fills.
    DraftPending {
        /// What is open.
        pending: Vec<Pending>,
    },
    /// The contents demand the timestamps of logs, and no obligation in force has logs asked for them.
    TimestampsUnobliged,
    /// The draft was made for another profile.
    DraftProfile {
        /// The profile that is asked for.
        expected: String,
        /// The profile of the draft.
        found: String,
    },
    /// The draft was made for another moment.
    DraftTime {
        /// The moment of the decision.
        now: i64,
        /// The moment of the draft.
        found: i64,
    },
    /// The evidence answers a challenge for another authority or profile.
    Challenge {
        /// The authority that the challenge is for.
        authority: String,
        /// The profile that the challenge is for.
        profile: String,
    },
    /// The draft does not read back as facts.
    DraftUnread(Unfit),
    /// The facts are about another key than the draft.
    DraftKey {
        /// SHA-256 of the subjectPublicKeyInfo of the draft.
        draft: Sha256Digest,
    },
    /// The evidence was appraised for another moment.
    FactsTime {
        /// The moment of the decision.
        now: i64,
        /// The moment of the appraisal.
        found: i64,
    },
    /// Issuer of the draft, issuer certificate and store do not have one key.
    SignerKey {
        /// The key of the issuer certificate.
        issuer: Sha256Digest,
        /// The key of the draft's issuer.
        draft: Option<Sha256Digest>,
        /// The key of the store.
        store: Sha256Digest,
    },
    /// What is known of the signer's key is too old, or from after now.
    SignerStale {
        /// When the store was asked.
        at: i64,
        /// The moment of the decision.
        now: i64,
    },
    /// Evidence about the signer is not bound to the signer's key: a request for that very key with proof of
    /// possession binds it.
    SignerUnbound {
        /// The key of the store.
        store: Sha256Digest,
    },
    /// The signer's key is not what its profile asks for.
    Signer {
        /// Name of the signer's profile.
        profile: String,
        /// Ids of what refuses.
        failing: Vec<String>,
    },
    /// The policy refuses.
    Policy {
        /// Ids of what refuses.
        failing: Vec<String>,
        /// What the decision was computed from, and what it said.
        account: Box<Account>,
    },
}

impl Refusal {
    /// Ids of what refuses, where requirements do.
    pub fn failing(&self) -> &[String] {
        match self {
            Refusal::Signer { failing, .. } | Refusal::Policy { failing, .. } => failing,
            _ => &[],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BundleUnsigned => {
                f.write_str("the bundle is not signed, and the policy is no lab policy")
            }
            Refusal::BundleSignerUntrusted { signer } => {
                write!(f, "the bundle is signed by `{signer}`, which nobody listed")
            }
            Refusal::AnchorsMissing => f.write_str("the policy names no trust anchors, and is no lab policy"),
            Refusal::TestAnchorsAdmitted => f.write_str("test anchors count in tests alone"),
            Refusal::ProfileUnknown { profile } => write!(f, "the policy has no profile {profile}"),
            Refusal::AuthorityMissing => f.write_str("no authority is named that may sign"),
            Refusal::SignerProfileMissing { authority } => {
                write!(f, "the authority `{authority}` does not say what its key is certified as")
            }
            Refusal::DraftPending { pending } => {
                let pending: Vec<String> = pending.iter().map(|each| format!("`{each}`")).collect();
                write!(f, "the draft leaves {} open", pending.join(", "))
            }
            Refusal::TimestampsUnobliged => f.write_str(transparency::UNOBLIGED),
            Refusal::DraftProfile { expected, found } => {
                write!(f, "the draft is of the profile `{found}`, expected `{expected}`")
            }
            Refusal::DraftTime { now, found } => {
                write!(f, "the draft was made for {}, and now is {}", format_date(*found), format_date(*now))
            }
            Refusal::Challenge { authority, profile } => {
                write!(f, "the evidence answers a challenge for `{profile}` of `{authority}`")
            }
            Refusal::DraftUnread(unfit) => write!(f, "the draft does not read back: {unfit}"),
            Refusal::DraftKey { draft } => write!(f, "the facts are not about the draft's key `{draft}`"),
            Refusal::FactsTime { now, found } => {
                let (found, now) = (format_date(*found), format_date(*now));
                write!(f, "the evidence was appraised for {found}, and now is {now}")
            }
            Refusal::SignerUnbound { store } => {
                write!(f, "the evidence about the signer is not bound to its key `{store}`")
            }
            Refusal::SignerKey { issuer, store, .. } => {
                write!(f, "the store has the key `{store}`, the issuer certificate `{issuer}`")
            }
            Refusal::SignerStale { at, now } => {
                let (at, now) = (format_date(*at), format_date(*now));
                write!(f, "the store was asked at {at}, and now is {now}: at most {SIGNER_AGE_S_MAX} s count")
            }
            Refusal::Signer { profile, failing } => {
                write!(f, "the signer's key does not meet `{profile}`: {}", failing.join(", "))
            }
            Refusal::Policy { failing, .. } => write!(f, "the policy refuses: {}", failing.join(", ")),
        }
    }
}

impl std::error::Error for Refusal {}

/// Decides on the bytes of a draft by appraised facts, and judges the key that would sign them.
///
/// The caller has checked the signatures of the approvals that the ask carries. The draft is for this very `now`, has
/// a random serial and a known issuer, and nothing open: a certificate that holds the timestamps of logs is issued by
/// [`crate::ca::Ca::issue`] alone. Facts about the certificate come from the draft's bytes alone; facts about the
/// authority from the issuer's certificate.
///
/// # Errors
/// [`Refusal`]; the draft and the facts are gone then.
pub fn authorize(
    loaded: &Loaded,
    appraised: Appraised,
    draft: Draft,
    issuer: &Issuer,
    signer: &SignerFacts,
    ask: &Ask<'_>,
    now: i64,
) -> Result<Permit, Box<Refusal>> {
    if draft.pending().contains(&Pending::Timestamps) {
        return Err(Box::new(Refusal::DraftPending { pending: draft.pending().to_vec() }));
    }
    authorize_but_timestamps(loaded, appraised, draft, issuer, signer, ask, now)
}

/// As [`authorize`], for a draft that may lack the timestamps of logs where the policy obliges `ct`: whoever spends the
/// permit has them put in, and has the policy decide again.
pub(crate) fn authorize_but_timestamps(
    loaded: &Loaded,
    appraised: Appraised,
    draft: Draft,
    issuer: &Issuer,
    signer: &SignerFacts,
    ask: &Ask<'_>,
    now: i64,
) -> Result<Permit, Box<Refusal>> {
    let program = loaded.program();
    let profile = check_policy(loaded, ask)?;
    let signer_profile = check_authority(program, profile, ask)?;
    check_challenge(program, profile, ask, appraised.challenge())?;
    check_draft(profile, &draft, now)?;
    let read = read_tbs(draft.tbs()).map_err(Refusal::DraftUnread)?;
    check_facts(appraised.facts(), read.spki_digest(), now)?;
    check_signer_key(draft.issuer(), issuer, signer, now)?;
    let signer_facts = judge_signer(program, signer_profile, issuer, signer, now)?;

    let mut table = appraise::table(program, appraised.facts());
    facts_of(&read, &mut table).map_err(Refusal::DraftUnread)?;
    issuer.describe(&mut table).map_err(Refusal::DraftUnread)?;
    let decision = pkic_eval::evaluate(program, &table, ask, now);
    let context = Context {
        loaded,
        profile: &profile.name,
        operation: ask.operation,
        table: &table,
        appraised: Some(&appraised),
        draft: Ok(Some(&draft)),
        tbs: Some(draft.digest()),
        signer: Some(signer),
        now,
    };
    let report = report::report(&decision, &context);
    if !decision.is_permit() {
        let failing = decision.failing();
        let account = Box::new(Account { report, facts: table, signer_facts });
        return Err(Box::new(Refusal::Policy { failing, account }));
    }
    if draft.pending().contains(&Pending::Timestamps) && transparency::logs_obliged(&report.obligations) == 0
    {
        return Err(Box::new(Refusal::TimestampsUnobliged));
    }
    let ends = [appraised.facts().not_after(), appraised.challenge().map(|terms| terms.expires)];
    let not_after = ends
        .into_iter()
        .chain(signer.ends())
        .chain([
            loaded.seal().map(|seal| seal.manifest.stale_after),
            exceptions_end(&decision),
            last_second_of_rules(program, profile, now),
            last_second_of_rules(program, signer_profile, now),
        ])
        .flatten()
        .fold(issuer.not_after(), i64::min);
    let tbs = draft.into_tbs();
    let account = Box::new(Account { report, facts: table, signer_facts });
    Ok(Permit::new(Terms { tbs, signer: issuer.spki(), not_before: now, not_after, account }))
}

fn profile_at(program: &Program, index: u32) -> Option<&Profile> {
    program.profiles.get(usize::try_from(index).ok()?)
}

pub(crate) fn check_policy<'a>(loaded: &'a Loaded, ask: &Ask<'_>) -> Result<&'a Profile, Refusal> {
    let program = loaded.program();
    match loaded.seal() {
        _ if program.lab => {}
        None => return Err(Refusal::BundleUnsigned),
        Some(Seal { signer, is_signer_trusted: false, .. }) => {
            return Err(Refusal::BundleSignerUntrusted { signer: *signer });
        }
        Some(_) => {}
    }
    if !program.lab && program.anchors.is_empty() {
        return Err(Refusal::AnchorsMissing);
    }
    if ask.admit_test_anchors {
        return Err(Refusal::TestAnchorsAdmitted);
    }
    profile_at(program, ask.profile).ok_or(Refusal::ProfileUnknown { profile: ask.profile })
}

/// The profile that judges the key of the authority that the ask names.
pub(crate) fn check_authority<'a>(
    program: &'a Program,
    profile: &Profile,
    ask: &Ask<'_>,
) -> Result<&'a Profile, Refusal> {
    let index =
        ask.authority.filter(|index| profile.issued_by.contains(index)).ok_or(Refusal::AuthorityMissing)?;
    let authority = usize::try_from(index).ok().and_then(|index| program.authorities.get(index));
    let authority = authority.ok_or(Refusal::AuthorityMissing)?;
    let signer_profile = authority.certified_as.and_then(|index| profile_at(program, index));
    signer_profile.ok_or_else(|| Refusal::SignerProfileMissing { authority: authority.name.clone() })
}

/// What was appraised answers a challenge for this very ask, where it answers one.
fn check_challenge(
    program: &Program,
    profile: &Profile,
    ask: &Ask<'_>,
    challenge: Option<&challenge::Terms>,
) -> Result<(), Refusal> {
    let Some(terms) = challenge else { return Ok(()) };
    let index = ask.authority.and_then(|index| usize::try_from(index).ok());
    let authority = index.and_then(|index| program.authorities.get(index));
    if authority.is_some_and(|authority| authority.name == terms.authority) && profile.name == terms.profile {
        return Ok(());
    }
    Err(Refusal::Challenge { authority: terms.authority.clone(), profile: terms.profile.clone() })
}

fn check_draft(profile: &Profile, draft: &Draft, now: i64) -> Result<(), Refusal> {
    let open = draft.pending().iter().filter(|each| **each != Pending::Timestamps);
    let pending: Vec<Pending> = open.cloned().collect();
    if !pending.is_empty() {
        return Err(Refusal::DraftPending { pending });
    }
    if draft.profile() != profile.name {
        let (expected, found) = (profile.name.clone(), draft.profile().to_owned());
        return Err(Refusal::DraftProfile { expected, found });
    }
    if draft.now() != now {
        return Err(Refusal::DraftTime { now, found: draft.now() });
    }
    Ok(())
}

/// The facts are about the key that the draft certifies, and of this moment.
fn check_facts(facts: &Facts, key: Sha256Digest, now: i64) -> Result<(), Refusal> {
    if facts.request_key() != Some(key) || !is_bound(facts, key) {
        return Err(Refusal::DraftKey { draft: key });
    }
    match facts.provenance().map(Provenance::now) {
        Some(found) if found != now => Err(Refusal::FactsTime { now, found }),
        _ => Ok(()),
    }
}

/// Whether these facts are not about another key: a request for this key is what they were made of, if of any, and is
/// what their evidence is bound to, if there is any.
fn is_bound(facts: &Facts, key: Sha256Digest) -> bool {
    let is_of_key = facts.request_key() == Some(key);
    match facts.provenance() {
        Some(_) => is_of_key && facts.is_bound(),
        None => is_of_key || facts.request_key().is_none(),
    }
}

pub(crate) fn check_signer_key(
    draft: Option<Sha256Digest>,
    issuer: &Issuer,
    signer: &SignerFacts,
    now: i64,
) -> Result<(), Refusal> {
    if draft != Some(issuer.spki()) || signer.spki != issuer.spki() {
        let store = signer.spki;
        return Err(Refusal::SignerKey { issuer: issuer.spki(), draft, store });
    }
    if !is_bound(&signer.facts, signer.spki) {
        return Err(Refusal::SignerUnbound { store: signer.spki });
    }
    let is_fresh = now.checked_sub(signer.at).is_some_and(|age_s| (0..=SIGNER_AGE_S_MAX).contains(&age_s));
    if is_fresh { Ok(()) } else { Err(Refusal::SignerStale { at: signer.at, now }) }
}

pub(crate) fn judge_signer(
    program: &Program,
    signer_profile: &Profile,
    issuer: &Issuer,
    signer: &SignerFacts,
    now: i64,
) -> Result<FactTable, Refusal> {
    let mut table = appraise::table(program, &signer.facts);
    add_algorithm(&mut table, issuer);
    let index = program.profiles.iter().position(|profile| profile.name == signer_profile.name);
    let index = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX);
    let failing = {
        let decision = pkic_eval::evaluate_signer(program, index, &table, now);
        if decision.is_permit() { None } else { Some(decision.failing()) }
    };
    match failing {
        None => Ok(table),
        Some(failing) => Err(Refusal::Signer { profile: signer_profile.name.clone(), failing }),
    }
}

/// The algorithm of the signer's key is known from the issuer's certificate; a store that says otherwise makes it
/// unknown.
fn add_algorithm(table: &mut FactTable, issuer: &Issuer) {
    if let (Some(word), Some(id)) = (issuer.algorithm(), FactId::from_path("key.algorithm")) {
        let fact = Fact::new(Value::Word(word), Grade::Observed, BasisSet::API);
        // The value is of the fact's type.
        let _ = table.add(Path::from(id), fact);
    }
}

/// The last second of the exception that ends first among those that were used.
pub(crate) fn exceptions_end(decision: &Decision<'_>) -> Option<i64> {
    decision.exceptions_used().filter_map(|exception| exception.before.checked_sub(1)).min()
}

/// The last second before a rule of the profile begins or ends: the decision was made by the rules of now.
pub(crate) fn last_second_of_rules(program: &Program, profile: &Profile, now: i64) -> Option<i64> {
    let controls = profile.exceptions.iter().flat_map(|exception| &exception.requirements);
    let mut open: Vec<RequirementId> = profile.requirements.iter().chain(controls).copied().collect();
    let mut dates: Vec<i64> = Vec::new();
    let mut seen: BTreeSet<RequirementId> = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(requirement) = program.requirement(id).filter(|_| seen.insert(id)) else { continue };
        dates.extend([requirement.from, requirement.before].into_iter().flatten());
        if let Body::OneOf(ways) = &requirement.body {
            open.extend(ways.iter().flat_map(|way| &way.requirements));
        }
    }
    dates.extend(profile.obligations.iter().flat_map(|each| [each.from, each.before]).flatten());
    dates.extend(profile.exceptions.iter().flat_map(|each| [each.from, Some(each.before)]).flatten());
    dates.into_iter().filter(|date| *date > now).min().and_then(|date| date.checked_sub(1))
}
