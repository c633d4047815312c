//! Opening key stores: one line for each kind that this binary was built with.
use crate::config::schema::StoreKind;
use crate::config::{At, Setting, Store};
#[cfg(feature = "tpm")]
use crate::files;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::guard::Guarded;
use pkic_backend::secret::SecretSource;
use pkic_backend::store::KeyStore;
use pkic_backend::uri::{Dialect, KeyUri, UriScheme};
use pkic_backend_pkcs11::{Modules, Pkcs11Store};
#[cfg(feature = "cloud")]
use pkic_backend_rest::machine::ThisMachine;
use pkic_backend_software::SoftwareStore;
#[cfg(feature = "tpm")]
use pkic_facts::certificate::Certificate;
#[cfg(feature = "tpm")]
use pkic_vocab::limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A store that is ready for use.
pub(crate) type Opened = Arc<dyn KeyStore>;

type Opener = fn(&Stores, &Store) -> Result<Opened, StoreError>;

/// Time that a call may take in a store that no deployment describes.
const TIMEOUT: Duration = Duration::from_secs(10);

const fn opener(kind: StoreKind) -> Option<Opener> {
    match kind {
        StoreKind::Software => Some(software),
        StoreKind::Pkcs11 => Some(pkcs11),
        #[cfg(feature = "tpm")]
        StoreKind::Tpm => Some(tpm),
        #[cfg(feature = "yubihsm")]
        StoreKind::YubiHsm => Some(yubihsm),
        #[cfg(feature = "cloud")]
        StoreKind::AwsKms => Some(aws_kms),
        #[cfg(feature = "cloud")]
        StoreKind::GcpKms => Some(gcp_kms),
        #[cfg(feature = "cloud")]
        StoreKind::AzureKeyVault => Some(azure_key_vault),
        #[allow(unreachable_patterns)] // with every feature on, every kind is built
        _ => None,
    }
}

/// Whether this binary opens stores of that kind.
pub(crate) const fn is_built(kind: StoreKind) -> bool {
    opener(kind).is_some()
}

/// The stores that a command has opened, each once, and the PKCS #11 modules that they share.
#[derive(Default)]
pub(crate) struct Stores {
    modules: Modules,
    opened: RefCell<BTreeMap<String, Opened>>,
}

impl Stores {
    /// Opens a store, unless it is open already.
    ///
    /// # Errors
    /// [`StoreError`] of the store, or of the problem `Configuration` where its kind is not built.
    pub(crate) fn open(&self, store: &Store) -> Result<Opened, StoreError> {
        if let Some(opened) = self.opened.borrow().get(&store.name.value) {
            return Ok(Arc::clone(opened));
        }
        let open = opener(store.kind).ok_or_else(|| {
            let what = format!("stores of the kind `{}` are not built in this binary", store.kind.name());
            let help = "use a pkic that was built with it: docs/stores.md";
            StoreError::new(Problem::Configuration, &store.name.value, what, help)
        })?;
        let opened = open(self, store)?;
        self.opened.borrow_mut().insert(store.name.value.clone(), Arc::clone(&opened));
        Ok(opened)
    }
}

/// One key of a store. Each call to it ends within that time.
///
/// # Errors
/// [`StoreError`] where the store has not exactly one such key.
pub(crate) fn signer(opened: &Opened, uri: &KeyUri, timeout: Duration) -> Result<Guarded, StoreError> {
    let (opened, uri) = (Arc::clone(opened), uri.clone());
    Guarded::new(timeout, Box::new(move || opened.signer(&uri)))
}

fn software(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let directory = store.path("directory").map(PathBuf::from).unwrap_or_default();
    Ok(Arc::new(SoftwareStore::new(directory, store.pin()?)))
}

fn pkcs11(stores: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let token = KeyUri::parse(store.text("token").unwrap_or("pkcs11:"), store.dialect)?;
    let module = store.path("module").map(PathBuf::from);
    let config = pkic_backend_pkcs11::Config { token, module, pin: store.pin()?, timeout: store.timeout };
    Ok(Arc::new(Pkcs11Store::open(&stores.modules, &config)?))
}

