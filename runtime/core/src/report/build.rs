//! From a decision to its report.
use super::{
    AuthorityKey, Catalogue, Evidence, Exception, Inputs, LeftOut, Obligation, Plugin, Report, Requirement,
    RevocationList, Seal, Statement, VERSION, Warning, Way,
};
use crate::appraise::{Appraised, Item};
use crate::authorize::SignerFacts;
use crate::bundle::{self, Loaded};
use crate::catalogues::Consulted;
use crate::draft::{Draft, Pending};
use crate::statements::Heard;
use crate::transparency::{UNOBLIGED, logs_obliged};
use pkic_eval::{Decision, Outcome, Reason, Truth};
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::{Authority, Citation, Origin, Program, Strength};
use pkic_vocab::obligations::OBLIGATIONS;
use pkic_vocab::{FactTable, Word, limits};
use std::collections::BTreeSet;

/// What a report tells beside the decision itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) profile: &'a str,
    pub(crate) operation: Word,
    pub(crate) table: &'a FactTable,
    /// What was appraised; nothing for an act that has no request.
    pub(crate) appraised: Option<&'a Appraised>,
    /// The draft, or why there is none; nothing for an act that makes no certificate.
    pub(crate) draft: Result<Option<&'a Draft>, &'a str>,
    /// SHA-256 of the bytes that would be signed.
    pub(crate) tbs: Option<Sha256Digest>,
    /// What is known of the authority's key, where that was judged before and is what its profile asks for.
    pub(crate) signer: Option<&'a SignerFacts>,
    pub(crate) now: i64,
}

impl<'a> Context<'a> {
    fn program(&self) -> &'a Program {
        self.loaded.program()
    }
}

/// The report of a decision. A decision without a draft is a refusal.
pub(crate) fn report(decision: &Decision<'_>, context: &Context<'_>) -> Report {
    let is_permit = decision.is_permit() && context.draft.is_ok();
    let mut requirements = requirements(context.program(), decision);
    if let Err(why) = context.draft {
        requirements.insert(0, undrafted(decision, context, why));
    }
    let draft = context.draft.ok().flatten();
    let appraised = context.appraised;
    let (lists, _) = appraised.map(Appraised::revocation).unwrap_or_default();
    let pending = draft.map(Draft::pending).unwrap_or_default();
    let obligations: Vec<Obligation> =
        decision.obligations().map(|each| obligation(context.program(), each)).collect();
    let unobliged = pending.contains(&Pending::Timestamps) && logs_obliged(&obligations) == 0;
    let warnings = decision.warnings().map(|reason| warning(context.program(), &reason));
    let warnings = warnings.chain(unobliged.then(unobliged_timestamps));
    Report {
        version: VERSION,
        decision: if is_permit { "permit" } else { "refuse" },
        profile: context.profile.to_owned(),
        operation: context.operation.name().to_owned(),
        lab: context.program().lab,
        at: super::moment(context.now),
        authority: decision.authority().map(|authority| authority.name.clone()),
        authority_key: decision.authority().map(|authority| authority_key(authority, context)),
        seal: context.loaded.seal().map(seal),
        inputs: inputs(context.loaded, appraised, context.signer, context.tbs),
        requirements,
        warnings: warnings.collect(),
        exception: decision.exception().map(|exception| Exception {
            name: exception.name.clone(),
            waives: exception.waives.clone(),
            before: super::moment(exception.before),
            reason: exception.reason.clone(),
        }),
        facts: super::facts(context.table),
        obligations,
        pending: pending.iter().map(ToString::to_string).collect(),
        left_out: draft.map(Draft::left_out).unwrap_or_default().iter().map(left_out).collect(),
        evidence: appraised.map(Appraised::items).unwrap_or_default().iter().map(evidence).collect(),
        catalogues: appraised.map(Appraised::catalogues).unwrap_or_default().iter().map(catalogue).collect(),
        statements: appraised.map(Appraised::statements).unwrap_or_default().iter().map(statement).collect(),
        revocation: lists.iter().map(|list| RevocationList::new(list, context.now)).collect(),
    }
}

