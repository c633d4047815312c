//! Vaults and pools, as a store.
use crate::facts::{Bundle, is_version};
use crate::key::{AzureKey, uri_of};
use crate::service::{API_VERSION, Service};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::{Identity, KeyStore, Listed, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::client::{Client, Limits, Route};
use pkic_backend_rest::document::Document;
use pkic_backend_rest::machine::Machine;
use pkic_backend_rest::token::Held;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Pages of 25 keys that are listed.
const PAGES_MAX: usize = 40;

/// What a deployment says of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The vault or pool that is listed.
    pub vault: Option<String>,
    /// Whether that is a Managed HSM pool.
    pub is_managed_hsm: bool,
    /// The domain of the cloud: `azure.net` without it, `azure.cn`, `usgovcloudapi.net`.
    pub domain: Option<String>,
    /// The endpoint of every vault, in place of the one that its name makes.
    pub endpoint: Option<String>,
    /// A PEM file of the roots that TLS trusts; without one, the system's.
    pub roots: Option<PathBuf>,
    /// Bounds of each call.
    pub limits: Limits,
}

/// Azure Key Vault and Managed HSM, asked as one caller.
pub struct AzureKeyVault {
    settings: Settings,
    client: Arc<Client>,
    vault_token: Arc<Held>,
    pool_token: Arc<Held>,
}

impl AzureKeyVault {
    /// A store with these settings, on this machine. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`StoreError`] where roots or proxy are unfit.
    pub fn new(settings: Settings, machine: Arc<dyn Machine>) -> Result<AzureKeyVault, StoreError> {
        let route = Route { roots: settings.roots.clone(), limits: settings.limits.clone() };
        let client = Arc::new(Client::new(&route, machine)?);
        Ok(AzureKeyVault { settings, client, vault_token: Arc::default(), pool_token: Arc::default() })
    }

    fn service(&self, at: &str, vault: &str, is_managed_hsm: bool) -> Result<Arc<Service>, StoreError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(3..=24).contains(&vault.len()) || !vault.chars().all(is_name) {
            let help = "write its name alone: 3 to 24 letters, digits and `-`";
            return Err(StoreError::new(Problem::Configuration, at, "`vault` is no vault's name", help));
        }
        let domain = self.settings.domain.as_deref().unwrap_or("azure.net");
        let kind = if is_managed_hsm { "managedhsm" } else { "vault" };
        let named = || format!("https://{}.{kind}.{domain}", vault.to_ascii_lowercase());
        let base = self.settings.endpoint.clone().unwrap_or_else(named);
        let token = if is_managed_hsm { &self.pool_token } else { &self.vault_token };
        Ok(Arc::new(Service {
            client: Arc::clone(&self.client),
            token: Arc::clone(token),
            base: base.trim_end_matches('/').to_owned(),
            resource: format!("https://{kind}.{domain}"),
            vault: vault.to_owned(),
            is_managed_hsm,
        }))
    }

    /// The names of all keys of a vault, page by page.
    fn names(&self, at: &str, service: &Service) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut path = format!("/keys?{API_VERSION}");
        for _ in 0..PAGES_MAX {
            let page = Document::read(&service.call(at, &path, None)?, at)?;
            let own = format!("{}/keys/", service.base);
            for key in page.list("/value")? {
                let kid = key.get("kid").and_then(Value::as_str).unwrap_or_default();
                let name = kid.strip_prefix(&own).and_then(|rest| rest.split('/').next());
                names.extend(name.filter(|name| is_key_name(name)).map(str::to_owned));
            }
            // A link elsewhere would take the token along.
            let Some(next) = page.maybe_text("/nextLink").and_then(|link| link.strip_prefix(&service.base))
            else {
                return Ok(names);
            };
            if !next.starts_with("/keys?") {
                return Ok(names);
            }
            path = next.to_owned();
        }
        let what = format!("the vault has more than {PAGES_MAX} pages of keys");
        Err(StoreError::new(Problem::Answer, at, what, "name the key and its version"))
    }
}

impl KeyStore for AzureKeyVault {
    fn identity(&self) -> Identity {
        let name = match &self.settings.vault {
            Some(vault) => format!("Azure Key Vault {vault}"),
            None => "Azure Key Vault".to_owned(),
        };
        Identity { kind: "azure-key-vault", name, module: None, is_tried: false }
    }

    /// The current versions of the vault's enabled keys that pkic signs with.
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let at = self.identity().name;
        let vault = self.settings.vault.as_deref().ok_or_else(|| {
            StoreError::new(Problem::Configuration, &at, "no vault is named", "set its name")
        })?;
        let service = self.service(&at, vault, self.settings.is_managed_hsm)?;
        let mut listed = Vec::new();
        for name in self.names(&at, &service)? {
            let answered = service.call(&at, &format!("/keys/{name}/?{API_VERSION}"), None);
            let read = answered
                .and_then(|answer| Bundle::read(&Document::read(&answer, &at)?, &at, &service.base, &name));
            match read {
                Ok(bundle) => {
                    let uri = uri_of(&service, &name, &bundle.version);
                    listed.push(Listed { uri, spki: Some(bundle.spki) });
                }
                // It is for something else, disabled, gone since, or not for this caller.
                Err(error)
                    if matches!(
                        error.problem,
                        Problem::Unsupported | Problem::Denied | Problem::KeyUnknown
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        if uri.scheme() != UriScheme::AzureKms {
            return Err(StoreError::wrong_scheme(uri, "Azure Key Vault"));
        }
        let unfit = |what: &str, help: &str| StoreError::new(Problem::Configuration, uri, what, help);
        let name = uri.text("name").filter(|name| is_key_name(name));
        let name =
            name.ok_or_else(|| unfit("`name` is no key's name", "write up to 127 letters, digits and `-`"))?;
        let version =
            match uri.octets("version") {
                None => None,
                Some(_) => {
                    let version = uri.text("version").filter(|version| is_version(version));
                    Some(version.ok_or_else(|| {
                        unfit("`version` is no version", "write its digits, or leave it out")
                    })?)
                }
            };
        let is_managed_hsm = match uri.text("hsm") {
            None if uri.octets("hsm").is_none() => false,
            Some("true") => true,
            Some("false") => false,
            _ => {
                return Err(unfit(
                    "`hsm` is neither `true` nor `false`",
                    "write `hsm=true` for a Managed HSM pool",
                ));
            }
        };
        let service =
            self.service(&uri.to_string(), uri.text("vault").unwrap_or_default(), is_managed_hsm)?;
        Ok(Arc::new(AzureKey::open(service, uri, name, version)?))
    }
}

/// Whether it is a key's name. Source: Azure Key Vault REST reference, `key-name`.
fn is_key_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}
