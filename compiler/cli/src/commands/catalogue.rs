//! `pkic catalogue`: what dated lists say about modules, as a sealed file; who sealed it, and whether that holds.
use super::bundle::signing_key;
use crate::World;
use crate::cli::{Catalogue, CatalogueBuild, CatalogueVerify, ShowFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::human::number;
use crate::{files, inputs, policy};
use pkic_facts::catalogue::{self, Class, Rows, Scheme, Trust, Validation};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{self, Kind, Manifest, Peeked};
use pkic_vocab::limits;
use pkic_vocab::time::{DAY_S, format_date};
use serde::Serialize;
use std::path::Path;

mod lists;
mod mds;

/// How long a catalogue counts where nothing else is said: the CMVP changes its list every week, and a quarter is the
/// longest that anybody should go without reading it.
const LIFETIME_S: i64 = 90 * DAY_S;

/// Runs the command.
pub(crate) fn run(what: &Catalogue, world: World) -> Outcome {
    match what {
        Catalogue::Build(arguments) => build(arguments, world),
        Catalogue::Show { catalogue, format } => show(catalogue, *format),
        Catalogue::Verify(arguments) => verify(arguments, world),
    }
}

fn build(arguments: &CatalogueBuild, world: World) -> Outcome {
    let mut rows = Rows::default();
    for path in &arguments.from {
        rows.append(files::read_toml(path, limits::PROGRAM_LEN_BYTES_MAX)?);
    }
    let created = inputs::moment(arguments.at, world.now)?;
    if let (Some(blob), Some(root)) = (&arguments.mds, &arguments.mds_root) {
        rows.append(mds::rows(blob, root, created)?);
    }
    let mut lists = lists::Lists::default();
    arguments.list.iter().try_for_each(|path| lists.read(path))?;
    lists.fill(&mut rows)?;
    let count = rows.count();
    let payload = rows.to_payload().map_err(|error| {
        let row = if error.row.is_empty() { String::new() } else { format!("row `{}`: ", error.row) };
        Failure::usage_with_help(format!("{row}{}", error.what), error.help)
    })?;
    let key = signing_key(&arguments.sign)?;
    let previous = arguments.previous.as_deref().map(|path| previous(path, arguments)).transpose()?;
    let manifest = Manifest {
        kind: Kind::Catalogue,
        name: arguments.name.clone(),
        sequence: arguments.sequence,
        previous,
        created,
        stale_after: arguments.stale_after.unwrap_or(created.saturating_add(LIFETIME_S)),
    };
    if manifest.stale_after < created {
        let help = "give `--stale-after` a later date";
        return Err(Failure::usage_with_help("the catalogue would be stale when it is made", help));
    }
    let sealed = envelope::seal(&manifest, &payload, &key);
    let bytes = sealed.map_err(|reject| Failure::usage(reject.to_string()))?;
    files::write_atomically(&arguments.output, &bytes)?;
    let mut page = Page::default();
    page.line(format_args!(
        "{}: catalogue `{}`, sequence {}, {}, until {}",
        inert(&files::shown(&arguments.output)),
        inert(&manifest.name),
        manifest.sequence,
        number(count, "row"),
        format_date(manifest.stale_after),
    ));
    page.line(format_args!("catalogue {}", Sha256Digest::of(&bytes)));
    page.gap();
    page.line("a policy takes it with:");
    page.gap();
    page.line(format_args!("    signers catalogues \"{}\" {{", inert(&manifest.name)));
    page.line("        max-age 30d");
    page.line(format_args!("        signer \"…\" spki \"{}\"", key.spki_digest()));
    page.line("    }");
    Ok(Answer::new(page, Exit::Holds))
}

/// Digest of the edition before, which must be one of this name and of a lower sequence number.
fn previous(path: &Path, arguments: &CatalogueBuild) -> Result<Sha256Digest, Failure> {
    let (bytes, Peeked { manifest, .. }) = read(path)?;
    if manifest.name != arguments.name || manifest.sequence >= arguments.sequence {
        let found = format!("it is `{}`, sequence {}", manifest.name, manifest.sequence);
        return Err(Failure::content(path, format!("{found}: not an edition before this one")));
    }
    Ok(Sha256Digest::of(&bytes))
}

fn read(path: &Path) -> Result<(Vec<u8>, Peeked), Failure> {
    let bytes = files::read_bytes(path, envelope::ENVELOPE_LEN_BYTES_MAX)?;
    let peeked = envelope::peek(&bytes).map_err(|reject| Failure::content(path, reject))?;
    Ok((bytes, peeked))
}

/// Opens a catalogue under the name and signer that it has itself, at a moment at which it counts.
fn show(path: &Path, format: ShowFormat) -> Outcome {
    let (bytes, Peeked { manifest, signer }) = read(path)?;
    let trust = Trust { names: &[&manifest.name], signers: &[signer], age_s_max: None };
    let opened = catalogue::Catalogue::open(&bytes, &trust, None, manifest.stale_after);
    let opened = opened.map_err(|reject| Failure::content(path, reject))?;
    present(path, &opened, "signed", format)
}

fn verify(arguments: &CatalogueVerify, world: World) -> Outcome {
    let signers = policy::signers(arguments.trust.as_deref(), arguments.trust_key.as_deref())?;
    if signers.is_empty() {
        let help = "name the signer with `--trust sha256:…` or `--trust-key FILE`";
        return Err(Failure::usage_with_help("nobody is trusted to sign", help));
    }
    let now = inputs::moment(arguments.at, world.now)?;
    let (bytes, peeked) = read(&arguments.catalogue)?;
    let name = arguments.name.as_deref().unwrap_or(&peeked.manifest.name);
    let trust = Trust { names: &[name], signers: &signers, age_s_max: arguments.max_age };
    match catalogue::Catalogue::open(&bytes, &trust, arguments.last_sequence, now) {
        Ok(opened) => present(&arguments.catalogue, &opened, "verified", arguments.format),
        Err(reject) => refused(&arguments.catalogue, &reject.to_string(), arguments.format),
    }
}

/// `docs/catalogue.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    version: u32,
    verdict: &'a str,
    reason: Option<&'a str>,
    name: Option<&'a str>,
    sequence: Option<u64>,
    previous: Option<String>,
    signer: Option<String>,
    created: Option<String>,
    stale_after: Option<String>,
    digest: Option<String>,
    rows: Option<&'a Rows>,
}

