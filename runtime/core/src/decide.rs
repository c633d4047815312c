//! Deciding without issuing: appraise, draft, read the draft, evaluate, report. What comes out can sign nothing.
use crate::acts::Predecessor;
use crate::appraise::{self, Appraised, Known};
use crate::bundle::Loaded;
use crate::challenge::Nonce;
use crate::decode::certificate_facts;
use crate::draft::{Draft, DraftInput, Serial};
use crate::input::{self, Given, InputError};
use crate::issuer::Issuer;
use crate::report::{self, Context, Report};
use crate::sealed::SealedFile;
use crate::wishes::Wishes;
use pkic_eval::Ask;
use pkic_evidence::plugin::Plugin;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_ir::{Profile, Program};
use pkic_vocab::time::FOREVER_DATE;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value, Word};

/// A request for a decision. Everything that the decision depends on is in here.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The policy.
    pub loaded: &'a Loaded,
    /// Qualified or short name of the profile.
    pub profile: &'a str,
    /// What is asked of the CA: a word of `pkic_vocab::Words::Operation`.
    pub operation: Word,
    /// The certification request.
    pub csr: &'a CertificationRequest,
    /// Items of evidence, in the order of preference.
    pub evidence: &'a [Evidence],
    /// Sandboxed formats, for evidence that no built-in format recognises; the policy says which of them count.
    pub plugins: &'a [&'a dyn Plugin],
    /// Whom the deployment trusts for evidence, with what it knows of revocation.
    pub anchors: &'a AnchorSet,
    /// Catalogues of modules; the policy says which of them count.
    pub catalogues: &'a [SealedFile<'a>],
    /// Statements of people; the policy says which of them count.
    pub statements: &'a [SealedFile<'a>],
    /// What the requester claims.
    pub claims: &'a Given,
    /// What the embedding CA vouches for.
    pub requester: &'a Given,
    /// Qualified name of the authority that would sign; nothing takes the first of the profile that may.
    pub authority: Option<&'a str>,
    /// The certificate of that authority, where it is known.
    pub issuer: Option<&'a Issuer>,
    /// Facts that a test changes, after all else was put together.
    pub changes: &'a [Change],
    /// What was given out for this request.
    pub nonce: Nonce<'a>,
    /// Our own record of a TPM credential that was made for this request.
    pub activation: Option<&'a Activation>,
    /// The time of the decision, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Whether facts under a test anchor count: `anchors test`, for tests of a policy alone.
    pub admit_test_anchors: bool,
}

/// A fact that a test changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The fact.
    pub path: Path,
    /// What it becomes; nothing makes it unknown.
    pub to: Option<Fact>,
}

/// A decision, with what it was made of.
#[derive(Debug)]
pub struct Decided {
    /// The account of it.
    pub report: Report,
    /// Ids of what refuses, sorted, each once. Empty for a permit.
    pub failing: Vec<String>,
    /// Ids of what should hold and does not, sorted, each once.
    pub warned: Vec<String>,
    /// Index of the authority that would sign.
    pub authority: Option<u32>,
    /// The draft that was decided on, where one could be made.
    pub draft: Option<Draft>,
    /// The facts that were appraised, changes left out.
    pub appraised: Appraised,
}

impl Decided {
    /// Whether the decision is a permit.
    pub fn is_permit(&self) -> bool {
        self.report.decision == "permit"
    }
}

/// Decides a request. The answer says why, and permits nothing by itself: [`crate::authorize`] does.
///
/// The draft has a serial number derived from the inputs, so equal requests have equal answers, to the byte.
///
/// # Errors
/// [`InputError`] for an unknown profile or authority, an input over a limit, or a change that does not fit.
pub fn decide(request: &Request<'_>) -> Result<Decided, InputError> {
    let program = request.loaded.program();
    let (profile_index, profile) = find_profile(request.loaded, request.profile)?;
    let authority = request.authority.map(|name| find_authority(program, name)).transpose()?;
    let appraised = appraise::facts(program, &known(request, &profile.name))?;
    let draft = draft(request, profile, &appraised);
    let mut table = appraise::table(program, appraised.facts());
    let draft = draft.and_then(|draft| match certificate_facts(draft.tbs(), &mut table) {
        Ok(()) => Ok(draft),
        Err(unfit) => Err(format!("the draft does not read back: {unfit}")),
    });
    if let Some(issuer) = request.issuer {
        let describe = issuer.describe(&mut table);
        describe.map_err(|unfit| InputError::new("issuer", unfit.to_string(), "give its own certificate"))?;
    }
    let mut ask = Ask::new(profile_index, request.operation);
    ask.authority = authority;
    ask.admit_test_anchors = request.admit_test_anchors;
    for change in request.changes {
        apply(change, &mut table, &mut ask)?;
    }
    let decision = pkic_eval::decide(program, &table, &ask, request.now);
    let context = Context {
        loaded: request.loaded,
        profile: &profile.name,
        operation: ask.operation,
        table: &table,
        appraised: Some(&appraised),
        draft: draft.as_ref().map(Some).map_err(String::as_str),
        tbs: draft.as_ref().ok().map(Draft::digest),
        signer: None,
        now: request.now,
    };
    let report = report::report(&decision, &context);
    let mut failing = decision.failing();
    if draft.is_err() {
        failing = vec!["draft".to_owned()];
    }
    let mut warned: Vec<String> = decision.warnings().map(|reason| reason.id().to_string()).collect();
    warned.sort_unstable();
    warned.dedup();
    Ok(Decided {
        report,
        failing,
        warned,
        authority: decision.authority_index(),
        draft: draft.ok(),
        appraised,
    })
}