/// Every requirement in force but those that only should hold and do not, and what came of it.
pub(crate) fn requirements(program: &Program, decision: &Decision<'_>) -> Vec<Requirement> {
    let failing = |reason: &Reason<'_>| reason.strength() == Strength::Should && reason.outcome.is_failure();
    let shown = decision.reasons().filter(|reason| !failing(reason) && reason.outcome != Outcome::Pending);
    shown.map(|reason| requirement(program, &reason, limits::NESTING_MAX)).collect()
}

fn catalogue(consulted: &Consulted) -> Catalogue {
    let (name, sequence) = consulted.edition.clone().unzip();
    let (file, rows, why_not) = (consulted.file.clone(), consulted.rows.clone(), consulted.why_not.clone());
    Catalogue { file, digest: consulted.digest.to_string(), name, sequence, rows, why_not }
}

fn statement(heard: &Heard) -> Statement {
    let (kind, by) = heard.said_by.clone().unzip();
    let (file, facts, why_not) = (heard.file.clone(), heard.facts.clone(), heard.why_not.clone());
    Statement { file, digest: heard.digest.to_string(), kind, by, facts, why_not }
}

fn authority_key(authority: &Authority, context: &Context<'_>) -> AuthorityKey {
    let profiles = &context.program().profiles;
    let profile = authority.certified_as.and_then(|index| profiles.get(usize::try_from(index).ok()?));
    AuthorityKey { judged: context.signer.is_some(), profile: profile.map(|profile| profile.name.clone()) }
}

fn seal(seal: &bundle::Seal) -> Seal {
    Seal {
        signer: seal.signer.to_string(),
        signer_trusted: seal.is_signer_trusted,
        sequence: seal.manifest.sequence,
        created: super::moment(seal.manifest.created),
        stale_after: super::moment(seal.manifest.stale_after),
        digest: seal.digest.to_string(),
    }
}

/// Digests of what went into a decision.
pub(crate) fn inputs(
    loaded: &Loaded,
    appraised: Option<&Appraised>,
    signer: Option<&SignerFacts>,
    tbs: Option<Sha256Digest>,
) -> Inputs {
    let (_, revocation) = appraised.map(Appraised::revocation).unwrap_or_default();
    let taken = appraised.map(Appraised::catalogues).unwrap_or_default();
    let taken = taken.iter().filter(|consulted| consulted.edition.is_some());
    let heard = appraised.map(Appraised::statements).unwrap_or_default();
    let heard = heard.iter().filter(|heard| !heard.facts.is_empty());
    let items = appraised.map(Appraised::items).unwrap_or_default();
    let of_items = items.iter().filter_map(|item| item.plugin.as_ref().map(|(_, digest)| *digest));
    let of_signer = signer.and_then(|signer| signer.facts().decoded_by());
    let plugins: BTreeSet<Sha256Digest> = of_items.chain(of_signer).collect();
    let text = |digest: Sha256Digest| digest.to_string();
    Inputs {
        program: loaded.digest().to_string(),
        anchors: appraised.and_then(Appraised::anchors).map(text),
        catalogues: taken.map(|consulted| consulted.digest.to_string()).collect(),
        statements: heard.map(|heard| heard.digest.to_string()).collect(),
        revocation: revocation.map(text),
        evidence: items.iter().map(|item| item.evidence.digest().to_string()).collect(),
        plugins: plugins.into_iter().map(text).collect(),
        csr: appraised.map(|appraised| appraised.csr().to_string()),
        tbs: tbs.map(text),
    }
}

fn evidence(item: &Item) -> Evidence {
    Evidence {
        name: item.evidence.name().to_owned(),
        digest: item.evidence.digest().to_string(),
        format: item.format,
        plugin: item.plugin.as_ref().map(Plugin::new),
        verdict: item.verdict.name(),
        why: item.verdict.reason().map(ToString::to_string),
        used: item.used,
    }
}

