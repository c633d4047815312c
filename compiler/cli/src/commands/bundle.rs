//! `pkic build` and `pkic bundle`: a compiled policy as a file, who signed it, and whether that holds.
use crate::World;
use crate::cli::{Build, Bundle, ShowFormat};
use crate::commands::check::uncompiled;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::human::number;
use crate::workspace::Workspace;
use crate::{files, inputs, pem, policy};
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{self, SigningKey};
use pkic_runtime::bundle::{self, BundleError, Edition, Loaded};
use pkic_vocab::limits;
use pkic_vocab::time::{DAY_S, format_date};
use serde::Serialize;
use std::path::Path;

/// How long a bundle counts where nothing else is said: the BRs have a CP/CPS reviewed every 365 days.
const LIFETIME_S: i64 = 365 * DAY_S;

/// Runs `pkic build`.
pub(crate) fn build(arguments: &Build, world: World) -> Outcome {
    let workspace = Workspace::read(std::slice::from_ref(&arguments.policy))?;
    if workspace.roots().len() != 1 {
        return Err(Failure::usage("a bundle holds one policy: name its file"));
    }
    let compilation = workspace.compile(0, None);
    let Some(program) = compilation.program else {
        return uncompiled(&workspace, &compilation.diagnostics, world);
    };
    let unfit = |error: BundleError| Failure::content(&arguments.policy, error);
    let (bytes, signature) = match &arguments.sign {
        None => (bundle::write_unsigned(&program).map_err(unfit)?, "unsigned".to_owned()),
        Some(path) => {
            let key = signing_key(path)?;
            let created = inputs::moment(arguments.at, world.now)?;
            let stale_after = arguments.stale_after.unwrap_or(created.saturating_add(LIFETIME_S));
            let edition = Edition { sequence: arguments.sequence, previous: None, created, stale_after };
            let bytes = bundle::seal(&program, &edition, &key).map_err(unfit)?;
            let until = format_date(stale_after);
            (
                bytes,
                format!("sequence {}, signed by {}, until {until}", arguments.sequence, key.spki_digest()),
            )
        }
    };
    files::write_atomically(&arguments.output, &bytes)?;
    let mut page = Page::default();
    page.line(format_args!(
        "{}: {} {}, {}, {}",
        inert(&files::shown(&arguments.output)),
        program.policy,
        inert(&program.version),
        number(program.profiles.len(), "profile"),
        number(bytes.len(), "byte"),
    ));
    page.line(format_args!("program {}", Sha256Digest(program.digest())));
    page.line(signature);
    Ok(Answer::new(page, Exit::Holds))
}

