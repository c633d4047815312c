//! `pkic statement`: what people state of a key, as a signed file; and what such a file says.
use super::bundle::signing_key;
use crate::World;
use crate::cli::{ShowFormat, Statement, StatementSign};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::{files, inputs};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{self, Manifest};
use pkic_facts::statement::{About, Body, Statement as Opened, Trust, kind_of};
use pkic_vocab::limits;
use pkic_vocab::time::format_date;
use serde::Serialize;
use std::path::Path;

/// Runs the command.
pub(crate) fn run(what: &Statement, world: World) -> Outcome {
    match what {
        Statement::Sign(arguments) => sign(arguments, world),
        Statement::Show { statement, format } => show(statement, *format),
    }
}

fn sign(arguments: &StatementSign, world: World) -> Outcome {
    let body: Body = files::read_toml(&arguments.from, limits::PROGRAM_LEN_BYTES_MAX)?;
    let payload = body.to_payload().map_err(|reject| Failure::content(&arguments.from, reject))?;
    let created = inputs::moment(arguments.at, world.now)?;
    if arguments.until < created || body.dated.0 > created {
        let help = "a statement is of a day that is over, and ends later than it is signed";
        return Err(Failure::usage_with_help("the dates do not follow each other", help));
    }
    let manifest = Manifest {
        kind: envelope::Kind::Statement,
        name: body.kind.name().to_owned(),
        sequence: arguments.sequence,
        previous: None,
        created,
        stale_after: arguments.until,
    };
    let key = signing_key(&arguments.sign)?;
    let sealed = envelope::seal(&manifest, &payload, &key);
    let bytes = sealed.map_err(|reject| Failure::usage(reject.to_string()))?;
    files::write_atomically(&arguments.output, &bytes)?;
    let mut page = Page::default();
    let (shown, name) = (inert(&files::shown(&arguments.output)), body.kind.name());
    page.line(format_args!("{shown}: {name} by {}, until {}", inert(&body.by), format_date(arguments.until)));
    page.line(format_args!("statement {}", Sha256Digest::of(&bytes)));
    page.gap();
    page.line("a policy takes it with:");
    page.gap();
    page.line(format_args!("    signers statements \"{name}\" {{"));
    page.line(format_args!("        signer \"{}\" spki \"{}\"", inert(&body.by), key.spki_digest()));
    page.line("    }");
    Ok(Answer::new(page, Exit::Holds))
}

/// What `pkic statement show --format json` writes: `docs/statement.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown<'a> {
    version: u32,
    digest: String,
    signer: String,
    sequence: u64,
    created: String,
    until: String,
    statement: &'a Body,
}

/// Opens a statement under the signer that it has itself, at a moment at which it counts.
fn show(path: &Path, format: ShowFormat) -> Outcome {
    let bytes = files::read_bytes(path, envelope::ENVELOPE_LEN_BYTES_MAX)?;
    let failure = |reject| Failure::content(path, reject);
    let (kind, manifest, signer) = kind_of(&bytes).map_err(failure)?;
    let trust = Trust { kind, signers: &[signer], age_s_max: None };
    let opened = Opened::open(&bytes, &trust, manifest.stale_after).map_err(failure)?;
    let body = opened.body();
    if format == ShowFormat::Json {
        let shown = Shown {
            version: 1,
            digest: opened.digest().to_string(),
            signer: signer.to_string(),
            sequence: manifest.sequence,
            created: format_date(manifest.created),
            until: format_date(manifest.stale_after),
            statement: body,
        };
        return Answer::json(&shown, Exit::Holds);
    }
    let mut page = Page::default();
    page.line(format_args!("SIGNED  {}", inert(&files::shown(path))));
    let about = match &body.about {
        About::Key(key) => format!("key {}", key.0),
        About::Module { vendor, serial } => format!("module {} {}", vendor.0.name(), inert(serial)),
    };
    let reference = body.reference.as_deref().map(inert).unwrap_or_default();
    let rows = [
        ("kind", kind.name().to_owned()),
        ("by", inert(&body.by)),
        ("dated", format_date(body.dated.0)),
        ("reference", reference),
        ("about", about),
        ("signer", signer.to_string()),
        ("until", format_date(manifest.stale_after)),
        ("digest", opened.digest().to_string()),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    page.table("  ", &rows.map(|(name, value)| vec![name.to_owned(), value]).collect::<Vec<_>>());
    page.gap();
    let facts =
        opened.facts().iter().map(|(path, value)| vec![(*path).to_owned(), inert(&value.to_string())]);
    page.table("  ", &facts.collect::<Vec<_>>());
    page.gap();
    page.line("  the signature holds; whether its signer counts is for a policy to say");
    Ok(Answer::new(page, Exit::Holds))
}
