//! The service, as a store.
use crate::facts::Version;
use crate::key::{GcpKey, uri_of};
use crate::service::Service;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::{Identity, KeyStore, Listed, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::client::{Client, Limits, Route};
use pkic_backend_rest::document::{Document, plain};
use pkic_backend_rest::machine::Machine;
use pkic_backend_rest::token::Held;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Keys of a key ring, and versions of a key, that are listed.
const LISTED_MAX: usize = 1_000;
/// Entries of one page.
const PAGE_MAX: usize = 100;
/// What stands at every other place of a version's resource name.
const COLLECTIONS: [&str; 5] = ["projects", "locations", "keyRings", "cryptoKeys", "cryptoKeyVersions"];
/// Characters of one segment of a resource name.
const SEGMENT_LEN_MAX: usize = 128;

/// What a deployment says of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The key ring that is listed: `projects/…/locations/…/keyRings/…`.
    pub key_ring: Option<String>,
    /// The endpoint; without it, that of `CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS`, or Google's.
    pub endpoint: Option<String>,
    /// A PEM file of the roots that TLS trusts; without one, the system's.
    pub roots: Option<PathBuf>,
    /// Bounds of each call.
    pub limits: Limits,
}

/// Google Cloud KMS, asked as one caller.
pub struct GcpKms {
    settings: Settings,
    service: Arc<Service>,
}

impl GcpKms {
    /// A store with these settings, on this machine. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`StoreError`] where roots or proxy are unfit.
    pub fn new(settings: Settings, machine: Arc<dyn Machine>) -> Result<GcpKms, StoreError> {
        let route = Route { roots: settings.roots.clone(), limits: settings.limits.clone() };
        let given = settings.endpoint.clone();
        let endpoint = given.or_else(|| machine.variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS"));
        let endpoint = endpoint.unwrap_or_else(|| "https://cloudkms.googleapis.com".to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let client = Client::new(&route, machine)?;
        let service = Arc::new(Service { client, token: Held::default(), endpoint });
        Ok(GcpKms { settings, service })
    }

    /// The resources of a collection, page by page.
    fn pages(&self, at: &str, parent: &str, collection: &str) -> Result<Vec<Value>, StoreError> {
        let (mut found, mut token) = (Vec::new(), String::new());
        for _ in 0..=LISTED_MAX / PAGE_MAX {
            let path = format!("{parent}/{collection}?pageSize={PAGE_MAX}&pageToken={token}");
            let page: Document = self.service.call(at, &path, None)?;
            found.extend_from_slice(page.list(&format!("/{collection}"))?);
            let next = page.maybe_text("/nextPageToken").unwrap_or_default();
            if next.is_empty() {
                return Ok(found);
            }
            token = next.bytes().map(|octet| format!("%{octet:02X}")).collect();
        }
        let what = format!("`{}` has more than {LISTED_MAX} {collection}", plain(parent));
        Err(StoreError::new(Problem::Answer, at, what, "name the key version in full"))
    }
}

impl KeyStore for GcpKms {
    fn identity(&self) -> Identity {
        let ring = self.settings.key_ring.as_deref();
        let name = ring.map_or("Google Cloud KMS".to_owned(), |ring| format!("Google Cloud KMS {ring}"));
        Identity { kind: "gcp-kms", name, module: None, is_tried: false }
    }

    /// The enabled versions of the key ring that pkic signs with.
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let at = self.identity().name;
        let ring =
            self.settings.key_ring.as_deref().filter(|ring| is_resource(ring, 3)).ok_or_else(|| {
                let help = "set `projects/…/locations/…/keyRings/…`";
                StoreError::new(Problem::Configuration, &at, "no key ring is named", help)
            })?;
        let mut listed = Vec::new();
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        for key in self.pages(&at, ring, "cryptoKeys")? {
            let name = text(&key, "name").filter(|name| is_resource(name, 4));
            let Some(name) = name.filter(|_| text(&key, "purpose").as_deref() == Some("ASYMMETRIC_SIGN"))
            else {
                continue;
            };
            for version in self.pages(&at, &name, "cryptoKeyVersions")? {
                let Some(name) = text(&version, "name").filter(|name| is_resource(name, 5)) else { continue };
                let uri = uri_of(&name);
                let read = Document::of(version, &uri.to_string());
                if Version::read(&read, &name)?.usable(&name).is_ok() {
                    listed.push(Listed { uri, spki: None });
                }
            }
        }
        Ok(listed)
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        if uri.scheme() != UriScheme::CloudKms {
            return Err(StoreError::wrong_scheme(uri, "Google Cloud KMS"));
        }
        let name = uri.text("resource").unwrap_or_default();
        if !is_resource(name, COLLECTIONS.len()) {
            let what = "`resource` is not the name of a key version";
            let help = "write `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V`: a key alone has no place";
            return Err(StoreError::new(Problem::Configuration, uri, what, help));
        }
        Ok(Arc::new(GcpKey::open(Arc::clone(&self.service), uri, name)?))
    }
}

/// Whether it is a resource name of so many collections, and nothing that a URL reads otherwise.
fn is_resource(name: &str, collections: usize) -> bool {
    let segments: Vec<&str> = name.split('/').collect();
    let pairs: Vec<&[&str]> = segments.chunks(2).collect();
    let is_id = |id: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        (1..=SEGMENT_LEN_MAX).contains(&id.len()) && id.chars().all(is_plain) && id != "." && id != ".."
    };
    pairs.len() == collections
        && pairs
            .iter()
            .zip(COLLECTIONS)
            .all(|(pair, collection)| matches!(pair, [name, id] if *name == collection && is_id(id)))
}
