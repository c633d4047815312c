//! Issuing with its log on a disk, beside a bare loop of the same signature operations: the request's signature checked,
//! the certificate signed, and its signature checked again.
//!
//! For each store, kind of key and number of threads it prints both rates and their ratio, and the processor time of one
//! certificate in each. Both sides have the same library, store and threads, and take turns within one run, so that
//! whatever else the machine does falls on both. The bare loop has no log, no policy and no certificate.
//!
//! `cargo bench -p pkic-runtime --bench issue -- softhsm2 rsa-4096 32` runs the cases of those words, and without words
//! all of them. `-- memory` issues 100,000 certificates in one process instead, and prints what it occupies on the way.
//! `-- profile` has one thread issue 200 and sign 200 bare, for a profiler to be held against: `valgrind
//! --tool=callgrind --trace-children=yes --toggle-collect='issue::Setup::issue'` counts the instructions of issuing alone.
//! Keys and logs lie in the system's temporary directory: `TMPDIR` names another disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
#[path = "../tests/bench/mod.rs"]
mod bench;

use bench::Bench;
use pkic_backend::secret::Secret;
use pkic_backend::store::{Generator, KeyStore, NewKey, Signer};
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_pkcs11::{Config, Modules, Pkcs11Store};
use pkic_backend_software::SoftwareStore;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Strength, verify_signature};
use pkic_facts::request::CertificationRequest;
use pkic_runtime::authority::Authority;
use pkic_runtime::ca::{Ca, Outside, Place, request_of};
use pkic_runtime::record::Locations;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime};

const THREADS: [usize; 4] = [1, 8, 32, 64];
const KEYS: [(&str, KeyKind, Option<u16>, Scheme); 4] = [
    ("ecdsa-p256", KeyKind::P256, None, Scheme::Ecdsa(Hash::Sha256)),
    ("ecdsa-p384", KeyKind::P384, None, Scheme::Ecdsa(Hash::Sha384)),
    ("rsa-3072", KeyKind::Rsa, Some(3072), Scheme::RsaPkcs1(Hash::Sha256)),
    ("rsa-4096", KeyKind::Rsa, Some(4096), Scheme::RsaPkcs1(Hash::Sha256)),
];
const STORES: [&str; 2] = ["software", "softhsm2"];
/// Turns of each side, and how long one is.
const TURNS: usize = 5;
const TURN: Duration = Duration::from_millis(500);
/// Certificates of `memory`, and after how many it looks.
const MANY: u64 = 100_000;
const LOOK: u64 = 10_000;
/// Certificates of `profile`.
const FEW: usize = 200;
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "483920";
/// Where the token of this run is: set in the process that measures.
const TOKENS: &str = "PKIC_ISSUE_BENCH_TOKENS";

fn main() {
    let Some(tokens) = std::env::var_os(TOKENS) else { return run_apart() };
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_meant = |word: &str, all: &[&str]| {
        words.iter().any(|given| given == word) || !words.iter().any(|given| all.contains(&given.as_str()))
    };
    if words.iter().any(|word| word == "memory") {
        return measure_memory();
    }
    if words.iter().any(|word| word == "profile") {
        let setup = Setup::new("software", &KEYS[0]);
        (0..FEW).for_each(|_| setup.sign_bare());
        return (0..FEW).for_each(|_| setup.issue());
    }
    println!("one synchronisation of 4 kB takes {} us", synchronisation_us(Path::new(&tokens)));
    println!("store     key         threads   bare/s  issue/s  ratio  bare us  issue us");
    let names: Vec<&str> = KEYS.iter().map(|(name, ..)| *name).collect();
    let threads: Vec<String> = THREADS.iter().map(ToString::to_string).collect();
    let threads: Vec<&str> = threads.iter().map(String::as_str).collect();
    for store in STORES.into_iter().filter(|store| is_meant(store, &STORES)) {
        for key in KEYS.iter().filter(|(name, ..)| is_meant(name, &names)) {
            let setup = Setup::new(store, key);
            for threads in THREADS.into_iter().filter(|count| is_meant(&count.to_string(), &threads)) {
                let row = setup.measure(threads);
                println!("{store:<9} {:<11} {threads:>7} {row}", key.0);
            }
        }
    }
}

