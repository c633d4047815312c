//! `pkic issue`: decides, has the certificate signed, records, and hands both out.
use crate::World;
use crate::ca::{Running, SignedFiles, failure};
use crate::cli::ShowFormat;
use crate::cli::ca::Issue;
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::decision::decision;
use crate::requested::{Answered, Requested};
use crate::{files, pem};
use pkic_runtime::approvals::{ApprovalRequest, NAMESPACE};
use pkic_runtime::authority::Authority;
use pkic_runtime::authorize::Refusal;
use pkic_runtime::ca::{Asking, IssueError, Issued, Order};
use pkic_runtime::report::Report;
use pkic_vocab::time::DAY_S;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Seconds for which people may approve what they were asked for.
const APPROVAL_SPAN_S: i64 = DAY_S;

/// The JSON form: docs/issue.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown<'a> {
    version: u32,
    decision: &'a Report,
    certificate: Option<String>,
    receipt: Option<String>,
    entry: Option<String>,
    index: Option<u64>,
    approval: Option<Approval>,
}

/// What people sign so that the order is permitted.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Approval {
    text: String,
    digest: String,
    file: String,
}

impl Approval {
    fn of(asked: &Asked) -> Approval {
        let Asked { request, file } = asked;
        let (text, digest) = (request.text(), request.digest().to_string());
        Approval { text, digest, file: files::shown(file) }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Issue, world: World) -> Outcome {
    let requested = Requested::read(&arguments.requested)?;
    let answered = Answered::read(&arguments.answered)?;
    let previous = arguments.previous.as_deref().map(super::revoke::certificate).transpose()?;
    let signed = SignedFiles::read(&arguments.approvals)?;
    let running = Running::open(&arguments.deployed, world)?;
    let authority =
        running.authority(arguments.requested.authority.as_deref(), &arguments.requested.profile)?;
    let carried = signed.with(|signed| {
        let order = Order {
            profile: &arguments.requested.profile,
            operation: requested.operation,
            csr: &requested.csr,
            evidence: &requested.evidence,
            claims: &requested.claims,
            requester: &requested.requester,
            nonce: answered.nonce(),
            activation: answered.activation.as_ref(),
            signed,
            predecessor: previous.as_ref(),
        };
        let issued = running.ca.issue(&authority, &order);
        let asked =
            ask(&running, &authority, Asking::Order(&order), issued.as_ref().err(), &arguments.asking)?;
        Ok::<_, Failure>((issued, asked))
    });
    match carried? {
        (Ok(issued), _) => release(&issued, &arguments.output, arguments.deployed.format),
        (Err(error), asked) => refused(error, asked.as_ref(), arguments.deployed.format),
    }
}

/// An approval that people are asked for, in a file.
pub(super) struct Asked {
    request: ApprovalRequest,
    file: PathBuf,
}

/// Writes the text that people sign, where it is wanted and approvals alone are missing: to a new file, for one that is
/// there may be signed already.
pub(super) fn ask(
    running: &Running,
    authority: &Authority,
    asking: Asking<'_>,
    error: Option<&IssueError>,
    arguments: &crate::cli::ca::Asking,
) -> Result<Option<Asked>, Failure> {
    let (Some(IssueError::Refused(refusal, _)), Some(file)) = (error, &arguments.ask_approval) else {
        return Ok(None);
    };
    let wanted = running.ca.approval_request(authority, asking, refusal, APPROVAL_SPAN_S);
    let Some(request) = wanted.map_err(|error| failure(&error))? else { return Ok(None) };
    files::write_new(file, &request.text())?;
    Ok(Some(Asked { request, file: file.clone() }))
}

/// Writes certificate and receipt, and says so.
pub(super) fn release(issued: &Issued, output: &Path, format: ShowFormat) -> Outcome {
    let receipt = beside(output, "tlog-proof");
    let entry = beside(output, "entry");
    files::write_atomically(&receipt, issued.receipt.encode().as_bytes())?;
    files::write_atomically(&entry, &issued.entry)?;
    files::write_atomically(output, pem::encode("CERTIFICATE", &issued.certificate).as_bytes())?;
    let report = &issued.account.report;
    if format == ShowFormat::Json {
        let shown = |path: &Path| Some(files::shown(path));
        let shown = Shown {
            version: 1,
            decision: report,
            certificate: shown(output),
            receipt: shown(&receipt),
            entry: shown(&entry),
            index: Some(issued.index),
            approval: None,
        };
        return Answer::json(&shown, Exit::Holds);
    }
    let mut page = Page::default();
    decision(&mut page, report);
    page.gap();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    page.table(
        "",
        &[
            row("certificate", inert(&files::shown(output))),
            row("record", format!("entry {} of the log", issued.index)),
            row(
                "receipt",
                format!("{}, over {}", inert(&files::shown(&receipt)), inert(&files::shown(&entry))),
            ),
        ],
    );
    Ok(Answer::new(page, Exit::Holds))
}

/// Shows a refusal, and what people may approve; anything else is a failure.
pub(super) fn refused(error: IssueError, asked: Option<&Asked>, format: ShowFormat) -> Outcome {
    let IssueError::Refused(refusal, index) = &error else { return Err(failure(&error)) };
    let Refusal::Policy { account, .. } = refusal.as_ref() else {
        return Err(failure(&error));
    };
    let report = &account.report;
    if format == ShowFormat::Json {
        let (certificate, receipt, entry) = (None, None, None);
        let approval = asked.map(Approval::of);
        let index = Some(*index);
        let shown = Shown { version: 1, decision: report, certificate, receipt, entry, index, approval };
        return Answer::json(&shown, Exit::Finding);
    }
    let mut page = Page::default();
    decision(&mut page, report);
    page.gap();
    page.line(format_args!("nothing was signed; the refusal is entry {index} of the log"));
    if let Some(asked) = asked {
        asked.show(&mut page);
    }
    Ok(Answer::new(page, Exit::Finding))
}

impl Asked {
    /// Where the text is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    fn show(&self, page: &mut Page) {
        let (file, digest) = (inert(&files::shown(&self.file)), self.request.digest());
        page.gap();
        page.line(format_args!("approvals alone are missing; {file} says what is approved ({digest}):"));
        page.gap();
        self.request.text().lines().for_each(|line| page.line(format_args!("  {}", inert(line))));
        page.gap();
        page.line(format_args!("each signs it, and the next call brings what they signed"));
        page.line(format_args!("  ssh-keygen -Y sign -f KEY -n {NAMESPACE} {file}"));
        page.line(format_args!("  pkic … --approval {file} --approval-signature {file}.sig"));
    }
}

pub(super) fn beside(output: &Path, ending: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// A certificate that is wanted in PEM.
pub(super) fn write_certificate(path: &Path, der: &[u8]) -> Result<(), Failure> {
    files::write_atomically(path, pem::encode("CERTIFICATE", der).as_bytes())
}
