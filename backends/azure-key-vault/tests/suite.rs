//! Azure Key Vault and Managed HSM against the suite of all stores, on a service written from the API's reference.
//!
//! Sources of the members: learn.microsoft.com/rest/api/keyvault/keys/get-key/get-key, …/keys/sign/sign,
//! …/keys/get-keys/get-keys and …/keys/get-key-attestation/get-key-attestation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#[path = "../../rest/tests/support/catalogue.rs"]
mod catalogue;
#[path = "../../rest/tests/support/keys.rs"]
mod keys;
#[path = "../../rest/tests/support/mod.rs"]
mod rest;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512};
use aws_lc_rs::signature as aws;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use keys::Key;
use pkic_backend::error::Problem;
use pkic_backend::store::KeyStore;
use pkic_backend::suite;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_azure_key_vault::{AzureKeyVault, Settings};
use pkic_facts::crypto::{Hash, Scheme};
use rest::{Fake, Received, Reply, TestMachine};
use serde_json::{Value, json};

const VERSION: &str = "78deebed173b48e48f55abf87ed4cf71";
const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);

struct Held {
    name: &'static str,
    key: Key,
    jwk: Value,
    attributes: Value,
}

fn held(name: &'static str, kind: &str, curve: &str, key: Key) -> Held {
    let encode = |octets: &[u8]| BASE64URL.encode(octets);
    let mut jwk = json!({ "kty": kind, "key_ops": ["sign", "verify"] });
    if curve.is_empty() {
        let (n, e) = key.rsa_components();
        (jwk["n"], jwk["e"]) = (json!(encode(&n)), json!(encode(&e)));
    } else {
        let point = key.octets();
        let (x, y) = point[1..].split_at(point.len() / 2);
        (jwk["crv"], jwk["x"], jwk["y"]) = (json!(curve), json!(encode(x)), json!(encode(y)));
    }
    Held {
        name,
        key,
        jwk,
        attributes: json!({ "enabled": true, "created": 1_493_942_451, "updated": 1_493_942_451 }),
    }
}

fn p256(kind: &str) -> Held {
    held("ca", kind, "P-256", Key::ec(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, &SHA256))
}

fn error(status: u16, code: &str, inner: &str) -> Reply {
    let error = json!({ "code": code, "message": "eyJ.token", "innererror": { "code": inner } });
    Reply::Json(status, json!({ "error": error }))
}

/// Answers as a vault with these keys would.
fn answer(all: &[Held], received: &Received) -> Reply {
    let base = format!("http://{}", received.header("host"));
    if received.header("authorization") != "Bearer eyJ.token" {
        return error(401, "Unauthorized", "");
    }
    if received.path == "/keys?api-version=7.4" {
        let keys: Vec<Value> =
            all.iter().map(|held| json!({ "kid": format!("{base}/keys/{}", held.name) })).collect();
        return Reply::Json(200, json!({ "value": keys, "nextLink": null }));
    }
    for held in all {
        let kid = format!("{base}/keys/{}/{VERSION}", held.name);
        let bundle = |attributes: &Value| {
            let mut key = held.jwk.clone();
            key["kid"] = json!(kid);
            json!({ "key": key, "attributes": attributes })
        };
        let own = format!("/keys/{}/", held.name);
        let Some(path) = received.path.strip_prefix(&own) else { continue };
        let path = path.strip_prefix(VERSION).unwrap_or(path);
        match path {
            "?api-version=7.4" => return Reply::Json(200, bundle(&held.attributes)),
            "/sign?api-version=7.4" => {
                let body = received.json();
                let digest = BASE64URL.decode(body["value"].as_str().unwrap()).unwrap();
                let is_pss = body["alg"].as_str().unwrap().starts_with("PS");
                let signature = held.key.sign_digest(&digest, is_pss);
                return Reply::Json(200, json!({ "kid": kid, "value": BASE64URL.encode(signature) }));
            }
            "/attestation?api-version=2025-07-01" => {
                return Reply::Json(
                    200,
                    bundle(&json!({ "enabled": true, "attestation": { "version": "MRVL-1" } })),
                );
            }
            _ => {}
        }
    }
    error(404, "KeyNotFound", "")
}

