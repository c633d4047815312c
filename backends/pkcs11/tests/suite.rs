//! The PKCS #11 store on SoftHSM 2 against the suite of all stores, and what is its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use pkic_backend::error::Problem;
use pkic_backend::store::{KeyStore, NewKey, Signer};
use pkic_backend::suite;
use pkic_backend_pkcs11::{Config, Modules, Pkcs11Store};
use pkic_facts::catalogue::{Catalogue, Trust};
use pkic_facts::crypto::{Hash, KeyKind, Scheme, Sha256Digest};
use pkic_facts::envelope;
use pkic_vocab::words::Words;
use pkic_vocab::{FactId, Grade, Path as FactPath, Value};
use std::path::Path;
use support::{PIN, alone, config, error, import, key, open, run, secret, softhsm, token, uri};

mod support;

fn new(label: &str, kind: KeyKind, bits: Option<u16>) -> NewKey {
    NewKey { label: label.to_owned(), kind, bits }
}

#[test]
fn keys_of_every_kind_are_made_and_keep_the_suite() {
    alone("keys_of_every_kind_are_made_and_keep_the_suite", |_| {
        token("a");
        let store = open(&softhsm(), "pkcs11:token=a").unwrap();
        let kinds = [
            (KeyKind::Rsa, Some(2048)),
            (KeyKind::P256, None),
            (KeyKind::P384, None),
            (KeyKind::P521, None),
            (KeyKind::Ed25519, None),
        ];
        let unknown = uri("pkcs11:token=a;object=nobody");
        for (kind, bits) in kinds {
            let key = new(&format!("{kind:?}").to_lowercase(), kind, bits);
            assert_eq!(suite::check_generated(&store, &key, &unknown), [], "{kind:?}");
        }
        assert_eq!(store.list().unwrap().len(), kinds.len());
        let generator = store.generator().unwrap();
        for (key, problem) in [
            (new("p256", KeyKind::P256, None), Problem::Configuration),
            (new("", KeyKind::P256, None), Problem::Configuration),
            (new("small", KeyKind::Rsa, Some(1024)), Problem::Unsupported),
            (new("ml-dsa", KeyKind::MlDsa65, None), Problem::Unsupported),
        ] {
            assert_eq!(error(generator.generate(&key)).problem, problem, "{key:?}");
        }
    });
}

