//! A signer that hangs, dies or comes back late does not take its caller along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::guard::{ABANDONED_MAX, Guarded};
use pkic_backend::observed::Observed;
use pkic_backend::store::Signer;
use pkic_backend::uri::KeyUri;
use pkic_facts::crypto::Scheme;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Signs at once, unless the message is `hang` (until it is let go) or `panic`.
struct Device {
    uri: KeyUri,
    let_go: Mutex<Receiver<()>>,
}

impl Signer for Device {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        Ok(vec![1])
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        Ok(vec![Scheme::Ed25519])
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        Ok(Observed::new())
    }

    fn sign(&self, _: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        match message {
            b"hang" => {
                let _ = self.let_go.lock().unwrap().recv();
                Ok(b"late".to_vec())
            }
            b"panic" => panic!("a driver's bug"),
            other => Ok(other.to_vec()),
        }
    }
}

/// A guarded device, and the ends that let its hanging calls go, one of each opening.
fn device() -> (Guarded, Arc<Mutex<Vec<Sender<()>>>>) {
    let ends: Arc<Mutex<Vec<Sender<()>>>> = Arc::default();
    let opened = Arc::clone(&ends);
    let reopen = move || {
        let (end, let_go) = mpsc::channel();
        opened.lock().unwrap().push(end);
        let device = Device { uri: KeyUri::of_file("device"), let_go: Mutex::new(let_go) };
        Ok(Arc::new(device) as Arc<dyn Signer>)
    };
    (Guarded::new(Duration::from_millis(20), Box::new(reopen)).unwrap(), ends)
}

#[test]
fn a_call_that_hangs_ends_and_the_next_one_works() {
    let (guarded, _ends) = device();
    let error = guarded.sign(Scheme::Ed25519, b"hang").unwrap_err();
    assert_eq!((error.problem, error.problem.is_passing()), (Problem::TimedOut, true));
    assert_eq!(guarded.sign(Scheme::Ed25519, b"next"), Ok(b"next".to_vec()));
    assert_eq!(guarded.spki(), Ok(vec![1]));
}

#[test]
fn an_answer_that_comes_late_goes_nowhere_and_frees_its_place() {
    let (guarded, ends) = device();
    for _ in 0..ABANDONED_MAX {
        assert_eq!(guarded.sign(Scheme::Ed25519, b"hang").unwrap_err().problem, Problem::TimedOut);
    }
    assert_eq!(guarded.sign(Scheme::Ed25519, b"full").unwrap_err().problem, Problem::Unreachable);
    ends.lock().unwrap().iter().for_each(|end| end.send(()).unwrap());
    let mut tries = 0..1_000;
    while guarded.sign(Scheme::Ed25519, b"again") != Ok(b"again".to_vec()) {
        assert!(tries.next().is_some(), "calls that came back still count");
        std::thread::yield_now();
    }
}

#[test]
fn a_call_that_panics_is_an_error() {
    let (guarded, _ends) = device();
    assert!(guarded.sign(Scheme::Ed25519, b"panic").unwrap_err().problem.is_passing());
    assert_eq!(guarded.sign(Scheme::Ed25519, b"next"), Ok(b"next".to_vec()));
}
