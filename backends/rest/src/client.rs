//! One HTTP client with its limits, and the loop that tries again.
use crate::machine::Machine;
use pkic_backend::error::{Problem, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, Timeout, http};

/// Certificates of a bundle of roots: Mozilla's list has about 150.
const ROOTS_MAX: usize = 2000;
/// Bytes of a bundle of roots.
const ROOTS_LEN_BYTES_MAX: u64 = 4 << 20;
/// Bytes of all headers of an answer.
const HEADERS_LEN_BYTES_MAX: usize = 32 << 10;
/// Hosts of this machine, and of the metadata services that only a machine itself reaches: plain HTTP leads there alone.
/// Sources: RFC 3927 section 2.1; the instance metadata services of AWS, Azure and Google Cloud.
const PLAIN_HOSTS: [&str; 8] = [
    "127.0.0.1",
    "[::1]",
    "localhost",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "metadata.google.internal",
];

/// How long, how often and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of making a connection.
    pub connect_timeout_ms: u64,
    /// Of one attempt, connection and answer included.
    pub attempt_timeout_ms: u64,
    /// Of a call with all its attempts and pauses.
    pub deadline_ms: u64,
    /// Attempts of one call.
    pub attempts_max: u32,
    /// Pause before the second attempt; it doubles with each.
    pub pause_ms: u64,
    /// The longest pause.
    pub pause_ms_max: u64,
    /// Of an answer's body.
    pub answer_len_bytes_max: u64,
}

impl Default for Limits {
    /// What suits a key service: it answers within some hundred milliseconds, and a list of keys has about 200 kB.
    fn default() -> Limits {
        Limits {
            connect_timeout_ms: 3_000,
            attempt_timeout_ms: 10_000,
            deadline_ms: 30_000,
            attempts_max: 5,
            pause_ms: 100,
            pause_ms_max: 5_000,
            answer_len_bytes_max: 1 << 20,
        }
    }
}

/// How the service is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// A PEM file of the roots that TLS trusts; without one, the system's.
    pub roots: Option<PathBuf>,
    /// Bounds of each call.
    pub limits: Limits,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

impl Method {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// A request. It may hold credentials, and does not show.
#[derive(Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// An absolute URL.
    pub url: String,
    /// Headers beside those of the connection.
    pub headers: Vec<(String, String)>,
    /// Its body; of a GET nothing.
    pub body: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Its whole body.
    pub body: Vec<u8>,
    headers: http::HeaderMap,
}

impl Answer {
    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Whether a request that may have arrived is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing: reads and signatures.
    Always,
    /// It changes something, and is repeated only where the service said that it did not do it, or was never reached.
    IfNotDone,
}

/// What an answer means for the loop, with the service's own name for it, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The service failed, and may not fail the next time.
    Failing(String),
    /// It is the answer, good or bad.
    Final,
    /// The service asks to be asked less often, and did nothing.
    Throttled(String),
}

impl Verdict {
    /// What the status code alone says (RFC 9110 section 15, RFC 6585 section 4).
    pub fn of_status(status: u16, name: &str) -> Verdict {
        match status {
            429 => Verdict::Throttled(name.to_owned()),
            500 | 502 | 503 | 504 => Verdict::Failing(name.to_owned()),
            _ => Verdict::Final,
        }
    }
}

/// A client of one service.
pub struct Client {
    agent: Agent,
    limits: Limits,
    machine: Arc<dyn Machine>,
}

