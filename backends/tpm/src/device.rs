//! The connection to the TPM: one context, one piece of work at a time, opened anew when it was lost.
//!
//! A TPM has as few as three slots for objects, and a TPM without a resource manager keeps what nobody flushes. So
//! nothing stays loaded between two pieces of work, and whatever is loaded or started here is flushed where it was.
use crate::error::{self, Failure};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, PersistentTpmHandle, SessionHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Auth, SymmetricDefinition};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::{Context, WrapperErrorKind};

/// A TPM that is reached in one way.
pub(crate) struct Device {
    tcti: String,
    owner_auth: Option<Secret>,
    endorsement_auth: Option<Secret>,
    context: Mutex<Option<Context>>,
}

impl Device {
    /// A TPM by the name of its TCTI (`device:/dev/tpmrm0`, `swtpm:host=…,port=…`), connected.
    pub(crate) fn open(
        tcti: &str,
        owner_auth: Option<Secret>,
        endorsement_auth: Option<Secret>,
    ) -> Result<Device, StoreError> {
        let device =
            Device { tcti: tcti.to_owned(), owner_auth, endorsement_auth, context: Mutex::new(None) };
        device.run(&tcti, |_| Ok(()))?;
        Ok(device)
    }

    /// The TCTI.
    pub(crate) fn tcti(&self) -> &str {
        &self.tcti
    }

    /// Does a piece of work at the TPM. Where an old connection turns out to be lost, it is done again from its start
    /// on a new one.
    pub(crate) fn run<T>(
        &self,
        at: &dyn Display,
        mut work: impl FnMut(&mut Context) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        // What a piece of work that panicked left behind is not known.
        let mut held = self.context.lock().unwrap_or_else(|poisoned| {
            self.context.clear_poison();
            let mut held = PoisonError::into_inner(poisoned);
            *held = None;
            held
        });
        loop {
            let (mut context, is_new) = match held.take() {
                Some(context) => (context, false),
                None => (self.connect()?, true),
            };
            match work(&mut context) {
                Err(Failure::Tpm(error)) if error::is_lost(&error) => {
                    if is_new {
                        return Err(error::shown(&error, at));
                    }
                }
                done => {
                    *held = Some(context);
                    return done.map_err(|failure| match failure {
                        Failure::Tpm(error) => error::shown(&error, at),
                        Failure::Store(error) => error,
                    });
                }
            }
        }
    }

    fn connect(&self) -> Result<Context, StoreError> {
        let conf = parse_tcti(&self.tcti)?;
        let lost = |error: tss_esapi::Error| {
            let what = format!("the TPM is not reached: {error}");
            let help = "see whether the TPM is there and whether this user may use it (group `tss`)";
            StoreError::new(Problem::Unreachable, &self.tcti, what, help)
        };
        let mut context = Context::new(conf).map_err(lost)?;
        let hierarchies =
            [(ObjectHandle::Owner, &self.owner_auth), (ObjectHandle::Endorsement, &self.endorsement_auth)];
        for (hierarchy, secret) in hierarchies {
            if let Some(secret) = secret {
                context.tr_set_auth(hierarchy, auth_of(secret)?).map_err(lost)?;
            }
        }
        Ok(context)
    }
}

/// The TCTI that a text names. The loader drops options that it does not know, and then reaches another TPM.
fn parse_tcti(text: &str) -> Result<TctiNameConf, StoreError> {
    let help = "write `device:/dev/tpmrm0`, `swtpm:host=…,port=…`, `mssim:host=…,port=…` or `tabrmd`";
    let unfit = |what: String| StoreError::new(Problem::Configuration, text, what, help);
    let known: &[&str] = match text.split_once(':').map_or(text, |(name, _)| name) {
        "device" => return parse(text).ok_or_else(|| unfit("it is no TCTI".to_owned())),
        "swtpm" | "mssim" => &["host", "port"],
        "tabrmd" => &["bus_name", "bus_type"],
        other => return Err(unfit(format!("no TCTI is named `{other}`"))),
    };
    let options = text.split_once(':').map_or("", |(_, options)| options);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let name = option.split_once('=').map_or(option, |(name, _)| name);
        if !known.contains(&name) {
            return Err(unfit(format!("it has no option `{name}`")));
        }
    }
    parse(text).ok_or_else(|| unfit("its options do not read".to_owned()))
}

