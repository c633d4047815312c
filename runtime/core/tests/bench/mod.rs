//! A bench: the policy of `pkic ca init`, keys in files, a log in a directory, and a clock that the test sets.
#![allow(dead_code)]
use pkic_audit::{KeyKind, Log, NoteKey, VerifierKey};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::observed::Observed;
use pkic_backend::store::{Generator, Identity, KeyStore, Listed, NewKey, Signer};
use pkic_backend::uri::KeyUri;
use pkic_backend_software::SoftwareStore;
use pkic_compiler::{Options, SourceFile, compile};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{KeyKind as Kind, Scheme};
use pkic_facts::request::CertificationRequest;
use pkic_runtime::authority::{Authority, AuthorityError};
use pkic_runtime::bundle::Loaded;
use pkic_runtime::ca::{Act, Ca, Founding, IssueError, Issued, Order, Outside, Place, Signed, request_of};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::input::Given;
use pkic_runtime::record::Locations;
use pkic_runtime::trust::Trusted;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering};

pub const NOW: i64 = 1_800_000_000;
pub const DAY: i64 = 86_400;
const POLICY: &str = include_str!("../../../../examples/ca/policy.pki");
const SEED: [u8; 32] = [7; 32];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The outside of a test: a clock that it sets, and numbers that differ.
struct World {
    clock: Arc<AtomicI64>,
    drawn: AtomicU8,
}

impl Outside for World {
    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), String> {
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
        octets.iter_mut().zip(0u8..).for_each(|(octet, at)| *octet = drawn.wrapping_mul(31).wrapping_add(at));
        Ok(())
    }
}

