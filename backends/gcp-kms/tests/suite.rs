//! Google Cloud KMS against the suite of all stores, on a service written from its reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;

use aws_lc_rs::digest::{SHA256, SHA384};
use aws_lc_rs::signature as aws;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkic_backend::error::Problem;
use pkic_backend::store::KeyStore;
use pkic_backend::suite;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_facts::crypto::{Hash, Scheme};
use serde_json::{Value, json};
use support::keys::Key;
use support::rest::{Fake, Reply};
use support::{RING, Version, answer, error, name, service, shown, starter, store, store_with, uri};

fn p256() -> Version {
    let key = Key::ec(&aws::ECDSA_P256_SHA256_ASN1_SIGNING, &SHA256);
    Version::new("ca", "EC_SIGN_P256_SHA256", "HSM", key)
}

#[test]
fn versions_of_every_kind_keep_the_suite() {
    let p384 = Key::ec(&aws::ECDSA_P384_SHA384_ASN1_SIGNING, &SHA384);
    let versions = vec![
        p256(),
        Version::new("p384", "EC_SIGN_P384_SHA384", "HSM", p384),
        Version::new("pss", "RSA_SIGN_PSS_2048_SHA256", "SOFTWARE", Key::rsa()),
        Version::new("pkcs1", "RSA_SIGN_PKCS1_2048_SHA256", "EXTERNAL", Key::rsa()),
        Version::new("ed25519", "EC_SIGN_ED25519", "SOFTWARE", Key::ed25519()),
        Version::new("ml-dsa", "PQ_SIGN_ML_DSA_65", "SOFTWARE", Key::ml_dsa_65()),
    ];
    let ids: Vec<&str> = versions.iter().map(|version| version.id).collect();
    let fake = service(versions);
    let store = store(&fake);
    for id in &ids {
        assert_eq!(suite::check(&store, &uri(id), &uri("none")), [], "{id}");
    }
    assert_eq!(store.list().unwrap().len(), ids.len());
    assert!(!store.identity().is_tried);
}

#[test]
fn the_starter_catalogue_joins_what_is_observed() {
    let cases = [
        ("SOFTWARE", "software", "google-cloud-kms-software"),
        ("HSM", "cloud-kms.shared", "google-cloud-kms-hsm"),
        ("HSM_SINGLE_TENANT", "cloud-kms.dedicated", "google-cloud-kms-hsm-single-tenant"),
        ("EXTERNAL", "cloud-kms.external", "google-cloud-kms-external"),
        ("EXTERNAL_VPC", "cloud-kms.external", "google-cloud-kms-external"),
    ];
    for (level, storage, row) in cases {
        let mut version = p256();
        version.members["protectionLevel"] = json!(level);
        let fake = service(vec![version]);
        let observed = store(&fake).signer(&uri("ca")).unwrap().observed().unwrap();
        let mut facts = observed.facts().unwrap();
        assert_eq!(facts.endorse(&starter()).unwrap(), [row], "{level}");
        let shown = shown(&facts);
        assert!(shown.contains(&format!("key.storage = {storage}, observed")), "{level}: {shown:?}");
        let is_dated = shown.contains(&"key.created = 2026-03-01T10:00:01Z, observed".to_owned());
        assert_eq!(is_dated, !level.starts_with("EXTERNAL"), "{level}: {shown:?}");
    }
}

#[test]
fn an_imported_key_was_not_generated_and_an_unknown_level_says_nothing() {
    let observed = |member: &str, value: &str| {
        let mut version = p256();
        version.members[member] = json!(value);
        let fake = service(vec![version]);
        let observed = store(&fake).signer(&uri("ca")).unwrap().observed().unwrap();
        observed.entries().iter().map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>()
    };
    let imported = observed("importJob", "projects/p/locations/l/keyRings/r/importJobs/j");
    assert!(imported.contains(&"key.origin imported-wrapped".to_owned()), "{imported:?}");
    assert!(!imported.iter().any(|entry| entry.starts_with("key.created")), "{imported:?}");
    assert!(observed("protectionLevel", "QUANTUM").is_empty());
}

