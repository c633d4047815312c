//! What every store must do, whichever device it reaches: the suite that each back end's tests run, and `store probe`.
//!
//! It changes nothing in a store but for keys that it was told to make.
use crate::error::Problem;
use crate::store::{KeyStore, NewKey, Signer, schemes_of};
use crate::uri::{Dialect, KeyUri};
use pkic_facts::crypto::{Hash, PublicKey, Scheme, Strength, verify_signature};
use pkic_vocab::{FactId, Subject};
use std::fmt;
use std::thread;

/// Bytes of the messages that are signed: nothing, one block, a certificate, and more than a device takes in one go.
const MESSAGE_LENS_BYTES: [usize; 5] = [0, 1, 64, 1500, 70_000];
/// Threads that sign at once.
const THREADS: usize = 4;
/// Signatures of each thread.
const SIGNATURES: usize = 4;

/// A promise of the traits that a store does not keep, or the error that kept it from being seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.seen)
    }
}

/// Holds a store against every promise of the traits, with the key at `uri`. An empty list: it keeps them all.
///
/// `unknown` is a URI of the store's form at which there is no key.
pub fn check(store: &dyn KeyStore, uri: &KeyUri, unknown: &KeyUri) -> Vec<Broken> {
    let mut suite = Suite { broken: Vec::new() };
    suite.unknown_key(store, unknown);
    let promise = "a key is opened by its URI";
    if let Some(signer) = suite.ok(promise, store.signer(uri)) {
        suite.key(store, signer.as_ref());
        suite.schemes(signer.as_ref());
        suite.threads(signer.as_ref());
        suite.facts(signer.as_ref());
    }
    suite.broken
}

/// Holds a store's maker of keys against its promises: makes the key, and checks the store with it.
pub fn check_generated(store: &dyn KeyStore, key: &NewKey, unknown: &KeyUri) -> Vec<Broken> {
    let mut suite = Suite { broken: Vec::new() };
    let Some(generator) = store.generator() else {
        suite.fail("the store makes keys", "it has no generator");
        return suite.broken;
    };
    let promise = "a key of a supported kind is made";
    let Some(uri) = suite.ok(promise, generator.generate(key)) else { return suite.broken };
    if let Some(signer) = suite.ok("a made key is opened by its URI", store.signer(&uri))
        && let Some(spki) = suite.ok("a key tells its public half", signer.spki())
    {
        let kind = PublicKey::from_spki(&spki).map(|key| key.kind);
        suite.expect("a made key is of the kind asked for", kind == Ok(key.kind), || format!("{kind:?}"));
    }
    suite.broken.extend(check(store, &uri, unknown));
    suite.broken
}

struct Suite {
    broken: Vec<Broken>,
}

impl Suite {
    fn fail(&mut self, promise: &'static str, seen: impl Into<String>) {
        self.broken.push(Broken { promise, seen: seen.into() });
    }

    fn expect(&mut self, promise: &'static str, holds: bool, seen: impl FnOnce() -> String) {
        if !holds {
            self.fail(promise, seen());
        }
    }

    fn ok<T, E: fmt::Display>(&mut self, promise: &'static str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fail(promise, error.to_string())).ok()
    }

    fn unknown_key(&mut self, store: &dyn KeyStore, unknown: &KeyUri) {
        let promise = "a key that is not there is `key-unknown`, with help";
        match store.signer(unknown).map(|signer| signer.spki()) {
            Err(error) | Ok(Err(error)) => {
                let is_clear = error.problem == Problem::KeyUnknown && !error.help.is_empty();
                self.expect(promise, is_clear, || format!("{}: {error}", error.problem.name()));
            }
            Ok(Ok(_)) => self.fail(promise, "a key was opened"),
        }
    }