impl Client {
    /// A client. The proxy is that of `HTTPS_PROXY` and `NO_PROXY`.
    ///
    /// # Errors
    /// [`StoreError`] for roots that do not read, and a proxy that has no URL.
    pub fn new(route: &Route, machine: Arc<dyn Machine>) -> Result<Client, StoreError> {
        let roots = match &route.roots {
            Some(path) => read_roots(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let limits = route.limits.clone();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEADERS_LEN_BYTES_MAX)
            .proxy(proxy(machine.as_ref())?)
            .timeout_connect(Some(Duration::from_millis(limits.connect_timeout_ms)))
            .tls_config(tls)
            .user_agent(concat!("pkic/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Client { agent: config.into(), limits, machine })
    }

    /// The machine that it runs on.
    pub fn machine(&self) -> &dyn Machine {
        self.machine.as_ref()
    }

    /// Sends a request, and again while that may help and the limits allow. `make` makes it anew for each attempt: what
    /// is signed bears the time. `judge` says what an answer means.
    ///
    /// # Errors
    /// [`StoreError`] of `make`; of the problems `Unreachable`, `TimedOut` and `Throttled` after the last attempt;
    /// `Answer` where the answer is over its limit or no HTTP; `Configuration` for a URL that is none.
    pub fn call(
        &self,
        at: &str,
        repeat: Repeat,
        make: &dyn Fn() -> Result<Request, StoreError>,
        judge: fn(&Answer) -> Verdict,
    ) -> Result<Answer, StoreError> {
        let started = Instant::now();
        let deadline = Duration::from_millis(self.limits.deadline_ms);
        let mut pause = Duration::from_millis(self.limits.pause_ms);
        let pause_max = Duration::from_millis(self.limits.pause_ms_max);
        let mut attempt = 1;
        loop {
            let left = deadline.saturating_sub(started.elapsed());
            let (failure, asked_pause) = match self.attempt(at, &make()?, left) {
                Ok(answer) => {
                    let (problem, name, is_final) = match judge(&answer) {
                        Verdict::Final => return Ok(answer),
                        Verdict::Failing(name) => (Problem::Unreachable, name, repeat == Repeat::IfNotDone),
                        Verdict::Throttled(name) => (Problem::Throttled, name, false),
                    };
                    let error = refused(at, problem, format!("{} {name}", answer.status), attempt);
                    (Failure { error, is_final }, retry_after(&answer))
                }
                Err(lost) => (lost.into_failure(at, repeat), None),
            };
            let wait = asked_pause.unwrap_or(pause).min(pause_max);
            let is_late = started.elapsed().saturating_add(wait) >= deadline;
            if failure.is_final || is_late || attempt >= self.limits.attempts_max {
                return Err(failure.error);
            }
            self.machine.pause(wait);
            pause = pause.saturating_mul(2).min(pause_max);
            attempt = attempt.saturating_add(1);
        }
    }

    fn attempt(&self, at: &str, request: &Request, left: Duration) -> Result<Answer, Lost> {
        let is_plain = check_url(at, &request.url).map_err(Lost::Refused)?;
        let timeout = left.min(Duration::from_millis(self.limits.attempt_timeout_ms));
        let mut sent = http::Request::builder().method(request.method.name()).uri(&request.url);
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        let answered = match request.method {
            Method::Get => sent.body(()).map_err(ureq::Error::from).and_then(|sent| {
                let config = self.agent.configure_request(sent).timeout_global(Some(timeout));
                self.agent.run(if is_plain { config.proxy(None) } else { config }.build())
            }),
            Method::Post | Method::Put => {
                sent.body(request.body.as_slice()).map_err(ureq::Error::from).and_then(|sent| {
                    let config = self.agent.configure_request(sent).timeout_global(Some(timeout));
                    self.agent.run(if is_plain { config.proxy(None) } else { config }.build())
                })
            }
        };
        let mut answered = answered.map_err(Lost::On)?;
        let limit = self.limits.answer_len_bytes_max;
        let body = answered.body_mut().with_config().limit(limit).read_to_vec().map_err(Lost::On)?;
        Ok(Answer { status: answered.status().as_u16(), body, headers: answered.headers().clone() })
    }
}

/// Why an attempt has no answer.
enum Lost {
    /// It was not sent.
    Refused(StoreError),
    /// On the way.
    On(ureq::Error),
}

/// A failed attempt.
struct Failure {
    error: StoreError,
    is_final: bool,
}

impl Lost {
    fn into_failure(self, at: &str, repeat: Repeat) -> Failure {
        let error = match self {
            Lost::Refused(error) => return Failure { error, is_final: true },
            Lost::On(error) => error,
        };
        let last = |problem, what: String, help: &str| Failure {
            error: StoreError::new(problem, at, what, help),
            is_final: true,
        };
        let (problem, may_have_arrived, help) = match &error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                (Problem::TimedOut, false, "check endpoint, proxy and firewall")
            }
            ureq::Error::Timeout(_) => (Problem::TimedOut, true, "see whether the service works; try again"),
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                (Problem::Unreachable, false, "check endpoint, region and name resolution")
            }
            ureq::Error::Io(io) => {
                let was_refused = io.kind() == std::io::ErrorKind::ConnectionRefused;
                (Problem::Unreachable, !was_refused, "check endpoint, proxy and firewall")
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
                let help = "check the clock, the endpoint's certificate, and the roots that are trusted";
                return last(Problem::Unreachable, error.to_string(), help);
            }
            ureq::Error::BodyExceedsLimit(limit) => {
                let what = format!("the answer is longer than {limit} bytes");
                let help = "see that the endpoint is the service's own";
                return last(Problem::Answer, what, help);
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                let help = "check endpoint, region and the key's URI";
                return last(Problem::Configuration, "its URL or a header is none".to_owned(), help);
            }
            _ => {
                let what = format!("the answer is no HTTP: {error}");
                let help = "see that the endpoint is the service's own";
                return last(Problem::Answer, what, help);
            }
        };
        let what = match problem {
            Problem::TimedOut => "the service did not answer in time".to_owned(),
            _ => format!("the service cannot be reached: {error}"),
        };
        let is_final = repeat == Repeat::IfNotDone && may_have_arrived;
        Failure { error: StoreError::new(problem, at, what, help), is_final }
    }
}