/// Runs this program again, with an empty token: a module reads its configuration from the environment.
fn run_apart() {
    let tokens = std::env::temp_dir().join(format!("pkic-issue-tokens-{}", std::process::id()));
    fs::create_dir_all(&tokens).unwrap();
    let configuration = tokens.join("softhsm2.conf");
    fs::write(&configuration, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .unwrap();
    let apart = |program: PathBuf| {
        let mut command = Command::new(program);
        command.env(TOKENS, &tokens).env("SOFTHSM2_CONF", &configuration);
        command
    };
    let mut token = apart("softhsm2-util".into());
    token.args(["--init-token", "--free", "--label", "bench", "--so-pin", "12345678", "--pin", PIN]);
    assert!(token.output().unwrap().status.success(), "softhsm2-util makes a token");
    let run = apart(std::env::current_exe().unwrap()).args(std::env::args().skip(1)).status();
    let _ = fs::remove_dir_all(&tokens);
    assert!(run.unwrap().success());
}

/// The machine that the bench runs on.
struct Machine(File);

impl Outside for Machine {
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_secs()).unwrap()
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), String> {
        (&self.0).read_exact(octets).map_err(|error| error.to_string())
    }
}

/// A CA whose issuing key is in a store, and what the bare loop signs and verifies.
struct Setup {
    bench: Bench,
    ca: Ca,
    issuing: Authority,
    request: Vec<u8>,
    signer: Arc<dyn Signer>,
    scheme: Scheme,
    /// Subject public keys of server and issuing CA, a proof of possession by the server, and a tbsCertificate.
    server_spki: Vec<u8>,
    issuing_spki: Vec<u8>,
    proof: Vec<u8>,
    tbs: Vec<u8>,
}

impl Setup {
    fn new(store: &str, (name, kind, bits, scheme): &(&str, KeyKind, Option<u16>, Scheme)) -> Setup {
        let bench = Bench::new();
        let machine = Machine(File::open("/dev/urandom").unwrap());
        let (ca, _) = bench.open_in(Place::Lab, Box::new(machine)).unwrap();
        let root = bench.root(&ca);
        let files = SoftwareStore::new(bench.directory().join("keys"), None);
        let new = NewKey { label: format!("ca-{name}"), kind: *kind, bits: *bits };
        let (store, uri): (Box<dyn KeyStore>, KeyUri) = if store == "software" {
            files.generate(&new).unwrap();
            (Box::new(files), KeyUri::of_file(&format!("ca-{name}.pem")))
        } else {
            let token = token();
            token.generator().unwrap().generate(&new).unwrap();
            (Box::new(token), KeyUri::parse(&format!("pkcs11:object=ca-{name}"), Dialect::Rfc7512).unwrap())
        };
        let signer = store.signer(&uri).unwrap();
        let of_ca = request_of(signer.as_ref(), "CN=Lab Issuing CA").unwrap();
        let certificate =
            ca.issue(&root, &bench.order("bench.issuing-key", "ca-sign", &of_ca)).unwrap().certificate;
        let locations = Locations::default();
        let issuing =
            Authority::new("bench.issuing", &certificate, &locations, store.as_ref(), &uri).unwrap();
        let server = SoftwareStore::new(bench.directory().join("keys"), None);
        let server = server.signer(&KeyUri::of_file("server.pem")).unwrap();
        let request = bench.request("www.example");
        let issued = ca.issue(&issuing, &bench.order("bench.server", "issue", &request)).unwrap();
        let tbs = Certificate::from_der(&issued.certificate).unwrap().tbs().raw().to_vec();
        let request = request.der().to_vec();
        let proof = server.sign(KEYS[0].3, &request).unwrap();
        let (server_spki, issuing_spki) = (server.spki().unwrap(), signer.spki().unwrap());
        Setup { bench, ca, issuing, request, signer, scheme: *scheme, server_spki, issuing_spki, proof, tbs }
    }