    fn key(&mut self, store: &dyn KeyStore, signer: &dyn Signer) {
        let Some(spki) = self.ok("a key tells its public half", signer.spki()) else { return };
        let key = PublicKey::from_spki(&spki);
        self.expect("the public half is a subjectPublicKeyInfo", key.is_ok(), || format!("{key:?}"));
        let again = signer.spki();
        self.expect("the public half stays", again.as_ref() == Ok(&spki), || format!("{again:?}"));
        let spelled = signer.uri().to_string();
        let read = KeyUri::parse(&spelled, Dialect::Rfc7512);
        self.expect("a key's URI reads back", read.as_ref() == Ok(signer.uri()), || spelled.clone());
        if let Some(listed) = self.ok("keys are listed", store.list()) {
            let own =
                listed.iter().find(|entry| entry.spki.as_ref() == Some(&spki) || entry.uri == *signer.uri());
            self.expect("a key that can be opened is listed", own.is_some(), || {
                format!("{} keys", listed.len())
            });
            if let Some(entry) = own {
                let opened = store.signer(&entry.uri).and_then(|signer| signer.spki());
                let is_same = opened.as_ref() == Ok(&spki);
                self.expect("a listed URI opens its key", is_same, || format!("{}: {opened:?}", entry.uri));
            }
        }
    }

    fn schemes(&mut self, signer: &dyn Signer) {
        let Some(spki) = self.ok("a key tells its public half", signer.spki()) else { return };
        let Some(schemes) = self.ok("a key tells its schemes", signer.schemes()) else { return };
        self.expect("a key signs with something", !schemes.is_empty(), || "no scheme".to_owned());
        let fitting = PublicKey::from_spki(&spki).map(|key| schemes_of(key.kind)).unwrap_or_default();
        for scheme in &schemes {
            self.expect("a scheme fits the key", fitting.contains(scheme), || scheme.name().to_owned());
            for length in MESSAGE_LENS_BYTES {
                let message: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
                self.signature(signer, &spki, *scheme, &message);
            }
        }
        let others = [Scheme::Ed25519, Scheme::Ecdsa(Hash::Sha256), Scheme::RsaPkcs1(Hash::Sha256)];
        for other in others.iter().filter(|other| !fitting.contains(other)) {
            let answer = signer.sign(*other, b"message");
            let is_refused = matches!(&answer, Err(error) if error.problem == Problem::Unsupported);
            let seen = || format!("{}: {answer:?}", other.name());
            self.expect("a scheme of another kind of key is `unsupported`", is_refused, seen);
        }
    }

    fn signature(&mut self, signer: &dyn Signer, spki: &[u8], scheme: Scheme, message: &[u8]) {
        let Some(signature) = self.ok("a message is signed", signer.sign(scheme, message)) else { return };
        let check = |message: &[u8]| verify_signature(spki, scheme, Strength::Current, message, &signature);
        let seen =
            |answer: &dyn fmt::Debug| format!("{}, {} bytes: {answer:?}", scheme.name(), message.len());
        let own = check(message);
        self.expect("a signature verifies", own.is_ok(), || seen(&own));
        let other = check(&[message, b"."].concat());
        self.expect("a signature is of its message alone", other.is_err(), || seen(&other));
    }

    fn threads(&mut self, signer: &dyn Signer) {
        let (Ok(spki), Ok(schemes)) = (signer.spki(), signer.schemes()) else { return };
        let Some(scheme) = schemes.first().copied() else { return };
        let run = |thread: usize| -> Result<(), String> {
            (0..SIGNATURES).try_for_each(|index| {
                let message = format!("thread {thread}, message {index}");
                let signature = signer.sign(scheme, message.as_bytes()).map_err(|error| error.to_string())?;
                let check =
                    verify_signature(&spki, scheme, Strength::Current, message.as_bytes(), &signature);
                check.map_err(|reject| reject.to_string())
            })
        };
        let answers: Vec<Result<(), String>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|answer| answer.unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
        });
        for answer in answers {
            self.ok("threads sign at once", answer);
        }
    }

    fn facts(&mut self, signer: &dyn Signer) {
        let Some(observed) = self.ok("a key tells what its interface says", signer.observed()) else {
            return;
        };
        self.ok("what a store says can be a fact", observed.facts());
        for (path, _) in observed.entries() {
            let subject = FactId::from_path(path).map(|id| id.def().subject);
            let is_ours = matches!(subject, Some(Subject::Key | Subject::Module | Subject::Platform));
            self.expect("a store speaks of key, module and platform alone", is_ours, || (*path).to_owned());
            let is_certified = path.starts_with("module.fips") || path.starts_with("module.cc");
            self.expect("a store certifies nothing", !is_certified, || (*path).to_owned());
        }
    }
}
