//! `pkic audit`: what the record says, and that it says so.
use crate::World;
use crate::cli::ShowFormat;
use crate::cli::ca::{Audit, Logged, Query, Witnesses};
use crate::commands::revoke::certificate;
use crate::commands::witness::{self, Witnessed};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::records::{self, Issuance, Opened, unread};
use pkic_audit::{LogError, SignedCheckpoint};
use pkic_compiler::cel::Filter;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::record::{Particulars, ShownRow};
use pkic_vocab::{Grade, Words};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Rows of one query.
const ROWS_MAX: usize = 100_000;

/// Runs the command.
pub(crate) fn run(what: &Audit, world: World) -> Outcome {
    match what {
        Audit::Prove { cert, witnesses, logged } => prove(cert, witnesses, logged, world),
        Audit::Verify { older, witnesses, logged } => verify(older.as_deref(), witnesses, logged, world),
        Audit::Witness { config, format } => witness::run(config, *format, world),
        Audit::Fetch { index, output, logged } => fetch(*index, output, logged, world),
        Audit::Query(arguments) => query(arguments, world),
    }
}

/// `pkic audit prove` in JSON: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Proof {
    version: u32,
    record: Value,
    facts: Vec<Value>,
    inputs: Value,
    log: String,
    index: u64,
    size: u64,
    root: String,
    witnessed_by: Vec<String>,
    erased: bool,
}

fn prove(cert: &Path, witnesses: &Witnesses, logged: &Logged, world: World) -> Outcome {
    let certificate = certificate(cert)?;
    let digest = Sha256Digest::of(certificate.raw()).to_string();
    let opened = Opened::open(logged, world)?;
    let mut found = None;
    opened.issuances(|issuance| {
        let outcome = issuance.outcome.as_ref().and_then(|(_, outcome)| outcome.certificate.as_deref());
        let is_it = outcome == Some(digest.as_str());
        if is_it {
            found = Some(issuance);
        }
        Ok(!is_it)
    })?;
    let Some(issuance) = found else {
        let mut page = Page::default();
        page.line(format_args!("NOT IN THE RECORD  {digest}"));
        page.line(
            "  this log has no record of that certificate: it was not issued here, or the log was exchanged",
        );
        return Ok(Answer::new(page, Exit::Finding));
    };
    let receipt = opened.reader.receipt(issuance.index).map_err(|error| unread(&error))?;
    let checkpoint = receipt.verify(&issuance.entry, &opened.key).map_err(|error| {
        Failure::usage_with_help(error.to_string(), "verify the log with `pkic audit verify`")
    })?;
    let witnessed =
        Witnessed::of(&opened, &witness::keys(witnesses, &opened)?).map_err(|error| unread(&error))?;
    // What witnesses saw may be older than the entry.
    let witnessed = if witnessed.size > Some(issuance.index) { witnessed } else { Witnessed::default() };
    let particulars = opened.particulars(&issuance)?;
    let exit = Exit::finding_if(witnessed.by.len() < witnesses.witnesses_min);
    if logged.format == ShowFormat::Json {
        let rows = issuance.intent.decided.facts.rows(particulars.as_ref().map(|of| &of.values));
        let proof = Proof {
            version: 1,
            record: records::shown(&issuance, particulars.as_ref()),
            facts: rows.map(|row| fact(&row)).collect(),
            inputs: serde_json::to_value(&issuance.intent.decided.inputs).unwrap_or_default(),
            log: opened.key.name().to_owned(),
            index: issuance.index,
            size: checkpoint.size(),
            root: checkpoint.root().to_string(),
            witnessed_by: witnessed.names(),
            erased: particulars.is_none(),
        };
        return Answer::json(&proof, exit);
    }
    let mut page = Page::default();
    head(&mut page, &issuance);
    facts(&mut page, &issuance, particulars.as_ref());
    page.gap();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    page.line("proof");
    page.table(
        "  ",
        &[
            row("log", inert(opened.key.name())),
            row("entry", format!("{} of {}", issuance.index, checkpoint.size())),
            row("root", checkpoint.root().to_string()),
            row("witnesses", inert(&witnessed.shown())),
        ],
    );
    if let Some(line) = witnessed.shortfall(witnesses) {
        page.line(format_args!("  {line}"));
    }
    Ok(Answer::new(page, exit))
}