    #[inline(never)]
    fn issue(&self) {
        let request = CertificationRequest::from_bytes(&self.request).unwrap();
        self.ca.issue(&self.issuing, &self.bench.order("bench.server", "issue", &request)).unwrap();
    }

    /// Any message of a request's length will do for the check of a request.
    #[inline(never)]
    fn sign_bare(&self) {
        verify_signature(&self.server_spki, KEYS[0].3, Strength::Current, &self.request, &self.proof)
            .unwrap();
        let signature = self.signer.sign(self.scheme, &self.tbs).unwrap();
        verify_signature(&self.issuing_spki, self.scheme, Strength::Current, &self.tbs, &signature).unwrap();
    }

    fn measure(&self, threads: usize) -> String {
        let (mut bare, mut issue) = (Spent::default(), Spent::default());
        for _ in 0..TURNS {
            bare.add(threads, || self.sign_bare());
            issue.add(threads, || self.issue());
        }
        let ratio = issue.rate() / bare.rate();
        format!(
            "{:>8.0} {:>8.0} {ratio:>6.2} {:>8.0} {:>9.0}",
            bare.rate(),
            issue.rate(),
            bare.processor_us(),
            issue.processor_us(),
        )
    }
}

/// The token of this run.
fn token() -> Pkcs11Store {
    let token = KeyUri::parse("pkcs11:token=bench", Dialect::Rfc7512).unwrap();
    let pin = Some(Secret::new(PIN.as_bytes().to_vec()));
    let timeout = Duration::from_secs(60);
    Pkcs11Store::open(&Modules::new(), &Config { token, module: Some(SOFTHSM.into()), pin, timeout }).unwrap()
}

/// How often something was done, and what that took.
#[derive(Default)]
struct Spent {
    times: u64,
    wall: Duration,
    processor: Duration,
}

impl Spent {
    /// Has that many threads do it for one turn. Each does it once before: its generator of random numbers is seeded then.
    fn add(&mut self, threads: usize, work: impl Fn() + Sync) {
        let (times, ready) = (AtomicU64::new(0), Barrier::new(threads + 1));
        let (begin, processor) = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    work();
                    ready.wait();
                    let begin = Instant::now();
                    while begin.elapsed() < TURN {
                        work();
                        times.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            ready.wait();
            (Instant::now(), processor())
        });
        self.wall += begin.elapsed();
        self.processor += self::processor() - processor;
        self.times += times.into_inner();
    }

    fn rate(&self) -> f64 {
        self.times as f64 / self.wall.as_secs_f64()
    }

    fn processor_us(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.times as f64
    }
}

/// Processor time of this process, in steps of 10 ms. Source: proc_pid_stat(5), utime and stime.
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// The median of what it takes to have 4 kB more of a file on the disk for good.
fn synchronisation_us(directory: &Path) -> u128 {
    let mut file = File::create(directory.join("synchronised")).unwrap();
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..101 {
        file.write_all(&[7; 4096]).unwrap();
        let begin = Instant::now();
        file.sync_data().unwrap();
        took.push(begin.elapsed());
    }
    took.sort();
    took[took.len() / 2].as_micros()
}

fn measure_memory() {
    let setup = Setup::new("software", &KEYS[0]);
    println!("certificates  resident kB");
    for issued in (0..=MANY).step_by(usize::try_from(LOOK).unwrap()) {
        println!("{issued:>12}  {:>11}", resident_kb());
        if issued == MANY {
            break;
        }
        let left = AtomicU64::new(LOOK);
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let one = |left: u64| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_ok() {
                        setup.issue();
                    }
                });
            }
        });
    }
}

/// Source: proc_pid_status(5), VmRSS.
fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
