//! `pkic replay`: decides again what a record holds, and compares.
use crate::World;
use crate::cli::ShowFormat;
use crate::cli::ca::Replay;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::records::Opened;
use pkic_runtime::record::replay;
use serde::Serialize;

/// The JSON form: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    version: u32,
    index: u64,
    holds: bool,
    differences: Vec<String>,
    erased: Vec<String>,
    tbs_redrafted: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Replay, world: World) -> Outcome {
    let opened = Opened::open(&arguments.logged, world)?;
    let mut found = None;
    opened.issuances(|issuance| {
        let is_it = issuance.index == arguments.index;
        if is_it {
            found = Some(issuance);
        }
        Ok(!is_it)
    })?;
    let issuance = found.ok_or_else(|| {
        let what = format!("entry {} of the log is no intent of a certificate", arguments.index);
        Failure::usage_with_help(what, "`pkic audit query` lists them")
    })?;
    let loaded = opened.program(&issuance)?;
    let issuer = opened.object(issuance.index, &issuance.intent.issuer, "the issuer's certificate")?;
    let particulars = opened.particulars(&issuance)?;
    let replayed = replay(&loaded, &issuance.intent, particulars.as_ref(), &issuer)
        .map_err(|what| Failure::usage(format!("entry {}: {what}", issuance.index)))?;
    let exit = Exit::finding_if(!replayed.differences.is_empty());
    if arguments.logged.format == ShowFormat::Json {
        let shown = Shown {
            version: 1,
            index: issuance.index,
            holds: replayed.differences.is_empty(),
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
    page.line(match replayed.is_tbs_redrafted {
        true => "the tbsCertificate was drafted again, to the byte",
        false => "the tbsCertificate was not drafted again: the request is not kept",
    });
    if !replayed.erased.is_empty() {
        page.line(format_args!("erased since, and unknown here: {}", inert(&replayed.erased.join(", "))));
    }
    Ok(Answer::new(page, exit))
}