/// What a key's facts say, once the starter catalogue is joined.
fn facts(signer: &dyn Signer) -> impl Fn(&str) -> Option<(String, Grade)> + use<> {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib-profiles/catalogue/starter.pkic");
    let starter = std::fs::read(starter).unwrap();
    let peeked = envelope::peek(&starter).unwrap();
    let signers = [peeked.signer];
    let trust = Trust { names: &["starter"], signers: &signers, age_s_max: None };
    let catalogue = Catalogue::open(&starter, &trust, None, peeked.manifest.created).unwrap();
    let mut facts = signer.observed().unwrap().facts().unwrap();
    facts.endorse(&catalogue).unwrap();
    move |path| {
        let fact = facts.table().fact(&FactPath::from(FactId::from_path(path).unwrap()))?;
        let text = match &fact.value {
            Value::Word(word) => word.name().to_owned(),
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        Some((text, fact.grade))
    }
}

#[test]
fn a_soft_token_is_software_whatever_it_says_of_its_keys() {
    alone("a_soft_token_is_software_whatever_it_says_of_its_keys", |directory| {
        token("a");
        import(directory, "a", "imported", "0a");
        let store = open(&softhsm(), "pkcs11:token=a").unwrap();
        let made = store.generator().unwrap().generate(&new("made", KeyKind::P256, None)).unwrap();
        let observed = |text: &str| Some((text.to_owned(), Grade::Observed));
        let of = facts(store.signer(&made).unwrap().as_ref());
        assert_eq!(of("key.storage"), observed("software.file"));
        assert_eq!(of("key.origin"), observed("generated"));
        assert_eq!(of("key.export"), observed("never"));
        assert_eq!(of("module.manufacturer"), observed("SoftHSM project"));
        assert_eq!(of("module.model"), observed("SoftHSM v2"));
        assert_eq!(of("module.firmware"), observed("pkcs11:2.6"));
        assert!(of("module.serial").is_some_and(|(serial, _)| made.text("serial") == Some(serial.as_str())));
        let of = facts(key(&store, "imported").as_ref());
        assert_eq!(of("key.storage"), observed("software.file"));
        assert_eq!(of("key.origin"), None, "PKCS #11 does not say how it came");
        assert_eq!(of("key.export"), observed("plain"), "it was outside once");
        let identity = store.identity();
        let module = identity.module.unwrap();
        assert_eq!((identity.kind, identity.name.as_str(), identity.is_tried), ("pkcs11", "a", true));
        assert_eq!(Path::new(&module.path), softhsm());
        assert_eq!(module.digest, Sha256Digest::of(&std::fs::read(softhsm()).unwrap()));
        assert!(Words::Storage.word("software.file").is_some());
    });
}

#[test]
fn a_pin_that_was_refused_is_not_tried_again() {
    alone("a_pin_that_was_refused_is_not_tried_again", |directory| {
        token("a");
        let with = |pin: Option<&str>, source: &str| {
            let token = uri(&format!("pkcs11:token=a{source}"));
            let config = Config { token, pin: pin.map(secret), ..config(&softhsm(), "pkcs11:") };
            Pkcs11Store::open(&Modules::new(), &config).map(|store| store.identity().name)
        };
        for (pin, source, what) in [
            (Some("000000"), "", "C_Login answered CKR_PIN_INCORRECT"),
            (None, "", "the token wants a PIN"),
            (None, "?pin-source=env:PKIC_NO_SUCH_VARIABLE", "the variable is not set"),
        ] {
            let error = error(with(pin, source));
            assert_eq!((error.problem, error.what.as_str()), (Problem::Credentials, what));
            assert!(!error.to_string().contains("000000"), "{error}");
        }
        let file = directory.join("pin");
        std::fs::write(&file, format!("{PIN}\n")).unwrap();
        run("chmod", &["600", file.to_str().unwrap()]);
        let source = format!("?pin-source=file:{}", file.display());
        assert_eq!(with(None, &source), Ok("a".to_owned()));
    });
}

#[test]
fn exactly_one_token_and_one_key_answer_to_a_uri() {
    alone("exactly_one_token_and_one_key_answer_to_a_uri", |directory| {
        token("a");
        token("b");
        token("b");
        for (label, id) in [("twin", "0a"), ("twin", "0b"), ("single", "0c")] {
            import(directory, "a", label, id);
        }
        let missing = error(open(&softhsm(), "pkcs11:token=c"));
        assert_eq!(missing.problem, Problem::Unreachable);
        assert!(missing.what.contains("it shows: `") && missing.what.contains("`a` (serial `"), "{missing}");
        let several = error(open(&softhsm(), "pkcs11:token=b"));
        assert_eq!(several.problem, Problem::Configuration);
        assert!(several.what.starts_with("2 tokens answer to it: `b`"), "{several}");
        for other in ["manufacturer=nobody", "model=none", "serial=1", "library-version=9.9", "slot-id=1"] {
            let refused = error(open(&softhsm(), &format!("pkcs11:token=a;{other}")));
            assert_eq!(refused.problem, Problem::Unreachable, "{other}");
        }
        let whole = "pkcs11:token=a;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;library-version=2.6";
        let store = open(&softhsm(), whole).unwrap();
        let twins = error(store.signer(&uri("pkcs11:object=twin")));
        assert_eq!(twins.problem, Problem::KeyAmbiguous);
        assert!(twins.what.contains("%0A") && twins.what.contains("%0B"), "{twins}");
        let twin = store.signer(&uri("pkcs11:object=twin;id=%0B")).unwrap();
        assert_eq!(twin.uri().octets("id"), Some(&[0x0b][..]));
        let module = softhsm();
        for (text, problem) in [
            ("pkcs11:token=b;object=single", Problem::KeyUnknown),
            ("pkcs11:object=single;type=public", Problem::Configuration),
            ("pkcs11:object=single?module-path=/usr/lib/other.so", Problem::Configuration),
            ("file:single", Problem::Configuration),
        ] {
            assert_eq!(error(store.signer(&uri(text))).problem, problem, "{text}");
        }
        let text = format!("pkcs11:token=a;object=single;type=private?module-path={}", module.display());
        assert!(store.signer(&uri(&text)).is_ok());
    });
}

#[test]
fn stores_of_one_module_share_it() {
    alone("stores_of_one_module_share_it", |directory| {
        token("a");
        token("b");
        import(directory, "a", "one", "01");
        import(directory, "b", "two", "02");
        let modules = Modules::new();
        let first = Pkcs11Store::open(&modules, &config(&softhsm(), "pkcs11:token=a")).unwrap();
        let second = Pkcs11Store::open(&modules, &config(&softhsm(), "pkcs11:token=b")).unwrap();
        // Somebody else in this process who loaded it first, as far as this one can see.
        let third = Pkcs11Store::open(&Modules::new(), &config(&softhsm(), "pkcs11:token=a")).unwrap();
        for (store, label) in [(&first, "one"), (&second, "two"), (&third, "one")] {
            let store_uri = uri(&format!("pkcs11:object={label}"));
            assert_eq!(suite::check(store, &store_uri, &uri("pkcs11:object=nobody")), [], "{label}");
        }
        drop(third);
        assert!(key(&first, "one").sign(Scheme::Ecdsa(Hash::Sha256), b"still here").is_ok());
    });
}

#[test]
fn a_file_that_is_no_module_is_refused() {
    alone("a_file_that_is_no_module_is_refused", |directory| {
        let text = directory.join("text.so");
        std::fs::write(&text, "no library").unwrap();
        let copy = directory.join("copy.so");
        std::fs::copy(softhsm(), &copy).unwrap();
        run("chmod", &["666", copy.to_str().unwrap()]);
        for (path, what) in [
            (directory.to_owned(), "it is not a regular file"),
            (directory.join("absent.so"), "No such file"),
            (text, "file too short"),
            (copy, "others than its owner may write it"),
        ] {
            let refused = error(open(&path, "pkcs11:token=a"));
            assert_eq!(refused.problem, Problem::Configuration, "{refused}");
            assert!(refused.what.contains(what), "{refused}");
        }
        let nowhere = Config { module: None, ..config(directory, "pkcs11:token=a") };
        let refused = error(Pkcs11Store::open(&Modules::new(), &nowhere));
        assert_eq!((refused.problem, refused.what.as_str()), (Problem::Configuration, "it names no module"));
    });
}

#[test]
fn a_key_signs_with_what_it_allows_and_logs_in_where_it_wants_that() {
    alone("a_key_signs_with_what_it_allows_and_logs_in_where_it_wants_that", |_| {
        token("a");
        let store = open(&softhsm(), "pkcs11:token=a").unwrap();
        let module = cryptoki::context::Pkcs11::new(softhsm()).unwrap();
        let is_token = |slot: &_| module.get_token_info(*slot).unwrap().label() == "a";
        let slot = module.get_slots_with_initialized_token().unwrap().into_iter().find(is_token).unwrap();
        let session = module.open_rw_session(slot).unwrap();
        let logged_in = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
        assert!(logged_in.is_err(), "the store has logged the process in");
        let make = |label: &str, id: u8, limit: Attribute| {
            let named = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(vec![id])];
            let public = [Attribute::ModulusBits(2048.into()), Attribute::PublicExponent(vec![1, 0, 1])];
            let private =
                [Attribute::Private(true), Attribute::Sign(true), Attribute::Sensitive(true), limit];
            let public = [&named[..], &public].concat();
            let private = [&named[..], &private].concat();
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap();
        };
        make("raw", 1, Attribute::AllowedMechanisms(vec![MechanismType::RSA_PKCS]));
        make("each", 2, Attribute::AlwaysAuthenticate(true));
        let all = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
        let pkcs1 = all.map(Scheme::RsaPkcs1);
        let pss = all.map(Scheme::RsaPss);
        assert_eq!(key(&store, "raw").schemes().unwrap(), pkcs1, "by a DigestInfo of our own");
        assert_eq!(key(&store, "each").schemes().unwrap(), [pkcs1, pss].concat());
        for label in ["raw", "each"] {
            let uri = uri(&format!("pkcs11:object={label}"));
            assert_eq!(suite::check(&store, &uri, &support::uri("pkcs11:object=nobody")), [], "{label}");
        }
    });
}

#[test]
fn more_threads_than_sessions_wait_for_one_another() {
    alone("more_threads_than_sessions_wait_for_one_another", |directory| {
        token("a");
        import(directory, "a", "busy", "01");
        let store = open(&softhsm(), "pkcs11:token=a").unwrap();
        let signer = key(&store, "busy");
        let sign =
            |thread: usize| (0..5).all(|_| signer.sign(Scheme::Ecdsa(Hash::Sha256), &[thread as u8]).is_ok());
        let is_signed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..48).map(|thread| scope.spawn(move || sign(thread))).collect();
            threads.into_iter().all(|thread| thread.join().unwrap())
        });
        assert!(is_signed);
    });
}
