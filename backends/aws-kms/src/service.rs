//! One signed call of the service, and what its errors mean.
//!
//! Source: AWS KMS API Reference, the actions' errors and "Common Errors"; Signature Version 4.
use crate::credentials::{Chain, Credentials};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Answer, Client, Method, Repeat, Request, Verdict};
use pkic_backend_rest::document::{Document, plain};
use serde_json::Value;
use std::sync::Arc;

/// Names by which AWS says that it is asked too often. Source: AWS SDKs, retry behaviour, throttling errors.
const THROTTLED: [&str; 6] = [
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// AWS KMS of one region, asked with the credentials of one chain.
pub(crate) struct Service {
    pub(crate) client: Arc<Client>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) region: String,
    pub(crate) endpoint: String,
    /// The profile that URI or settings name.
    pub(crate) profile: Option<String>,
}

impl Service {
    /// Calls an action about what is at `at`.
    ///
    /// # Errors
    /// [`StoreError`] of every problem but `KeyAmbiguous` and `File`.
    pub(crate) fn call(
        &self,
        at: &str,
        action: &str,
        body: &Value,
        repeat: Repeat,
    ) -> Result<Document, StoreError> {
        let body = body.to_string().into_bytes();
        let make = || self.signed(at, action, &body, &self.chain.current()?);
        let answer = self.client.call(at, repeat, &make, judge)?;
        if answer.status == 200 {
            return Document::read(&answer, at);
        }
        let error = self.error(at, action, &answer);
        if error.problem == Problem::Credentials {
            self.chain.forget();
        }
        Err(error)
    }

    fn signed(
        &self,
        at: &str,
        action: &str,
        body: &[u8],
        credentials: &Credentials,
    ) -> Result<Request, StoreError> {
        let unfit = |_| {
            let help = "check access key, secret and session token for stray characters";
            StoreError::new(Problem::Credentials, at, "the request cannot be signed", help)
        };
        let token = credentials.token.as_ref().map(|token| token.expose_text()).transpose()?;
        let identity = aws_credential_types::Credentials::new(
            &credentials.access_key_id,
            credentials.secret.expose_text()?,
            token.map(str::to_owned),
            None,
            "pkic",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("kms")
            .time(self.client.machine().now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unfit(error.to_string()))?
            .into();
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), format!("TrentService.{action}")),
        ];
        let shown = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", &self.endpoint, shown, SignableBody::Bytes(body))
            .map_err(|error| unfit(error.to_string()))?;
        let (instructions, _) =
            sign(signable, &parameters).map_err(|error| unfit(error.to_string()))?.into_parts();
        headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Request { method: Method::Post, url: self.endpoint.clone(), headers, body: body.to_vec() })
    }

    fn error(&self, at: &str, action: &str, answer: &Answer) -> StoreError {
        let name = name(answer);
        let (problem, what, help) = match name.as_str() {
            "NotFoundException" => {
                let help = "check key-id, region and account: `aws kms describe-key --key-id …`";
                (Problem::KeyUnknown, "the store has no such key".to_owned(), help)
            }
            // What AWS writes about these may repeat the request with its session token: own words alone.
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "UnrecognizedClientException" => {
                (Problem::Credentials, format!("AWS does not take the credentials ({name})"), "renew them")
            }
            "IncompleteSignature"
            | "InvalidSignatureException"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch" => {
                let what = format!("AWS does not take the request's signature ({name})");
                (
                    Problem::Credentials,
                    what,
                    "check the secret access key, and that the clock is right to 5 minutes",
                )
            }
            "AccessDenied" | "AccessDeniedException" => {
                let what = format!("the caller may not call `kms:{action}` on it");
                (Problem::Denied, what, "allow it in the key's policy and the caller's")
            }
            "DisabledException" => (Problem::Denied, "the key is disabled".to_owned(), "enable it"),
            "KMSInvalidStateException" => {
                let help = "`aws kms describe-key` tells its state; it must be `Enabled`";
                (Problem::Denied, format!("the key's state does not allow it: {}", message(answer)), help)
            }
            "InvalidKeyUsageException" | "UnsupportedOperationException" => {
                let help = "give an asymmetric key with the usage SIGN_VERIFY";
                (Problem::Unsupported, format!("{name}: {}", message(answer)), help)
            }
            "AlreadyExistsException"
            | "InvalidAliasNameException"
            | "InvalidArnException"
            | "ValidationException" => {
                let help = "check key-id and region";
                (Problem::Configuration, format!("{name}: {}", message(answer)), help)
            }
            _ => {
                let what = format!("status {} {name}: {}", answer.status, message(answer));
                (Problem::Answer, what, "see that the endpoint is AWS KMS")
            }
        };
        StoreError::new(problem, at, what, help)
    }
}

/// The error's name: of `x-amzn-errortype`, or of `__type`, without namespace and link.
fn name(answer: &Answer) -> String {
    let header = answer.header("x-amzn-errortype").map(str::to_owned);
    let body = || {
        let value: Value = serde_json::from_slice(&answer.body).ok()?;
        value.get("__type").and_then(Value::as_str).map(str::to_owned)
    };
    let whole = header.or_else(body).unwrap_or_default();
    let name = whole.split(':').next().unwrap_or_default();
    plain(name.rsplit('#').next().unwrap_or_default())
}

fn message(answer: &Answer) -> String {
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let text = value.as_ref().and_then(|value| value.get("message").or_else(|| value.get("Message")));
    plain(text.and_then(Value::as_str).unwrap_or("no message"))
}

fn judge(answer: &Answer) -> Verdict {
    if answer.status == 200 {
        return Verdict::Final;
    }
    let name = name(answer);
    match THROTTLED.contains(&name.as_str()) {
        true => Verdict::Throttled(name),
        false => Verdict::of_status(answer.status, &name),
    }
}
