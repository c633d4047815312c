//! The service of a region, as a store.
use crate::credentials::Chain;
use crate::facts::spec_of;
use crate::key::{AwsKey, describe, uri_of};
use crate::profile::Profile;
use crate::service::Service;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, NewKey, Signer};
use pkic_backend::uri::{KeyUri, UriScheme};
use pkic_backend_rest::client::{Client, Limits, Repeat, Route, check_url};
use pkic_backend_rest::machine::Machine;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Keys that an account may have in a region for them to be listed: each takes a call.
const KEYS_MAX: usize = 10_000;
/// Keys of one page. Source: AWS KMS API Reference, ListKeys.
const PAGE_KEYS_MAX: usize = 1_000;
/// Domains of partitions whose regions begin so; the others' is the last. Source: AWS General Reference, AWS KMS endpoints.
const DOMAINS: [(&str, &str); 3] =
    [("cn-", "amazonaws.com.cn"), ("eusc-", "amazonaws.eu"), ("", "amazonaws.com")];

/// What a deployment says of the store. What it leaves out is found as the AWS tools find it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The region of keys whose URI has none.
    pub region: Option<String>,
    /// The profile of keys whose URI has none.
    pub profile: Option<String>,
    /// The endpoint.
    pub endpoint: Option<String>,
    /// Bounds of each call.
    pub limits: Limits,
}

/// AWS KMS of one account, in the region of each key.
pub struct AwsKms {
    settings: Settings,
    client: Arc<Client>,
    chain: Arc<Chain>,
    machine: Arc<dyn Machine>,
}

impl AwsKms {
    /// A store with these settings, on this machine. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`StoreError`] where `AWS_CA_BUNDLE` or the proxy is unfit.
    pub fn new(settings: Settings, machine: Arc<dyn Machine>) -> Result<AwsKms, StoreError> {
        let roots = machine.variable("AWS_CA_BUNDLE").map(PathBuf::from);
        let route = Route { roots, limits: settings.limits.clone() };
        let client = Arc::new(Client::new(&route, Arc::clone(&machine))?);
        let chain = Arc::new(Chain::new(settings.profile.clone(), Arc::clone(&machine)));
        Ok(AwsKms { settings, client, chain, machine })
    }

    /// The service of a region, or that of the settings, the environment or the profile.
    fn service(&self, region: Option<&str>, profile: Option<&str>) -> Result<Arc<Service>, StoreError> {
        let variable = |name| self.machine.variable(name);
        let own = profile.map(str::to_owned).filter(|name| Some(name) != self.settings.profile.as_ref());
        let chain = match &own {
            Some(name) => Arc::new(Chain::new(Some(name.clone()), Arc::clone(&self.machine))),
            None => Arc::clone(&self.chain),
        };
        let profile = own.or_else(|| self.settings.profile.clone());
        let region = region.map(str::to_owned).or_else(|| self.settings.region.clone());
        let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = match region {
            Some(region) => Some(region),
            None => {
                let read = Profile::read(self.machine.as_ref(), profile.as_deref())?;
                read.setting("region").map(str::to_owned)
            }
        };
        let unfit =
            |what: &str, help: &str| StoreError::new(Problem::Configuration, "AWS region", what, help);
        let region =
            region.ok_or_else(|| unfit("none is set", "add `region=…` to the URI, or set `AWS_REGION`"))?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || region.len() > 32 || !region.chars().all(is_name) {
            return Err(unfit("it is no region's name", "write it like `eu-central-1`"));
        }
        let given = self.settings.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_KMS"));
        let endpoint = given.or_else(|| variable("AWS_ENDPOINT_URL")).unwrap_or_else(|| {
            let is_fips =
                variable("AWS_USE_FIPS_ENDPOINT").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let host = if is_fips { "kms-fips" } else { "kms" };
            let domain =
                DOMAINS.iter().find(|(start, _)| region.starts_with(start)).map_or("", |(_, end)| *end);
            format!("https://{host}.{region}.{domain}")
        });
        let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
        check_url("AWS endpoint", &endpoint)?;
        Ok(Arc::new(Service { client: Arc::clone(&self.client), chain, region, endpoint, profile }))
    }