fn head(page: &mut Page, issuance: &Issuance) {
    let intent = &issuance.intent;
    let lab = if intent.decided.lab { "  LAB: a lab policy decided; it protects nothing" } else { "" };
    page.line(format_args!(
        "ISSUED  {} {}{lab}",
        inert(&intent.decided.operation),
        inert(&intent.decided.profile)
    ));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let module = intent.key.module.as_ref().map(|(path, digest)| format!(" through {path} {digest}"));
    page.table(
        "  ",
        &[
            row("at", pkic_runtime::report::moment(intent.decided.at)),
            row("serial", inert(&intent.serial)),
            row("authority", inert(&intent.decided.authority)),
            row(
                "signed by",
                inert(&format!("{} in {}{}", intent.key.uri, intent.key.store, module.unwrap_or_default())),
            ),
            row("program", inert(&intent.decided.inputs.program)),
        ],
    );
}

fn facts(page: &mut Page, issuance: &Issuance, particulars: Option<&Particulars>) {
    page.gap();
    page.line("what held the key, and how well that was known");
    let rows = issuance.intent.decided.facts.rows(particulars.map(|of| &of.values));
    let is_about_key = |row: &ShownRow| {
        ["key.", "module.", "platform.", "evidence.", "witness."].iter().any(|of| row.path.starts_with(of))
    };
    let shown: Vec<Vec<String>> = rows
        .filter(is_about_key)
        .map(|row| {
            let value = row.value.as_str().map_or_else(|| row.value.to_string(), str::to_owned);
            let grade = row.grade.unwrap_or_else(|| "conflict".to_owned());
            let basis =
                if row.basis.is_empty() { String::new() } else { format!("by {}", row.basis.join(", ")) };
            vec![row.path, inert(&value), grade, basis, inert(&row.source.unwrap_or_default())]
        })
        .collect();
    page.table("  ", &shown);
    if particulars.is_none() {
        page.line("  what stood beside the record was erased: personal values are digests");
    }
}

fn fact(row: &ShownRow) -> Value {
    serde_json::json!({
        "path": row.path, "value": row.value, "grade": row.grade, "basis": row.basis, "evidence": row.source,
    })
}

/// `pkic audit verify` in JSON: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Verdict {
    version: u32,
    holds: bool,
    why: Option<String>,
    log: String,
    size: u64,
    root: String,
    open: usize,
    witnessed_by: Vec<String>,
}

fn verify(older: Option<&Path>, witnesses: &Witnesses, logged: &Logged, world: World) -> Outcome {
    let opened = Opened::open(logged, world)?;
    let keys = witness::keys(witnesses, &opened)?;
    let older = older.map(|path| older_checkpoint(path, &opened)).transpose()?;
    let verified = opened.reader.verify().and_then(|verified| {
        older.iter().try_for_each(|older| opened.reader.continues(older))?;
        Ok((verified, Witnessed::of(&opened, &keys)?))
    });
    let checkpoint = opened.reader.checkpoint();
    let (why, open, witnessed) = match verified {
        Ok((verified, witnessed)) => (None, verified.open.len(), witnessed),
        Err(error @ LogError::Io { .. }) => return Err(unread(&error)),
        Err(error) => (Some(error.to_string()), 0, Witnessed::default()),
    };
    let exit = Exit::finding_if(why.is_some() || witnessed.by.len() < witnesses.witnesses_min);
    if logged.format == ShowFormat::Json {
        let verdict = Verdict {
            version: 1,
            holds: why.is_none(),
            why,
            log: opened.key.name().to_owned(),
            size: checkpoint.size(),
            root: checkpoint.root().to_string(),
            open,
            witnessed_by: witnessed.names(),
        };
        return Answer::json(&verdict, exit);
    }
    let mut page = Page::default();
    match why {
        None => {
            page.line(format_args!(
                "the log holds: {} entries, root {}",
                checkpoint.size(),
                checkpoint.root()
            ));
            if open > 0 {
                page.line(format_args!(
                    "{open} intents are open: pkic is at work, or ended before it was done"
                ));
            }
            page.line(format_args!("witnesses  {}", inert(&witnessed.shown())));
            witnessed.shortfall(witnesses).iter().for_each(|line| page.line(line));
        }
        Some(why) => page.line(format_args!("THE LOG DOES NOT HOLD: {}", inert(&why))),
    }
    Ok(Answer::new(page, exit))
}

fn older_checkpoint(path: &Path, opened: &Opened) -> Result<pkic_audit::Checkpoint, Failure> {
    let bytes = records::checkpoint(path)?;
    let signed = SignedCheckpoint::parse(&bytes).map_err(|error| Failure::content(path, error))?;
    signed.verify(&opened.key).map_err(|error| Failure::content(path, error))
}

