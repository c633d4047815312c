//! Access tokens, in the order in which Google's tools look for them.
//!
//! Read are: `CLOUDSDK_AUTH_ACCESS_TOKEN`, the key file of a service account, and the metadata server. Other kinds of
//! credential files are not read, and nothing weaker is taken in their place.
//!
//! Source: Google Cloud, "How Application Default Credentials works"; Google Identity, "Using OAuth 2.0 for server to
//! server applications"; Compute Engine, "About VM metadata".
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Client, Method, Request};
use pkic_backend_rest::token::{Token, fetch, form};
use serde_json::{Value, json};
use std::path::Path;
use std::time::UNIX_EPOCH;
use zeroize::Zeroizing;

/// The name under which these failures stand.
const AT: &str = "Google credentials";
/// What a token may do. Source: Cloud KMS REST reference, authorization scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
/// Seconds that an assertion counts: the most that Google takes.
const ASSERTION_S: u64 = 3600;
/// Bytes of a credential file.
const FILE_LEN_BYTES_MAX: u64 = 64 << 10;
/// How somebody whose credentials are not read here goes on.
const EXPORT: &str = "set `CLOUDSDK_AUTH_ACCESS_TOKEN` to what `gcloud auth print-access-token` writes";

/// Finds an access token.
///
/// # Errors
/// [`StoreError`] of the problem `Credentials` where there is none.
pub(crate) fn find(client: &Client) -> Result<Token, StoreError> {
    let machine = client.machine();
    if let Some(token) = machine.variable("CLOUDSDK_AUTH_ACCESS_TOKEN") {
        return Token::new(&token, AT);
    }
    if let Some(file) = machine.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        return of_service_account(client, &file);
    }
    let folder = machine
        .variable("CLOUDSDK_CONFIG")
        .or_else(|| machine.variable("HOME").map(|home| format!("{home}/.config/gcloud")));
    let file = folder.map(|folder| format!("{folder}/application_default_credentials.json"));
    match file.filter(|file| Path::new(file).exists()) {
        Some(file) => of_service_account(client, &file),
        None => of_metadata(client),
    }
}

fn of_metadata(client: &Client) -> Result<Token, StoreError> {
    let host = client.machine().variable("GCE_METADATA_HOST");
    let host = host.unwrap_or_else(|| "metadata.google.internal".to_owned());
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let headers = vec![("metadata-flavor".to_owned(), "Google".to_owned())];
    let request = Request { method: Method::Get, url, headers, body: Vec::new() };
    fetch(client, AT, &request).map_err(|error| {
        let what =
            format!("there are none in environment and files, and the metadata server: {}", error.what);
        StoreError::new(Problem::Credentials, AT, what, EXPORT)
    })
}

/// The token that a service account's key is worth, by an assertion of RFC 7523.
fn of_service_account(client: &Client, file: &str) -> Result<Token, StoreError> {
    let unfit = |what: String, help: &str| StoreError::new(Problem::Credentials, file, what, help);
    let unread = |error: std::io::Error| unfit(error.to_string(), "give a file that this user can read");
    if std::fs::metadata(file).map_err(unread)?.len() > FILE_LEN_BYTES_MAX {
        return Err(unfit(format!("it is longer than {FILE_LEN_BYTES_MAX} bytes"), "give a key file"));
    }
    let text = Zeroizing::new(std::fs::read(file).map_err(unread)?);
    let key: Value = serde_json::from_slice(&text).map_err(|_| unfit("it is no JSON".to_owned(), EXPORT))?;
    let member = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    if member("type") != "service_account" {
        let what = format!("credentials of the type `{}` are not read here", member("type"));
        return Err(unfit(what, EXPORT));
    }
    let url = member("token_uri");
    let now = client.machine().now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": member("private_key_id") });
    let claims = json!({
        "iss": member("client_email"), "scope": SCOPE, "aud": url, "iat": now,
        "exp": now.saturating_add(ASSERTION_S),
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let signature = rs256(member("private_key"), signed.as_bytes()).ok_or_else(|| {
        unfit("its `private_key` is no RSA key in PKCS#8".to_owned(), "download the key file again")
    })?;
    let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    fetch(client, AT, &form(url, &[("grant_type", grant), ("assertion", &assertion)]))
}

fn rs256(pem: &str, message: &[u8]) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let base64 = Zeroizing::new(lines.map(str::trim).collect::<String>());
    let pkcs8 = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
    let pair = RsaKeyPair::from_pkcs8(&pkcs8).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
    Some(signature)
}
