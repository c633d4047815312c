//! `pkic revoke` and `pkic crl-sign`: certificates that count no more, and the list that says so.
use crate::World;
use crate::ca::{Running, SignedFiles, failure};
use crate::cli::ShowFormat;
use crate::cli::ca::{CrlSign, Revoke};
use crate::commands::issue::{ask, beside, refused};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page};
use crate::suggest::nearest;
use crate::{files, inputs, pem};
use pkic_facts::certificate::Certificate;
use pkic_runtime::ca::{Act, Asking};
use pkic_runtime::crl::Reason;
use pkic_runtime::input::Speaker;
use pkic_vocab::limits;
use serde::Serialize;
use std::path::Path;

/// `pkic revoke` in JSON: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Revoked {
    version: u32,
    serial: String,
    index: u64,
}

/// `pkic crl-sign` in JSON: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Listed {
    version: u32,
    list: String,
    number: u64,
    certificates: usize,
    index: u64,
}

/// Runs `pkic revoke`.
pub(crate) fn revoke(arguments: &Revoke, world: World) -> Outcome {
    let reason = arguments.reason.as_deref().map(reason).transpose()?;
    let serial = match (&arguments.cert, &arguments.serial) {
        (Some(path), _) => serial(path)?,
        (None, given) => given.clone().unwrap_or_default(),
    };
    let requester = inputs::given(arguments.requester.as_deref(), Speaker::Authority)?;
    let signed = SignedFiles::read(&arguments.approvals)?;
    let running = Running::open(&arguments.deployed, world)?;
    let authority = running.authority(Some(&arguments.authority), &arguments.profile)?;
    let done = signed.with(|signed| {
        let act = Act { profile: &arguments.profile, requester: &requester, signed };
        let done = running.ca.revoke(&authority, &act, &serial, reason);
        let asking = Asking::Revoke(&act, &serial);
        let asked = ask(&running, &authority, asking, done.as_ref().err(), &arguments.asking)?;
        Ok::<_, Failure>((done, asked))
    });
    let index = match done? {
        (Ok(index), _) => index,
        (Err(error), asked) => return refused(error, asked.as_ref(), arguments.deployed.format),
    };
    if arguments.deployed.format == ShowFormat::Json {
        return Answer::json(&Revoked { version: 1, serial, index }, Exit::Holds);
    }
    let mut page = Page::default();
    page.line(format_args!("revoked {serial}: entry {index} of the log; the next `pkic crl-sign` lists it"));
    Ok(Answer::new(page, Exit::Holds))
}

/// Runs `pkic crl-sign`.
pub(crate) fn crl_sign(arguments: &CrlSign, world: World) -> Outcome {
    let requester = inputs::given(arguments.requester.as_deref(), Speaker::Authority)?;
    let signed = SignedFiles::read(&arguments.approvals)?;
    let running = Running::open(&arguments.deployed, world)?;
    let authority = running.authority(Some(&arguments.authority), &arguments.profile)?;
    let done = signed.with(|signed| {
        let act = Act { profile: &arguments.profile, requester: &requester, signed };
        let done = running.ca.sign_list(&authority, &act);
        let asked = ask(&running, &authority, Asking::List(&act), done.as_ref().err(), &arguments.asking)?;
        if let Some(asked) = &asked {
            let text = running.ca.list_text(&authority).map_err(|error| failure(&error))?;
            files::write_new(&beside(asked.file(), "list"), &text)?;
        }
        Ok::<_, Failure>((done, asked))
    });
    let issued = match done? {
        (Ok(issued), _) => issued,
        (Err(error), asked) => return refused(error, asked.as_ref(), arguments.deployed.format),
    };
    files::write_atomically(&arguments.output, pem::encode("X509 CRL", &issued.list).as_bytes())?;
    let (list, index) = (files::shown(&arguments.output), issued.receipt.index());
    if arguments.deployed.format == ShowFormat::Json {
        let (number, certificates) = (issued.number, issued.count);
        return Answer::json(&Listed { version: 1, list, number, certificates, index }, Exit::Holds);
    }
    let mut page = Page::default();
    page.line(format_args!(
        "{list}: list {} with {} certificates; entry {index} of the log",
        issued.number, issued.count
    ));
    Ok(Answer::new(page, Exit::Holds))
}

fn reason(name: &str) -> Result<Reason, Failure> {
    Reason::from_name(name).ok_or_else(|| {
        let known = || Reason::ALL.iter().map(|reason| reason.name());
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("reasons are {}", known().collect::<Vec<_>>().join(", ")),
        };
        Failure::usage_with_help(format!("`{name}` is no reason"), help)
    })
}

/// The serial number of a certificate, in hexadecimal digits.
pub(super) fn serial(path: &Path) -> Result<String, Failure> {
    let certificate = certificate(path)?;
    Ok(certificate.tbs().serial().iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The first certificate of a file.
pub(super) fn certificate(path: &Path) -> Result<Certificate, Failure> {
    let bytes = files::read_bytes(path, limits::CERTIFICATE_LEN_BYTES_MAX.saturating_mul(2))?;
    let found = Certificate::all_from_file(&bytes).map_err(|reject| Failure::content(path, reject))?;
    found.into_iter().next().ok_or_else(|| Failure::content(path, "it holds no certificate"))
}
