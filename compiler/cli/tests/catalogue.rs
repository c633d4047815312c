//! Catalogues by the binary, on real devices: what they say of a module, and that a decision can be replayed with the
//! catalogue of its day and not with that of another.
//!
//! Samples are read as in `real_samples.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stderr, unreachable_pub)]
mod samples;
mod work;

use samples::{tree, yubikeys};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use work::Work;

const POLICY: &str = r#"edition 2026
policy example.tokens "1.0.0"

use std.anchors "2026.11.0"
adopt std.anchors.yubico-piv

signers catalogues "modules" {
    max-age 45d
    signer "PKI operations" spki "SIGNER"
}

profile token {
    role user
    operations [issue]
    key.storage in [se.token]
    module.fips-140-2.level >= 1
    module.fips-140-2.status == active
    contents {
        validity <= 1y default 90d
        subject.common-name
        subject.organization ?
        key-usage critical == [digital-signature]
    }
}
"#;

/// The module as the CMVP listed it before and after the sunset.
const ROW: &str = r#"
[[validation]]
id = "yubikey-5-fips"
scheme = "fips-140-2"
number = "YubiKey 5 Cryptographic Module"
match = { vendor = "yubico", models = ["YubiKey FIPS *"], firmware = [{ is = "5.4.2" }, { is = "5.4.3" }] }
level = 1
status = "STATUS"
source = { title = "CMVP", dated = "DATED" }
"#;

/// A folder with a policy, anchors and the catalogues of August and October; gone when dropped.
struct Bench {
    folder: PathBuf,
    csr: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    fn new(name: &str, samples: &Path) -> Bench {
        let folder = std::env::temp_dir().join(format!("pkic-catalogue-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("anchors")).unwrap();
        for file in ["yubico-ca-certs.txt", "yubico-intermediate.pem"] {
            std::fs::copy(samples.join(file), folder.join("anchors").join(file).with_extension("pem"))
                .unwrap();
        }
        let bench = Bench { folder, csr: samples.join("fw543_9a_rsa2048_fips.csr.pem") };
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "ed25519", "-out"])
            .arg(bench.folder.join("key.pem"))
            .output()
            .unwrap();
        assert!(made.status.success());
        let august = bench.build("august", 1, "active", "2026-08-01");
        bench.build("october", 2, "historical", "2026-10-01");
        let signer = august.split('"').find(|part| part.starts_with("sha256:")).unwrap();
        std::fs::write(bench.folder.join("tokens.pki"), POLICY.replace("SIGNER", signer)).unwrap();
        bench
    }

    fn pkic(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pkic")).current_dir(&self.folder).args(arguments).output().unwrap()
    }

    fn build(&self, name: &str, sequence: u64, status: &str, dated: &str) -> String {
        let rows = ROW.replace("STATUS", status).replace("DATED", dated);
        std::fs::write(self.folder.join(format!("{name}.toml")), rows).unwrap();
        let (sequence, output) = (sequence.to_string(), format!("{name}.pkic"));
        let from = format!("{name}.toml");
        let built = self.pkic(&[
            "catalogue",
            "build",
            &from,
            "-o",
            &output,
            "--sign",
            "key.pem",
            "--name",
            "modules",
            "--sequence",
            &sequence,
            "--at",
            dated,
        ]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        String::from_utf8(built.stdout).unwrap()
    }

    /// The answer, in JSON, and its very bytes.
    fn decide(&self, at: &str, catalogue: Option<&str>) -> (Value, Vec<u8>) {
        let csr = self.csr.to_str().unwrap();
        let mut arguments = vec![
            "evaluate",
            "--policy",
            "tokens.pki",
            "--profile",
            "token",
            "--anchors",
            "anchors",
            "--csr",
            csr,
            "--at",
            at,
            "--format",
            "json",
        ];
        arguments.extend(catalogue.into_iter().flat_map(|file| ["--catalogue", file]));
        let output = self.pkic(&arguments);
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (json, output.stdout)
    }
}

fn fact<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    json["facts"].as_array().unwrap().iter().find(|fact| fact["path"] == path)
}

fn failing(json: &Value) -> Vec<&str> {
    let requirements = json["requirements"].as_array().unwrap().iter();
    let failing = requirements.filter(|each| matches!(each["result"].as_str(), Some("violated" | "unknown")));
    failing.map(|each| each["id"].as_str().unwrap()).collect()
}

const CERTIFIED: [&str; 2] = ["module.fips-140-2.level", "module.fips-140-2.status"];