    /// All key ids of the account, page by page.
    fn ids(&self, service: &Service) -> Result<Vec<String>, StoreError> {
        let at = self.identity().name;
        let (mut ids, mut marker) = (Vec::new(), None::<String>);
        for _ in 0..=KEYS_MAX / PAGE_KEYS_MAX {
            let mut body = json!({ "Limit": PAGE_KEYS_MAX });
            if let (Some(marker), Some(members)) = (marker.take(), body.as_object_mut()) {
                members.insert("Marker".to_owned(), Value::String(marker));
            }
            let page = service.call(&at, "ListKeys", &body, Repeat::Always)?;
            for key in page.list("/Keys")? {
                ids.extend(key.get("KeyArn").and_then(Value::as_str).map(str::to_owned));
            }
            marker = page.maybe_text("/NextMarker").map(str::to_owned);
            let is_more = page.member("/Truncated").and_then(Value::as_bool) == Some(true);
            if !is_more || marker.is_none() {
                return Ok(ids);
            }
        }
        let what = format!("it has more than {KEYS_MAX} keys");
        Err(StoreError::new(Problem::Answer, at, what, "name the key by its ARN"))
    }
}

impl KeyStore for AwsKms {
    fn identity(&self) -> Identity {
        let name = match self.service(None, None) {
            Ok(service) => format!("AWS KMS {} ({})", service.region, service.endpoint.trim_end_matches('/')),
            Err(_) => "AWS KMS".to_owned(),
        };
        Identity { kind: "aws-kms", name, module: None, is_tried: true }
    }

    /// The enabled signing keys of the region. Keys whose policy keeps the caller from describing them are not shown.
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let service = self.service(None, None)?;
        let mut listed = Vec::new();
        for arn in self.ids(&service)? {
            let uri = uri_of(&service, &arn);
            let at = uri.to_string();
            match describe(&service, &at, &arn) {
                Ok(metadata) if metadata.usable(&at).is_ok() => listed.push(Listed { uri, spki: None }),
                Ok(_) => {}
                // It was deleted since, or is not for this caller.
                Err(error) if matches!(error.problem, Problem::Denied | Problem::KeyUnknown) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        if uri.scheme() != UriScheme::AwsKms {
            return Err(StoreError::wrong_scheme(uri, "AWS KMS"));
        }
        let unfit = |what: &str, help: &str| StoreError::new(Problem::Configuration, uri, what, help);
        let id =
            uri.text("key-id").ok_or_else(|| unfit("`key-id` is no text", "give an id, alias or ARN"))?;
        // arn:PARTITION:kms:REGION:ACCOUNT:RESOURCE
        let of_arn = id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
        let region = uri.text("region");
        if let (Some(region), Some(of_arn)) = (region, of_arn)
            && region != of_arn
        {
            return Err(unfit("`region` is not the ARN's", "leave `region` out"));
        }
        let service = self.service(region.or(of_arn), uri.text("profile"))?;
        Ok(Arc::new(AwsKey::open(service, uri, id)?))
    }

    fn generator(&self) -> Option<&dyn Generator> {
        Some(self)
    }
}

impl Generator for AwsKms {
    /// Makes a key in AWS KMS itself, with the alias `alias/LABEL`.
    fn generate(&self, key: &NewKey) -> Result<KeyUri, StoreError> {
        let label = &key.label;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
        if label.is_empty() || label.len() > 250 || label.starts_with("aws/") || !label.chars().all(is_name) {
            let help = "use up to 250 letters, digits, `-`, `_` and `/`";
            return Err(StoreError::new(Problem::Configuration, label, "it is no alias", help));
        }
        let spec = spec_of(key.kind, key.bits).ok_or_else(|| {
            let help = "RSA of 2048, 3072 or 4096 bits, ECDSA, Ed25519 and ML-DSA are";
            StoreError::new(Problem::Unsupported, label, "such a key is not made by AWS KMS", help)
        })?;
        let service = self.service(None, None)?;
        let body = json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY", "Description": label });
        let made = service.call(label, "CreateKey", &body, Repeat::IfNotDone)?;
        let arn = made.text("/KeyMetadata/Arn")?;
        let body = json!({ "AliasName": format!("alias/{label}"), "TargetKeyId": arn });
        service.call(label, "CreateAlias", &body, Repeat::IfNotDone).map_err(|mut error| {
            error.help = format!("the key `{arn}` was made, and has no alias: {}", error.help);
            error
        })?;
        Ok(uri_of(&service, arn))
    }
}
