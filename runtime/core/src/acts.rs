//! Acts that make no certificate: revoking one, and signing the list that says so (design D17). The policy grants them
//! as it grants certificates, by the operations `revoke` and `crl-sign` of a profile, and the record holds them.
use crate::authorize::{
    self, Refusal, SignerFacts, check_authority, check_policy, check_signer_key, judge_signer,
};
use crate::bundle::Loaded;
use crate::crl::ListDraft;
use crate::input::Given;
use crate::issuer::Issuer;
use crate::permit::{Account, Permit, Terms};
use crate::report::{self, Context};
use crate::unfit::Unfit;
use pkic_eval::Ask;
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::Profile;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value};

/// What our own log knows of the certificate that an act is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predecessor {
    /// Facts of the record: `predecessor.*`.
    pub facts: Vec<(&'static str, Value)>,
}

impl Predecessor {
    /// Nothing is replaced.
    pub const NONE: &'static Predecessor = &Predecessor { facts: Vec::new() };
}

/// Decides whether a certificate may be revoked. Nothing is signed by it, and so the authority's key is not judged.
///
/// # Errors
/// [`Refusal`].
pub fn authorize_revocation(
    loaded: &Loaded,
    requester: &Given,
    predecessor: &Predecessor,
    issuer: &Issuer,
    ask: &Ask<'_>,
    now: i64,
) -> Result<Box<Account>, Box<Refusal>> {
    let profile = check_policy(loaded, ask)?;
    check_authority(loaded.program(), profile, ask)?;
    let mut table = table(requester)?;
    for (path, value) in &predecessor.facts {
        set(&mut table, path, value.clone(), Grade::Observed)?;
    }
    table.close();
    let (account, _) = decide(loaded, profile, issuer, table, None, FactTable::new(), None, ask, now)?;
    Ok(Box::new(account))
}

/// Decides whether a list may be signed, and judges the key that would sign it. `certificate.validity` and its two dates
/// are those of the list: from this update to the next.
///
/// # Errors
/// [`Refusal`]; the draft is gone then.
pub fn authorize_list(
    loaded: &Loaded,
    requester: &Given,
    draft: ListDraft,
    issuer: &Issuer,
    signer: &SignerFacts,
    ask: &Ask<'_>,
    now: i64,
) -> Result<Permit, Box<Refusal>> {
    let program = loaded.program();
    let profile = check_policy(loaded, ask)?;
    let signer_profile = check_authority(program, profile, ask)?;
    if draft.this_update() != now {
        return Err(Box::new(Refusal::DraftTime { now, found: draft.this_update() }));
    }
    check_signer_key(Some(draft.issuer()), issuer, signer, now)?;
    let signer_facts = judge_signer(program, signer_profile, issuer, signer, now)?;
    let mut table = table(requester)?;
    let span = draft.next_update().saturating_sub(now).saturating_add(1);
    for (path, value) in [
        ("certificate.not-before", Value::Date(now)),
        ("certificate.not-after", Value::Date(draft.next_update())),
        ("certificate.validity", Value::Span(span)),
        ("certificate.issuer", Value::Dn(issuer.name().clone())),
    ] {
        set(&mut table, path, value, Grade::Attested)?;
    }
    table.close();
    let tbs = draft.into_tbs();
    let digest = Some(Sha256Digest::of(&tbs));
    let (account, exceptions_end) =
        decide(loaded, profile, issuer, table, Some(signer), signer_facts, digest, ask, now)?;
    let ends = signer.ends().into_iter().chain([
        loaded.seal().map(|seal| seal.manifest.stale_after),
        exceptions_end,
        authorize::last_second_of_rules(program, profile, now),
        authorize::last_second_of_rules(program, signer_profile, now),
    ]);
    let not_after = ends.flatten().fold(issuer.not_after(), i64::min);
    let signer = issuer.spki();
    Ok(Permit::new(Terms { tbs, signer, not_before: now, not_after, account: Box::new(account) }))
}

/// What the embedding CA vouches for of whoever asks.
fn table(requester: &Given) -> Result<FactTable, Refusal> {
    let mut table = FactTable::new();
    for (path, value) in requester.entries() {
        set(&mut table, path, value.clone(), Grade::Observed)?;
    }
    Ok(table)
}

fn set(table: &mut FactTable, path: &str, value: Value, grade: Grade) -> Result<(), Refusal> {
    let unfit = || Refusal::DraftUnread(Unfit::new(path, "its value does not fit"));
    let id = FactId::from_path(path).ok_or_else(unfit)?;
    let basis = if grade == Grade::Observed { BasisSet::API } else { BasisSet::EMPTY };
    table.set(Path::from(id), Fact::new(value, grade, basis)).map_err(|_| unfit())
}

#[allow(clippy::too_many_arguments)] // what a decision is made of
fn decide(
    loaded: &Loaded,
    profile: &Profile,
    issuer: &Issuer,
    mut table: FactTable,
    signer: Option<&SignerFacts>,
    signer_facts: FactTable,
    tbs: Option<Sha256Digest>,
    ask: &Ask<'_>,
    now: i64,
) -> Result<(Account, Option<i64>), Box<Refusal>> {
    issuer.describe(&mut table).map_err(Refusal::DraftUnread)?;
    let (report, failing, exceptions_end) = {
        let decision = pkic_eval::evaluate(loaded.program(), &table, ask, now);
        let context = Context {
            loaded,
            profile: &profile.name,
            operation: ask.operation,
            table: &table,
            appraised: None,
            draft: Ok(None),
            tbs,
            signer,
            now,
        };
        let failing = (!decision.is_permit()).then(|| decision.failing());
        (report::report(&decision, &context), failing, authorize::exceptions_end(&decision))
    };
    let account = Account { report, facts: table, signer_facts };
    match failing {
        None => Ok((account, exceptions_end)),
        Some(failing) => Err(Box::new(Refusal::Policy { failing, account: Box::new(account) })),
    }
}
