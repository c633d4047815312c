//! `pkic evaluate`: one request, one policy, one decision with every reason. It can sign nothing.
use crate::World;
use crate::cli::{Evaluate, ShowFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page};
use crate::policy::{self, Trusted};
use crate::report::decision::decision;
use crate::requested::{Answered, Requested};
use crate::{files, inputs, plugins};
use pkic_runtime::decide::{Request, decide};
use pkic_runtime::issuer::Issuer;
use pkic_vocab::limits;

/// Runs the command.
pub(crate) fn run(arguments: &Evaluate, world: World) -> Outcome {
    let circumstances = &arguments.circumstances;
    let now = inputs::moment(circumstances.at, world.now)?;
    let signers = policy::signers(arguments.trust.as_deref(), arguments.trust_key.as_deref())?;
    let trusted = Trusted { signers: &signers, last_sequence: arguments.last_sequence };
    let loaded = policy::load(&arguments.policy, trusted, now, world)?;
    let requested = Requested::read(&arguments.requested)?;
    let anchors = inputs::trust(circumstances.anchors.as_deref(), &circumstances.revocation)?;
    let answered = Answered::read(&circumstances.answered)?;
    let catalogues = inputs::sealed("catalogues", &arguments.catalogue)?;
    let statements = inputs::sealed("statements", &arguments.statement)?;
    let issuer = issuer(arguments)?;
    let plugins = plugins::load(circumstances.plugins.files())?;
    let decided = decide(&Request {
        loaded: &loaded,
        profile: &arguments.requested.profile,
        operation: requested.operation,
        csr: &requested.csr,
        evidence: &requested.evidence,
        plugins: &plugins::borrowed(&plugins),
        anchors: &anchors,
        catalogues: &catalogues.iter().map(inputs::SealedBytes::file).collect::<Vec<_>>(),
        statements: &statements.iter().map(inputs::SealedBytes::file).collect::<Vec<_>>(),
        claims: &requested.claims,
        requester: &requested.requester,
        authority: arguments.requested.authority.as_deref(),
        issuer: issuer.as_ref(),
        changes: &[],
        nonce: answered.nonce(),
        activation: answered.activation.as_ref(),
        now,
        admit_test_anchors: false,
    })
    .map_err(|error| Failure::from(&error))?;
    let exit = Exit::finding_if(!decided.is_permit());
    match arguments.format {
        ShowFormat::Json => Answer::json(&decided.report, exit),
        ShowFormat::Human => {
            let mut page = Page::default();
            decision(&mut page, &decided.report);
            Ok(Answer::new(page, exit))
        }
    }
}

fn issuer(arguments: &Evaluate) -> Result<Option<Issuer>, Failure> {
    let Some(path) = &arguments.issuer else { return Ok(None) };
    let bytes = files::read_bytes(path, limits::CERTIFICATE_LEN_BYTES_MAX)?;
    Issuer::from_certificate(&bytes).map(Some).map_err(|unfit| Failure::content(path, unfit))
}
