//! Services of others that are asked over HTTP: logs of certificate transparency, and witnesses. They need the feature
//! `cloud`, as everything does that calls out.
//!
//! It knows neither's protocol: a body goes there, an answer comes back, and both have limits.
use crate::config::Peer;
use crate::failure::Failure;

/// Whether this build calls services of others.
pub(crate) const IS_BUILT: bool = cfg!(feature = "cloud");

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The media type of its body, without parameters; empty where it says none.
    pub(crate) media_type: String,
    /// Its body, of at most 64 KiB.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Its status with what it says, for an error.
    pub(crate) fn refusal(&self) -> String {
        const MESSAGE_LEN_MAX: usize = 200;
        let text = String::from_utf8_lossy(&self.body);
        let message: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let message: String = message.chars().filter(|c| !c.is_control()).take(MESSAGE_LEN_MAX).collect();
        format!("it answered with status {} {message}", self.status).trim_end().to_owned()
    }
}

#[cfg(feature = "cloud")]
pub(crate) use built::Service;
#[cfg(not(feature = "cloud"))]
pub(crate) use unbuilt::Service;

#[cfg(feature = "cloud")]
mod built {
    use super::{Failure, Peer, Reply};
    use pkic_backend_rest::client::{
        Answer, Client, Limits, Method, Repeat, Request, Route, Verdict, check_url,
    };
    use pkic_backend_rest::machine::ThisMachine;
    use std::sync::Arc;

    /// Attempts of one call, all within the time of the peer.
    const ATTEMPTS_MAX: u32 = 3;
    /// Bytes of an answer: a timestamp, or the signature lines of a note, are a few kilobytes.
    const ANSWER_LEN_BYTES_MAX: u64 = 64 << 10;

    /// A service that can be asked.
    pub(crate) struct Service {
        client: Client,
        title: String,
        url: String,
    }

    impl Service {
        /// The service of a peer.
        ///
        /// # Errors
        /// [`Failure`] where its URL leads to another machine without TLS.
        pub(crate) fn new<K>(peer: &Peer<K>) -> Result<Service, Failure> {
            let timeout_ms = u64::try_from(peer.timeout.as_millis()).unwrap_or(u64::MAX);
            let limits = Limits {
                connect_timeout_ms: timeout_ms,
                attempt_timeout_ms: timeout_ms,
                deadline_ms: timeout_ms,
                attempts_max: ATTEMPTS_MAX,
                answer_len_bytes_max: ANSWER_LEN_BYTES_MAX,
                ..Limits::default()
            };
            let (title, url) = (peer.title(), peer.url.trim_end_matches('/').to_owned());
            check_url(&title, &url).map_err(Failure::Store)?;
            let client = Client::new(&Route { roots: None, limits }, Arc::new(ThisMachine));
            Ok(Service { client: client.map_err(Failure::Store)?, title, url })
        }

        /// Sends a body to a path below the service's URL, again where that may help: what is sent may arrive twice.
        ///
        /// # Errors
        /// In words, where there is no answer within the time, or one that is too long.
        pub(crate) fn post(&self, path: &str, media_type: &str, body: Vec<u8>) -> Result<Reply, String> {
            let headers = vec![("content-type".to_owned(), media_type.to_owned())];
            let request = Request { method: Method::Post, url: format!("{}{path}", self.url), headers, body };
            let judge = |answer: &Answer| Verdict::of_status(answer.status, "");
            let answered = self.client.call(&self.title, Repeat::Always, &|| Ok(request.clone()), judge);
            let answer = answered.map_err(|error| error.what)?;
            let media_type = answer.header("content-type").unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            Ok(Reply { status: answer.status, media_type, body: answer.body })
        }
    }
}

#[cfg(not(feature = "cloud"))]
mod unbuilt {
    use super::{Failure, Peer, Reply};

    /// There is none: a peer that is named is never passed over.
    pub(crate) enum Service {}

    impl Service {
        pub(crate) fn new<K>(peer: &Peer<K>) -> Result<Service, Failure> {
            let what =
                format!("{} needs the feature `cloud`, which this pkic was built without", peer.title());
            Err(Failure::usage_with_help(what, "leave the table out, or use a pkic that was built with it"))
        }

        pub(crate) fn post(&self, _: &str, _: &str, _: Vec<u8>) -> Result<Reply, String> {
            match *self {}
        }
    }
}