pub struct Bench {
    directory: PathBuf,
    clock: Arc<AtomicI64>,
    given: Given,
    keys: SoftwareStore,
    /// Whether the directory goes with it.
    is_owner: bool,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.is_owner {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

impl Bench {
    /// Keys for root, issuing CA and a server, and an empty log.
    pub fn new() -> Bench {
        let name = format!("pkic-issue-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(directory.join("keys")).unwrap();
        let keys = SoftwareStore::new(directory.join("keys"), None);
        for label in ["root", "issuing", "server"] {
            let key = NewKey { label: label.to_owned(), kind: Kind::P256, bits: None };
            keys.generate(&key).unwrap();
        }
        Log::create(&directory.join("log"), &note_key()).unwrap();
        let clock = Arc::new(AtomicI64::new(NOW));
        Bench { directory, clock, given: Given::default(), keys, is_owner: true }
    }

    /// The bench of another process.
    pub fn again(directory: &Path) -> Bench {
        let keys = SoftwareStore::new(directory.join("keys"), None);
        let clock = Arc::new(AtomicI64::new(NOW));
        Bench { directory: directory.to_owned(), clock, given: Given::default(), keys, is_owner: false }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn open(&self, place: Place) -> Result<(Ca, usize), IssueError> {
        self.open_in(place, Box::new(World { clock: Arc::clone(&self.clock), drawn: AtomicU8::new(0) }))
    }

    pub fn open_in(&self, place: Place, outside: Box<dyn Outside>) -> Result<(Ca, usize), IssueError> {
        self.open_on(POLICY, place, Trusted::default(), outside)
    }

    /// The CA of the bench's policy with more at its end, and of what is held of others.
    pub fn open_with(&self, more: &str, trusted: Trusted) -> Ca {
        let world = World { clock: Arc::clone(&self.clock), drawn: AtomicU8::new(100) };
        self.open_on(&format!("{POLICY}{more}"), Place::Lab, trusted, Box::new(world)).unwrap().0
    }

    fn open_on(
        &self,
        policy: &str,
        place: Place,
        trusted: Trusted,
        outside: Box<dyn Outside>,
    ) -> Result<(Ca, usize), IssueError> {
        let file = SourceFile { name: "policy.pki".into(), text: policy.into() };
        let compiled = compile(&[file], 0, &Options::default());
        let program = compiled.program.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let loaded = Loaded::unsigned(program).unwrap();
        Ca::open(loaded, policy.as_bytes(), place, trusted, self.open_log(), outside)
    }

    /// The CA, its root and its issuing authority, each with the certificate that the CA issued to it.
    pub fn hierarchy(&self) -> (Ca, Authority, Authority) {
        let (ca, _) = self.open(Place::Lab).unwrap();
        let root = self.root(&ca);
        let signer = self.keys.signer(&KeyUri::of_file("issuing.pem")).unwrap();
        let request = request_of(signer.as_ref(), "CN=Lab Issuing CA").unwrap();
        let issuing =
            ca.issue(&root, &self.order("bench.issuing-key", "ca-sign", &request)).unwrap().certificate;
        let issuing = self.authority("bench.issuing", &issuing, "issuing.pem").unwrap();
        (ca, root, issuing)
    }

    /// The root, with the certificate that the CA issues to it.
    pub fn root(&self, ca: &Ca) -> Authority {
        let key = KeyUri::of_file("root.pem");
        let founding = Founding {
            authority: "bench.root",
            profile: "bench.root-key",
            subject: "CN=Lab Root CA",
            store: &self.keys,
            key: &key,
        };
        let root = ca.found(&founding).unwrap().certificate;
        self.authority("bench.root", &root, "root.pem").unwrap()
    }

    pub fn authority(&self, name: &str, certificate: &[u8], key: &str) -> Result<Authority, AuthorityError> {
        Authority::new(name, certificate, &Locations::default(), &self.keys, &KeyUri::of_file(key))
    }

    pub fn order<'a>(
        &'a self,
        profile: &'a str,
        operation: &'a str,
        csr: &'a CertificationRequest,
    ) -> Order<'a> {
        Order::new(profile, operation, csr).unwrap()
    }

    pub fn act<'a>(&'a self, profile: &'a str) -> Act<'a> {
        Act { profile, requester: &self.given, signed: Signed::default() }
    }

    /// A request for the server's key and one DNS name.
    pub fn request(&self, dns: &str) -> CertificationRequest {
        let key = std::fs::read_to_string(self.directory.join("keys/server.pem")).unwrap();
        let key = rcgen::KeyPair::from_pem(&key).unwrap();
        let params = rcgen::CertificateParams::new(vec![dns.to_owned()]).unwrap();
        let request = params.serialize_request(&key).unwrap();
        CertificationRequest::from_bytes(request.der()).unwrap()
    }

    /// A certificate for the server's key and one DNS name.
    pub fn issue(
        &self,
        ca: &Ca,
        authority: &Authority,
        profile: &str,
        dns: &str,
    ) -> Result<Issued, IssueError> {
        let request = self.request(dns);
        ca.issue(authority, &self.order(profile, "issue", &request))
    }

    /// A certificate for an order with that nonce.
    pub fn issue_with(&self, ca: &Ca, authority: &Authority, nonce: Nonce<'_>) -> Result<Issued, IssueError> {
        let request = self.request("www.example");
        ca.issue(authority, &Order { nonce, ..self.order("bench.server", "issue", &request) })
    }

    /// The same authority on a store that fails the next signature.
    pub fn faulty(&self, of: &Authority, fault: Fault) -> (Authority, Fuse) {
        let fuse = Fuse(Arc::new(AtomicBool::new(false)));
        let store =
            Faulty { keys: SoftwareStore::new(self.directory.join("keys"), None), fault, fuse: fuse.clone() };
        let locations = Locations::default();
        let key = KeyUri::of_file("issuing.pem");
        let authority = Authority::new(of.name(), of.certificate(), &locations, &store, &key).unwrap();
        fuse.0.store(true, Ordering::SeqCst);
        (authority, fuse)
    }

    pub fn set_clock(&self, now: i64) {
        self.clock.store(now, Ordering::SeqCst);
    }

    pub fn open_log(&self) -> Log {
        Log::open(&self.log_directory(), note_key()).unwrap()
    }

    pub fn log_directory(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub fn log_key(&self) -> VerifierKey {
        note_key().verifier().clone()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    /// What openssl says, which has to succeed.
    pub fn openssl(&self, arguments: &str) -> String {
        let run = self.run(arguments);
        assert!(run.status.success(), "openssl {arguments}: {}", shown(&run));
        shown(&run)
    }

    /// What openssl says, whether it succeeds or not.
    pub fn openssl_any(&self, arguments: &str) -> String {
        shown(&self.run(arguments))
    }

    fn run(&self, arguments: &str) -> std::process::Output {
        Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.directory)
            .output()
            .unwrap()
    }
}

fn shown(run: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

fn note_key() -> NoteKey {
    NoteKey::from_seed("bench.example/log", KeyKind::Log, &SEED).unwrap()
}

pub fn pem(label: &str, der: &[u8]) -> String {
    x509_cert::der::pem::encode_string(label, x509_cert::der::pem::LineEnding::LF, der).unwrap()
}

pub fn serial(certificate: &[u8]) -> String {
    let certificate = Certificate::from_der(certificate).unwrap();
    certificate.tbs().serial().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// How a store goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers with an error.
    Dead,
    /// It answers with a signature that does not verify.
    Wrong,
    /// It answers with the signature of another key.
    Other,
    /// The thread ends.
    Panic,
    /// The process ends.
    Abort,
    /// It goes right.
    None,
}

/// Each fault, and what its error says.
pub const FAULTS: &[(Fault, &str)] =
    &[(Fault::Dead, "gone"), (Fault::Wrong, "signature"), (Fault::Other, "signature")];

/// Whether the fault is armed.
#[derive(Clone)]
pub struct Fuse(Arc<AtomicBool>);

impl Fuse {
    pub fn mend(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

struct Faulty {
    keys: SoftwareStore,
    fault: Fault,
    fuse: Fuse,
}

struct FaultySigner {
    inner: Arc<dyn Signer>,
    other: Arc<dyn Signer>,
    fault: Fault,
    fuse: Fuse,
}

impl KeyStore for Faulty {
    fn identity(&self) -> Identity {
        self.keys.identity()
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.keys.list()
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        let inner = self.keys.signer(uri)?;
        let other = self.keys.signer(&KeyUri::of_file("root.pem"))?;
        Ok(Arc::new(FaultySigner { inner, other, fault: self.fault, fuse: self.fuse.clone() }))
    }
}

impl Signer for FaultySigner {
    fn uri(&self) -> &KeyUri {
        self.inner.uri()
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        self.inner.spki()
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        self.inner.schemes()
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        self.inner.observed()
    }

    /// Requests of the signer for itself begin with version 0; certificates do not.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let is_request = message.windows(3).take(8).any(|window| window == [2, 1, 0]);
        if is_request || !self.fuse.0.load(Ordering::SeqCst) {
            return self.inner.sign(scheme, message);
        }
        match self.fault {
            Fault::Dead => {
                Err(StoreError::new(Problem::Unreachable, self.uri(), "the device is gone", "plug it in"))
            }
            Fault::Wrong => self.inner.sign(scheme, &[message, b"."].concat()),
            Fault::Other => self.other.sign(scheme, message),
            Fault::Panic => panic!("the power went"),
            Fault::Abort => std::process::abort(),
            Fault::None => self.inner.sign(scheme, message),
        }
    }
}