/// Reads the key that seals.
pub(super) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let text = files::read_text(path, limits::CERTIFICATE_LEN_BYTES_MAX)?;
    let help = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`";
    let der = pem::block("PRIVATE KEY", &text).ok_or_else(|| {
        Failure::usage_with_help(format!("`{}` holds no private key in PKCS#8 PEM", path.display()), help)
    })?;
    SigningKey::from_pkcs8(&der).map_err(|_| {
        Failure::usage_with_help(format!("`{}` holds no Ed25519 or P-256 key", path.display()), help)
    })
}

/// Runs `pkic bundle`.
pub(crate) fn run(what: &Bundle, world: World) -> Outcome {
    match what {
        Bundle::Show { bundle, format } => show(bundle, *format),
        Bundle::Verify { bundle, trust, trust_key, last_sequence, at, format } => {
            let signers = policy::signers(trust.as_deref(), trust_key.as_deref())?;
            if signers.is_empty() {
                let help = "name the signer with `--trust sha256:…` or `--trust-key FILE`";
                return Err(Failure::usage_with_help("nobody is trusted to sign", help));
            }
            let now = inputs::moment(*at, world.now)?;
            verify(bundle, &signers, *last_sequence, now, *format)
        }
    }
}

/// Shows a bundle under the name and signer that it has itself, at a moment at which it counts.
fn show(path: &Path, format: ShowFormat) -> Outcome {
    let bytes = policy::read_bundle(path)?;
    let now = envelope::peek(&bytes).map(|peeked| peeked.manifest.stale_after).unwrap_or_default();
    let loaded = bundle::open_for_evaluation(&bytes, now);
    let loaded = loaded.map_err(|error| Failure::content(path, error))?;
    present(path, &loaded, Checked::NotAgainstTrust, format)
}

fn verify(
    path: &Path,
    signers: &[Sha256Digest],
    last_seen: Option<u64>,
    now: i64,
    format: ShowFormat,
) -> Outcome {
    let bytes = policy::read_bundle(path)?;
    match policy::open(&bytes, signers, last_seen, now) {
        Ok(loaded) => present(path, &loaded, Checked::AgainstTrust, format),
        Err(error) => refused(path, &error, format),
    }
}

/// Whether the signer was compared with a reader's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    AgainstTrust,
    NotAgainstTrust,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    version: u32,
    verdict: &'a str,
    reason: Option<String>,
    policy: Option<&'a str>,
    policy_version: Option<&'a str>,
    lab: Option<bool>,
    program: Option<String>,
    seal: Option<Seal>,
    profiles: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Seal {
    signer: String,
    sequence: u64,
    created: String,
    stale_after: String,
    digest: String,
}

fn refused(path: &Path, error: &BundleError, format: ShowFormat) -> Outcome {
    if format == ShowFormat::Json {
        let report = Report {
            version: 1,
            verdict: "refused",
            reason: Some(error.to_string()),
            policy: None,
            policy_version: None,
            lab: None,
            program: None,
            seal: None,
            profiles: Vec::new(),
        };
        return Answer::json(&report, Exit::Finding);
    }
    let mut page = Page::default();
    page.line(format_args!("REFUSED  {}", inert(&files::shown(path))));
    page.hanging("  ", &inert(&error.to_string()));
    page.hanging("  help: ", error.help());
    Ok(Answer::new(page, Exit::Finding))
}

fn present(path: &Path, loaded: &Loaded, checked: Checked, format: ShowFormat) -> Outcome {
    let program = loaded.program();
    let verdict = match (checked, loaded.seal()) {
        (Checked::AgainstTrust, _) => "verified",
        (Checked::NotAgainstTrust, Some(_)) => "signed",
        (Checked::NotAgainstTrust, None) => "unsigned",
    };
    let seal = loaded.seal().map(|seal| Seal {
        signer: seal.signer.to_string(),
        sequence: seal.manifest.sequence,
        created: format_date(seal.manifest.created),
        stale_after: format_date(seal.manifest.stale_after),
        digest: seal.digest.to_string(),
    });
    if format == ShowFormat::Json {
        let report = Report {
            version: 1,
            verdict,
            reason: None,
            policy: Some(&program.policy),
            policy_version: Some(&program.version),
            lab: Some(program.lab),
            program: Some(loaded.digest().to_string()),
            seal,
            profiles: program.profiles.iter().map(|profile| profile.name.as_str()).collect(),
        };
        return Answer::json(&report, Exit::Holds);
    }
    let mut page = Page::default();
    page.line(format_args!("{}  {}", verdict.to_ascii_uppercase(), inert(&files::shown(path))));
    let lab = if program.lab { " (lab policy)" } else { "" };
    let mut rows = vec![
        row("policy", format!("{} {}{lab}", inert(&program.policy), inert(&program.version))),
        row("program", loaded.digest().to_string()),
    ];
    if let Some(seal) = seal {
        rows.push(row("signer", seal.signer));
        rows.push(row("sequence", seal.sequence.to_string()));
        rows.push(row("created", seal.created));
        rows.push(row("until", seal.stale_after));
        rows.push(row("bundle", seal.digest));
    }
    rows.extend(
        program
            .files
            .iter()
            .map(|(name, digest)| row("source", format!("{} {}", Sha256Digest(*digest), inert(name)))),
    );
    rows.extend(program.profiles.iter().map(|profile| row("profile", inert(&profile.name))));
    page.table("  ", &rows);
    if verdict == "signed" {
        page.gap();
        page.line("  the signature holds; whether its signer counts is for `pkic bundle verify` to say");
    }
    Ok(Answer::new(page, Exit::Holds))
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}
