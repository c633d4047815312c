//! One token: that it is the one meant, and the login to it.
use crate::failure::{Answer, Failure, is_pin_refusal};
use crate::module::Module;
use cryptoki::context::{Info, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, SlotInfo, TokenInfo};
use cryptoki::types::RawAuthPin;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use pkic_backend::uri::KeyUri;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Slots that are looked through for a token.
const SLOTS_MAX: usize = 4096;
/// Tokens that an error names.
const NAMED_MAX: usize = 8;

/// A token, known by what C_GetTokenInfo says of it.
pub(crate) struct Token {
    module: Arc<Module>,
    /// The store's URI, for errors.
    uri: KeyUri,
    info: TokenInfo,
    library: Info,
    slot: Mutex<Slot>,
    pin: Option<Secret>,
    /// The refusal of the PIN, after which it is not tried again: a token locks itself after some.
    refusal: Mutex<Option<StoreError>>,
}

impl Token {
    /// The one token that a URI's attributes select.
    pub(crate) fn find(module: Arc<Module>, uri: &KeyUri, pin: Option<Secret>) -> Answer<Token> {
        let context = module.context();
        let library = context.get_library_info()?;
        let mut selected: Vec<(Slot, TokenInfo)> = Vec::new();
        let mut others: Vec<TokenInfo> = Vec::new();
        for (slot, about, info) in tokens(context)? {
            match is_selected(uri, &info, slot, &about, &library) {
                true => selected.push((slot, info)),
                false => others.push(info),
            }
        }
        let found = |infos: &mut dyn Iterator<Item = &TokenInfo>| {
            let names: Vec<String> = infos.take(NAMED_MAX).map(name).collect();
            if names.is_empty() { "no token".to_owned() } else { names.join(", ") }
        };
        match selected.as_slice() {
            [(slot, info)] => {
                let (slot, info) = (Mutex::new(*slot), info.clone());
                Ok(Token {
                    uri: uri.clone(),
                    info,
                    library,
                    slot,
                    pin,
                    refusal: Mutex::default(),
                    module: Arc::clone(&module),
                })
            }
            [] => {
                let what = format!(
                    "the module shows no such token; it shows: {}",
                    found(&mut others.iter().filter(|info| info.token_initialized()))
                );
                let help = "insert or initialise the token, or mend the attributes of the URI";
                Err(StoreError::new(Problem::Unreachable, uri, what, help).into())
            }
            several => {
                let what = format!(
                    "{} tokens answer to it: {}",
                    several.len(),
                    found(&mut several.iter().map(|(_, info)| info))
                );
                let help = "add `token=…` or `serial=…`";
                Err(StoreError::new(Problem::Configuration, uri, what, help).into())
            }
        }
    }

    /// The module that shows it.
    pub(crate) fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The store's URI.
    pub(crate) fn uri(&self) -> &KeyUri {
        &self.uri
    }

    /// What it said of itself when it was found.
    pub(crate) fn info(&self) -> &TokenInfo {
        &self.info
    }

    /// Whether a key's URI may be one of this token's.
    pub(crate) fn is_meant(&self, uri: &KeyUri) -> Answer<bool> {
        let slot = self.slot()?;
        let about = self.module.context().get_slot_info(slot)?;
        Ok(is_selected(uri, &self.info, slot, &about, &self.library))
    }

    /// The slot that it is in now.
    pub(crate) fn slot(&self) -> Answer<Slot> {
        let context = self.module.context();
        let mut slot = lock(&self.slot);
        if context.get_token_info(*slot).is_ok_and(|info| is_same(&info, &self.info)) {
            return Ok(*slot);
        }
        let mut tokens = tokens(context)?.into_iter();
        let found = tokens.find(|(_, _, info)| is_same(info, &self.info));
        let gone = Error::Pkcs11(RvError::TokenNotPresent, cryptoki::context::Function::GetTokenInfo);
        *slot = found.map(|(slot, ..)| slot).ok_or(gone)?;
        Ok(*slot)
    }

