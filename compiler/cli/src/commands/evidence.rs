//! `pkic evidence`: what an item of evidence proves and what it does not, without any policy.
use super::challenge;
use crate::World;
use crate::cli::{Evidence, EvidenceShow, ShowFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::facts::fact_rows;
use crate::{activation, files, inputs, plugins};
use pkic_evidence::appraise::{Appraisal, Input, Verdict, appraise, refuse};
use pkic_evidence::formats::{FORMATS, by_name};
use pkic_evidence::plugin::{self, Plugin};
use pkic_facts::challenge::Asked;
use pkic_facts::facts::Binding;
use pkic_facts::reject::{Reject, Stage};
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::{Revocation, RevocationData};
use pkic_facts::verified::Provenance;
use pkic_runtime::report::RevocationList;
use pkic_vocab::{FactId, FactTable, Grade, Purpose, Slot, limits, time};
use serde::Serialize;
use stronger::Missing;
use trail::{AnchorReport, TrailReport};

mod enrol;
mod stronger;
mod trail;

/// What a relying party wants to know of a key. What evidence leaves open of these is said.
const QUESTIONS: [&str; 3] = ["key.storage", "key.origin", "key.export"];

const NOBODY_TRUSTED: &str = "nobody is trusted; name a folder of trust anchors with `--anchors`";

const NOT_ACTIVATED: &str = "anything: nothing shows that the attestation key is in the TPM of the endorsement key; \
                             name the registrar's record with `--activation`";

/// Runs the command.
pub(crate) fn run(what: &Evidence, world: World) -> Outcome {
    match what {
        Evidence::Show(arguments) => show(arguments, world),
        Evidence::Challenge(arguments) => challenge::run(arguments, world),
        Evidence::Enrol(arguments) => enrol::run(arguments, world),
        Evidence::Formats(named) => Ok(Answer::new(formats(&plugins::load(named.files())?), Exit::Holds)),
    }
}

/// The built-in formats, then the sandboxed ones that were named, or that this build has no sandbox for any.
fn formats(plugins: &[Box<dyn Plugin>]) -> Page {
    let mut page = Page::default();
    let row = |name: &str, source: &str| vec![name.to_owned(), source.to_owned()];
    let mut rows: Vec<Vec<String>> = FORMATS.iter().map(|format| row(format.name, format.source)).collect();
    if !plugins::ARE_BUILT {
        rows.push(row(plugin::NAME, "not built: sandboxed formats (docs/plugins.md)"));
    }
    for plugin in plugins {
        let facts: Vec<&str> = plugin.declared().iter().map(|fact| fact.def().path).collect();
        let what = format!(
            "`{}`, {} in {}: {}",
            plugin.name(),
            plugin.digest(),
            plugin.envelope().name(),
            facts.join(" ")
        );
        rows.push(row(plugin::NAME, &what));
    }
    page.table("", &rows);
    page
}

fn show(arguments: &EvidenceShow, world: World) -> Outcome {
    let evidence = inputs::evidence(&arguments.files)?;
    let anchors =
        inputs::trust(arguments.circumstances.anchors.as_deref(), &arguments.circumstances.revocation)?;
    let nonce = inputs::nonce(arguments.circumstances.answered.nonce.as_deref())?;
    let activation = activation::read(arguments.circumstances.answered.activation.as_deref())?;
    let now = inputs::moment(arguments.circumstances.at, world.now)?;
    let returned = crate::challenge::read(&arguments.circumstances.answered.challenge)?;
    let request = request(arguments)?;
    let input = Input {
        evidence: &evidence,
        request: request.as_ref(),
        anchors: &anchors,
        now,
        nonce: nonce.as_deref(),
        activation: activation.as_ref(),
    };
    let plugins = plugins::load(arguments.circumstances.plugins.files())?;
    let by_plugin = plugin::detect(&plugins::borrowed(&plugins), &input);
    let appraise = |input: &Input<'_>| match by_plugin {
        Some(named) => plugin::appraise(named, input),
        None => appraise(input),
    };
    let appraisal = match &returned {
        None => appraise(&input),
        Some(returned) => match returned.challenge.check(&returned.key, &asked(arguments, now)?) {
            Ok(nonce) => appraise(&Input { nonce: Some(nonce), ..input }),
            Err(reject) => match by_plugin {
                Some(named) => plugin::refuse(named, &input, reject),
                None => refuse(&input, reject),
            },
        },
    };
    let exit = Exit::finding_if(appraisal.verdict != Verdict::Verified);
    match arguments.format {
        ShowFormat::Json => Answer::json(&report(arguments, &appraisal, anchors.revocation(), now), exit),
        ShowFormat::Human => {
            let mut page = Page::default();
            human(&mut page, arguments, &appraisal, now);
            Ok(Answer::new(page, exit))
        }
    }
}

