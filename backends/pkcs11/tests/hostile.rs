//! Modules and tokens that fail, hang, lie or are swapped: a clear error, no signature of another key, and the next call
//! works. The module is SoftHSM behind a few lines of C that do harm when told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use cryptoki::object::{Attribute, ObjectClass};
use pkic_backend::error::Problem;
use pkic_backend::store::Signer;
use pkic_backend_pkcs11::{Config, Modules, Pkcs11Store};
use pkic_facts::crypto::{Hash, Scheme, Strength, verify_signature};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{alone, config, error, import, key, open, run, softhsm, token, uri};

mod support;

const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);
/// Long for SoftHSM, short for a test that waits for it to pass.
const SHORT: Duration = Duration::from_secs(3);

/// The module, and the file that says what harm it does.
struct Hostile {
    module: PathBuf,
    control: PathBuf,
}

impl Hostile {
    fn new(directory: &Path) -> Hostile {
        let module = directory.canonicalize().unwrap().join("hostile.so");
        let real = format!("-DREAL=\"{}\"", softhsm().display());
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile.c");
        run("cc", &["-shared", "-fPIC", "-w", &real, "-o", module.to_str().unwrap(), source, "-ldl"]);
        run("chmod", &["755", module.to_str().unwrap()]);
        token("a");
        import(directory, "a", "ca", "01");
        let control = module.with_extension("so.control");
        Hostile { module, control }
    }

    fn does(&self, harm: &str) {
        std::fs::write(&self.control, harm).unwrap();
    }

    fn is_done(&self) -> bool {
        std::fs::read(&self.control).unwrap().is_empty()
    }

    fn logins(&self) -> usize {
        std::fs::read(self.module.with_extension("so.logins")).unwrap_or_default().len()
    }
}

fn is_good(signer: &dyn Signer, message: &[u8]) -> bool {
    let signature = signer.sign(SCHEME, message).unwrap();
    verify_signature(&signer.spki().unwrap(), SCHEME, Strength::Current, message, &signature).is_ok()
}

#[test]
fn a_session_that_is_lost_is_opened_anew() {
    alone("a_session_that_is_lost_is_opened_anew", |directory| {
        let hostile = Hostile::new(directory);
        let store = open(&hostile.module, "pkcs11:token=a").unwrap();
        let signer = key(&store, "ca");
        assert!(is_good(signer.as_ref(), b"before"));
        for harm in ["removed-once", "closed-once", "general-error-once", "finalized-once"] {
            hostile.does(harm);
            assert!(is_good(signer.as_ref(), harm.as_bytes()), "{harm}");
            assert!(hostile.is_done(), "{harm} was not met");
        }
        let whole = std::thread::scope(|scope| {
            hostile.does("general-error-once");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| is_good(signer.as_ref(), b"many"))).collect();
            threads.into_iter().all(|thread| thread.join().unwrap())
        });
        assert!(whole);
    });
}

#[test]
fn a_device_that_stays_away_is_unreachable_until_it_is_back() {
    alone("a_device_that_stays_away_is_unreachable_until_it_is_back", |directory| {
        let hostile = Hostile::new(directory);
        let store = open(&hostile.module, "pkcs11:token=a").unwrap();
        let signer = key(&store, "ca");
        hostile.does("removed");
        let gone = error(signer.sign(SCHEME, b"message"));
        assert_eq!((gone.problem, gone.problem.is_passing()), (Problem::Unreachable, true));
        assert_eq!(gone.what, "C_Sign answered CKR_DEVICE_REMOVED");
        hostile.does("");
        assert!(is_good(signer.as_ref(), b"message"));
    });
}