fn refused(path: &Path, reason: &str, format: ShowFormat) -> Outcome {
    if format == ShowFormat::Json {
        let report = Report {
            version: 1,
            verdict: "refused",
            reason: Some(reason),
            name: None,
            sequence: None,
            previous: None,
            signer: None,
            created: None,
            stale_after: None,
            digest: None,
            rows: None,
        };
        return Answer::json(&report, Exit::Finding);
    }
    let mut page = Page::default();
    page.line(format_args!("REFUSED  {}", inert(&files::shown(path))));
    page.hanging("  ", &inert(reason));
    Ok(Answer::new(page, Exit::Finding))
}

fn present(path: &Path, opened: &catalogue::Catalogue, verdict: &str, format: ShowFormat) -> Outcome {
    let manifest = opened.manifest();
    if format == ShowFormat::Json {
        let report = Report {
            version: 1,
            verdict,
            reason: None,
            name: Some(&manifest.name),
            sequence: Some(manifest.sequence),
            previous: manifest.previous.map(|digest| digest.to_string()),
            signer: Some(opened.signer().to_string()),
            created: Some(pkic_runtime::report::moment(manifest.created)),
            stale_after: Some(pkic_runtime::report::moment(manifest.stale_after)),
            digest: Some(opened.digest().to_string()),
            rows: Some(opened.rows()),
        };
        return Answer::json(&report, Exit::Holds);
    }
    let mut page = Page::default();
    page.line(format_args!("{}  {}", verdict.to_ascii_uppercase(), inert(&files::shown(path))));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    page.table(
        "  ",
        &[
            row("catalogue", format!("{}, sequence {}", inert(&manifest.name), manifest.sequence)),
            row("signer", opened.signer().to_string()),
            row("created", format_date(manifest.created)),
            row("until", format_date(manifest.stale_after)),
            row("digest", opened.digest().to_string()),
        ],
    );
    page.gap();
    page.table("  ", &shown_rows(opened.rows()));
    if verdict == "signed" {
        page.gap();
        page.line("  the signature holds; whether its signer counts is for `pkic catalogue verify` to say");
    }
    Ok(Answer::new(page, Exit::Holds))
}

/// A line for each row: id, what it says, and of which day.
fn shown_rows(rows: &Rows) -> Vec<Vec<String>> {
    let line = |id: &str, says: String, source: &catalogue::Source| {
        vec![inert(id), says, format_date(source.dated.0), inert(&source.title)]
    };
    let class = |row: &Class| {
        let storage = row.storage.as_ref().map(|word| word.0.name());
        let vendor = row.vendor.as_ref().map(|word| word.0.name());
        line(&row.id, storage.into_iter().chain(vendor).collect::<Vec<_>>().join(", "), &row.source)
    };
    let validation = |row: &Validation| {
        let scheme = match row.scheme {
            Scheme::Fips1402 => "FIPS 140-2 level",
            Scheme::Fips1403 => "FIPS 140-3 level",
            Scheme::Cc => "Common Criteria EAL",
            Scheme::Fido => "FIDO level",
            Scheme::Qscd => "qualified signature creation device",
        };
        let level = row.level.map(|level| format!(" {level}")).unwrap_or_default();
        let status = row.status.as_ref().map_or("", |status| status.0.name());
        let sunset =
            row.sunset.as_ref().map(|day| format!(" until {}", format_date(day.0))).unwrap_or_default();
        line(&row.id, format!("{scheme}{level}, {status}{sunset}"), &row.source)
    };
    let advisory = |row: &catalogue::Advisory| {
        let name = row.name.as_ref().map(|name| format!("{}, ", inert(name))).unwrap_or_default();
        line(&row.id, format!("advisory: {name}{}", row.severity.0.name()), &row.source)
    };
    let classes = rows.classes.iter().map(class);
    classes
        .chain(rows.validations.iter().map(validation))
        .chain(rows.advisories.iter().map(advisory))
        .collect()
}
