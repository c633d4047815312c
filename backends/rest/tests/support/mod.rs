//! A service that is not there: an HTTP/1.1 server of this process whose answers a test writes, a machine whose clock
//! and environment a test sets, and emulators that others wrote.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use pkic_backend_rest::machine::Machine;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the service does with it.
pub enum Reply {
    Json(u16, Value),
    Bytes(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Says nothing until the client gives up.
    Hang,
    /// Closes the connection.
    Reset,
}

type Handler = dyn Fn(usize, &Received) -> Reply + Send + Sync;

/// A running service.
pub struct Fake {
    pub url: String,
    pub seen: Arc<Mutex<Vec<Received>>>,
    has_ended: Arc<AtomicBool>,
    address: std::net::SocketAddr,
}

impl Fake {
    /// Answers with what `handler` says to the call of that number, from nought, and its content.
    pub fn start(handler: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, has_ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, ended) = (Arc::clone(&seen), Arc::clone(&has_ended));
        let (handler, count): (Arc<Handler>, _) = (Arc::new(handler), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let (log, handler, count) = (Arc::clone(&log), Arc::clone(&handler), Arc::clone(&count));
                thread::spawn(move || serve(stream.unwrap(), &log, handler.as_ref(), &count));
            }
        });
        Fake { url: format!("http://{address}"), seen, has_ended, address }
    }

    pub fn calls(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Received>>, handler: &Handler, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut first = line.split_whitespace().map(str::to_owned);
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |text: &String| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let received = Received { method, path, headers, body };
    log.lock().unwrap().push(received.clone());
    let (status, headers, body) = match handler(count.fetch_add(1, Ordering::AcqRel), &received) {
        Reply::Json(status, value) => (status, Vec::new(), value.to_string().into_bytes()),
        Reply::Bytes(status, headers, body) => (status, headers, body),
        Reply::Reset => return,
        Reply::Hang => {
            let _ = reader.read(&mut [0]);
            return;
        }
    };
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
}

/// A machine with its own environment, whose pauses take no time.
pub struct TestMachine {
    pub variables: BTreeMap<String, String>,
    pub now_s: Mutex<u64>,
    pub pauses: Mutex<Vec<Duration>>,
}

impl TestMachine {
    pub fn new(variables: &[(&str, &str)]) -> Arc<TestMachine> {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let pauses = Mutex::new(Vec::new());
        Arc::new(TestMachine { variables: owned.collect(), now_s: Mutex::new(1_790_000_000), pauses })
    }

    pub fn pauses_ms(&self) -> Vec<u128> {
        self.pauses.lock().unwrap().iter().map(Duration::as_millis).collect()
    }
}

impl Machine for TestMachine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(*self.now_s.lock().unwrap())
    }

    fn pause(&self, time: Duration) {
        self.pauses.lock().unwrap().push(time);
    }
}

/// An emulator of `.ci/emulators`, ended when it is dropped.
pub struct Emulator {
    pub url: String,
    child: Child,
}

impl Emulator {
    /// Starts a program on a port of its own, which `{port}` stands for, and waits until it listens.
    pub fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Emulator {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("emulators/bin");
        let path = folder.join(program);
        assert!(path.exists(), "there is no {}: run .ci/emulators", path.display());
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let with_port = |text: &str| text.replace("{port}", &port.to_string());
            let mut command = Command::new(&path);
            command
                .args(arguments.iter().map(|text| with_port(text)))
                .current_dir(env!("CARGO_TARGET_TMPDIR"));
            command.envs(variables.iter().map(|(name, value)| (name, with_port(value))));
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut emulator = Emulator { url: format!("http://127.0.0.1:{port}"), child };
            // Another process may have taken the port: then the child ends, and another port is tried.
            while emulator.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return emulator;
                }
                assert!(Instant::now() < deadline, "{program} does not listen");
                thread::sleep(Duration::from_millis(50));
            }
            assert!(Instant::now() < deadline, "{program} does not start");
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