#[test]
fn a_module_that_hangs_does_not_hang_us() {
    alone("a_module_that_hangs_does_not_hang_us", |directory| {
        let hostile = Hostile::new(directory);
        let impatient = Config { timeout: SHORT, ..config(&hostile.module, "pkcs11:token=a") };
        hostile.does("login-hangs");
        let modules = Modules::new();
        assert_eq!(error(Pkcs11Store::open(&modules, &impatient)).problem, Problem::TimedOut);
        hostile.does("");
        let store = Pkcs11Store::open(&modules, &impatient).unwrap();
        let signer = key(&store, "ca");
        hostile.does("hangs");
        assert_eq!(error(signer.sign(SCHEME, b"message")).problem, Problem::TimedOut);
        hostile.does("");
        assert!(is_good(signer.as_ref(), b"message"));
    });
}

#[test]
fn a_signature_that_is_wrong_is_none() {
    alone("a_signature_that_is_wrong_is_none", |directory| {
        let hostile = Hostile::new(directory);
        let store = open(&hostile.module, "pkcs11:token=a").unwrap();
        let signer = key(&store, "ca");
        hostile.does("short");
        let short = error(signer.sign(SCHEME, b"message"));
        assert_eq!(
            (short.problem, short.what.as_str()),
            (Problem::Answer, "the signature has 63 bytes, not 64")
        );
        hostile.does("wrong");
        assert!(!is_good(signer.as_ref(), b"message"), "which is for every caller to check");
        hostile.does("");
        assert!(is_good(signer.as_ref(), b"message"));
    });
}

#[test]
fn a_locked_pin_is_told_once() {
    alone("a_locked_pin_is_told_once", |directory| {
        let hostile = Hostile::new(directory);
        let store = open(&hostile.module, "pkcs11:token=a").unwrap();
        let signer = key(&store, "ca");
        assert_eq!(hostile.logins(), 1);
        // The token forgets the login, and does not take the PIN any more.
        let real = cryptoki::context::Pkcs11::new(softhsm()).unwrap();
        let slot = real.get_slots_with_initialized_token().unwrap()[0];
        real.open_ro_session(slot).unwrap().logout().unwrap();
        hostile.does("pin-locked");
        for _ in 0..3 {
            let locked = error(signer.sign(SCHEME, b"message"));
            assert_eq!(locked.problem, Problem::Credentials, "{locked}");
            assert_eq!(locked.what, "C_Login answered CKR_PIN_LOCKED");
        }
        assert_eq!(hostile.logins(), 2);
        hostile.does("");
        assert_eq!(
            error(signer.sign(SCHEME, b"message")).problem,
            Problem::Credentials,
            "until it is opened anew"
        );
        let again = open(&hostile.module, "pkcs11:token=a").unwrap();
        assert!(is_good(key(&again, "ca").as_ref(), b"message"));
    });
}

#[test]
fn another_key_under_the_same_name_does_not_sign() {
    alone("another_key_under_the_same_name_does_not_sign", |directory| {
        let hostile = Hostile::new(directory);
        let store = open(&hostile.module, "pkcs11:token=a").unwrap();
        let signer = key(&store, "ca");
        let real = cryptoki::context::Pkcs11::new(softhsm()).unwrap();
        let slot = real.get_slots_with_initialized_token().unwrap()[0];
        let session = real.open_rw_session(slot).unwrap();
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            for object in session.find_objects(&[Attribute::Class(class)]).unwrap() {
                session.destroy_object(object).unwrap();
            }
        }
        assert_eq!(error(signer.sign(SCHEME, b"message")).problem, Problem::KeyUnknown);
        import(directory, "a", "ca", "01");
        for _ in 0..2 {
            let swapped = error(signer.sign(SCHEME, b"message"));
            assert_eq!(swapped.problem, Problem::KeyUnknown);
            assert!(swapped.what.contains("another key under this URI"), "{swapped}");
            assert_eq!(error(signer.spki()).problem, Problem::KeyUnknown);
        }
        assert!(is_good(key(&store, "ca").as_ref(), b"opened on purpose"), "{}", uri("pkcs11:"));
    });
}
