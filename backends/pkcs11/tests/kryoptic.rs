//! The suite on kryoptic, for ML-DSA: where `PKIC_KRYOPTIC` names its module (docs/stores.md says how to build one).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use pkic_backend::store::NewKey;
use pkic_backend::suite;
use pkic_backend_pkcs11::{Modules, Pkcs11Store};
use pkic_facts::crypto::KeyKind;
use std::path::Path;
use std::process::Command;
use support::{PIN, config, uri};

mod support;

const DATABASE: &str = "PKIC_KRYOPTIC_DATABASE";

#[test]
fn keys_of_every_kind_keep_the_suite_on_kryoptic() {
    let Some(module) = std::env::var_os("PKIC_KRYOPTIC") else {
        eprintln!("skipped: PKIC_KRYOPTIC names no module");
        return;
    };
    let module = Path::new(&module).canonicalize().unwrap();
    if std::env::var_os(DATABASE).is_some() {
        return on_kryoptic(&module);
    }
    let directory = std::env::temp_dir().join(format!("pkic-kryoptic-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (conf, database) = (directory.join("kryoptic.conf"), directory.join("token.sql"));
    let slot = format!("[[slots]]\nslot = 42\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display());
    std::fs::write(&conf, slot).unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .arg("--nocapture")
        .env(DATABASE, &database)
        .env("KRYOPTIC_CONF", &conf)
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&directory);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn on_kryoptic(module: &Path) {
    initialise(module);
    let store = Pkcs11Store::open(&Modules::new(), &config(module, "pkcs11:token=kryoptic")).unwrap();
    for (kind, bits) in [
        (KeyKind::Rsa, Some(2048)),
        (KeyKind::P256, None),
        (KeyKind::P384, None),
        (KeyKind::P521, None),
        (KeyKind::Ed25519, None),
        (KeyKind::MlDsa44, None),
        (KeyKind::MlDsa65, None),
        (KeyKind::MlDsa87, None),
    ] {
        let key = NewKey { label: format!("{kind:?}").to_lowercase(), kind, bits };
        assert_eq!(suite::check_generated(&store, &key, &uri("pkcs11:object=nobody")), [], "{kind:?}");
    }
}

fn initialise(module: &Path) {
    let module = Pkcs11::new(module).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let officer = AuthPin::new("12345678".into());
    module.init_token(slot, &officer, "kryoptic").unwrap();
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&officer)).unwrap();
    session.init_pin(&AuthPin::new(PIN.into())).unwrap();
    session.close().unwrap();
    module.finalize().unwrap();
}