fn left_out(left: &crate::draft::LeftOut) -> LeftOut {
    LeftOut { what: left.what.clone(), why: left.why.to_string() }
}

/// The entry for a certificate that cannot be written.
fn undrafted(decision: &Decision<'_>, context: &Context<'_>, why: &str) -> Requirement {
    let origin = decision.profile().map(|profile| profile.origin);
    Requirement {
        id: "draft".to_owned(),
        result: Outcome::Violated.name(),
        need: "a tbsCertificate that says what the profile grants and the request asks for".to_owned(),
        found: Some(why.to_owned()),
        grade: None,
        basis: Vec::new(),
        evidence: None,
        line: place(context.program(), origin),
        citation: None,
        remedy: Some(
            "ask for values that a certificate can hold, or state a default in `contents`".to_owned(),
        ),
        ways: Vec::new(),
    }
}

fn requirement(program: &Program, reason: &Reason<'_>, levels: usize) -> Requirement {
    let found = reason.found();
    let graded = found.as_ref().filter(|found| found.path.fact.def().is_graded());
    let ways = levels.checked_sub(1).map(|levels| {
        let shown = reason.ways().map(|way| Way {
            name: way.way.name.clone(),
            result: result_of(way.truth),
            requirements: way.shortfalls().map(|line| requirement(program, &line, levels)).collect(),
        });
        shown.collect()
    });
    Requirement {
        id: reason.id().to_string(),
        result: reason.outcome.name(),
        need: reason.need().to_owned(),
        found: found.as_ref().map(ToString::to_string),
        grade: graded.and_then(|found| found.grade).map(pkic_vocab::Grade::name),
        basis: graded.map(|found| found.basis.names().collect()).unwrap_or_default(),
        evidence: found.as_ref().and_then(|found| found.source).map(|source| source.name.clone()),
        line: place(program, reason.origin()),
        citation: reason.citation().map(cited),
        remedy: Some(reason.remedy().to_string()).filter(|remedy| !remedy.is_empty()),
        ways: ways.unwrap_or_default(),
    }
}

const fn result_of(truth: Truth) -> &'static str {
    match truth {
        Truth::True => Outcome::Satisfied.name(),
        Truth::False => Outcome::Violated.name(),
        Truth::Unknown => Outcome::Unknown.name(),
    }
}

fn warning(program: &Program, reason: &Reason<'_>) -> Warning {
    let found = reason.found().map(|found| format!("; found {found}")).unwrap_or_default();
    Warning {
        id: reason.id().to_string(),
        message: format!("should hold: {}{found}", reason.need()),
        line: Some(place(program, reason.origin())),
    }
}

/// A demand that no issuance can meet.
fn unobliged_timestamps() -> Warning {
    Warning { id: "sct-list".to_owned(), message: UNOBLIGED.to_owned(), line: None }
}

fn obligation(program: &Program, obligation: &pkic_ir::Obligation) -> Obligation {
    let def = OBLIGATIONS.iter().find(|def| def.name == obligation.name);
    Obligation {
        name: obligation.name.clone(),
        arguments: obligation.arguments.clone(),
        moment: def.map(|def| def.moment.name()),
        line: place(program, Some(obligation.origin)),
        citation: obligation.cites.as_ref().map(cited),
    }
}

fn cited(citation: &Citation) -> String {
    let Citation { source, edition, clause, .. } = citation;
    let unverified = if citation.unverified { " (unverified)" } else { "" };
    let edition = if edition.is_empty() { String::new() } else { format!(" {edition}") };
    format!("{source}{edition} {clause}{unverified}")
}

/// `file:line`.
fn place(program: &Program, origin: Option<Origin>) -> String {
    let origin = origin.unwrap_or_default();
    let file = usize::try_from(origin.file).ok().and_then(|index| program.files.get(index));
    [file.map_or("policy", |(name, _)| name), ":", &origin.line.to_string()].concat()
}