#[test]
fn a_decision_of_august_is_replayed_with_the_catalogue_of_august_alone() {
    let Some(samples) = yubikeys() else { return };
    let bench = Bench::new("replay", &samples);
    let (first, bytes) = bench.decide("2026-08-15", Some("august.pkic"));
    assert_eq!(first["decision"], "permit", "{first:#}");
    assert_eq!(first["catalogues"][0]["rows"][0], "yubikey-5-fips");
    assert_eq!(first["inputs"]["catalogues"][0], first["catalogues"][0]["digest"]);
    assert_eq!(bench.decide("2026-08-15", Some("august.pkic")).1, bytes, "to the byte");

    let (with_later, _) = bench.decide("2026-08-15", Some("october.pkic"));
    assert_eq!((with_later["decision"].as_str(), failing(&with_later)), (Some("refuse"), CERTIFIED.to_vec()));
    assert!(
        with_later["catalogues"][0]["why-not"].as_str().unwrap().contains("2026-10-01"),
        "{with_later:#}"
    );

    let (today, _) = bench.decide("2026-10-02", Some("october.pkic"));
    assert_eq!((today["decision"].as_str(), failing(&today)), (Some("refuse"), vec![CERTIFIED[1]]));
    assert_eq!(fact(&today, "module.fips-140-2.status").unwrap()["value"], "historical");

    let (too_old, _) = bench.decide("2026-10-02", Some("august.pkic"));
    assert_eq!(failing(&too_old), CERTIFIED.to_vec(), "older than 45 days: unknown");
}

#[test]
fn certification_comes_from_a_catalogue_alone_and_is_known_as_well_as_the_module() {
    let Some(samples) = yubikeys() else { return };
    let bench = Bench::new("grade", &samples);
    let (without, _) = bench.decide("2026-08-15", None);
    assert_eq!((without["decision"].as_str(), failing(&without)), (Some("refuse"), CERTIFIED.to_vec()));
    assert_eq!(fact(&without, "module.fips-140-2.level"), None);
    let (with, _) = bench.decide("2026-08-15", Some("august.pkic"));
    let level = fact(&with, "module.fips-140-2.level").unwrap();
    assert_eq!((&level["value"], &level["grade"]), (&Value::from(1), &Value::from("attested")));
    assert!(level["basis"].as_array().unwrap().contains(&Value::from("catalogue")), "{level}");

    let text = std::fs::read(bench.folder.join("august.pkic")).unwrap();
    for (name, bytes) in [("cut", &text[..text.len() - 1]), ("empty", &[][..]), ("text", &b"rows"[..])] {
        std::fs::write(bench.folder.join(name), bytes).unwrap();
        assert_eq!(failing(&bench.decide("2026-08-15", Some(name)).0), CERTIFIED.to_vec(), "{name}");
    }
    let other = POLICY.replace("SIGNER", &format!("sha256:{}", "0".repeat(64)));
    std::fs::write(bench.folder.join("tokens.pki"), other).unwrap();
    let (untrusted, _) = bench.decide("2026-08-15", Some("august.pkic"));
    assert_eq!(failing(&untrusted), CERTIFIED.to_vec());
}

const LISTED: &str = r#"{"_type": "sec_certs.dataset.fips.FIPSDataset", "name": "synthetic", "certs": [
    {"cert_id": 4282, "web_data": {"standard": "FIPS 140-2", "level": 3, "status": "STATUS", "date_sunset": "2026-09-21"}},
    {"cert_id": 9, "web_data": {"standard": null, "level": null, "status": null, "date_sunset": null}}
]}"#;

