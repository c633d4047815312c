//! `pkic ca`: a lab's hierarchy in one command, and certificates for the keys of authorities.
use crate::World;
use crate::ca::{Running, SignedFiles, failure};
use crate::cli::ShowFormat;
use crate::cli::ca::{Ca as What, Certify, Deployed};
use crate::commands::issue::{refused, release};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::{files, randomness, requested};
use pkic_audit::{KeyKind, Log, NoteKey};
use pkic_backend::store::{Generator, NewKey};
use pkic_backend_software::SoftwareStore;
use pkic_facts::crypto::KeyKind as Kind;
use pkic_runtime::ca::{Founding, IssueError, Order, Signed, request_of};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::input::Given;
use std::path::{Path, PathBuf};

/// The policy of a lab CA, and the deployment that goes with it.
const POLICY: &str = include_str!("../../../../examples/ca/policy.pki");
const DEPLOYMENT: &str = include_str!("../../../../examples/ca/pkic.toml");
/// Name of the log in the deployment.
const ORIGIN: &str = "lab.example/pkic";
/// Authorities of the policy, from the top: name, subject, label of the key.
const AUTHORITIES: [(&str, &str, &str); 2] =
    [("bench.root", "CN=Lab Root CA", "root"), ("bench.issuing", "CN=Lab Issuing CA", "issuing")];

/// Runs the command.
pub(crate) fn run(what: &What, world: World) -> Outcome {
    match what {
        What::Init { directory, at } => init(directory, *at, world),
        What::Certify(arguments) => certify(arguments, world),
    }
}

fn init(directory: &Path, at: Option<i64>, world: World) -> Outcome {
    let config = directory.join(crate::config::FILE);
    for name in [crate::config::FILE, "policy.pki", "keys", "log"] {
        let path = directory.join(name);
        if path.exists() {
            let what = format!("`{}` is there already", files::shown(&path));
            return Err(Failure::usage_with_help(what, "make the CA in an empty folder: `pkic ca init DIR`"));
        }
    }
    let keys = directory.join("keys");
    make_folder(&keys)?;
    let store = SoftwareStore::new(&keys, None);
    for (.., label) in AUTHORITIES {
        let key = NewKey { label: label.to_owned(), kind: Kind::P256, bits: None };
        store.generate(&key).map_err(Failure::Store)?;
    }
    let log_key = NoteKey::from_seed(ORIGIN, KeyKind::Log, &randomness::octets()?)
        .map_err(|error| Failure::usage(error.to_string()))?;
    files::write_private(&keys.join("log.key"), &format!("{}\n", log_key.private_text()))?;
    let log = directory.join("log");
    Log::create(&log, &log_key).map_err(|error| failure(&IssueError::Log(error)))?;
    files::write_atomically(&directory.join("policy.pki"), POLICY.as_bytes())?;
    files::write_atomically(&config, DEPLOYMENT.as_bytes())?;
    let deployed = Deployed { config: config.clone(), at, format: ShowFormat::Human };
    let running = Running::open(&deployed, world)?;
    let mut page = Page::default();
    for (name, subject, label) in AUTHORITIES {
        let issued = certify_authority(&running, name, subject, Signed::default())?;
        let issued = issued.map_err(|error| failure(&error))?;
        let path = directory.join(format!("{label}.pem"));
        super::issue::write_certificate(&path, &issued.certificate)?;
        page.line(format_args!("{}  {subject}, entry {} of the log", files::shown(&path), issued.index));
    }
    running.ca.log().publish().map_err(|error| failure(&IssueError::Log(error)))?;
    page.gap();
    page.line("LAB: a lab policy on keys in files; it protects nothing");
    page.line(format_args!("log key  {}", inert(&log_key.verifier().to_string())));
    page.line(format_args!(
        "next     pkic issue --config {} --profile server --csr REQUEST.csr -o CERT.pem",
        files::shown(&config)
    ));
    Ok(Answer::new(page, Exit::Holds))
}

/// Has the key of an authority certified: by the authority above it, or by itself where there is none.
fn certify(arguments: &Certify, world: World) -> Outcome {
    let signed = SignedFiles::read(&arguments.approvals)?;
    let running = Running::open(&arguments.deployed, world)?;
    let (of, _) = running.deployment.authority(&arguments.authority)?;
    let output: PathBuf = of.certificate.value.clone();
    let format = arguments.deployed.format;
    let issued = signed
        .with(|signed| certify_authority(&running, &arguments.authority, &arguments.subject, signed))?;
    match issued {
        Ok(issued) => release(&issued, &output, format),
        Err(error) => refused(error, None, format),
    }
}

type Certified = Result<pkic_runtime::ca::Issued, IssueError>;

fn certify_authority(
    running: &Running,
    name: &str,
    subject: &str,
    signed: Signed<'_>,
) -> Result<Certified, Failure> {
    let program = running.ca.loaded().program();
    let unfit = |what: String| Failure::usage_with_help(what, "see `authority` in the policy");
    let authority = program.authorities.iter().find(|authority| authority.name == name);
    let authority = authority.ok_or_else(|| unfit(format!("the policy has no authority `{name}`")))?;
    let profile = authority.certified_as.and_then(|index| program.profiles.get(usize::try_from(index).ok()?));
    let profile = profile.ok_or_else(|| unfit(format!("`{name}` does not say what it is certified as")))?;
    let (of, store) = running.deployment.authority(name)?;
    let opened = running.stores.open(store).map_err(Failure::Store)?;
    let parent =
        authority.parent.as_ref().and_then(|name| program.authorities.iter().find(|of| of.name == *name));
    let Some(parent) = parent else {
        let founding = Founding {
            authority: name,
            profile: &profile.name,
            subject,
            store: opened.as_ref(),
            key: &of.key,
        };
        return Ok(running.ca.found(&founding));
    };
    let signer = opened.signer(&of.key).map_err(Failure::Store)?;
    let request = request_of(signer.as_ref(), subject);
    let request = request.map_err(|error| failure(&IssueError::Authority(error)))?;
    let above = running.authority(Some(&parent.name), &profile.name)?;
    let given = Given::default();
    let order = Order {
        profile: &profile.name,
        operation: requested::operation("ca-sign")?,
        csr: &request,
        evidence: &[],
        claims: &given,
        requester: &given,
        nonce: Nonce::None,
        activation: None,
        signed,
        predecessor: None,
    };
    Ok(running.ca.issue(&above, &order))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure::Write { path: path.to_path_buf(), error })
}
