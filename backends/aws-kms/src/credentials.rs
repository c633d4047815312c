//! Credentials, in the order in which the AWS tools look for them.
//!
//! Read are: environment variables, access keys of a profile, the container's endpoint (ECS, EKS Pod Identity), and
//! the instance's metadata (IMDSv2). Not read are roles, web identities, single sign-on and credential processes: where
//! one of these is set up, it is said, and nothing weaker is taken in its place.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; Amazon EC2 User Guide, "Use IMDS".
use crate::profile::Profile;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use pkic_backend_rest::client::{Answer, Client, Limits, Method, Repeat, Request, Route, Verdict};
use pkic_backend_rest::document::Document;
use pkic_backend_rest::machine::Machine;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Credentials are fetched anew so long before they end: AWS renews them five minutes before and more.
const RENEW_BEFORE: Duration = Duration::from_secs(240);
/// Credentials without an end are read again after this time, as files and variables of a service change.
const REREAD_AFTER: Duration = Duration::from_secs(300);
/// The name under which these failures stand.
const AT: &str = "AWS credentials";
/// How somebody whose credentials are not read here goes on.
const EXPORT: &str = "run `aws configure export-credentials --format env` and set what it writes";

/// An access key with its secret.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Its id, which is no secret.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret: Secret,
    /// The session to which it belongs.
    pub(crate) token: Option<Secret>,
    expires: Option<SystemTime>,
}

/// Where credentials are looked for, and those that were found.
pub(crate) struct Chain {
    profile: Option<String>,
    machine: Arc<dyn Machine>,
    held: Mutex<Option<(Credentials, SystemTime)>>,
}

impl Chain {
    /// Looks in this profile, or, without one, everywhere.
    pub(crate) fn new(profile: Option<String>, machine: Arc<dyn Machine>) -> Chain {
        Chain { profile, machine, held: Mutex::new(None) }
    }

    /// Credentials that are good now.
    ///
    /// # Errors
    /// [`StoreError`] of the problem `Credentials` where none is found.
    pub(crate) fn current(&self) -> Result<Credentials, StoreError> {
        let now = self.machine.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((credentials, until)) = held.as_ref()
            && now < *until
        {
            return Ok(credentials.clone());
        }
        let found = self.find()?;
        let until = match found.expires {
            Some(expires) => expires.checked_sub(RENEW_BEFORE),
            None => now.checked_add(REREAD_AFTER),
        };
        *held = until.map(|until| (found.clone(), until));
        Ok(found)
    }

    /// Forgets what was found: the service did not take it.
    pub(crate) fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn find(&self) -> Result<Credentials, StoreError> {
        let machine = self.machine.as_ref();
        if self.profile.is_none() {
            if let Some(found) = of_environment(machine)? {
                return Ok(found);
            }
            if machine.variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
                return Err(not_read("`AWS_WEB_IDENTITY_TOKEN_FILE` is set"));
            }
        }
        let profile = Profile::read(machine, self.profile.as_deref())?;
        if let Some(found) = of_profile(&profile)? {
            return Ok(found);
        }
        let found = match self.profile {
            Some(_) => None,
            None => self.of_container()?.map_or_else(|| self.of_instance(), |found| Ok(Some(found)))?,
        };
        found.ok_or_else(|| {
            let what = format!("there are none in the environment, profile `{}` or metadata", profile.name);
            let help = "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or name a profile";
            StoreError::new(Problem::Credentials, AT, what, help)
        })
    }

    /// Those of the container agent.
    fn of_container(&self) -> Result<Option<Credentials>, StoreError> {
        let machine = self.machine.as_ref();
        let relative = machine.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = relative.map(|path| format!("http://169.254.170.2{path}"));
        let Some(url) = url.or_else(|| machine.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            return Ok(None);
        };
        let token = match machine.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(std::fs::read_to_string(&file).map_err(|error| {
                let help = "make `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` readable";
                StoreError::new(Problem::Credentials, AT, error.to_string(), help)
            })?),
            None => machine.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let headers = token.map(|token| ("authorization".to_owned(), token.trim().to_owned()));
        let headers: Vec<(String, String)> = headers.into_iter().collect();
        let answer = self.fetch(&Request { method: Method::Get, url, headers, body: Vec::new() })?;
        of_document(&Document::read(&answer, AT)?).map(Some)
    }

    /// Those of the instance's role, by IMDSv2 alone; nothing where there is no metadata service or no role.
    fn of_instance(&self) -> Result<Option<Credentials>, StoreError> {
        let machine = self.machine.as_ref();
        if machine
            .variable("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            return Ok(None);
        }
        let base = machine.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let base = base.unwrap_or_else(|| "http://169.254.169.254".to_owned());
        let base = base.trim_end_matches('/');
        let get = |path: &str, method, header: (&str, &str)| {
            let headers = vec![(header.0.to_owned(), header.1.to_owned())];
            self.fetch(&Request { method, url: format!("{base}{path}"), headers, body: Vec::new() })
        };
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "300");
        let Ok(token) = get("/latest/api/token", Method::Put, ttl) else { return Ok(None) };
        let token = Secret::new(token.body);
        let header = ("x-aws-ec2-metadata-token", token.expose_text()?);
        let roles = "/latest/meta-data/iam/security-credentials/";
        let Ok(role) = get(roles, Method::Get, header) else { return Ok(None) };
        let role = String::from_utf8_lossy(&role.body).lines().next().unwrap_or_default().trim().to_owned();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        if role.is_empty() || role.len() > 64 || !role.chars().all(is_name) {
            return Ok(None);
        }
        let answer = get(&format!("{roles}{role}"), Method::Get, header)?;
        of_document(&Document::read(&answer, AT)?).map(Some)
    }

    /// Asks a service of this machine, which answers at once or is not there.
    fn fetch(&self, request: &Request) -> Result<Answer, StoreError> {
        let limits = Limits {
            connect_timeout_ms: 1_000,
            attempt_timeout_ms: 2_000,
            deadline_ms: 4_000,
            attempts_max: 2,
            answer_len_bytes_max: 64 << 10,
            ..Limits::default()
        };
        let client = Client::new(&Route { roots: None, limits }, Arc::clone(&self.machine))?;
        let judge = |answer: &Answer| Verdict::of_status(answer.status, "");
        let answer = client.call(AT, Repeat::Always, &|| Ok(request.clone()), judge)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let what = format!("the metadata service answered with status {}", answer.status);
        Err(StoreError::new(Problem::Credentials, AT, what, "give the machine or the task a role"))
    }
}