#[test]
fn rows_take_their_status_from_published_lists() {
    let work = std::env::temp_dir().join(format!("pkic-lists-{}", std::process::id()));
    std::fs::create_dir_all(&work).unwrap();
    let mut made = Command::new("openssl");
    made.current_dir(&work).args(["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]);
    assert!(made.output().unwrap().status.success());
    let head = "[[validation]]\nid = 'a'\nscheme = 'fips-140-2'\nmatch = { models = ['A'] }\n";
    let tail = "source = { title = 'CMVP', dated = '2026-08-01' }\n";
    let build = |row: &str, list: &str| {
        std::fs::write(work.join("rows.toml"), format!("{head}{row}\n{tail}")).unwrap();
        std::fs::write(work.join("list.json"), list).unwrap();
        let arguments =
            "catalogue build rows.toml --list list.json -o a.pkic --sign key.pem --name a --sequence 1";
        let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
            .current_dir(&work)
            .args(arguments.split(' '))
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let active = LISTED.replace("STATUS", "active");
    assert_eq!(build("number = '4282'", &active), (0, String::new()));
    let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
        .current_dir(&work)
        .args(["catalogue", "show", "a.pkic"])
        .output();
    let shown = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(shown.contains("FIPS 140-2 level 3, active until 2026-09-21"), "{shown}");
    for (row, list, why) in [
        ("number = '4283'", active.as_str(), "no status"),
        ("number = '4282'\nlevel = 2", &active, "another level"),
        ("number = '4282'\nstatus = 'active'", &LISTED.replace("STATUS", "revoked"), "another status"),
        ("number = '4282'", &LISTED.replace("STATUS", "pending"), "lists no certificate"),
        ("number = '4282'", "{}", "no FIPS or CC dataset"),
    ] {
        let (code, message) = build(row, list);
        assert!(code == 2 && message.contains(why), "{row}: {code} {message}");
    }
    let Some(samples) = yubikeys() else { return };
    let lists = samples.join("../certification-lists");
    std::fs::copy(lists.join("cc_toy_dataset.json"), work.join("cc.json")).unwrap();
    let cc = std::fs::read_to_string(work.join("cc.json")).unwrap();
    let row = "number = 'NetIQ Identity Manager 4.7'".to_owned();
    std::fs::write(work.join("rows.toml"), format!("{head}{row}\n{tail}").replace("fips-140-2", "cc"))
        .unwrap();
    std::fs::write(work.join("list.json"), cc).unwrap();
    let arguments =
        "catalogue build rows.toml --list list.json -o a.pkic --sign key.pem --name a --sequence 1";
    let output =
        Command::new(env!("CARGO_BIN_EXE_pkic")).current_dir(&work).args(arguments.split(' ')).output();
    assert!(output.unwrap().status.success());
    let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
        .current_dir(&work)
        .args(["catalogue", "show", "a.pkic"])
        .output();
    let shown = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(shown.contains("Common Criteria EAL 3, active until 2025-06-15"), "{shown}");
    let _ = std::fs::remove_dir_all(&work);
}

/// A BLOB by the key in `blob.key`, with the certificate in `blob.crt`.
fn jws(work: &Work, payload: &str) -> String {
    let certificate = work.base64(work.openssl("x509 -in blob.crt -outform DER"));
    work.jws(&format!(r#"{{"alg":"RS256","x5c":["{certificate}"]}}"#), payload, "blob.key")
}

const BUILD_MDS: &str = "-o a.pkic --sign key.pem --name fido --sequence 1";

/// The FIDO Alliance's own example BLOB. Its certificates are younger than its `nextUpdate`, so that it never counts.
#[test]
fn the_example_of_the_fido_metadata_service_is_genuine_and_stale() {
    let Some(samples) = yubikeys() else { return };
    let mds = samples.join("../fido-mds");
    let work = Work::new("mds-example");
    let blob = std::fs::read_to_string(mds.join("mds3-example.blob.jwt")).unwrap();
    work.write("blob.jwt", &blob);
    work.write("root.der", std::fs::read(mds.join("mds3-example-root.der")).unwrap());
    work.write("other.der", std::fs::read(mds.join("mds3-production-root-globalsign-r3.der")).unwrap());
    let middle = blob.len() / 2;
    let flipped = if &blob[middle..=middle] == "A" { "B" } else { "A" };
    work.write("flipped.jwt", format!("{}{flipped}{}", &blob[..middle], &blob[middle + 1..]));
    for (files, at, why) in [
        ("blob.jwt --mds-root root.der", "2022-01-01", "stale"),
        ("blob.jwt --mds-root root.der", "2020-01-01", "valid"),
        ("blob.jwt --mds-root other.der", "2022-01-01", "issue"),
        ("flipped.jwt --mds-root root.der", "2022-01-01", "signature"),
        ("root.der --mds-root root.der", "2022-01-01", "BLOB"),
    ] {
        let (code, text) = work.pkic(&format!("catalogue build --mds {files} --at {at} {BUILD_MDS}"));
        assert!(code == 2 && text.contains(why), "{files} {at}: {text}");
    }
    let (code, text) = work.pkic(&format!("catalogue build --mds blob.jwt {BUILD_MDS}"));
    assert!(code == 2 && text.contains("--mds-root"), "{text}");
}

#[test]
fn a_blob_of_the_fido_metadata_service_becomes_rows() {
    let work = Work::new("mds");
    work.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout blob.key -out blob.crt -days 36500 -subj /CN=mds",
    );
    let model = |aaguid: char, protection: &str, attachment: &str, reports: &[&str]| {
        let aaguid = format!("{}-0000-4000-8000-000000000000", aaguid.to_string().repeat(8));
        let reports: Vec<String> =
            reports.iter().map(|status| format!(r#"{{"status":"{status}"}}"#)).collect();
        format!(
            r#"{{"aaguid":"{aaguid}","timeOfLastStatusChange":"2027-01-04","statusReports":[{}],"metadataStatement":
            {{"description":"model","keyProtection":[{protection}],"attachmentHint":["{attachment}"]}}}}"#,
            reports.join(",")
        )
    };
    let models = [
        model(
            'a',
            r#""hardware","secure_element""#,
            "external",
            &["FIDO_CERTIFIED", "FIDO_CERTIFIED_L2plus"],
        ),
        model('b', r#""hardware","tee""#, "internal", &["FIDO_CERTIFIED_L1", "REVOKED"]),
        model('c', r#""hardware""#, "external", &["USER_KEY_PHYSICAL_COMPROMISE"]),
        model('d', r#""software""#, "internal", &["NOT_FIDO_CERTIFIED"]),
    ];
    let blob = |entries: &str| format!(r#"{{"no":7,"nextUpdate":"2027-02-01","entries":[{entries}]}}"#);
    work.write("blob.jwt", jws(&work, &blob(&models.join(","))));
    let arguments = format!("catalogue build --mds blob.jwt --mds-root blob.crt --at 2027-01-15 {BUILD_MDS}");
    let (code, text) = work.pkic(&arguments);
    assert_eq!(code, 0, "{text}");
    let (_, shown) = work.pkic("catalogue show a.pkic");
    let row = |id: char, rest: &str| {
        let id = format!("fido-mds/{}-0000-4000-8000-000000000000{rest}", id.to_string().repeat(8));
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(&id));
        line.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    assert!(row('a', "").starts_with("se.token 2027-01-04"), "{shown}");
    assert!(row('a', "/certified").starts_with("FIDO level 2, active"), "{shown}");
    assert!(row('b', "").starts_with("tee "), "{shown}");
    assert!(row('b', "/certified").starts_with("FIDO level 1, revoked"), "{shown}");
    assert!(row('b', "/REVOKED").starts_with("advisory: REVOKED, critical"), "{shown}");
    assert_eq!(row('c', ""), "", "hardware is no place");
    assert!(row('c', "/USER_KEY_PHYSICAL_COMPROMISE").contains("high"), "{shown}");
    assert!(row('d', "").starts_with("software "), "{shown}");
    assert_eq!(row('d', "/certified"), "");
    for (entries, why) in [
        (r#"{"aaguid":"x","statusReports":[],"timeOfLastStatusChange":"2027-01-04"}"#, "aaguid"),
        (r#"{"aaguid":"aaaaaaaa-0000-4000-8000-000000000000","statusReports":[]}"#, "timeOfLastStatusChange"),
    ] {
        work.write("blob.jwt", jws(&work, &blob(entries)));
        let (code, text) = work.pkic(&arguments);
        assert!(code == 2 && text.contains(why), "{text}");
    }
}

/// The shipped catalogue is the rows beside it, whoever sealed it, and it ends.
#[test]
fn the_starter_is_what_its_rows_say() {
    let folder = tree().join("stdlib-profiles/catalogue");
    let pkic = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_pkic")).current_dir(&folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    let shipped = pkic(&["catalogue", "show", "starter.pkic", "--format", "json"]);
    assert_eq!((&shipped["name"], &shipped["verdict"]), (&Value::from("starter"), &Value::from("signed")));
    let work = std::env::temp_dir().join(format!("pkic-starter-{}", std::process::id()));
    std::fs::create_dir_all(&work).unwrap();
    let (key, built) = (work.join("key.pem"), work.join("built.pkic"));
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key).output();
    assert!(made.unwrap().status.success());
    let mut arguments = vec!["catalogue", "build", "--name", "starter", "--sequence", "1"];
    let (key, output) = (key.to_str().unwrap(), built.to_str().unwrap());
    arguments.extend(["--sign", key, "-o", output, "services.toml", "tokens.toml", "tpm.toml"]);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(files.filter(|path| path.extension().is_some_and(|end| end == "toml")).count(), 3);
    pkic(&arguments);
    let rebuilt = pkic(&["catalogue", "show", output, "--format", "json"]);
    let _ = std::fs::remove_dir_all(&work);
    assert!(shipped["rows"] == rebuilt["rows"], "seal the catalogue again: stdlib-profiles/catalogue/seal");
}
