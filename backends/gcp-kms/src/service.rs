//! One call of the service with its token, and what its errors mean.
//!
//! Source: Cloud KMS REST reference; Google APIs, "Errors" (`google.rpc.Code`).
use crate::credentials;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Answer, Client, Method, Repeat, Request, Verdict};
use pkic_backend_rest::document::{Document, plain};
use pkic_backend_rest::token::Held;
use serde_json::Value;

/// The service at its endpoint.
pub(crate) struct Service {
    pub(crate) client: Client,
    pub(crate) token: Held,
    pub(crate) endpoint: String,
}

impl Service {
    /// Calls a method with a path behind `/v1/`, by POST where there is a body. All calls made here change nothing.
    ///
    /// # Errors
    /// [`StoreError`] of every problem but `KeyAmbiguous`.
    pub(crate) fn call(&self, at: &str, path: &str, body: Option<&Value>) -> Result<Document, StoreError> {
        let make = || {
            let machine = self.client.machine();
            let mut headers = vec![self.token.header(machine.now(), || credentials::find(&self.client))?];
            headers.extend(body.map(|_| ("content-type".to_owned(), "application/json".to_owned())));
            let method = if body.is_some() { Method::Post } else { Method::Get };
            let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
            Ok(Request { method, url: format!("{}/v1/{path}", self.endpoint), headers, body })
        };
        let judge = |answer: &Answer| Verdict::of_status(answer.status, &status(answer));
        let answer = self.client.call(at, Repeat::Always, &make, judge)?;
        if answer.status == 200 {
            return Document::read(&answer, at);
        }
        let error = error(at, &answer);
        if error.problem == Problem::Credentials {
            self.token.forget();
        }
        Err(error)
    }
}

fn error(at: &str, answer: &Answer) -> StoreError {
    let status = status(answer);
    let told = || format!("{status}: {}", plain(&member(answer, "message")));
    let (problem, what, help) = match (answer.status, status.as_str()) {
        (404, _) | (_, "NOT_FOUND") => {
            let help = "check project, location, key ring, key and version";
            (Problem::KeyUnknown, "the store has no such key".to_owned(), help)
        }
        (401, _) | (_, "UNAUTHENTICATED") => {
            (Problem::Credentials, "Google does not take the access token".to_owned(), "renew it")
        }
        (403, _) | (_, "PERMISSION_DENIED") => {
            let help =
                "give the caller `roles/cloudkms.signerVerifier` and `roles/cloudkms.viewer` on the key";
            (Problem::Denied, told(), help)
        }
        (_, "FAILED_PRECONDITION") => {
            (Problem::Denied, told(), "see the version's state; it must be `ENABLED`")
        }
        (_, "INVALID_ARGUMENT") => (Problem::Configuration, told(), "check the key's URI"),
        (code, _) => {
            let help = "see that the endpoint is Cloud KMS";
            (Problem::Answer, format!("status {code} {}", told()), help)
        }
    };
    StoreError::new(problem, at, what, help)
}

/// `error.status`: the name of a `google.rpc.Code`.
fn status(answer: &Answer) -> String {
    plain(&member(answer, "status"))
}

fn member(answer: &Answer, name: &str) -> String {
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let text = value.as_ref().and_then(|value| value.get("error")?.get(name)?.as_str());
    text.unwrap_or_default().to_owned()
}