#[cfg(feature = "tpm")]
fn tpm(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let attestation_key = store.text("attestation-key").map(|text| KeyUri::parse(text, store.dialect));
    let config = pkic_backend_tpm::Config {
        tcti: store.text("device").unwrap_or_default().to_owned(),
        directory: store.path("directory").map(PathBuf::from),
        auth: store.pin()?,
        attestation_key: attestation_key.transpose()?,
        ..pkic_backend_tpm::Config::default()
    };
    let opened = pkic_backend_tpm::TpmStore::open(config)?;
    let Some(path) = store.path("attestation-chain") else { return Ok(Arc::new(opened)) };
    let unfit = |what: String| {
        let help = "give the certificate of the attestation key, then those above it";
        StoreError::new(Problem::File, files::shown(path), what, help)
    };
    let bytes =
        files::read_bytes(path, limits::EVIDENCE_LEN_BYTES_MAX).map_err(|error| unfit(error.to_string()))?;
    let chain = Certificate::all_from_file(&bytes).map_err(|reject| unfit(reject.to_string()))?;
    let chain = chain.iter().map(|certificate| certificate.raw().to_vec()).collect();
    Ok(Arc::new(opened.vouched_by(pkic_backend_tpm::Vouching::Certificate(chain))))
}

#[cfg(feature = "yubihsm")]
fn yubihsm(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let unfit =
        |what: &str, help: &str| StoreError::new(Problem::Configuration, &store.name.value, what, help);
    let password = store.pin()?.ok_or_else(|| unfit("it has no password", "say `pin-source`"))?;
    let id = store.natural("auth-key-id").and_then(|id| u16::try_from(id).ok());
    let id = id.ok_or_else(|| unfit("`auth-key-id` is no identifier", "write 1 to 65535"))?;
    let connector = store.text("connector").unwrap_or_default();
    let (address, port) = connector
        .rsplit_once(':')
        .ok_or_else(|| unfit("`connector` has no port", "write `127.0.0.1:12345`"))?;
    let port = port.parse().map_err(|_| unfit("`connector` has no port", "write `127.0.0.1:12345`"))?;
    let timeout_ms = u64::try_from(store.timeout.as_millis()).unwrap_or(u64::MAX);
    let config = pkic_backend_yubihsm::Config {
        address: address.to_owned(),
        port,
        timeout_ms,
        ..pkic_backend_yubihsm::Config::new(id, password)
    };
    Ok(Arc::new(pkic_backend_yubihsm::YubiHsmStore::open(config)?))
}

#[cfg(feature = "cloud")]
fn aws_kms(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let settings = pkic_backend_aws_kms::Settings {
        region: owned(store, "region"),
        profile: owned(store, "profile"),
        endpoint: owned(store, "endpoint"),
        ..Default::default()
    };
    Ok(Arc::new(pkic_backend_aws_kms::AwsKms::new(settings, Arc::new(ThisMachine))?))
}

#[cfg(feature = "cloud")]
fn gcp_kms(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let settings = pkic_backend_gcp_kms::Settings {
        key_ring: owned(store, "key-ring"),
        endpoint: owned(store, "endpoint"),
        ..Default::default()
    };
    Ok(Arc::new(pkic_backend_gcp_kms::GcpKms::new(settings, Arc::new(ThisMachine))?))
}

#[cfg(feature = "cloud")]
fn azure_key_vault(_: &Stores, store: &Store) -> Result<Opened, StoreError> {
    let settings = pkic_backend_azure_key_vault::Settings {
        vault: owned(store, "vault"),
        endpoint: owned(store, "endpoint"),
        ..Default::default()
    };
    Ok(Arc::new(pkic_backend_azure_key_vault::AzureKeyVault::new(settings, Arc::new(ThisMachine))?))
}

#[cfg(feature = "cloud")]
fn owned(store: &Store, name: &str) -> Option<String> {
    store.text(name).map(str::to_owned)
}