/// What a challenge must be for.
fn asked(arguments: &EvidenceShow, now: i64) -> Result<Asked<'_>, Failure> {
    match (&arguments.authority, &arguments.profile, &arguments.requester) {
        (Some(authority), Some(profile), Some(requester)) => {
            Ok(Asked { authority, profile, requester: Some(requester), now })
        }
        _ => {
            let help = "name them with `--authority`, `--profile` and `--requester`";
            Err(Failure::usage_with_help("a challenge is for an authority, a profile and a requester", help))
        }
    }
}

/// The request: as named, or the evidence itself where it is one that carries its evidence inside.
fn request(arguments: &EvidenceShow) -> Result<Option<CertificationRequest>, Failure> {
    if let Some(path) = &arguments.csr {
        return inputs::request(path).map(Some);
    }
    let [only] = arguments.files.as_slice() else { return Ok(None) };
    let bytes = files::read_bytes(only, limits::EVIDENCE_LEN_BYTES_MAX)?;
    Ok(CertificationRequest::from_bytes(&bytes).ok())
}

/// `docs/evidence.schema.json`.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    at: String,
    evidence: String,
    format: Option<&'a str>,
    plugin: Option<pkic_runtime::report::Plugin>,
    verdict: &'a str,
    stage: Option<&'a str>,
    code: Option<&'a str>,
    reason: Option<String>,
    anchor: Option<AnchorReport>,
    binding: Option<&'a str>,
    freshness: Option<&'a str>,
    revocation: Option<&'a str>,
    lists: Vec<RevocationList>,
    facts: Vec<pkic_runtime::report::Fact>,
    #[serde(flatten)]
    trail: TrailReport,
    missing: Vec<Missing>,
}

fn report<'a>(
    arguments: &EvidenceShow,
    appraisal: &'a Appraisal,
    lists: &RevocationData,
    now: i64,
) -> Report<'a> {
    let reason = appraisal.verdict.reason();
    Report {
        version: 1,
        at: pkic_runtime::report::moment(now),
        evidence: appraisal.evidence.to_string(),
        format: appraisal.format,
        plugin: appraisal.plugin.as_ref().map(pkic_runtime::report::Plugin::new),
        verdict: appraisal.verdict.name(),
        stage: appraisal.verdict.stage().map(|stage| stage.name()),
        code: reason.map(|reject| reject.code()),
        reason: reason.map(ToString::to_string),
        anchor: appraisal.anchor().map(AnchorReport::new),
        binding: appraisal.binding.map(binding),
        freshness: appraisal.freshness(),
        revocation: appraisal.facts.provenance().and_then(|provenance| provenance.revocation().word()),
        lists: lists.lists().map(|list| RevocationList::new(&list, now)).collect(),
        facts: pkic_runtime::report::facts(appraisal.facts.table()),
        trail: TrailReport::new(appraisal),
        missing: stronger::find(arguments, appraisal),
    }
}

const fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::RequestKey => "request-key",
        Binding::NoRequest => "no-request",
    }
}

fn human(page: &mut Page, arguments: &EvidenceShow, appraisal: &Appraisal, now: i64) {
    let names: Vec<String> = arguments.files.iter().map(|path| inert(&files::shown(path))).collect();
    let verdict = appraisal.verdict.name().to_ascii_uppercase();
    page.line(format_args!("{verdict}  {}", names.join(", ")));
    let mut rows = vec![
        vec!["format".to_owned(), appraisal.format.unwrap_or("not recognised").to_owned()],
        vec!["digest".to_owned(), appraisal.evidence.to_string()],
        vec!["as of".to_owned(), time::format_date(now)],
    ];
    if let Some((name, digest)) = &appraisal.plugin {
        rows.push(vec!["plugin".to_owned(), format!("{name} ({digest})")]);
    }
    if let Some(anchor) = appraisal.anchor() {
        rows.push(vec!["anchor".to_owned(), format!("{} ({})", inert(&anchor.name), anchor.purpose.name())]);
    }
    if let Some(freshness) = appraisal.freshness() {
        rows.push(vec!["freshness".to_owned(), freshness.to_owned()]);
    }
    if let Some(provenance) = appraisal.facts.provenance() {
        let state = provenance.revocation().word().unwrap_or("unknown");
        rows.push(vec!["revocation".to_owned(), state.to_owned()]);
    }
    page.table("  ", &rows);
    page.gap();
    if let Some(reject) = appraisal.verdict.reason() {
        let verdict = appraisal.verdict.name();
        page.line(format_args!("  {verdict} at stage `{}` ({})", reject.stage().name(), reject.code()));
        page.hanging("    ", &inert(&reject.to_string()));
        page.gap();
    }
    TrailReport::new(appraisal).show(page);
    proven(page, appraisal);
    not_proven(page, arguments, appraisal);
    stronger(page, arguments, appraisal);
}