fn store(fake: &Fake, variables: &[(&str, &str)]) -> AzureKeyVault {
    let settings =
        Settings { vault: Some("corp".to_owned()), endpoint: Some(fake.url.clone()), ..Settings::default() };
    AzureKeyVault::new(settings, TestMachine::new(variables)).unwrap()
}

const TOKEN: [(&str, &str); 1] = [("AZURE_ACCESS_TOKEN", "eyJ.token")];

fn uri(text: &str) -> KeyUri {
    KeyUri::parse(&format!("azurekms:{text}"), Dialect::Rfc7512).unwrap()
}

fn service(all: Vec<Held>) -> Fake {
    Fake::start(move |_, received| answer(&all, received))
}

#[test]
fn keys_of_every_type_keep_the_suite_and_stay_with_their_version() {
    let all = vec![
        p256("EC-HSM"),
        held("p384", "EC", "P-384", Key::ec(&aws::ECDSA_P384_SHA384_FIXED_SIGNING, &SHA384)),
        held("p521", "EC", "P-521", Key::ec(&aws::ECDSA_P521_SHA512_FIXED_SIGNING, &SHA512)),
        held("rsa", "RSA-HSM", "", Key::rsa()),
    ];
    let fake = service(all);
    let store = store(&fake, &TOKEN);
    for name in ["ca", "p384", "p521", "rsa"] {
        let key = uri(&format!("name={name};vault=corp"));
        assert_eq!(suite::check(&store, &key, &uri("name=none;vault=corp")), [], "{name}");
        let signer = store.signer(&key).unwrap();
        assert_eq!(signer.uri().text("version"), Some(VERSION));
    }
    assert_eq!(store.list().unwrap().len(), 4);
    assert!(!store.identity().is_tried);
}

#[test]
fn the_starter_catalogue_joins_what_is_observed() {
    for (kind, hsm, storage, export, row) in [
        ("EC", "false", "software", "", "azure-key-vault-software"),
        ("EC-HSM", "false", "cloud-kms.shared", "domain", "azure-key-vault-hsm"),
        ("EC-HSM", "true", "cloud-kms.managed-hsm", "domain", "azure-managed-hsm"),
    ] {
        let fake = service(vec![p256(kind)]);
        let signer = store(&fake, &TOKEN).signer(&uri(&format!("name=ca;vault=corp?hsm={hsm}"))).unwrap();
        let mut facts = signer.observed().unwrap().facts().unwrap();
        assert_eq!(facts.endorse(&catalogue::starter()).unwrap(), [row], "{kind}");
        let shown = catalogue::shown(&facts);
        assert!(shown.contains(&format!("key.storage = {storage}, observed")), "{kind}: {shown:?}");
        let is_said = shown.iter().any(|fact| fact.starts_with("key.export"));
        assert_eq!(is_said, !export.is_empty(), "{kind}: {shown:?}");
        assert_eq!(signer.attester().is_some(), hsm == "true");
    }
    let mut exportable = p256("EC-HSM");
    exportable.attributes["exportable"] = json!(true);
    let fake = service(vec![exportable]);
    let signer = store(&fake, &TOKEN).signer(&uri("name=ca;vault=corp?hsm=true")).unwrap();
    let said = format!(
        "{:?}",
        signer.observed().unwrap().entries().iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>()
    );
    assert!(said.contains("wrapped"), "{said}");
    let parts = signer.attester().unwrap().evidence(b"").unwrap();
    let document: Value = serde_json::from_slice(&parts[0]).unwrap();
    assert_eq!((parts.len(), &document["attributes"]["attestation"]["version"]), (1, &json!("MRVL-1")));
}