fn fetch(index: u64, output: &Path, logged: &Logged, world: World) -> Outcome {
    let opened = Opened::open(logged, world)?;
    let unfit = |what: &str| {
        Failure::usage_with_help(format!("entry {index}: {what}"), "`pkic audit query` lists what was issued")
    };
    let issuance = opened.issuance(index)?.ok_or_else(|| unfit("it is no intent of a certificate"))?;
    let certificate = opened.certificate(&issuance)?;
    let certificate = certificate.ok_or_else(|| unfit("nothing was released, or it was erased since"))?;
    super::issue::write_certificate(output, &certificate)?;
    let mut page = Page::default();
    page.line(format_args!("{}  serial {}", crate::files::shown(output), issuance.intent.serial));
    Ok(Answer::new(page, Exit::Holds))
}

fn query(arguments: &Query, world: World) -> Outcome {
    let filter = arguments.condition.as_deref().map(Filter::parse).transpose().map_err(|what| {
        Failure::usage_with_help(
            format!("`--where`: {what}"),
            "write CEL, such as `fact[\"key.storage\"] == \"tpm\"`",
        )
    })?;
    let grade = arguments.grade.as_deref().map(grade).transpose()?;
    if let Some(storage) = &arguments.storage
        && Words::Storage.word(storage).is_none()
    {
        return Err(Failure::usage_with_help(
            format!("`{storage}` is no storage"),
            "see `pkic explain key.storage`",
        ));
    }
    let opened = Opened::open(&arguments.logged, world)?;
    let mut found: Vec<Value> = Vec::new();
    opened.issuances(|issuance| {
        let particulars = opened.particulars(&issuance)?;
        let shown = records::shown(&issuance, particulars.as_ref());
        let is_wanted = matches(arguments, grade, &issuance, &shown);
        let holds = match (&filter, is_wanted, shown.as_object()) {
            (Some(filter), true, Some(object)) => filter
                .holds(object.iter().map(|(name, value)| (name.as_str(), value)))
                .map_err(|what| Failure::usage(format!("`--where`: {what}")))?,
            _ => is_wanted,
        };
        if holds {
            found.push(shown);
        }
        if found.len() > ROWS_MAX {
            return Err(Failure::usage_with_help(format!("more than {ROWS_MAX} records"), "ask for fewer"));
        }
        Ok(true)
    })?;
    if arguments.logged.format == ShowFormat::Json {
        return Answer::json(&found, Exit::Holds);
    }
    let text = |record: &Value, path: &[&str]| {
        let value = path.iter().try_fold(record, |value, name| value.get(name));
        inert(value.and_then(Value::as_str).unwrap_or("-"))
    };
    let mut rows =
        vec![["entry", "at", "outcome", "profile", "serial", "storage", "grade"].map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|record| {
        vec![
            record.get("index").map(ToString::to_string).unwrap_or_default(),
            text(record, &["at"]),
            text(record, &["outcome"]),
            text(record, &["profile"]),
            text(record, &["serial"]),
            text(record, &["fact", "key.storage"]),
            text(record, &["grade", "key.storage"]),
        ]
    }));
    let mut page = Page::default();
    page.table("", &rows);
    page.line(format_args!("{} records", found.len()));
    Ok(Answer::new(page, Exit::Holds))
}

fn grade(name: &str) -> Result<Grade, Failure> {
    Grade::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Grade::ALL.iter().map(|grade| grade.name()).collect();
        Failure::usage_with_help(format!("`{name}` is no grade"), format!("grades are {}", known.join(", ")))
    })
}

fn matches(arguments: &Query, grade: Option<Grade>, issuance: &Issuance, shown: &Value) -> bool {
    let decided = &issuance.intent.decided;
    let fact = |path: &str| shown.get("fact").and_then(|facts| facts.get(path)).and_then(Value::as_str);
    let known = |path: &str| shown.get("grade").and_then(|grades| grades.get(path)).and_then(Value::as_str);
    let is_name = |wanted: &Option<String>, name: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted == name || name.rsplit('.').next() == Some(wanted))
    };
    let is_stored = arguments.storage.as_ref().is_none_or(|wanted| {
        let (wanted, found) =
            (Words::Storage.word(wanted), fact("key.storage").and_then(|of| Words::Storage.word(of)));
        matches!((wanted, found), (Some(wanted), Some(found)) if found.is_within(wanted))
    });
    let is_known = grade.is_none_or(|wanted| {
        known("key.storage").and_then(Grade::from_name).is_some_and(|found| found >= wanted)
    });
    let is_module = arguments.module.as_ref().is_none_or(|wanted| {
        ["module.model", "module.vendor", "module.manufacturer"].iter().any(|path| fact(path) == Some(wanted))
    });
    is_name(&arguments.profile, &decided.profile)
        && is_name(&arguments.authority, &decided.authority)
        && is_stored
        && is_known
        && is_module
        && arguments.serial.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&issuance.intent.serial))
        && arguments.from.is_none_or(|from| decided.at >= from)
        && arguments.until.is_none_or(|until| decided.at < until)
}