fn proven(page: &mut Page, appraisal: &Appraisal) {
    let table = appraisal.facts.table();
    let attested = fact_rows(table, |fact| fact.grade == Grade::Attested);
    page.line("  it proves");
    if attested.is_empty() {
        page.line("    nothing");
    } else {
        page.table("    ", &attested);
    }
    let told = fact_rows(table, |fact| fact.grade == Grade::Witnessed);
    if !told.is_empty() {
        page.gap();
        page.line("  a verifier says, which saw evidence that is not here");
        page.table("    ", &told);
    }
    let others = fact_rows(table, |fact| fact.grade < Grade::Witnessed);
    if !others.is_empty() {
        page.gap();
        page.line("  the request says of itself");
        page.table("    ", &others);
    }
    page.gap();
}

fn not_proven(page: &mut Page, arguments: &EvidenceShow, appraisal: &Appraisal) {
    let mut open = Vec::new();
    let is_untrusting = arguments.circumstances.anchors.is_none();
    match &appraisal.verdict {
        Verdict::Verified => open.extend(left_open(appraisal)),
        Verdict::Refused(reject) if is_untrusting && reject.stage() == Stage::Path => {
            open.push(format!("anything: {NOBODY_TRUSTED}"));
        }
        Verdict::Unproven(_) if is_untrusting => open.push(format!("anything: {NOBODY_TRUSTED}")),
        Verdict::Unproven(Reject::FieldMissing { .. }) if is_of_tpm(appraisal) => {
            open.push(NOT_ACTIVATED.to_owned());
        }
        Verdict::Refused(_) => open.push("anything: evidence that is refused yields no facts".to_owned()),
        Verdict::Unproven(_) => {
            open.push("anything: it hangs together, and no trust anchor stands above it".to_owned());
        }
    }
    if let Some(format) =
        appraisal.format.and_then(by_name).filter(|_| appraisal.verdict == Verdict::Verified)
    {
        open.push(format!("of any item of this format: {}", format.leaves_open));
    }
    page.line("  it does not prove");
    for line in open {
        page.hanging("    - ", &line);
    }
}

fn stronger(page: &mut Page, arguments: &EvidenceShow, appraisal: &Appraisal) {
    page.gap();
    page.line("  what would make it stronger");
    let missing = stronger::find(arguments, appraisal);
    if missing.is_empty() {
        page.line("    nothing that could be added to it");
    }
    for Missing { raises, needs } in missing {
        page.hanging("    - ", &format!("`{raises}`: {needs}"));
    }
}

/// Whether credential activation is what would tie the evidence to an anchor.
fn is_of_tpm(appraisal: &Appraisal) -> bool {
    appraisal.format.is_some_and(|format| format.starts_with("tpm2-certify"))
}

fn left_open(appraisal: &Appraisal) -> Vec<String> {
    let mut open = Vec::new();
    let table = appraisal.facts.table();
    for path in QUESTIONS {
        if !is_attested(table, path) {
            open.push(format!("`{path}`: this evidence says nothing of it, so it stays unknown"));
        }
    }
    match appraisal.binding {
        Some(Binding::RequestKey) => {}
        Some(Binding::NoRequest) | None => open
            .push("that the attested key is the key of a request: no request was given (`--csr`)".to_owned()),
    }
    match appraisal.freshness() {
        Some("nonce" | "request-nonce") => {}
        Some("time") => {
            open.push("that it was made for this request: it tells a time and no nonce".to_owned())
        }
        Some("constant") => {
            open.push("that it was made for this request: its nonce is a known constant".to_owned());
        }
        _ => open.push("that it was made for this request: it carries nothing against replay".to_owned()),
    }
    match appraisal.facts.provenance().map(Provenance::revocation) {
        Some(Revocation::Good) | None => {}
        Some(Revocation::Unpublished) => open.push(
            "that none of its certificates is revoked: nobody publishes a list, says `anchors.toml`".to_owned(),
        ),
        Some(Revocation::Unknown) => open.push(
            "that none of its certificates is revoked: no list in force covers all of them (`--crl`, `--status-list`)"
                .to_owned(),
        ),
    }
    if let Some(anchor) = appraisal.anchor().filter(|anchor| anchor.purpose != Purpose::Production) {
        let purpose = anchor.purpose.name();
        let why = format!(
            "protection by production hardware: the purpose of its anchor is {purpose}, which satisfies no hardware \
             requirement outside a lab policy"
        );
        open.push(why);
    }
    open.push(
        "certification (FIPS 140, Common Criteria): that comes from a catalogue, never from evidence"
            .to_owned(),
    );
    open
}

fn is_attested(table: &FactTable, path: &str) -> bool {
    FactId::from_path(path).is_some_and(|id| match table.get(id) {
        Slot::Known(fact) => fact.grade == Grade::Attested,
        Slot::Unknown | Slot::Absent | Slot::Conflict => false,
    })
}
