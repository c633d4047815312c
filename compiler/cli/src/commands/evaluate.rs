//! `pkic evaluate`: one request, one policy, one decision with every reason. It can sign nothing.
use crate::World;
use crate::cli::{Evaluate, ShowFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page};
use crate::policy::{self, Trusted};
use crate::report::decision::decision;
use crate::suggest::nearest;
use crate::{activation, challenge, files, inputs, plugins};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::decide::{Request, decide};
use pkic_runtime::input::Speaker;
use pkic_runtime::issuer::Issuer;
use pkic_vocab::{Word, Words, limits};

/// Runs the command.
pub(crate) fn run(arguments: &Evaluate, world: World) -> Outcome {
    let circumstances = &arguments.circumstances;
    let now = inputs::moment(circumstances.at, world.now)?;
    let operation = operation(&arguments.operation)?;
    let signers = policy::signers(arguments.trust.as_deref(), arguments.trust_key.as_deref())?;
    let trusted = Trusted { signers: &signers, last_sequence: arguments.last_sequence };
    let loaded = policy::load(&arguments.policy, trusted, now, world)?;
    let csr = inputs::request(&arguments.csr)?;
    let mut evidence = Vec::new();
    for item in &arguments.evidence {
        evidence.push(inputs::evidence(&inputs::parts(item))?);
    }
    let anchors = inputs::trust(circumstances.anchors.as_deref(), &circumstances.revocation)?;
    let claims = inputs::given(arguments.claims.as_deref(), Speaker::Requester)?;
    let requester = inputs::given(arguments.requester.as_deref(), Speaker::Authority)?;
    let nonce = inputs::nonce(circumstances.nonce.as_deref())?;
    let challenge = challenge::read(&circumstances.challenge)?;
    let catalogues = inputs::sealed("catalogues", &arguments.catalogue)?;
    let statements = inputs::sealed("statements", &arguments.statement)?;
    let activation = activation::read(circumstances.activation.as_deref())?;
    let issuer = issuer(arguments)?;
    let plugins = plugins::load(circumstances.plugins.files())?;
    let decided = decide(&Request {
        loaded: &loaded,
        profile: &arguments.profile,
        operation,
        csr: &csr,
        evidence: &evidence,
        plugins: &plugins::borrowed(&plugins),
        anchors: &anchors,
        catalogues: &catalogues.iter().map(inputs::SealedBytes::file).collect::<Vec<_>>(),
        statements: &statements.iter().map(inputs::SealedBytes::file).collect::<Vec<_>>(),
        claims: &claims,
        requester: &requester,
        authority: arguments.authority.as_deref(),
        issuer: issuer.as_ref(),
        changes: &[],
        nonce: match (&challenge, &nonce) {
            (Some(returned), _) => Nonce::Challenge(&returned.challenge, &returned.key),
            (None, Some(nonce)) => Nonce::Remembered(nonce),
            (None, None) => Nonce::None,
        },
        activation: activation.as_ref(),
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

/// The word of an operation.
pub(super) fn operation(name: &str) -> Result<Word, Failure> {
    Words::Operation.word(name).ok_or_else(|| {
        let known = || Words::Operation.words().iter().map(|word| word.name);
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("operations are {}", known().collect::<Vec<_>>().join(", ")),
        };
        Failure::usage_with_help(format!("`{name}` is no operation"), help)
    })
}

fn issuer(arguments: &Evaluate) -> Result<Option<Issuer>, Failure> {
    let Some(path) = &arguments.issuer else { return Ok(None) };
    let bytes = files::read_bytes(path, limits::CERTIFICATE_LEN_BYTES_MAX)?;
    Issuer::from_certificate(&bytes).map(Some).map_err(|unfit| Failure::content(path, unfit))
}
