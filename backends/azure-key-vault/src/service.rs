//! One call of a vault or pool with its token, and what its errors mean.
//!
//! Source: Azure Key Vault REST reference, Keys; "Key Vault REST API error codes".
use crate::credentials;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Answer, Client, Method, Repeat, Request, Verdict};
use pkic_backend_rest::document::plain;
use pkic_backend_rest::token::Held;
use serde_json::Value;
use std::sync::Arc;

/// The version of the interface for keys and signatures: the oldest that all clouds have.
pub(crate) const API_VERSION: &str = "api-version=7.4";
/// The version that has attestation.
pub(crate) const ATTESTATION_API_VERSION: &str = "api-version=2025-07-01";

/// One vault, or one Managed HSM pool.
pub(crate) struct Service {
    pub(crate) client: Arc<Client>,
    pub(crate) token: Arc<Held>,
    /// `https://NAME.vault.azure.net` or `https://NAME.managedhsm.azure.net`.
    pub(crate) base: String,
    /// The resource that tokens are for.
    pub(crate) resource: String,
    pub(crate) vault: String,
    pub(crate) is_managed_hsm: bool,
}

impl Service {
    /// Calls a path, with its query, by POST where there is a body. All calls made here change nothing.
    ///
    /// # Errors
    /// [`StoreError`] of every problem but `KeyAmbiguous`.
    pub(crate) fn call(&self, at: &str, path: &str, body: Option<&Value>) -> Result<Answer, StoreError> {
        let make = || {
            let find = || credentials::find(&self.client, &self.resource);
            let mut headers = vec![self.token.header(self.client.machine().now(), find)?];
            headers.extend(body.map(|_| ("content-type".to_owned(), "application/json".to_owned())));
            let method = if body.is_some() { Method::Post } else { Method::Get };
            let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
            Ok(Request { method, url: format!("{}{path}", self.base), headers, body })
        };
        let judge = |answer: &Answer| Verdict::of_status(answer.status, &member(answer, "/error/code"));
        let answer = self.client.call(at, Repeat::Always, &make, judge)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let error = error(at, &answer);
        if error.problem == Problem::Credentials {
            self.token.forget();
        }
        Err(error)
    }
}

fn error(at: &str, answer: &Answer) -> StoreError {
    let (code, inner) = (member(answer, "/error/code"), member(answer, "/error/innererror/code"));
    let told = || format!("{code} {inner}: {}", member(answer, "/error/message"));
    let (problem, what, help) = match (answer.status, inner.as_str()) {
        (404, _) => {
            let help = "check vault, name and version";
            (Problem::KeyUnknown, "the store has no such key".to_owned(), help)
        }
        (401, _) => (Problem::Credentials, "Azure does not take the access token".to_owned(), "renew it"),
        (403, "KeyDisabled") => (Problem::Denied, "the key is disabled".to_owned(), "enable it"),
        (403, "KeyExpired" | "KeyNotYetValid") => (Problem::Denied, told(), "see the key's `nbf` and `exp`"),
        (403, _) => {
            let help = "give the caller the role Key Vault Crypto User, or Managed HSM Crypto User, and see the firewall";
            (Problem::Denied, told(), help)
        }
        (400, _) => (Problem::Configuration, told(), "check the key's URI, and that it signs"),
        (status, _) => (
            Problem::Answer,
            format!("status {status} {}", told()),
            "see that the endpoint is Azure Key Vault",
        ),
    };
    StoreError::new(problem, at, what, help)
}

fn member(answer: &Answer, pointer: &str) -> String {
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let text = value.as_ref().and_then(|value| value.pointer(pointer)?.as_str());
    plain(text.unwrap_or_default())
}
