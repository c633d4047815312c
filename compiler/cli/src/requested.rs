//! A request with all that is said of it, and what its evidence answers, read from files.
use crate::challenge::Returned;
use crate::cli::request;
use crate::failure::Failure;
use crate::suggest::nearest;
use crate::{activation, challenge, inputs};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_facts::verified::activation::Activation;
use pkic_runtime::challenge::Nonce;
use pkic_runtime::input::{Given, Speaker};
use pkic_vocab::{Word, Words};

/// A request, and what is said of it.
pub(crate) struct Requested {
    pub(crate) operation: Word,
    pub(crate) csr: CertificationRequest,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) claims: Given,
    pub(crate) requester: Given,
}

impl Requested {
    pub(crate) fn read(files: &request::Requested) -> Result<Requested, Failure> {
        let items = files.evidence.iter().map(|item| inputs::evidence(&inputs::parts(item)));
        Ok(Requested {
            operation: operation(&files.operation)?,
            csr: inputs::request(&files.csr)?,
            evidence: items.collect::<Result<_, _>>()?,
            claims: inputs::given(files.claims.as_deref(), Speaker::Requester)?,
            requester: inputs::given(files.requester.as_deref(), Speaker::Authority)?,
        })
    }
}

/// What evidence answers.
pub(crate) struct Answered {
    /// The nonce that the caller remembers.
    pub(crate) nonce: Option<Vec<u8>>,
    pub(crate) challenge: Option<Returned>,
    pub(crate) activation: Option<Activation>,
}

impl Answered {
    pub(crate) fn read(files: &request::Answered) -> Result<Answered, Failure> {
        Ok(Answered {
            nonce: inputs::nonce(files.nonce.as_deref())?,
            challenge: challenge::read(&files.challenge)?,
            activation: activation::read(files.activation.as_deref())?,
        })
    }

    /// The nonce, by whichever way it is recognised.
    pub(crate) fn nonce(&self) -> Nonce<'_> {
        match (&self.challenge, &self.nonce) {
            (Some(returned), _) => Nonce::Challenge(&returned.challenge, &returned.key),
            (None, Some(nonce)) => Nonce::Remembered(nonce),
            (None, None) => Nonce::None,
        }
    }
}

/// The word of an operation.
pub(crate) fn operation(name: &str) -> Result<Word, Failure> {
    Words::Operation.word(name).ok_or_else(|| {
        let known = || Words::Operation.words().iter().map(|word| word.name);
        let help = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("operations are {}", known().collect::<Vec<_>>().join(", ")),
        };
        Failure::usage_with_help(format!("`{name}` is no operation"), help)
    })
}
