//! What the TPM's response codes mean to an operator.
//!
//! Source: TPM 2.0 Library, Part 2, section 6.6; TCG TSS 2.0 Overview, section 4.2 (layers of a response code).
use pkic_backend::error::{Problem, StoreError};
use pkic_facts::reject::Reject;
use std::fmt::Display;
use tss_esapi::Error;
use tss_esapi::constants::response_code::{Tss2ResponseCode, Tss2ResponseCodeKind as Kind};

/// Why a piece of work at the TPM did not get done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The TPM, or the stack before it, said no.
    Tpm(Error),
    /// It is clear already.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Tpm(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// Layers of the stack above the TPM itself and a resource manager's answers in its name.
const LAYERS_OF_TPM: [u32; 2] = [0, 12];

/// Whether the error is of the way to the TPM, not of the TPM: the connection may hold half a command, or be gone.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        Error::Tss2Error(Tss2ResponseCode::FormatZero(code)) => {
            // The code shows its number in its text alone.
            let text = code.to_string();
            let number = text.rsplit_once("0x").and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok());
            number.is_none_or(|number| !LAYERS_OF_TPM.contains(&(number >> 16)))
        }
        Error::Tss2Error(_) | Error::WrapperError(_) => false,
    }
}

/// The kind of a response code of the TPM.
pub(crate) fn kind(error: &Error) -> Option<Kind> {
    match error {
        Error::Tss2Error(code) if !is_lost(error) => code.kind(),
        Error::Tss2Error(_) | Error::WrapperError(_) => None,
    }
}

/// The error for the operator.
pub(crate) fn shown(error: &Error, at: &dyn Display) -> StoreError {
    if is_lost(error) {
        let help = "see whether the TPM is there and whether this user may use it (group `tss`)";
        return StoreError::new(Problem::Unreachable, at, format!("the TPM is lost: {error}"), help);
    }
    let (problem, help) = match kind(error) {
        Some(Kind::AuthFail | Kind::BadAuth) => {
            (Problem::Credentials, "check the authorisation value; each wrong one counts toward a lockout")
        }
        Some(Kind::Lockout) => (
            Problem::Denied,
            "the TPM waits after wrong authorisation values; see `tpm2_getcap properties-variable`",
        ),
        Some(Kind::AuthType | Kind::AuthUnavailable | Kind::PolicyFail | Kind::PolicyCc) => (
            Problem::Denied,
            "the key asks for a policy; only keys that an authorisation value opens are used",
        ),
        Some(Kind::Disabled | Kind::Hierarchy) => {
            (Problem::Denied, "enable the hierarchy, in the firmware's settings of the TPM")
        }
        Some(Kind::Hash | Kind::Scheme | Kind::Curve | Kind::KeySize | Kind::Value | Kind::CommandCode) => {
            (Problem::Unsupported, "see `tpm2_getcap algorithms` for what this TPM does")
        }
        Some(Kind::Retry | Kind::Yielded | Kind::Testing | Kind::NvRate) => {
            (Problem::Throttled, "the TPM is busy; try again")
        }
        Some(Kind::Initialize) => (Problem::Unreachable, "start it up: `tpm2_startup -c`"),
        Some(Kind::ObjectMemory | Kind::SessionMemory | Kind::ObjectHandles | Kind::SessionHandles) => (
            Problem::Denied,
            "others hold its slots: use a resource manager (`device:/dev/tpmrm0`), or `tpm2_flushcontext -t`",
        ),
        Some(Kind::Integrity) => (Problem::Denied, "it was made for another key or another TPM"),
        Some(Kind::NvSpace) => (Problem::Denied, "its storage is full: evict a persistent object"),
        _ => (Problem::Answer, "see the TPM's own log"),
    };
    StoreError::new(problem, at, format!("the TPM says: {error}"), help)
}

/// What the TPM said does not read.
pub(crate) fn unread(reject: &Reject, at: &dyn Display) -> Failure {
    let help = "see whether the TPM and the stack before it are what they are said to be";
    Failure::Store(StoreError::new(Problem::Answer, at, reject.to_string(), help))
}