fn not_read(what: &str) -> StoreError {
    StoreError::new(Problem::Credentials, AT, format!("{what}, which is not read here"), EXPORT)
}

fn of_environment(machine: &dyn Machine) -> Result<Option<Credentials>, StoreError> {
    let id = machine.variable("AWS_ACCESS_KEY_ID");
    let secret = machine.variable("AWS_SECRET_ACCESS_KEY");
    match (id, secret) {
        (Some(access_key_id), Some(secret)) => {
            let token = machine.variable("AWS_SESSION_TOKEN").map(|token| Secret::new(token.into_bytes()));
            let secret = Secret::new(secret.into_bytes());
            Ok(Some(Credentials { access_key_id, secret, token, expires: None }))
        }
        (None, None) => Ok(None),
        _ => {
            let what = "of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` one is not set";
            Err(StoreError::new(Problem::Credentials, AT, what, "set both or none"))
        }
    }
}

fn of_profile(profile: &Profile) -> Result<Option<Credentials>, StoreError> {
    let secret_of = |name| profile.setting(name).map(|value| Secret::new(value.as_bytes().to_vec()));
    let id = profile.setting("aws_access_key_id").map(str::to_owned);
    // A profile that takes a role is not what its access keys alone are.
    if let Some(setting) = profile.elsewhere() {
        return Err(not_read(&format!("profile `{}` has `{setting}`", profile.name)));
    }
    match (id, secret_of("aws_secret_access_key")) {
        (Some(access_key_id), Some(secret)) => {
            let token = secret_of("aws_session_token");
            Ok(Some(Credentials { access_key_id, secret, token, expires: None }))
        }
        (None, None) => Ok(None),
        _ => {
            let what = format!("profile `{}` has half an access key", profile.name);
            let help = "give it `aws_access_key_id` and `aws_secret_access_key`";
            Err(StoreError::new(Problem::Credentials, AT, what, help))
        }
    }
}

/// Credentials as container agent and instance metadata write them.
fn of_document(document: &Document) -> Result<Credentials, StoreError> {
    let secret = |pointer| document.text(pointer).map(|text| Secret::new(text.as_bytes().to_vec()));
    let expires = document.text("/Expiration")?;
    let seconds = pkic_vocab::time::parse_date(expires).and_then(|seconds| u64::try_from(seconds).ok());
    let expires = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    Ok(Credentials {
        access_key_id: document.text("/AccessKeyId")?.to_owned(),
        secret: secret("/SecretAccessKey")?,
        token: Some(secret("/Token")?),
        // An end that does not read is over: it is asked again at the next call.
        expires: Some(expires.unwrap_or(UNIX_EPOCH)),
    })
}