    /// Logs the application in, unless it is or need not be.
    pub(crate) fn log_in(&self, session: &Session, slot: Slot) -> Answer<()> {
        let mut refusal = lock(&self.refusal);
        if let Some(refusal) = refusal.as_ref() {
            return Err(refusal.clone().into());
        }
        let state = session.get_session_info()?.session_state();
        if matches!(state, SessionState::RoUser | SessionState::RwUser) {
            return Ok(());
        }
        let now = self.module.context().get_token_info(slot)?;
        if !now.login_required() && self.pin.is_none() {
            return Ok(());
        }
        let refused = |what: &str, help: &str| StoreError::new(Problem::Credentials, &self.uri, what, help);
        if now.user_pin_locked() {
            return Err(refused("the token has locked its PIN", "unlock it as its security officer").into());
        }
        if now.user_pin_final_try() {
            let what = "one wrong PIN more locks the token, and pkic does not take that chance";
            return Err(refused(what, "log in once by hand, with the vendor's tool").into());
        }
        match self.enter(session, UserType::User, now.protected_authentication_path()) {
            Err(Failure::Module(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) => Ok(()),
            Err(Failure::Module(error)) if is_pin_refusal(&error) => {
                let error = Failure::Module(error).at(&self.uri);
                *refusal = Some(error.clone());
                Err(error.into())
            }
            answer => answer,
        }
    }

    /// Logs in for the one operation that the session has begun (CKA_ALWAYS_AUTHENTICATE).
    pub(crate) fn log_in_for_operation(&self, session: &Session) -> Answer<()> {
        let mut refusal = lock(&self.refusal);
        if let Some(refusal) = refusal.as_ref() {
            return Err(refusal.clone().into());
        }
        match self.enter(session, UserType::ContextSpecific, self.info.protected_authentication_path()) {
            Err(Failure::Module(error)) if is_pin_refusal(&error) => {
                let error = Failure::Module(error).at(&self.uri);
                *refusal = Some(error.clone());
                Err(error.into())
            }
            answer => answer,
        }
    }

    fn enter(&self, session: &Session, user: UserType, has_own_keypad: bool) -> Answer<()> {
        match &self.pin {
            Some(pin) => {
                let pin = RawAuthPin::new(Box::new(pin.expose().to_vec()));
                Ok(session.login_with_raw(user, &pin)?)
            }
            None if has_own_keypad => Ok(session.login(user, None)?),
            None => {
                let help = "name the PIN's source: `pin-source` of the store";
                Err(StoreError::new(Problem::Credentials, &self.uri, "the token wants a PIN", help).into())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tokens of a module. A slot whose token does not answer has none.
fn tokens(context: &Pkcs11) -> Answer<Vec<(Slot, SlotInfo, TokenInfo)>> {
    let slots = context.get_slots_with_token()?;
    let token =
        |slot: Slot| Some((slot, context.get_slot_info(slot).ok()?, context.get_token_info(slot).ok()?));
    Ok(slots.into_iter().take(SLOTS_MAX).filter_map(token).collect())
}

/// A token's label and serial number, for people.
fn name(info: &TokenInfo) -> String {
    format!("`{}` (serial `{}`)", info.label(), info.serial_number())
}

fn is_same(one: &TokenInfo, other: &TokenInfo) -> bool {
    let of = |info: &TokenInfo| {
        [info.label(), info.serial_number(), info.manufacturer_id(), info.model()].map(str::to_owned)
    };
    of(one) == of(other)
}

/// Whether every attribute of a URI that is about library, slot or token is as they say. Source: RFC 7512 section 2.3.
fn is_selected(uri: &KeyUri, token: &TokenInfo, slot: Slot, about: &SlotInfo, library: &Info) -> bool {
    let version = library.library_version();
    let said = [
        ("token", token.label().to_owned()),
        ("manufacturer", token.manufacturer_id().to_owned()),
        ("model", token.model().to_owned()),
        ("serial", token.serial_number().to_owned()),
        ("slot-description", about.slot_description().to_owned()),
        ("slot-manufacturer", about.manufacturer_id().to_owned()),
        ("slot-id", slot.id().to_string()),
        ("library-manufacturer", library.manufacturer_id().to_owned()),
        ("library-description", library.library_description().to_owned()),
        ("library-version", format!("{}.{}", version.major(), version.minor())),
    ];
    let is_initialised = token.token_initialized();
    is_initialised
        && said
            .iter()
            .all(|(attribute, text)| uri.octets(attribute).is_none_or(|octets| octets == text.as_bytes()))
}