fn refused(at: &str, problem: Problem, status: String, attempts: u32) -> StoreError {
    let (what, help) = match problem {
        Problem::Throttled => ("asked for fewer calls", "raise the quota, or spread the calls"),
        _ => ("failed", "see the provider's status page, and try again"),
    };
    let what = format!("the service {what} (status {}, attempt {attempts})", status.trim_end());
    StoreError::new(problem, at, what, help)
}

/// The seconds of `Retry-After`; a date there is not read (RFC 9110 section 10.2.3).
fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
}

/// Whether the URL is plain HTTP.
///
/// # Errors
/// [`StoreError`] of the problem `Configuration` for plain HTTP to another machine, and for what is no HTTP.
pub fn check_url(at: &str, url: &str) -> Result<bool, StoreError> {
    let unfit = |what: &str, help: &str| StoreError::new(Problem::Configuration, at, what, help);
    if url.starts_with("https://") {
        return Ok(false);
    }
    let rest =
        url.strip_prefix("http://").ok_or_else(|| unfit("the endpoint is no URL", "write `https://…`"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    if PLAIN_HOSTS.contains(&host) {
        return Ok(true);
    }
    let help = "write `https://…`; plain HTTP leads to this machine alone";
    Err(unfit("the endpoint is on another machine, and without TLS", help))
}

fn proxy(machine: &dyn Machine) -> Result<Option<Proxy>, StoreError> {
    let first = |names: [&str; 2]| names.iter().find_map(|name| machine.variable(name));
    let Some(url) = first(["HTTPS_PROXY", "https_proxy"]) else { return Ok(None) };
    // The URL may hold a password.
    let unfit = |_| {
        let help = "write `http://HOST:PORT`";
        StoreError::new(Problem::Configuration, "HTTPS_PROXY", "it is no URL of a proxy", help)
    };
    let given = Proxy::new(&url).map_err(unfit)?;
    let mut built = Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let Some(username) = given.username() {
        built = built.username(username);
    }
    if let Some(password) = given.password() {
        built = built.password(password);
    }
    let except = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let hosts = except.split(',').map(str::trim).filter(|host| !host.is_empty());
    hosts.fold(built, |built, host| built.no_proxy(host)).build().map(Some).map_err(unfit)
}

fn read_roots(path: &std::path::Path) -> Result<RootCerts, StoreError> {
    let unfit = |what: String| {
        let help = "give a PEM file of the root certificates that TLS may trust";
        StoreError::new(Problem::File, path.display(), what, help)
    };
    let length = std::fs::metadata(path).map_err(|error| unfit(error.to_string()))?.len();
    if length > ROOTS_LEN_BYTES_MAX {
        return Err(unfit(format!("it is longer than {ROOTS_LEN_BYTES_MAX} bytes")));
    }
    let pem = std::fs::read(path).map_err(|error| unfit(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .take(ROOTS_MAX)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(unfit(error.to_string()))),
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(unfit("it holds no certificate".to_owned()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}