#[test]
fn a_key_or_uri_that_is_not_fit_is_refused() {
    for (member, value, problem) in [
        ("kty", json!("oct-HSM"), Problem::Unsupported),
        ("crv", json!("P-256K"), Problem::Unsupported),
        ("key_ops", json!(["encrypt"]), Problem::Unsupported),
        ("x", json!("AA"), Problem::Answer),
    ] {
        let mut key = p256("EC");
        key.jwk[member] = value;
        let error = store(&service(vec![key]), &TOKEN).signer(&uri("name=ca;vault=corp")).err().unwrap();
        assert_eq!(error.problem, problem, "{member}: {error}");
    }
    let mut disabled = p256("EC");
    disabled.attributes["enabled"] = json!(false);
    let error = store(&service(vec![disabled]), &TOKEN).signer(&uri("name=ca;vault=corp")).err().unwrap();
    assert_eq!(error.problem, Problem::Denied);
    let fake = service(vec![]);
    for text in [
        "name=a%2Fb;vault=corp",
        "name=ca;vault=a.b.c",
        "name=ca;vault=corp?version=1%2F2",
        "name=ca;vault=corp?hsm=yes",
    ] {
        let error = store(&fake, &TOKEN).signer(&uri(text)).err().unwrap();
        assert_eq!(error.problem, Problem::Configuration, "{text}: {error}");
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn an_answer_that_is_another_keys_or_a_refusal_is_told_and_the_next_call_works() {
    let cases: [(fn() -> Reply, Problem); 5] = [
        (|| Reply::Json(200, json!({ "kid": "https://other", "value": "AA" })), Problem::Answer),
        (|| Reply::Json(200, json!([])), Problem::Answer),
        (|| error(403, "Forbidden", "KeyDisabled"), Problem::Denied),
        (|| error(403, "Forbidden", "ForbiddenByFirewall"), Problem::Denied),
        (|| error(401, "Unauthorized", ""), Problem::Credentials),
    ];
    for (lie, problem) in cases {
        let all = vec![p256("EC-HSM")];
        let is_first = std::sync::atomic::AtomicBool::new(true);
        let fake = Fake::start(move |_, received| {
            let is_sign = received.path.contains("/sign?");
            match is_sign && is_first.swap(false, std::sync::atomic::Ordering::AcqRel) {
                true => lie(),
                false => answer(&all, received),
            }
        });
        let signer = store(&fake, &TOKEN).signer(&uri("name=ca;vault=corp")).unwrap();
        let error = signer.sign(SCHEME, b"message").unwrap_err();
        assert_eq!(error.problem, problem, "{error}");
        assert!(signer.sign(SCHEME, b"message").is_ok(), "{error}");
    }
}

/// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, and
/// …/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
#[test]
fn tokens_are_found_as_azures_tools_find_them() {
    let token = || {
        Reply::Json(200, json!({ "access_token": "eyJ.token", "expires_in": 3599, "token_type": "Bearer" }))
    };
    let fake = service(vec![p256("EC")]);
    let authority = Fake::start(move |_, received| {
        let body = String::from_utf8(received.body.clone()).unwrap();
        assert_eq!(received.path, "/tenant/oauth2/v2.0/token");
        assert!(body.ends_with("&scope=https%3A%2F%2Fvault.azure.net%2F.default&client_secret=s"), "{body}");
        token()
    });
    let principal = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "id"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", authority.url.as_str()),
    ];
    store(&fake, &principal).signer(&uri("name=ca;vault=corp")).unwrap();
    let error = store(&fake, &principal[..2]).signer(&uri("name=ca;vault=corp")).err().unwrap();
    assert!(error.problem == Problem::Credentials && error.what.contains("neither secret"), "{error}");
    let identity = Fake::start(move |_, received| {
        assert_eq!(received.header("metadata"), "true");
        assert!(received.path.ends_with("resource=https://managedhsm.azure.net"), "{}", received.path);
        token()
    });
    let machine = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", identity.url.as_str())];
    let pool = Fake::start({
        let all = vec![p256("EC-HSM")];
        move |_, received| answer(&all, received)
    });
    store(&pool, &machine).signer(&uri("name=ca;vault=corp?hsm=true")).unwrap();
}