fn parse(text: &str) -> Option<TctiNameConf> {
    TctiNameConf::from_str(text).ok()
}

/// The authorisation value of an object.
pub(crate) fn auth_of(secret: &Secret) -> Result<Auth, StoreError> {
    Auth::try_from(secret.expose()).map_err(|_| {
        let what = format!("it is longer than {} bytes", Auth::MAX_SIZE);
        StoreError::new(Problem::Credentials, "authorisation value", what, "a TPM takes no longer one")
    })
}

/// Works with a loaded object, and flushes it.
pub(crate) fn with_loaded<T>(
    context: &mut Context,
    object: ObjectHandle,
    work: impl FnOnce(&mut Context, KeyHandle) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let done = work(context, KeyHandle::from(object));
    // A flush fails only with the connection, which takes the object along.
    let _ = context.flush_context(object);
    done
}

/// Works with a persistent object; nothing where there is none at that handle.
pub(crate) fn with_persistent<T>(
    context: &mut Context,
    handle: u32,
    work: impl FnOnce(&mut Context, KeyHandle) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let handle = TpmHandle::Persistent(PersistentTpmHandle::new(handle)?);
    let mut object = match context.execute_without_session(|context| context.tr_from_tpm_public(handle)) {
        Err(error) if error::kind(&error).is_some_and(is_of_handle) => return Ok(None),
        answer => answer?,
    };
    let done = work(context, KeyHandle::from(object));
    // Closing forgets what the stack keeps of the object; the object stays.
    let _ = context.tr_close(&mut object);
    done.map(Some)
}

fn is_of_handle(kind: tss_esapi::constants::response_code::Tss2ResponseCodeKind) -> bool {
    use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Kind;
    matches!(kind, Kind::Handle | Kind::ReferenceH0)
}

/// Works under a session of its own, and ends it.
pub(crate) fn with_session<T>(
    context: &mut Context,
    kind: SessionType,
    hash: HashingAlgorithm,
    work: impl FnOnce(&mut Context, AuthSession) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let symmetric = SymmetricDefinition::AES_128_CFB;
    let session = context.execute_without_session(|context| {
        context.start_auth_session(None, None, None, kind, symmetric, hash)
    })?;
    let session = session.ok_or(tss_esapi::Error::WrapperError(WrapperErrorKind::WrongValueFromTpm))?;
    let done = work(context, session);
    let _ = context.flush_context(SessionHandle::from(session).into());
    done
}

/// Gives a command for one object its authorisation: by an HMAC session, so that the value itself is never sent, with
/// parameters encrypted where the command has such.
pub(crate) fn authorized<T>(
    context: &mut Context,
    command: impl FnOnce(&mut Context) -> tss_esapi::Result<T>,
) -> Result<T, Failure> {
    with_session(context, SessionType::Hmac, HashingAlgorithm::Sha256, |context, session| {
        let (attributes, mask) =
            SessionAttributesBuilder::new().with_decrypt(true).with_encrypt(true).build();
        context.tr_sess_set_attributes(session, attributes, mask)?;
        Ok(context.execute_with_session(Some(session), command)?)
    })
}

/// The same for a command for two objects, the second under `second` where that is given.
pub(crate) fn authorized_twice<T>(
    context: &mut Context,
    second: Option<AuthSession>,
    command: impl FnOnce(&mut Context) -> tss_esapi::Result<T>,
) -> Result<T, Failure> {
    let (kind, hash) = (SessionType::Hmac, HashingAlgorithm::Sha256);
    with_session(context, kind, hash, |context, first| match second {
        Some(second) => Ok(context.execute_with_sessions((Some(first), Some(second), None), command)?),
        None => with_session(context, kind, hash, |context, second| {
            Ok(context.execute_with_sessions((Some(first), Some(second), None), command)?)
        }),
    })
}
