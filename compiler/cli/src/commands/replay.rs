//! `pkic replay`: decides again what a record holds, and compares.
use crate::World;
use crate::cli::ShowFormat;
use crate::cli::ca::Replay;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::plugins;
use crate::records::Opened;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::record::{Level, Recorded, replay};
use serde::Serialize;

/// The JSON form: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    version: u32,
    index: u64,
    holds: bool,
    level: u8,
    why_not_level_2: Option<String>,
    differences: Vec<String>,
    erased: Vec<String>,
    tbs_redrafted: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Replay, world: World) -> Outcome {
    let opened = Opened::open(&arguments.logged, world)?;
    let issuance = opened.issuance(arguments.index)?.ok_or_else(|| {
        let what = format!("entry {} of the log is no intent of a certificate", arguments.index);
        Failure::usage_with_help(what, "`pkic audit query` lists them")
    })?;
    let loaded = opened.program(&issuance)?;
    let issuer = opened.object(issuance.index, &issuance.intent.issuer, "the issuer's certificate")?;
    let particulars = opened.particulars(&issuance)?;
    let objects = |digest: &Sha256Digest| opened.reader.object(digest).map_err(|error| error.to_string());
    let plugins = plugins::kept(particulars.as_ref(), &objects)?;
    let recorded = Recorded {
        loaded: &loaded,
        intent: &issuance.intent,
        particulars: particulars.as_ref(),
        issuer: &issuer,
        objects: &objects,
        plugins: &plugins::borrowed(&plugins),
    };
    let replayed =
        replay(&recorded).map_err(|what| Failure::usage(format!("entry {}: {what}", issuance.index)))?;
    let exit = Exit::finding_if(!replayed.differences.is_empty());
    let (level, why_not) = match &replayed.level {
        Level::Evidence => (2, None),
        Level::Facts(unkept) => (1, Some(unkept.to_string())),
    };
    if arguments.logged.format == ShowFormat::Json {
        let shown = Shown {
            version: 1,
            index: issuance.index,
            holds: replayed.differences.is_empty(),
            level,
            why_not_level_2: why_not,
            differences: replayed.differences,
            erased: replayed.erased,
            tbs_redrafted: replayed.is_tbs_redrafted,
        };
        return Answer::json(&shown, exit);
    }
    let mut page = Page::default();
    if replayed.differences.is_empty() {
        page.line(format_args!("entry {}: the same decision, by the same requirements", issuance.index));
    }
    for difference in &replayed.differences {
        page.line(format_args!("entry {}: DIFFERS: {}", issuance.index, inert(difference)));
    }
    match (why_not, replayed.differences.is_empty()) {
        (None, true) => page.line("level 2: its evidence, appraised again, gives the same facts and grades"),
        (None, false) => page.line("level 2: its evidence was appraised again"),
        (Some(why), _) => {
            page.line(format_args!("level 1, on the facts that were recorded: {}", inert(&why)))
        }
    }
    page.line(match (replayed.is_tbs_redrafted, particulars.is_some()) {
        (true, _) => "the tbsCertificate was drafted again, to the byte",
        (false, true) => "the tbsCertificate, drafted again, is another",
        (false, false) => "the tbsCertificate was not drafted again: the request is not kept",
    });
    if !replayed.erased.is_empty() {
        page.line(format_args!("erased since, and unknown here: {}", inert(&replayed.erased.join(", "))));
    }
    Ok(Answer::new(page, exit))
}
