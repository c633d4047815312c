//! A store of AWS KMS at a service of the test's own.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#[path = "../../../rest/tests/support/catalogue.rs"]
mod catalogue;
#[path = "../../../rest/tests/support/keys.rs"]
mod keys;
#[path = "../../../rest/tests/support/mod.rs"]
pub mod rest;

pub use catalogue::{shown, starter};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature as aws;
use keys::Key;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_backend_aws_kms::{AwsKms, Settings};
use pkic_backend_rest::client::Limits;
use pkic_backend_rest::machine::Machine;
use rest::{Fake, Received, Reply, TestMachine};
use serde_json::{Value, json};
use std::sync::Arc;

pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const TOKEN: &str = "AQoDYXdzEJr-session-token";
pub const ARN: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub fn credentials() -> Vec<(&'static str, &'static str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", TOKEN),
        ("AWS_REGION", "us-west-2"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

pub fn uri(text: &str) -> KeyUri {
    KeyUri::parse(text, Dialect::Rfc7512).unwrap()
}

pub fn store(url: &str, machine: Arc<dyn Machine>) -> AwsKms {
    let limits = Limits { attempt_timeout_ms: 400, deadline_ms: 5_000, ..Limits::default() };
    AwsKms::new(Settings { endpoint: Some(url.to_owned()), limits, ..Settings::default() }, machine).unwrap()
}

/// A store at a service of this process.
pub fn store_at(fake: &Fake) -> (AwsKms, Arc<TestMachine>) {
    let machine = TestMachine::new(&credentials());
    (store(&fake.url, machine.clone()), machine)
}

/// One key behind the service's interface, as far as it says what the message is. The members are those of the
/// examples in docs.aws.amazon.com/kms/latest/APIReference (API_DescribeKey, API_GetPublicKey, API_Sign).
pub struct Held {
    key: Key,
    spec: &'static str,
    algorithms: [&'static str; 1],
}

impl Held {
    pub fn p256() -> Held {
        let key = Key::ec(&aws::ECDSA_P256_SHA256_ASN1_SIGNING, &SHA256);
        Held { key, spec: "ECC_NIST_P256", algorithms: ["ECDSA_SHA_256"] }
    }

    pub fn ml_dsa_65() -> Held {
        Held { key: Key::ml_dsa_65(), spec: "ML_DSA_65", algorithms: ["ML_DSA_SHAKE_256"] }
    }

    pub fn spki(&self) -> Vec<u8> {
        self.key.spki()
    }

    pub fn metadata(&self) -> Value {
        json!({ "KeyMetadata": {
            "AWSAccountId": "111122223333", "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "Arn": ARN,
            "CreationDate": 1_571_767_572.317, "Enabled": true, "Description": "", "KeyUsage": "SIGN_VERIFY",
            "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "MultiRegion": false,
            "CustomerMasterKeySpec": self.spec, "KeySpec": self.spec, "SigningAlgorithms": self.algorithms,
        }})
    }

    pub fn answer(&self, received: &Received) -> Reply {
        let body = received.json();
        let id = body["KeyId"].as_str().unwrap_or_default();
        let is_ours = [ARN, "alias/ca", "1234abcd-12ab-34cd-56ef-1234567890ab"].contains(&id);
        match received.header("x-amz-target").strip_prefix("TrentService.").unwrap() {
            "ListKeys" => Reply::Json(
                200,
                json!({
                    "Keys": [{ "KeyArn": ARN, "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab" }], "Truncated": false,
                }),
            ),
            _ if !is_ours => error(400, "NotFoundException", "Key does not exist"),
            "DescribeKey" => Reply::Json(200, self.metadata()),
            "GetPublicKey" => Reply::Json(
                200,
                json!({
                    "KeyId": ARN, "PublicKey": base64(&self.spki()), "CustomerMasterKeySpec": self.spec,
                    "KeySpec": self.spec, "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": self.algorithms,
                }),
            ),
            "Sign" => {
                assert_eq!(body["MessageType"], "RAW");
                let message = from_base64(body["Message"].as_str().unwrap());
                assert!((1..=4096).contains(&message.len()));
                let signature = match &self.key {
                    Key::Ec(_, hash) => self.key.sign_digest(digest(hash, &message).as_ref(), false),
                    _ => self.key.sign(&message),
                };
                Reply::Json(
                    200,
                    json!({
                        "KeyId": ARN, "Signature": base64(&signature), "SigningAlgorithm": body["SigningAlgorithm"],
                    }),
                )
            }
            other => error(400, "UnknownOperationException", other),
        }
    }
}

pub fn error(status: u16, name: &str, message: &str) -> Reply {
    Reply::Json(status, json!({ "__type": name, "message": message }))
}

pub fn base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

pub fn from_base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
