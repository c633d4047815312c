//! Cloud KMS as its reference describes it, with real keys.
//!
//! Sources of the members: cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions
//! (the resource, `getPublicKey` as `GET …/publicKey`, `asymmetricSign`), and …/rest/v1/KeyOperationAttestation.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#[path = "../../../rest/tests/support/catalogue.rs"]
mod catalogue;
#[path = "../../../rest/tests/support/keys.rs"]
pub mod keys;
#[path = "../../../rest/tests/support/mod.rs"]
pub mod rest;

pub use catalogue::{shown, starter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keys::Key;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_gcp_kms::{GcpKms, Settings};
use pkic_backend_rest::client::Limits;
use rest::{Fake, Received, Reply, TestMachine};
use serde_json::{Value, json};
use std::sync::Arc;

pub const RING: &str = "projects/p/locations/europe-west3/keyRings/pki";

pub fn name(key: &str) -> String {
    format!("{RING}/cryptoKeys/{key}/cryptoKeyVersions/1")
}

pub fn uri(key: &str) -> KeyUri {
    KeyUri::parse(&format!("cloudkms:resource={}", name(key)), Dialect::Rfc7512).unwrap()
}

/// A key version of the service.
pub struct Version {
    pub key: Key,
    pub id: &'static str,
    pub algorithm: &'static str,
    pub members: Value,
}

impl Version {
    pub fn new(id: &'static str, algorithm: &'static str, level: &str, key: Key) -> Version {
        let members = json!({
            "name": name(id), "state": "ENABLED", "protectionLevel": level, "algorithm": algorithm,
            "createTime": "2026-03-01T10:00:00.123456789Z", "generateTime": "2026-03-01T10:00:01.987654321Z",
        });
        Version { key, id, algorithm, members }
    }

    fn public(&self) -> Value {
        let head = json!({ "name": name(self.id), "algorithm": self.algorithm, "protectionLevel": "HSM" });
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD
                .encode(self.key.spki())
                .as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect::<Vec<_>>()
                .join("\n")
        );
        let key = match self.algorithm.starts_with("PQ_") {
            true => {
                let octets = self.key.octets();
                let sum = crc32c(&octets);
                json!({ "publicKeyFormat": "NIST_PQC", "publicKey": { "data": STANDARD.encode(octets), "crc32cChecksum": sum } })
            }
            false => json!({ "pemCrc32c": crc32c(pem.as_bytes()), "pem": pem }),
        };
        merge(head, key)
    }

    fn sign(&self, body: &Value) -> Value {
        let (signature, flag) = match body["data"].as_str() {
            Some(data) => {
                let data = STANDARD.decode(data).unwrap();
                assert_eq!(body["dataCrc32c"], crc32c(&data));
                (self.key.sign(&data), "verifiedDataCrc32c")
            }
            None => {
                let digest = body["digest"].as_object().unwrap().values().next().unwrap();
                let digest = STANDARD.decode(digest.as_str().unwrap()).unwrap();
                assert_eq!(body["digestCrc32c"], crc32c(&digest));
                (self.key.sign_digest(&digest, self.algorithm.contains("PSS")), "verifiedDigestCrc32c")
            }
        };
        let sum = crc32c(&signature);
        json!({
            "signature": STANDARD.encode(signature), "signatureCrc32c": sum, flag: true, "name": name(self.id),
            "protectionLevel": "HSM",
        })
    }
}

/// Answers as the service with these versions would.
pub fn answer(versions: &[Version], received: &Received) -> Reply {
    if received.header("authorization") != "Bearer ya29.token" {
        return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    }
    let path = received.path.strip_prefix("/v1/").unwrap();
    if let Some(page) = path.strip_prefix(&format!("{RING}/cryptoKeys?pageSize=100&pageToken=")) {
        // One key a page.
        let index: usize =
            if page.is_empty() { 0 } else { u8::from_str_radix(&page[1..], 16).unwrap().into() };
        let next =
            if index + 1 < versions.len() { char::from(index as u8 + 1).to_string() } else { String::new() };
        let key = format!("{RING}/cryptoKeys/{}", versions[index].id);
        return Reply::Json(
            200,
            json!({ "cryptoKeys": [{ "name": key, "purpose": "ASYMMETRIC_SIGN" }], "nextPageToken": next }),
        );
    }
    for version in versions {
        let own = name(version.id);
        let all = format!("{RING}/cryptoKeys/{}/cryptoKeyVersions?pageSize=100&pageToken=", version.id);
        let is_pqc = version.algorithm.starts_with("PQ_");
        let public = format!("{own}/publicKey{}", if is_pqc { "?publicKeyFormat=NIST_PQC" } else { "" });
        if path == own {
            return Reply::Json(200, version.members.clone());
        } else if path == all {
            return Reply::Json(200, json!({ "cryptoKeyVersions": [version.members] }));
        } else if path == public {
            return Reply::Json(200, version.public());
        } else if path == format!("{own}:asymmetricSign") {
            return Reply::Json(200, version.sign(&received.json()));
        }
    }
    error(404, "NOT_FOUND", "CryptoKeyVersion not found.")
}

pub fn error(code: u16, status: &str, message: &str) -> Reply {
    Reply::Json(code, json!({ "error": { "code": code, "message": message, "status": status } }))
}

pub fn service(versions: Vec<Version>) -> Fake {
    Fake::start(move |_, received| answer(&versions, received))
}

pub fn store_with(url: &str, variables: &[(&str, &str)]) -> (GcpKms, Arc<TestMachine>) {
    let machine = TestMachine::new(variables);
    let settings = Settings {
        key_ring: Some(RING.to_owned()),
        endpoint: Some(url.to_owned()),
        limits: Limits { attempt_timeout_ms: 2_000, deadline_ms: 5_000, ..Limits::default() },
        ..Settings::default()
    };
    (GcpKms::new(settings, machine.clone()).unwrap(), machine)
}

pub fn store(fake: &Fake) -> GcpKms {
    store_with(&fake.url, &[("CLOUDSDK_AUTH_ACCESS_TOKEN", "ya29.token")]).0
}

fn merge(mut to: Value, from: Value) -> Value {
    to.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    to
}

/// CRC32C by its polynomial (RFC 3720), bit by bit, apart from the store's own.
pub fn crc32c(octets: &[u8]) -> String {
    let mut crc = u32::MAX;
    for bit in octets.iter().flat_map(|octet| (0..8).map(move |index| octet >> index & 1)) {
        let is_odd = (crc ^ u32::from(bit)) & 1 == 1;
        crc >>= 1;
        if is_odd {
            crc ^= 0x82f6_3b78;
        }
    }
    (crc ^ u32::MAX).to_string()
}
