//! Access tokens (RFC 6749): fetched when they are needed, kept until shortly before they end.
use crate::client::{Answer, Client, Method, Repeat, Request, Verdict};
use crate::document::{Document, plain, unfit};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::secret::Secret;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A token is fetched anew so long before it ends, so that it outlives the calls that take it.
const RENEW_BEFORE: Duration = Duration::from_secs(120);
/// A token that says no end counts so long: then its source is read again.
const REREAD_AFTER: Duration = Duration::from_secs(300);
/// Bytes of a token: those of Microsoft with many claims have 4 kB.
const TOKEN_LEN_BYTES_MAX: usize = 16 << 10;

/// A token as its source gives it.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    lifetime: Option<Duration>,
}

impl Token {
    /// A token of unknown end.
    ///
    /// # Errors
    /// [`StoreError`] where it is no token of RFC 6750 section 2.1, or too long.
    pub fn new(text: &str, at: &str) -> Result<Token, StoreError> {
        let text = text.trim();
        let is_token = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
        if text.is_empty() || text.len() > TOKEN_LEN_BYTES_MAX || !text.bytes().all(is_token) {
            let help = "give the access token alone";
            return Err(StoreError::new(Problem::Credentials, at, "it is no access token", help));
        }
        Ok(Token { secret: Secret::new(text.as_bytes().to_vec()), lifetime: None })
    }

    /// The token of a token endpoint's or a metadata service's answer (RFC 6749 section 5.1). Some write `expires_in` as
    /// text.
    ///
    /// # Errors
    /// [`StoreError`] where it holds none.
    pub fn of_answer(answer: &Answer, at: &str) -> Result<Token, StoreError> {
        let document = Document::read(answer, at)?;
        let token = Token::new(document.text("/access_token")?, at)?;
        let lifetime = document.member("/expires_in").and_then(|value| match value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let lifetime = lifetime.ok_or_else(|| unfit(at, "the answer has no `expires_in`"))?;
        Ok(Token { lifetime: Some(Duration::from_secs(lifetime)), ..token })
    }
}

/// The token that is good now.
#[derive(Debug, Default)]
pub struct Held(Mutex<Option<(Secret, SystemTime)>>);

impl Held {
    /// The value of an `Authorization` header, with the token that is held, or one that `find` finds.
    ///
    /// # Errors
    /// That of `find`.
    pub fn header(
        &self,
        now: SystemTime,
        find: impl FnOnce() -> Result<Token, StoreError>,
    ) -> Result<(String, String), StoreError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = match held.as_ref() {
            Some((secret, until)) if now < *until => secret.clone(),
            _ => {
                let found = find()?;
                let lifetime = found.lifetime.map(|lifetime| lifetime.saturating_sub(RENEW_BEFORE));
                let until = now.checked_add(lifetime.unwrap_or(REREAD_AFTER));
                *held = until.map(|until| (found.secret.clone(), until));
                found.secret
            }
        };
        Ok(("authorization".to_owned(), format!("Bearer {}", secret.expose_text()?)))
    }

    /// Forgets the token: the service did not take it.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Asks a token endpoint or a metadata service.
///
/// # Errors
/// [`StoreError`] of the problem `Credentials` where it refuses, with its word for it (RFC 6749 section 5.2).
pub fn fetch(client: &Client, at: &str, request: &Request) -> Result<Token, StoreError> {
    let judge = |answer: &Answer| Verdict::of_status(answer.status, "");
    let answer = client.call(at, Repeat::Always, &|| Ok(request.clone()), judge)?;
    if answer.status == 200 {
        return Token::of_answer(&answer, at);
    }
    // The description may repeat the request: the word alone.
    let word = Document::read(&answer, at).ok().and_then(|read| read.maybe_text("/error").map(plain));
    let what = format!("no token was given: status {} {}", answer.status, word.unwrap_or_default());
    Err(StoreError::new(Problem::Credentials, at, what.trim_end(), "check who asks, and the secret"))
}

/// A request of a token endpoint: these members in `application/x-www-form-urlencoded`.
pub fn form(url: &str, members: &[(&str, &str)]) -> Request {
    let encode = |text: &str| -> String {
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~".contains(octet);
        let encoded = text.as_bytes().iter().map(|octet| match plain(octet) {
            true => char::from(*octet).to_string(),
            false => format!("%{octet:02X}"),
        });
        encoded.collect()
    };
    let pairs: Vec<String> =
        members.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    Request { method: Method::Post, url: url.to_owned(), headers, body: pairs.join("&").into_bytes() }
}