fn known<'a>(request: &Request<'a>, profile: &'a str) -> Known<'a> {
    Known {
        request: request.csr,
        operation: request.operation,
        profile,
        authority: request.authority,
        evidence: request.evidence,
        plugins: request.plugins,
        anchors: request.anchors,
        catalogues: request.catalogues,
        statements: request.statements,
        claims: request.claims,
        requester: request.requester,
        nonce: request.nonce,
        activation: request.activation,
        predecessor: Predecessor::NONE,
        now: request.now,
    }
}

fn draft(request: &Request<'_>, profile: &Profile, appraised: &Appraised) -> Result<Draft, String> {
    let input = DraftInput {
        profile,
        wishes: &Wishes::of_request(request.csr),
        spki: request.csr.spki(),
        issuer: request.issuer,
        serial: Serial::derived(request.loaded.digest(), appraised.csr(), request.now),
        now: request.now,
    };
    Draft::new(&input).map_err(|error| error.to_string())
}

/// The profile of that name, with its index.
///
/// # Errors
/// [`InputError`] where the policy has none, with the name nearest to it.
pub fn find_profile<'a>(loaded: &'a Loaded, name: &str) -> Result<(u32, &'a Profile), InputError> {
    let program = loaded.program();
    let index = loaded.profile(name);
    let found = index.and_then(|index| Some((index, program.profiles.get(usize::try_from(index).ok()?)?)));
    found.ok_or_else(|| {
        let names = program.profiles.iter().map(|profile| profile.name.as_str());
        let what = format!("the policy `{}` has no profile `{name}`", program.policy);
        InputError::new("profile", what, input::did_you_mean(name, names))
    })
}

fn find_authority(program: &Program, name: &str) -> Result<u32, InputError> {
    let found = (0u32..).zip(&program.authorities).find(|(_, authority)| authority.name == name);
    found.map(|(index, _)| index).ok_or_else(|| {
        let names = program.authorities.iter().map(|authority| authority.name.as_str());
        let what = format!("the policy `{}` has no authority `{name}`", program.policy);
        InputError::new("authority", what, input::did_you_mean(name, names))
    })
}

/// Applies a change of a test. A validity moves notAfter with it.
fn apply(change: &Change, table: &mut FactTable, ask: &mut Ask<'_>) -> Result<(), InputError> {
    let shown = change.path.fact.def().path;
    let unfit = |_| InputError::new("test", format!("the value does not fit `{shown}`"), "see its type");
    let Some(to) = &change.to else {
        return table.forget(change.path.clone()).map_err(unfit);
    };
    if let ("request.operation", Value::Word(operation)) = (shown, &to.value) {
        ask.operation = *operation;
    }
    table.set(change.path.clone(), to.clone()).map_err(unfit)?;
    if let ("certificate.validity", Value::Span(validity_s)) = (shown, &to.value)
        && let (Some(not_before), Some(not_after)) =
            (FactId::from_path("certificate.not-before"), FactId::from_path("certificate.not-after"))
        && let Some(Value::Date(not_before)) = table.fact(&Path::from(not_before)).map(|fact| &fact.value)
    {
        let end = validity_s.checked_sub(1).and_then(|seconds| not_before.checked_add(seconds));
        let end = end.filter(|end| *end <= FOREVER_DATE).unwrap_or(FOREVER_DATE);
        let fact = Fact::new(Value::Date(end), Grade::Attested, BasisSet::EMPTY);
        table.set(Path::from(not_after), fact).map_err(unfit)?;
    }
    Ok(())
}
