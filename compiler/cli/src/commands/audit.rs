//! `pkic audit`: what the record says, and that it says so.
use crate::World;
use crate::cli::ShowFormat;
use crate::cli::ca::{Audit, Logged, Query};
use crate::commands::revoke::certificate;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::records::{self, Issuance, Opened, unread};
use pkic_audit::{LogError, SignedCheckpoint, VerifierKey};
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
        Audit::Prove { cert, witness, witnesses_min, logged } => {
            prove(cert, witness, *witnesses_min, logged, world)
        }
        Audit::Verify { older, logged } => verify(older.as_deref(), logged, world),
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

fn prove(cert: &Path, witnesses: &[String], witnesses_min: usize, logged: &Logged, world: World) -> Outcome {
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
    let witnessed = witnessed_by(&opened, witnesses)?;
    let particulars = opened.particulars(&issuance)?;
    let exit = Exit::finding_if(witnessed.len() < witnesses_min);
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
            witnessed_by: witnessed,
            erased: particulars.is_none(),
        };
        return Answer::json(&proof, exit);
    }
    let mut page = Page::default();
    head(&mut page, &issuance);
    facts(&mut page, &issuance, particulars.as_ref());
    page.gap();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let witnesses = if witnessed.is_empty() { "unwitnessed".to_owned() } else { witnessed.join(", ") };
    page.line("proof");
    page.table(
        "  ",
        &[
            row("log", inert(opened.key.name())),
            row("entry", format!("{} of {}", issuance.index, checkpoint.size())),
            row("root", checkpoint.root().to_string()),
            row("witnesses", inert(&witnesses)),
        ],
    );
    if witnessed.len() < witnesses_min {
        page.line(format_args!("  {witnesses_min} witnesses are asked for, {} cosigned", witnessed.len()));
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

/// The names of those witnesses whose cosignature on the log's latest witnessed checkpoint holds.
fn witnessed_by(opened: &Opened, witnesses: &[String]) -> Result<Vec<String>, Failure> {
    let parse = |text: &String| {
        VerifierKey::parse(text).map_err(|_| {
            Failure::usage_with_help("`--witness` is no verifier key", "write `<name>+<hash>+<base64>`")
        })
    };
    let keys = witnesses.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let signed = opened.reader.witnessed_checkpoint().map_err(|error| unread(&error))?;
    let Some(signed) = signed.filter(|_| !keys.is_empty()) else { return Ok(Vec::new()) };
    let found = signed.cosignatures(&keys).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(found.into_iter().map(|cosignature| cosignature.witness).collect())
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
}

fn verify(older: Option<&Path>, logged: &Logged, world: World) -> Outcome {
    let opened = Opened::open(logged, world)?;
    let older = older.map(|path| older_checkpoint(path, &opened)).transpose()?;
    let verified = opened.reader.verify().and_then(|verified| {
        older.iter().try_for_each(|older| opened.reader.continues(older)).map(|()| verified)
    });
    let checkpoint = opened.reader.checkpoint();
    let (why, open) = match &verified {
        Ok(verified) => (None, verified.open.len()),
        Err(error @ LogError::Io { .. }) => return Err(unread(error)),
        Err(error) => (Some(error.to_string()), 0),
    };
    let exit = Exit::finding_if(why.is_some());
    if logged.format == ShowFormat::Json {
        let verdict = Verdict {
            version: 1,
            holds: why.is_none(),
            why,
            log: opened.key.name().to_owned(),
            size: checkpoint.size(),
            root: checkpoint.root().to_string(),
            open,
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
