//! Access tokens, as Azure's tools are told of them.
//!
//! Read are: `AZURE_ACCESS_TOKEN` (our own name, for a token that another tool fetched), a service principal by secret
//! or federated token, and the managed identity of the machine.
//!
//! Source: Microsoft identity platform, "OAuth 2.0 client credentials flow"; Azure SDK, EnvironmentCredential and
//! WorkloadIdentityCredential; "How to use managed identities on an Azure VM to acquire an access token".
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Client, Method, Request};
use pkic_backend_rest::token::{Token, fetch, form};

/// The name under which these failures stand.
const AT: &str = "Azure credentials";
/// Bytes of a federated token.
const FILE_LEN_BYTES_MAX: u64 = 64 << 10;

/// Finds an access token for the resource: `https://vault.azure.net` or `https://managedhsm.azure.net`.
///
/// # Errors
/// [`StoreError`] of the problem `Credentials` where there is none.
pub(crate) fn find(client: &Client, resource: &str) -> Result<Token, StoreError> {
    let variable = |name| client.machine().variable(name);
    if let Some(token) = variable("AZURE_ACCESS_TOKEN") {
        return Token::new(&token, AT);
    }
    let client_id = variable("AZURE_CLIENT_ID");
    let (Some(tenant), Some(client_id)) = (variable("AZURE_TENANT_ID"), client_id.as_deref()) else {
        return of_managed_identity(client, resource, client_id.as_deref());
    };
    let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !tenant.chars().all(is_id) {
        let help = "set `AZURE_TENANT_ID` to the tenant's id or domain";
        return Err(StoreError::new(Problem::Credentials, AT, "the tenant is no id", help));
    }
    let host =
        variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
    let url = format!("{}/{tenant}/oauth2/v2.0/token", host.trim_end_matches('/'));
    let scope = format!("{resource}/.default");
    let mut members =
        vec![("grant_type", "client_credentials"), ("client_id", client_id), ("scope", scope.as_str())];
    let (secret, file) = (variable("AZURE_CLIENT_SECRET"), variable("AZURE_FEDERATED_TOKEN_FILE"));
    let assertion = match (&secret, file) {
        (None, Some(file)) => Some(read(&file)?),
        _ => None,
    };
    match (&secret, &assertion) {
        (Some(secret), _) => members.push(("client_secret", secret)),
        (None, Some(assertion)) => members.extend([
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ]),
        (None, None) => {
            let what = "a service principal is named, with neither secret nor federated token";
            let help = "set `AZURE_CLIENT_SECRET`, `AZURE_FEDERATED_TOKEN_FILE` or `AZURE_ACCESS_TOKEN`; certificates are not read here";
            return Err(StoreError::new(Problem::Credentials, AT, what, help));
        }
    }
    fetch(client, AT, &form(&url, &members))
}

fn of_managed_identity(client: &Client, resource: &str, id: Option<&str>) -> Result<Token, StoreError> {
    let host = client.machine().variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let host = host.unwrap_or_else(|| "http://169.254.169.254".to_owned());
    let is_id = |id: &&str| id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let id = id.filter(is_id).map(|id| format!("&client_id={id}")).unwrap_or_default();
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
    let url = format!("{}{path}{resource}{id}", host.trim_end_matches('/'));
    let headers = vec![("metadata".to_owned(), "true".to_owned())];
    fetch(client, AT, &Request { method: Method::Get, url, headers, body: Vec::new() }).map_err(|error| {
        let what = format!("there are none in the environment, and the managed identity: {}", error.what);
        let help =
            "set `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`, or `AZURE_ACCESS_TOKEN`";
        StoreError::new(Problem::Credentials, AT, what, help)
    })
}

fn read(file: &str) -> Result<String, StoreError> {
    let unfit = |what: String| {
        StoreError::new(Problem::Credentials, file, what, "give a file with the federated token alone")
    };
    let length = std::fs::metadata(file).map_err(|error| unfit(error.to_string()))?.len();
    if length > FILE_LEN_BYTES_MAX {
        return Err(unfit(format!("it is longer than {FILE_LEN_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unfit(error.to_string()))?;
    Ok(text.trim().to_owned())
}
