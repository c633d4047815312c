//! One token behind a module, as a store of keys.
use crate::generate;
use crate::key::{TokenKey, uri_of};
use crate::module::Modules;
use crate::object;
use crate::pool::Pool;
use crate::public;
use crate::token::Token;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::guard::{Guard, Guarded};
use pkic_backend::secret::{Secret, SecretSource};
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, ModuleFile, NewKey, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Manufacturers of tokens that this back end was run against.
const TRIED: [&str; 1] = ["SoftHSM project"];

/// Which token, by which module.
#[derive(Debug, Clone)]
pub struct Config {
    /// The token by an RFC 7512 URI: exactly one token must have all its attributes.
    pub token: KeyUri,
    /// The module's file. Without one it is the URI's `module-path`.
    pub module: Option<PathBuf>,
    /// The user's PIN. Without one it is read from the URI's `pin-source`; with neither, the login is left to the token's
    /// own keypad, or left out where the token wants none.
    pub pin: Option<Secret>,
    /// The longest that one call may take. A network HSM answers within some seconds; a person's touch takes longer.
    pub timeout: Duration,
}

/// The keys of one token.
pub struct Pkcs11Store {
    pool: Arc<Pool>,
    guard: Arc<Guard>,
    module: ModuleFile,
}

impl Pkcs11Store {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// [`StoreError`]: of the problem `Configuration` where the module is no module or more than one token answers to the
    /// URI, `Unreachable` where none does, `Credentials` where the login is refused, `TimedOut` where the module hangs.
    pub fn open(modules: &Modules, config: &Config) -> Result<Pkcs11Store, StoreError> {
        let uri = config.token.clone();
        if uri.scheme() != UriScheme::Pkcs11 {
            return Err(StoreError::wrong_scheme(&uri, "PKCS #11"));
        }
        let path = module_path(config)?;
        let pin = match (&config.pin, uri.text("pin-source")) {
            (Some(pin), _) => Some(pin.clone()),
            (None, Some(source)) => Some(SecretSource::parse(source)?.read()?),
            (None, None) => None,
        };
        let guard = Arc::new(Guard::new(config.timeout));
        let (modules, timeout, at) = (modules.clone(), config.timeout, uri.clone());
        let (pool, module) = guard.call(&at, move || {
            let module = modules.load(&path)?;
            let file = module.file().clone();
            let call = Arc::clone(&module);
            let token = {
                let _call = call.call();
                Token::find(module, &uri, pin).map_err(|failure| failure.at(&uri))?
            };
            drop(call);
            let pool = Pool::new(token, timeout);
            pool.with(&uri, |_| Ok(()))?;
            Ok((Arc::new(pool), file))
        })?;
        Ok(Pkcs11Store { pool, guard, module })
    }

    /// Refuses a URI that is of another token or module than this store's.
    fn require_own(&self, uri: &KeyUri) -> Result<(), StoreError> {
        if uri.scheme() != UriScheme::Pkcs11 {
            return Err(StoreError::wrong_scheme(uri, "PKCS #11"));
        }
        if uri.text("type").is_some_and(|of| of != "private") {
            let help = "leave `type` out, or write `type=private`";
            return Err(StoreError::new(Problem::Configuration, uri, "it names no private key", help));
        }
        let is_other = |path: &str| {
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
            path != Path::new(&self.module.path)
        };
        if uri.text("module-path").is_some_and(is_other) {
            let help = format!("the store's module is `{}`", self.module.path);
            return Err(StoreError::new(Problem::Configuration, uri, "it names another module", help));
        }
        Ok(())
    }
}

/// Refuses, inside a call, a URI whose attributes are another token's.
fn require_meant(pool: &Pool, uri: &KeyUri) -> Result<(), StoreError> {
    let is_meant = pool.with(uri, |_| pool.token().is_meant(uri))?;
    if is_meant {
        return Ok(());
    }
    let info = pool.token().info();
    let help = format!("the store's token is `{}`, serial `{}`", info.label(), info.serial_number());
    Err(StoreError::key_unknown(uri, help))
}

fn module_path(config: &Config) -> Result<PathBuf, StoreError> {
    let by_uri = || config.token.text("module-path").map(PathBuf::from);
    config.module.clone().or_else(by_uri).ok_or_else(|| {
        let what = "it names no module";
        let help = "name the module's file: `module` of the store, or `?module-path=…`";
        StoreError::new(Problem::Configuration, &config.token, what, help)
    })
}

impl KeyStore for Pkcs11Store {
    fn identity(&self) -> Identity {
        let info = self.pool.token().info();
        let is_tried = TRIED.contains(&info.manufacturer_id());
        let module = Some(self.module.clone());
        Identity { kind: "pkcs11", name: info.label().to_owned(), module, is_tried }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let (pool, at) = (Arc::clone(&self.pool), self.pool.token().uri().clone());
        self.guard.call(&at.clone(), move || {
            pool.with(&at, |held| {
                let mut listed = Vec::new();
                for key in object::private_keys(&held.session, None)? {
                    let spki = public::of_key(&held.session, &key)?.map(|(_, spki)| spki);
                    listed.push(Listed { uri: uri_of(&pool, &key), spki });
                }
                listed.sort_by_key(|entry| entry.uri.to_string());
                Ok(listed)
            })
        })
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        self.require_own(uri)?;
        let (pool, wanted) = (Arc::clone(&self.pool), uri.clone());
        let key = self.guard.call(uri, move || {
            require_meant(&pool, &wanted)?;
            TokenKey::open(pool, &wanted).map(Arc::new)
        })?;
        // A call that is left behind keeps its session; the key itself takes another.
        let reopen = move || Ok(Arc::clone(&key) as Arc<dyn Signer>);
        Ok(Arc::new(Guarded::on(Arc::clone(&self.guard), uri, Box::new(reopen))?))
    }

    fn generator(&self) -> Option<&dyn Generator> {
        Some(self)
    }
}

impl Generator for Pkcs11Store {
    /// Makes a key with CKA_SENSITIVE, without CKA_EXTRACTABLE, under a label that the token does not have yet and a
    /// random CKA_ID.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError> {
        let (pool, key) = (Arc::clone(&self.pool), key.clone());
        self.guard.call(&key.label.clone(), move || {
            let made = pool.once(&key.label, |session| generate::generate(session, &key))?;
            Ok(uri_of(&pool, &made))
        })
    }
}
