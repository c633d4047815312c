//! The keys of one YubiHSM 2, as its connector reaches it.
use crate::key::{HsmKey, info, shown, signing_kind, spki_of};
use aws_lc_rs::pbkdf2;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, NewKey, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_facts::crypto::KeyKind;
use std::num::NonZeroU32;
use std::sync::Arc;
use yubihsm::asymmetric::Algorithm;
use yubihsm::connector::HttpConfig;
use yubihsm::object::{Filter, Id, Label, Type};
use yubihsm::{Capability, Client, Connector, Credentials, Domain, authentication};
use zeroize::Zeroizing;

/// How a password becomes an authentication key. Source: Yubico, YubiHSM 2 user guide, authentication keys.
const PASSWORD_SALT: &[u8] = b"Yubico";
const PASSWORD_ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

/// Which device, and who asks.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of `yubihsm-connector`: a name or an IP address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// How long connecting, sending and receiving may each take.
    pub timeout_ms: u64,
    /// Identifier of the authentication key.
    pub authentication_key_id: u16,
    /// Its password.
    pub password: Secret,
    /// The domains of keys that are made: bit 0 is domain 1.
    pub domains: u16,
    /// Issuers of the device's certificate, in DER, that go with evidence.
    pub issuers: Vec<Vec<u8>>,
}

impl Config {
    /// The connector on this machine at its usual port, and the first domain.
    pub fn new(authentication_key_id: u16, password: Secret) -> Config {
        let HttpConfig { addr, port, timeout_ms } = HttpConfig::default();
        let (domains, issuers) = (1, Vec::new());
        Config { address: addr, port, timeout_ms, authentication_key_id, password, domains, issuers }
    }
}

/// The asymmetric keys of a YubiHSM 2. URIs are `yubihsm:object-id=0x0064`, with `serial=…` where it is to be checked.
pub struct YubiHsmStore {
    config: Config,
    client: Client,
    serial: String,
}

impl YubiHsmStore {
    /// Opens a session through the connector.
    ///
    /// # Errors
    /// [`StoreError`]: a connector that is not reached, or an authentication key that the device refuses.
    pub fn open(config: Config) -> Result<YubiHsmStore, StoreError> {
        let http =
            HttpConfig { addr: config.address.clone(), port: config.port, timeout_ms: config.timeout_ms };
        YubiHsmStore::over(&Connector::http(&http), config)
    }

    /// The same over any connector of the client library; the address is for messages alone.
    ///
    /// # Errors
    /// Those of [`YubiHsmStore::open`].
    pub fn over(connector: &Connector, config: Config) -> Result<YubiHsmStore, StoreError> {
        let mut key = Zeroizing::new([0; authentication::key::SIZE]);
        let password = config.password.expose();
        let (algorithm, iterations) = (pbkdf2::PBKDF2_HMAC_SHA256, PASSWORD_ITERATIONS);
        pbkdf2::derive(algorithm, iterations, PASSWORD_SALT, password, key.as_mut());
        let credentials = Credentials::new(config.authentication_key_id, authentication::Key::new(*key));
        let failed = |error| shown(&error, &config.address);
        let client = Client::open(connector.clone(), credentials, true).map_err(failed)?;
        let serial = client.device_info().map_err(failed)?.serial_number.to_string();
        Ok(YubiHsmStore { config, client, serial })
    }

    /// The object that a URI locates.
    fn id(&self, uri: &KeyUri) -> Result<Id, StoreError> {
        let unfit = |what: String, help: &str| StoreError::new(Problem::Configuration, uri, what, help);
        if uri.scheme() != UriScheme::YubiHsm {
            return Err(StoreError::wrong_scheme(uri, "YubiHSM"));
        }
        let without_zeros = |serial: &str| serial.trim_start_matches('0').to_owned();
        if let Some(serial) = uri.text("serial")
            && without_zeros(serial) != without_zeros(&self.serial)
        {
            let what = format!("the device's serial number is {}", self.serial);
            return Err(unfit(what, "name the store of that device"));
        }
        let text = uri.text("object-id").unwrap_or_default();
        let id = match text.strip_prefix("0x") {
            Some(digits) => Id::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        id.ok_or_else(|| unfit("`object-id` is no identifier".to_owned(), "write `0x` and four digits"))
    }
}

fn uri_of(id: Id) -> KeyUri {
    KeyUri::of(UriScheme::YubiHsm, &[("object-id", format!("{id:#06x}").as_bytes())])
}

impl KeyStore for YubiHsmStore {
    fn identity(&self) -> Identity {
        let name = format!("YubiHSM 2 {} ({}:{})", self.serial, self.config.address, self.config.port);
        // The simulator is the client's own: it has the client's mistakes.
        Identity { kind: "yubihsm", name, module: None, is_tried: false }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let failed = |error| shown(&error, &self.config.address);
        let entries = self.client.list_objects(&[Filter::Type(Type::AsymmetricKey)]).map_err(failed)?;
        let mut listed = Vec::new();
        for entry in entries {
            let uri = uri_of(entry.object_id);
            if signing_kind(&info(&self.client, &uri, entry.object_id)?).is_some() {
                let key = self.client.get_public_key(entry.object_id).map_err(failed)?;
                listed.push(Listed { uri, spki: spki_of(&key) });
            }
        }
        Ok(listed)
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        let id = self.id(uri)?;
        let issuers = self.config.issuers.clone();
        Ok(Arc::new(HsmKey::open(self.client.clone(), uri_of(id), id, issuers)?))
    }

    fn generator(&self) -> Option<&dyn Generator> {
        Some(self)
    }
}

impl Generator for YubiHsmStore {
    /// Makes a key that signs and never leaves, at an identifier that the device chooses.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError> {
        let (algorithm, capability) = match key.kind {
            KeyKind::P256 => (Algorithm::EcP256, Capability::SIGN_ECDSA),
            KeyKind::P384 => (Algorithm::EcP384, Capability::SIGN_ECDSA),
            KeyKind::P521 => (Algorithm::EcP521, Capability::SIGN_ECDSA),
            KeyKind::Ed25519 => (Algorithm::Ed25519, Capability::SIGN_EDDSA),
            _ => {
                let help = "ECDSA on P-256, P-384 and P-521, and Ed25519, are";
                let what = "such a key is not made in a YubiHSM 2 here";
                return Err(StoreError::new(Problem::Unsupported, &key.label, what, help));
            }
        };
        let label = Label::from_bytes(key.label.as_bytes()).map_err(|error| {
            let help = "give a label of at most 40 bytes";
            StoreError::new(Problem::Configuration, &key.label, error.to_string(), help)
        })?;
        let domains = Domain::from_bits_truncate(self.config.domains);
        let made = self.client.generate_asymmetric_key(0, label, domains, capability, algorithm);
        made.map(uri_of).map_err(|error| shown(&error, &key.label))
    }
}