/// The attestation comes out as the two parts of `marvell-liquidsecurity`, and only of versions in a module.
#[test]
fn a_version_in_cloud_hsm_attests() {
    let mut version = p256();
    version.members["attestation"] = json!({
        "format": "CAVIUM_V2_COMPRESSED", "content": STANDARD.encode([0x1f, 0x8b, 8, 0]),
        "certChains": {
            "caviumCerts": ["-----A-----\n"], "googleCardCerts": ["-----B-----\n"],
            "googlePartitionCerts": ["-----C-----\n", "-----D-----"],
        },
    });
    let plain = Version::new("plain", "EC_SIGN_ED25519", "SOFTWARE", Key::ed25519());
    let bare = Version::new("bare", "EC_SIGN_ED25519", "HSM", Key::ed25519());
    let fake = service(vec![version, plain, bare]);
    let store = store(&fake);
    let signer = store.signer(&uri("ca")).unwrap();
    let parts = signer.attester().unwrap().evidence(b"nonce").unwrap();
    assert_eq!(
        parts,
        [vec![0x1f, 0x8b, 8, 0], b"-----A-----\n-----B-----\n-----C-----\n-----D-----\n".to_vec()]
    );
    assert!(store.signer(&uri("plain")).unwrap().attester().is_none());
    let error = store.signer(&uri("bare")).unwrap().attester().unwrap().evidence(b"").unwrap_err();
    assert_eq!(error.problem, Problem::Unsupported, "{error}");
}

#[test]
fn a_version_that_is_not_to_be_used_is_not_opened() {
    for (member, value, problem) in [
        ("state", "DISABLED", Problem::Denied),
        ("state", "DESTROYED", Problem::Denied),
        ("state", "PENDING_GENERATION", Problem::Denied),
        ("algorithm", "EC_SIGN_SECP256K1_SHA256", Problem::Unsupported),
        ("algorithm", "GOOGLE_SYMMETRIC_ENCRYPTION", Problem::Unsupported),
        ("name", "projects/other", Problem::Answer),
    ] {
        let mut version = p256();
        version.members[member] = json!(value);
        let fake = service(vec![version]);
        let error = store(&fake).signer(&uri("ca")).err().unwrap();
        assert_eq!(error.problem, problem, "{value}: {error}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn a_uri_that_names_no_version_is_refused_before_anything_is_asked() {
    let fake = service(vec![]);
    for resource in [
        format!("{RING}/cryptoKeys/ca"),
        format!("{RING}/cryptoKeys/ca/cryptoKeyVersions/1/x/y"),
        format!("{RING}/cryptoKeys/../cryptoKeyVersions/1"),
        format!("{RING}/cryptoKeys/a%3Fb/cryptoKeyVersions/1"),
        format!("{RING}/cryptoKeys/a%23b/cryptoKeyVersions/1"),
        format!("{RING}/cryptoKeys//cryptoKeyVersions/1"),
        "projects/p".to_owned(),
    ] {
        let uri = KeyUri::parse(&format!("cloudkms:resource={resource}"), Dialect::Rfc7512).unwrap();
        let error = store(&fake).signer(&uri).err().unwrap();
        assert_eq!(error.problem, Problem::Configuration, "{resource}: {error}");
        assert!(error.help.contains("cryptoKeyVersions/V"), "{error}");
    }
    assert!(fake.calls().is_empty());
}

const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);

/// Answers the first signature with `change` of the right answer.
fn lying(change: impl Fn(Value) -> Reply + Send + Sync + 'static) -> Fake {
    let versions = vec![p256()];
    let is_first = std::sync::atomic::AtomicBool::new(true);
    Fake::start(move |_, received| match answer(&versions, received) {
        Reply::Json(200, right)
            if received.path.ends_with(":asymmetricSign")
                && is_first.swap(false, std::sync::atomic::Ordering::AcqRel) =>
        {
            change(right)
        }
        other => other,
    })
}

#[test]
fn an_answer_that_fails_its_checks_is_refused_and_the_next_call_works() {
    let with = |member: &'static str, value: Value| {
        move |mut right: Value| {
            right[member] = value.clone();
            Reply::Json(200, right)
        }
    };
    let refused = |fake: Fake, problem: Problem, what: &str| {
        let signer = store(&fake).signer(&uri("ca")).unwrap();
        let error = signer.sign(SCHEME, b"message").unwrap_err();
        assert_eq!(error.problem, problem, "{what}: {error}");
        assert!(error.what.contains(what), "{what}: {error}");
        assert!(!format!("{error:?}").contains("ya29"), "{error:?}");
        assert!(signer.sign(SCHEME, b"message").is_ok(), "{what}");
    };
    refused(lying(with("name", json!(name("other")))), Problem::Answer, "as `name`, and not");
    refused(lying(with("signature", json!("AAAA"))), Problem::Answer, "as `signatureCrc32c`");
    refused(
        lying(with("verifiedDigestCrc32c", json!(false))),
        Problem::Answer,
        "did not check what it signed",
    );
    refused(lying(|_| Reply::Bytes(200, vec![], b"{".to_vec())), Problem::Answer, "no JSON object");
    refused(lying(|_| error(403, "PERMISSION_DENIED", "no")), Problem::Denied, "PERMISSION_DENIED");
    refused(lying(|_| error(400, "FAILED_PRECONDITION", "DISABLED")), Problem::Denied, "FAILED_PRECONDITION");
    refused(lying(|_| error(401, "UNAUTHENTICATED", "ya29.token")), Problem::Credentials, "access token");
    let fake = lying(|_| error(429, "RESOURCE_EXHAUSTED", "quota"));
    assert!(store(&fake).signer(&uri("ca")).unwrap().sign(SCHEME, b"message").is_ok());
}

