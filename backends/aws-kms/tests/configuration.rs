//! Region, endpoint and credentials are found as the AWS tools find them, and what is not read is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;

use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::KeyStore;
use pkic_backend_aws_kms::{AwsKms, Settings};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::rest::{Fake, Received, Reply, TestMachine};
use support::{ARN, Held, SECRET, uri};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A home of this test's own, gone afterwards.
struct Home(PathBuf);

impl Home {
    fn new(config: &str, credentials: &str) -> Home {
        let name = format!("pkic-aws-home-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join(".aws")).unwrap();
        std::fs::write(path.join(".aws/config"), config).unwrap();
        std::fs::write(path.join(".aws/credentials"), credentials).unwrap();
        Home(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fake() -> Fake {
    let held = Held::p256();
    Fake::start(move |_, received| held.answer(received))
}

/// Variables of an environment.
type Variables<'a> = Vec<(&'a str, &'a str)>;

/// Opens a key, and tells access key and region with which the service was asked.
fn ask(text: &str, variables: &[(&str, &str)], home: &Home) -> Result<String, StoreError> {
    let fake = fake();
    let mut all = vec![("HOME", home.0.to_str().unwrap()), ("AWS_EC2_METADATA_DISABLED", "true")];
    all.extend([("AWS_ENDPOINT_URL_KMS", fake.url.as_str())]);
    all.extend(variables);
    AwsKms::new(Settings::default(), TestMachine::new(&all)).unwrap().signer(&uri(text))?;
    Ok(scope(&fake.calls()[0]))
}

/// `Credential=ID/DATE/REGION/kms/aws4_request` of a signed request, without the date.
fn scope(call: &Received) -> String {
    let header = call.header("authorization");
    assert!(header.starts_with("AWS4-HMAC-SHA256 ") && header.contains("x-amz-target"), "{header}");
    let scope = header.split("Credential=").nth(1).unwrap().split(',').next().unwrap();
    let parts: Vec<&str> = scope.split('/').collect();
    format!("{} {}", parts[0], parts[2])
}

const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile ca]\nregion=eu-central-1 # here\ns3 =\n  region = x\n\
    [profile role]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/ca\nsource_profile = ca\n\
    [profile sso]\nregion = eu-west-1\nsso_session = corp\n[profile half]\nregion=eu-west-1\naws_access_key_id=AKHALF\n";
const CREDENTIALS: &str = "# keys\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = s\n\
    [ca]\naws_access_key_id = AKCA\naws_secret_access_key = s\n";

#[test]
fn settings_are_found_in_the_order_of_the_aws_tools() {
    let home = Home::new(CONFIG, CREDENTIALS);
    let keys = [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    let plain = "awskms:key-id=alias/ca";
    let arn = format!("awskms:key-id={ARN}");
    let cases: [(&str, Variables<'_>, &str); 8] = [
        (plain, vec![], "AKDEFAULT eu-west-1"),
        (plain, vec![("AWS_PROFILE", "ca")], "AKCA eu-central-1"),
        (plain, [keys.as_slice(), &[("AWS_PROFILE", "ca")]].concat(), "AKENV eu-central-1"),
        (plain, vec![("AWS_DEFAULT_REGION", "us-east-1")], "AKDEFAULT us-east-1"),
        (
            plain,
            vec![("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_REGION", "us-east-2")],
            "AKDEFAULT us-east-2",
        ),
        (
            "awskms:key-id=alias/ca;region=ap-south-1",
            vec![("AWS_REGION", "us-east-2")],
            "AKDEFAULT ap-south-1",
        ),
        ("awskms:key-id=alias/ca;profile=ca", keys.to_vec(), "AKCA eu-central-1"),
        (&arn, vec![], "AKDEFAULT us-west-2"),
    ];
    for (text, variables, expected) in cases {
        assert_eq!(ask(text, &variables, &home).unwrap(), expected, "{text} {variables:?}");
    }
}

#[test]
fn what_is_not_read_is_said_and_nothing_weaker_is_taken() {
    let home = Home::new(CONFIG, CREDENTIALS);
    let plain = "awskms:key-id=alias/ca";
    let empty = Home::new("[default]\nregion = eu-west-1\n", "");
    for (text, variables, home, problem, what) in [
        (plain, vec![("AWS_PROFILE", "role")], &home, Problem::Credentials, "profile `role` has `role_arn`"),
        (plain, vec![("AWS_PROFILE", "sso")], &home, Problem::Credentials, "profile `sso` has `sso_session`"),
        (plain, vec![("AWS_PROFILE", "half")], &home, Problem::Credentials, "half an access key"),
        (plain, vec![("AWS_PROFILE", "none")], &home, Problem::Configuration, "no profile `none`"),
        (plain, vec![("AWS_ACCESS_KEY_ID", "A")], &home, Problem::Credentials, "one is not set"),
        (plain, vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], &home, Problem::Credentials, "is not read here"),
        (plain, vec![], &empty, Problem::Credentials, "there are none"),
        ("awskms:key-id=alias/ca;region=EU", vec![], &home, Problem::Configuration, "no region's name"),
        (
            "awskms:key-id=arn%3Aaws%3Akms%3Aus-west-2%3A1%3Akey/1;region=eu-west-1",
            vec![],
            &home,
            Problem::Configuration,
            "not the ARN's",
        ),
        ("file:ca.pem", vec![], &home, Problem::Configuration, "no keys under `file:`"),
        (
            plain,
            vec![("AWS_ENDPOINT_URL_KMS", "http://kms.example")],
            &home,
            Problem::Configuration,
            "without TLS",
        ),
        (plain, vec![("AWS_ENDPOINT_URL_KMS", "kms.example")], &home, Problem::Configuration, "no URL"),
    ] {
        let error = ask(text, &variables, home).unwrap_err();
        assert_eq!(error.problem, problem, "{what}: {error}");
        assert!(error.what.contains(what) && !error.help.is_empty(), "{what}: {error}");
    }
}

fn issued(id: &str, expires: &str) -> Reply {
    Reply::Json(
        200,
        json!({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": "s", "Token": "t",
            "Expiration": expires,
        }),
    )
}

/// The container's endpoint, and the instance's behind it, by IMDSv2 alone. Sources: Amazon ECS Developer Guide, "Task
/// IAM role"; Amazon EC2 User Guide, "Retrieve security credentials from instance metadata".
#[test]
fn a_container_and_an_instance_have_credentials_that_are_renewed() {
    let home = Home::new("[default]\nregion = eu-west-1\n", "");
    let container = Fake::start(|_, received| {
        assert_eq!((received.path.as_str(), received.header("authorization")), ("/creds", "task-token"));
        issued("AKTASK", "2026-12-01T00:00:00Z")
    });
    let url = format!("{}/creds", container.url);
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "task-token"),
    ];
    assert_eq!(ask("awskms:key-id=alias/ca", &variables, &home).unwrap(), "AKTASK eu-west-1");
    let instance = Fake::start(|count, received| match (received.method.as_str(), received.path.as_str()) {
        ("PUT", "/latest/api/token") => Reply::Bytes(200, Vec::new(), b"session".to_vec()),
        _ if received.header("x-aws-ec2-metadata-token") != "session" => {
            Reply::Bytes(401, Vec::new(), Vec::new())
        }
        (_, "/latest/meta-data/iam/security-credentials/") => {
            Reply::Bytes(200, Vec::new(), b"ca-role".to_vec())
        }
        // The first end within minutes of the machine's clock, 2026-09-21T14:13:20Z.
        _ if count < 4 => issued("AKFIRST", "2026-09-21T14:15:00Z"),
        _ => issued("AKSECOND", "2026-12-01T00:00:00Z"),
    });
    let fake = fake();
    let machine = TestMachine::new(&[
        ("HOME", home.0.to_str().unwrap()),
        ("AWS_ENDPOINT_URL", &fake.url),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url),
    ]);
    let store = AwsKms::new(Settings::default(), machine).unwrap();
    for _ in 0..3 {
        store.signer(&uri("awskms:key-id=alias/ca")).unwrap();
    }
    let scopes: Vec<String> = fake.calls().iter().map(scope).collect();
    assert_eq!(scopes, ["AKFIRST eu-west-1", "AKSECOND eu-west-1", "AKSECOND eu-west-1"]);
    assert_eq!(instance.calls().len(), 6);
    assert_eq!(fake.calls()[0].header("x-amz-security-token"), "t");
}
