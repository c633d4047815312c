//! The registrar's half of credential activation, against a TPM that opened what it made: recorded, and live where swtpm is there.

use crate::tpm_support;

use pkic_evidence::tpm::activation::{ActivationError, Credential, EndorsementKey, make_credential};
use pkic_facts::certificate::Certificate;
use std::path::{Path, PathBuf};
use std::process::Command;
use tpm_support::{Case, recorded};

fn endorsement_key(name: &str) -> EndorsementKey {
    let certificate = Certificate::from_der(&recorded(name)).unwrap();
    EndorsementKey::from_spki(certificate.tbs().spki()).unwrap()
}

/// The recorded credentials were opened by the TPM; made again with the recorded randomness they are the same.
#[test]
fn recorded_credentials_are_made_again() {
    for (endorsement, attestation, activation, container) in [
        ("ek-rsa.der", "ak-ec", "activation-ec", "creation-ec.json"),
        ("ek-rsa.der", "ak-rsa", "activation-rsa", "creation-rsa.json"),
        ("ek-ecc.der", "ak-ec", "activation-ec-by-ecc-ek", "creation-ec384.json"),
    ] {
        let key = endorsement_key(endorsement);
        let secret = recorded(&format!("{activation}.challenge"));
        let randomness = recorded(&format!("{activation}.randomness"));
        let expected = Credential::from_tpm2_tools(&recorded(&format!("{activation}.blob"))).unwrap();
        let name = recorded(&format!("{attestation}.name"));
        let made = make_credential(&key, &name, &secret, &randomness).unwrap();
        assert_eq!(made.id_object, expected.id_object, "{activation}");
        // RSA-OAEP draws its own padding; the ephemeral point of ECDH is determined.
        assert_eq!(made.encrypted_secret == expected.encrypted_secret, endorsement == "ek-ecc.der");
        assert_eq!(made.encrypted_secret.len(), expected.encrypted_secret.len());
        assert_eq!(Credential::from_tpm2_tools(&made.to_tpm2_tools()).unwrap(), made);
        let returned: serde_json::Value = serde_json::from_slice(&recorded(container)).unwrap();
        let case = Case { container: returned, ..Case::creation() };
        assert_eq!(case.member("activation-secret"), secret, "the TPM gave the secret back");
    }
}

#[test]
fn a_credential_depends_on_name_secret_and_randomness() {
    let key = endorsement_key("ek-ecc.der");
    let made = |name: &[u8], secret: &[u8], randomness: &[u8]| {
        make_credential(&key, name, secret, randomness).unwrap()
    };
    let (name, secret, randomness) = ([7u8; 34], [8u8; 32], [9u8; 48]);
    let first = made(&name, &secret, &randomness);
    assert_eq!(first, made(&name, &secret, &randomness));
    assert_ne!(first.id_object, made(&[6; 34], &secret, &randomness).id_object);
    assert_ne!(first.id_object, made(&name, &[1; 32], &randomness).id_object);
    let other = made(&name, &secret, &[10; 48]);
    assert!(first.id_object != other.id_object && first.encrypted_secret != other.encrypted_secret);
}

#[test]
fn what_makes_no_credential_is_named() {
    let key = endorsement_key("ek-ecc.der");
    let (name, secret, randomness) = ([7u8; 34], [8u8; 32], [9u8; 48]);
    let fails = |name: &[u8], secret: &[u8], randomness: &[u8]| {
        make_credential(&key, name, secret, randomness).unwrap_err()
    };
    assert_eq!(fails(&[], &secret, &randomness), ActivationError::Name { len_bytes: 0 });
    assert_eq!(fails(&[0; 67], &secret, &randomness), ActivationError::Name { len_bytes: 67 });
    assert_eq!(fails(&name, &[], &randomness), ActivationError::Secret { len_bytes: 0 });
    assert_eq!(fails(&name, &[0; 33], &randomness), ActivationError::Secret { len_bytes: 33 });
    let unfit = |len_bytes| ActivationError::Randomness { len_bytes, needed_len_bytes: 48 };
    assert_eq!(fails(&name, &secret, &[0; 47]), unfit(47));
    assert_eq!(fails(&name, &secret, &[0; 48]), unfit(48), "zero is no private key");
    assert_eq!(fails(&name, &secret, &[0xff; 48]), unfit(48), "beyond the order of the curve");
    assert!(matches!(EndorsementKey::from_spki(&[]), Err(ActivationError::EndorsementKey(_))));
}

/// A live TPM: the recording script runs with this build's credentials, and what it records must be opened and verify.
#[test]
fn a_live_software_tpm_opens_our_credentials() {
    let needed = ["swtpm", "swtpm_setup", "tpm2", "openssl", "python3", "xxd"];
    if let Some(missing) = needed.iter().find(|program| !is_installed(program)) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "`{missing}` is not installed");
        eprintln!("skipped: `{missing}` is not installed");
        return;
    }
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = example_program();
    if !program.is_file() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "the example make_credential is not built");
        eprintln!("skipped: the example make_credential is not built");
        return;
    }
    let out = std::env::temp_dir().join(format!("pkic-swtpm-{}", std::process::id()));
    // One port pair per process, apart from those of the recording itself.
    let port = 23_000 + std::process::id() % 10_000 * 2;
    let run = Command::new("sh")
        .arg(crate_folder.join("record/swtpm.sh"))
        .arg(&out)
        .env("MAKE_CREDENTIAL", &program)
        .env("PORT", port.to_string())
        .env("KEEP_EXPECTED", "1")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let read = |name: &str| std::fs::read(out.join(name)).unwrap();
    for (container, activation) in [
        ("creation-ec.json", "activation-ec"),
        ("creation-rsa.json", "activation-rsa"),
        ("creation-ec384.json", "activation-ec-by-ecc-ek"),
    ] {
        let container = serde_json::from_slice(&read(container)).unwrap();
        let case = Case { container, ..Case::creation() };
        assert_eq!(
            case.member("activation-secret"),
            read(&format!("{activation}.challenge")),
            "{activation}"
        );
    }
    std::fs::remove_dir_all(&out).unwrap();
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// `target/debug/examples/make_credential`, beside the folder of this test's program.
fn example_program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("examples/make_credential")
}