/// A service account's assertion (developers.google.com/identity/protocols/oauth2/service-account#jwt-auth) and the
/// metadata server's token (cloud.google.com/compute/docs/metadata/overview).
#[test]
fn tokens_are_found_as_googles_tools_find_them() {
    let folder = std::env::temp_dir().join(format!("pkic-gcp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let fake = service(vec![p256()]);
    let token = json!({ "access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer" });
    let given = token.clone();
    let metadata = Fake::start(move |_, received| {
        assert_eq!(received.path, "/computeMetadata/v1/instance/service-accounts/default/token");
        assert_eq!(received.header("metadata-flavor"), "Google");
        Reply::Json(200, given.clone())
    });
    let host = metadata.url.strip_prefix("http://").unwrap();
    let home = folder.to_str().unwrap();
    store_with(&fake.url, &[("GCE_METADATA_HOST", host), ("HOME", home)]).0.signer(&uri("ca")).unwrap();
    let endpoint = Fake::start(move |_, received| {
        let body = String::from_utf8(received.body.clone()).unwrap();
        let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
        let parts: Vec<&str> = body.strip_prefix(start).unwrap().split('.').collect();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert_eq!(claims["iss"], "ca@p.iam.gserviceaccount.com");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
        Reply::Json(200, token.clone())
    });
    let Key::Rsa(pair) = Key::rsa() else { unreachable!() };
    use aws_lc_rs::encoding::AsDer as _;
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8.as_ref())
    );
    let file = folder.join("key.json");
    let write = |kind: &str, key: &str| {
        let account = json!({
            "type": kind, "private_key_id": "1", "private_key": key, "token_uri": endpoint.url,
            "client_email": "ca@p.iam.gserviceaccount.com",
        });
        std::fs::write(&file, account.to_string()).unwrap();
    };
    let open = || {
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())];
        store_with(&fake.url, &variables).0.signer(&uri("ca")).map(|_| ())
    };
    write("service_account", &pem);
    open().unwrap();
    for (kind, key, what) in
        [("service_account", "no key", "no RSA key"), ("external_account", pem.as_str(), "are not read here")]
    {
        write(kind, key);
        let error = open().unwrap_err();
        assert!(error.problem == Problem::Credentials && error.what.contains(what), "{error}");
    }
    let _ = std::fs::remove_dir_all(&folder);
}
