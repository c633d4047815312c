//! Arguments of the commands that decide on a request, or say what its evidence proves.
use clap::Args;
use std::path::PathBuf;

/// A request, and what is said of it.
#[derive(Debug, Args)]
pub(crate) struct Requested {
    /// The profile that is asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// The certification request (PKCS#10, PEM or DER)
    #[arg(long, value_name = "FILE")]
    pub(crate) csr: PathBuf,
    /// What is asked of the CA
    #[arg(long, value_name = "NAME", default_value = "issue")]
    pub(crate) operation: String,
    /// Evidence about the key; may be given several times. Commas join the files of one item
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Vec<PathBuf>,
    /// What the requester says, as JSON: `{"key.storage":"hsm"}`; grade claimed
    #[arg(long, value_name = "FILE.json")]
    pub(crate) claims: Option<PathBuf>,
    /// What the caller vouches for, as JSON: `{"request.tags":[]}`; grade observed
    #[arg(long, value_name = "FILE.json")]
    pub(crate) requester: Option<PathBuf>,
    /// The authority that would sign [default: the first of the profile that may]
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,
}

/// What evidence answers.
#[derive(Debug, Args)]
pub(crate) struct Answered {
    /// The nonce that was handed out, in hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "challenge")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) challenge: ChallengeFiles,
    /// The registrar's record of the TPM credential that the evidence answers (docs/activation.schema.json)
    #[arg(long, value_name = "FILE.json")]
    pub(crate) activation: Option<PathBuf>,
}

/// A challenge that evidence answers.
#[derive(Debug, Args)]
pub(crate) struct ChallengeFiles {
    /// The record of the challenge that was handed out (docs/challenge.schema.json)
    #[arg(long, value_name = "FILE.json", requires = "challenge_key")]
    pub(crate) challenge: Option<PathBuf>,
    /// The edge key that the challenge was made with
    #[arg(long, value_name = "FILE", requires = "challenge")]
    pub(crate) challenge_key: Option<PathBuf>,
}