/// The store that a URI leads to by itself, without a deployment.
///
/// # Errors
/// [`StoreError`] where the URI leaves open what its kind of store needs.
pub(crate) fn of_uri(uri: &KeyUri) -> Result<Store, StoreError> {
    let kind = StoreKind::ALL.into_iter().find(|kind| kind.schemes().contains(&uri.scheme()));
    let unfit = |what: String| {
        let help = "describe the store in a deployment file (docs/deployment.md)";
        StoreError::new(Problem::Configuration, uri, what, help)
    };
    let kind = kind.ok_or_else(|| unfit("no kind of store has such keys".to_owned()))?;
    let mut settings = BTreeMap::new();
    let mut set = |name, value| settings.insert(name, At { value, span: 0..0 });
    for (setting, attribute) in [("region", "region"), ("profile", "profile"), ("device", "device")] {
        if let Some(text) = uri.text(attribute) {
            set(setting, Setting::Text(text.to_owned()));
        }
    }
    if let Some(path) = uri.text("module-path") {
        set("module", Setting::Path(PathBuf::from(path)));
    }
    if let Some(source) = uri.text("pin-source") {
        set("pin-source", Setting::Secret(SecretSource::parse(source)?));
    }
    if kind == StoreKind::Software {
        set("directory", Setting::Path(PathBuf::from(".")));
    }
    let is_needed = |key: &&crate::config::schema::Key| key.need == crate::config::schema::Need::Needed;
    if let Some(key) = kind.keys().iter().filter(is_needed).find(|key| !settings.contains_key(key.name)) {
        return Err(unfit(format!("it does not say the store's `{}`", key.name)));
    }
    let name = At { value: kind.name().to_owned(), span: 0..0 };
    Ok(Store { name, kind, dialect: Dialect::Rfc7512, timeout: TIMEOUT, settings })
}

/// A URI of the same form at which there is no key: for the suite.
pub(crate) fn unknown(uri: &KeyUri) -> KeyUri {
    const NAME: &[u8] = b"pkic-no-such-key";
    match uri.scheme() {
        UriScheme::File => KeyUri::of_file(&format!("{}.none", uri.text("path").unwrap_or_default())),
        UriScheme::Pkcs11 => uri.with("object", NAME),
        UriScheme::AwsKms => uri.with("key-id", b"00000000-0000-4000-8000-000000000000"),
        UriScheme::AzureKms | UriScheme::TpmKms => uri.with("name", NAME),
        UriScheme::CloudKms => {
            let resource = uri.text("resource").unwrap_or_default();
            uri.with("resource", format!("{resource}999999").as_bytes())
        }
        UriScheme::Tpm2 => uri.with("handle", b"0x81fffffe"),
        UriScheme::YubiKey => uri.with("slot-id", b"95"),
        UriScheme::YubiHsm => uri.with("object-id", b"65534"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> KeyUri {
        KeyUri::parse(text, Dialect::Rfc7512).unwrap()
    }

    #[test]
    fn a_uri_says_how_to_reach_its_store_or_what_it_leaves_open() {
        let store = of_uri(&uri("pkcs11:token=t?module-path=/m.so&pin-source=env:PIN")).unwrap();
        assert_eq!(
            (store.kind, store.path("module")),
            (StoreKind::Pkcs11, Some(std::path::Path::new("/m.so")))
        );
        assert!(store.settings.contains_key("pin-source"));
        for (text, what) in [("pkcs11:token=t", "`module`"), ("awskms:key-id=k", "`region`")] {
            let error = of_uri(&uri(text)).unwrap_err();
            assert_eq!(error.problem, Problem::Configuration);
            assert!(error.what.contains(what), "{error}");
        }
    }

    #[test]
    fn kinds_that_are_not_built_say_so() {
        for kind in StoreKind::ALL {
            let name = At { value: "here".to_owned(), span: 0..0 };
            let settings = BTreeMap::new();
            let store = Store { name, kind, dialect: Dialect::Rfc7512, timeout: TIMEOUT, settings };
            if !is_built(kind) {
                let error = Stores::default().open(&store).map(drop).unwrap_err();
                assert_eq!(error.problem, Problem::Configuration);
                assert!(error.what.contains("not built in this binary"), "{error}");
            }
        }
    }

    #[test]
    fn the_unknown_key_is_another_of_the_same_form() {
        for text in [
            "file:a.pem",
            "pkcs11:token=t;object=a",
            "awskms:key-id=k",
            "azurekms:name=n;vault=v",
            "cloudkms:resource=projects/p/cryptoKeyVersions/1",
            "tpmkms:name=n",
            "tpm2:handle=0x81010001",
            "yubikey:slot-id=9a",
            "yubihsm:object-id=1",
        ] {
            let known = uri(text);
            let unknown = unknown(&known);
            assert!(unknown != known && unknown.scheme() == known.scheme(), "{unknown}");
        }
    }
}
