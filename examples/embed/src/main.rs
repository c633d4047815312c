//! A whole lab CA: its own key store, a policy bundle, the log, and a certificate for a request.
//!
//! `pkic-example-embed BUNDLE PROFILE CSR DIRECTORY` keeps keys, certificates, log and receipts in the directory, and
//! makes a root and an issuing CA there at first. It prints the certificate, and where the receipt is.
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING as P256, EcdsaKeyPair, KeyPair};
use pkic_runtime::embed::*;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, path::Path, process::ExitCode, sync::Arc};

type Failure = Box<dyn std::error::Error>;

/// Our key store: P-256 keys, each in a file that is read once.
struct Keys(Vec<Arc<Key>>);

struct Key {
    uri: KeyUri,
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

fn keys(directory: &Path, names: &[&str]) -> Result<Keys, Failure> {
    let open = |name: &&str| {
        let make = || Ok(EcdsaKeyPair::generate_pkcs8(&P256, &SystemRandom::new())?.as_ref().to_vec());
        let pair = EcdsaKeyPair::from_pkcs8(&P256, &kept(&directory.join(name), make)?)?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())?.as_ref().to_vec();
        Ok(Arc::new(Key { uri: KeyUri::of_file(name), pair, spki }))
    };
    names.iter().map(open).collect::<Result<_, Failure>>().map(Keys)
}

impl KeyStore for Keys {
    fn identity(&self) -> Identity {
        Identity { kind: "example", name: "keys of the example".to_owned(), module: None, is_tried: true }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.0.iter().map(|key| Ok(Listed { uri: key.uri.clone(), spki: Some(key.spki.clone()) })).collect()
    }

    fn signer(&self, uri: &KeyUri) -> Result<Arc<dyn Signer>, StoreError> {
        let found = self.0.iter().find(|key| key.uri == *uri).map(|key| Arc::clone(key) as Arc<dyn Signer>);
        found.ok_or_else(|| StoreError::key_unknown(uri, "ask for one that is listed"))
    }
}

impl Signer for Key {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.spki.clone())
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        Ok(schemes_of(KeyKind::P256).to_vec())
    }

    /// What is said here is believed no better than the machine that says it.
    fn observed(&self) -> Result<Observed, StoreError> {
        let mut observed = Observed::new();
        observed.word("key.storage", Words::Storage, "software.file");
        observed.word("key.export", Words::Export, "plain");
        Ok(observed)
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        if !schemes_of(KeyKind::P256).contains(&scheme) {
            return Err(StoreError::scheme_unsupported(&self.uri, scheme));
        }
        let failed = |_| StoreError::new(Problem::Answer, &self.uri, "it did not sign", "make it anew");
        Ok(self.pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec())
    }
}

/// The clock and the generator of this machine.
struct Machine;

impl Outside for Machine {
    fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), String> {
        rand::fill(octets).map_err(|error| error.to_string())
    }
}

/// The octets of a private file, which is made if it is not there.
fn kept(path: &Path, make: impl FnOnce() -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
    if !path.exists() {
        create_private(path, &path.display().to_string(), &make()?)?;
    }
    Ok(fs::read(path)?)
}

fn open(bundle: &[u8], directory: &Path) -> Result<Ca, Failure> {
    let seed: [u8; 32] = rand::generate(&SystemRandom::new())?.expose();
    let seed = kept(&directory.join("log.key"), || Ok(seed.to_vec()))?;
    let key = NoteKey::from_seed("lab.example/embed", NoteKind::Log, seed.as_slice().try_into()?)?;
    let log = directory.join("log");
    if !log.exists() {
        Log::create(&log, &key)?;
    }
    // A CA that counts lists the signers of its bundles, refuses unsigned ones, and runs in production.
    let (unsigned, now) = (Unsigned::Accept, Machine.now());
    let trust = Trust { policy: "bench", signers: &[], last_seen: None, unsigned, now };
    let (loaded, log) = (bundle::open(bundle, &trust)?, Log::open(&log, key)?);
    Ok(Ca::open(loaded, bundle, Place::Lab, Trusted::default(), log, Box::new(Machine))?.0)
}

/// The issuing CA, below a root; each is certified the first time.
fn hierarchy(ca: &Ca, store: &Keys, directory: &Path) -> Result<Authority, Failure> {
    let (root_key, key) = (KeyUri::of_file("root.key"), KeyUri::of_file("issuing.key"));
    let (authority, profile, subject) = ("bench.root", "root-key", "CN=Embedded Root CA");
    let founding = Founding { authority, profile, subject, store, key: &root_key };
    let certificate = kept(&directory.join("root.pem"), || Ok(ca.found(&founding)?.pem().into_bytes()))?;
    let root = Authority::new(authority, &certificate, &Locations::default(), store, &root_key)?;
    let request = request_of(store.signer(&key)?.as_ref(), "CN=Embedded Issuing CA")?;
    let order = Order::new("issuing-key", "ca-sign", &request)?;
    let certificate =
        kept(&directory.join("issuing.pem"), || Ok(ca.issue(&root, &order)?.pem().into_bytes()))?;
    Ok(Authority::new("bench.issuing", &certificate, &Locations::default(), store, &key)?)
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [bundle, profile, csr, directory] = arguments.as_slice() else {
        return Err("give BUNDLE PROFILE CSR DIRECTORY".into());
    };
    let directory = Path::new(directory);
    let keys = keys(directory, &["root.key", "issuing.key"])?;
    let ca = open(&fs::read(bundle)?, directory)?;
    let issuing = hierarchy(&ca, &keys, directory)?;
    let request = CertificationRequest::from_bytes(&fs::read(csr)?)?;
    let issued = ca.issue(&issuing, &Order::new(profile, "issue", &request)?)?;
    let receipt = directory.join(format!("{}.receipt", issued.index));
    fs::write(&receipt, issued.receipt.encode())?;
    Ok(writeln!(io::stdout(), "{}receipt {}", issued.pem(), receipt.display())?)
}

fn main() -> ExitCode {
    let Err(failure) = run() else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "{failure}");
    ExitCode::FAILURE
}
