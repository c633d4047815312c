//! What a module answers when it does not do what it was asked, and what follows from it.
use cryptoki::error::{Error, RvError};
use pkic_backend::error::{Problem, StoreError};
use std::fmt;

/// A failure inside a call, before it is known whether the call is made again.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The module's own.
    Module(Error),
    /// Ours, or one that needs no second try.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Module(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl Failure {
    /// The error that the caller gets.
    pub(crate) fn at(self, at: &dyn fmt::Display) -> StoreError {
        match self {
            Failure::Module(error) => store_error(&error, at),
            Failure::Store(error) => error,
        }
    }
}

/// What a call returns inside the back end.
pub(crate) type Answer<T> = Result<T, Failure>;

/// What was lost, where a new session may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The module forgot its state, or lost its device: all sessions are gone.
    Device,
    /// Something inside the module went wrong, of which it says no more, or the session is not in the state that it must
    /// be in.
    Module,
    /// The login or a handle: the session itself lives.
    Login,
}

impl Loss {
    /// What an error says is lost.
    pub(crate) fn of(error: &Error) -> Option<Loss> {
        let Error::Pkcs11(code, _) = error else { return None };
        Some(match code {
            RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized => Loss::Device,
            RvError::FunctionFailed
            | RvError::GeneralError
            | RvError::OperationActive
            | RvError::OperationNotInitialized => Loss::Module,
            RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid | RvError::UserNotLoggedIn => {
                Loss::Login
            }
            _ => return None,
        })
    }
}

/// Whether an answer to C_Login is about the PIN: such a PIN is not tried again.
pub(crate) fn is_pin_refusal(error: &Error) -> bool {
    let refusals = [
        RvError::PinExpired,
        RvError::PinIncorrect,
        RvError::PinInvalid,
        RvError::PinLenRange,
        RvError::PinLocked,
        RvError::UserPinNotInitialized,
    ];
    matches!(error, Error::Pkcs11(code, _) if refusals.contains(code))
}

fn store_error(error: &Error, at: &dyn fmt::Display) -> StoreError {
    let (problem, help) = match error {
        Error::Pkcs11(code, _) => of_code(code),
        Error::LibraryLoading(_) | Error::MissingSymbol(_) => {
            (Problem::Configuration, "give a PKCS #11 module of this machine's architecture")
        }
        Error::NotSupported | Error::NullFunctionPointer => {
            (Problem::Unsupported, "the module lacks the function")
        }
        _ => (Problem::Answer, "update the module, or report it to its vendor"),
    };
    StoreError::new(problem, at, said(error), help)
}

fn of_code(code: &RvError) -> (Problem, &'static str) {
    match code {
        code if is_pin_refusal(&Error::Pkcs11(*code, cryptoki::context::Function::Login)) => {
            (Problem::Credentials, "check the PIN; it is not tried again until the store is opened anew")
        }
        RvError::UserNotLoggedIn => {
            (Problem::Credentials, "name the PIN's source: `pin-source` of the store")
        }
        RvError::CryptokiNotInitialized
        | RvError::DeviceError
        | RvError::DeviceRemoved
        | RvError::GeneralError
        | RvError::FunctionFailed
        | RvError::SessionClosed
        | RvError::SessionHandleInvalid
        | RvError::SlotIdInvalid
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized => {
            (Problem::Unreachable, "see whether the token is there and the module's own log; then try again")
        }
        RvError::SessionCount => (Problem::Throttled, "the token has no session free: close other programs"),
        RvError::CurveNotSupported
        | RvError::FunctionNotSupported
        | RvError::KeySizeRange
        | RvError::KeyTypeInconsistent
        | RvError::MechanismInvalid
        | RvError::MechanismParamInvalid => (Problem::Unsupported, "`pkic store probe` lists what it does"),
        RvError::ActionProhibited
        | RvError::FunctionRejected
        | RvError::KeyFunctionNotPermitted
        | RvError::SessionReadOnly
        | RvError::TokenWriteProtected => {
            (Problem::Denied, "see the key's attributes and the token's policy")
        }
        _ => (Problem::Answer, "see the module's own log"),
    }
}

/// The function and its return code, as the standard spells them.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => {
            let camel = format!("{code:?}");
            let name: String = camel
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .flat_map(|c| [c.is_ascii_uppercase().then_some('_'), Some(c.to_ascii_uppercase())])
                .flatten()
                .collect();
            format!("C_{function:?} answered CKR{name}")
        }
        other => other.to_string(),
    }
}
