//! Deployment files and stores by the binary: the documented example holds, one mistake in it is one finding, and stores
//! tell what they hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]
mod work;

use serde_json::Value;
use std::path::Path;
use work::Work;

const POLICY: &str = r#"edition 2026
policy bank "1.0.0"

authority issuing-ca "Issuing CA" {
    certified-as ca-key
    trust private
    state online
}
authority branch-ca "Branch CA" {
    certified-as ca-key
    trust private
    state online
}
authority test-ca "Test CA" {
    certified-as ca-key
    trust private
    state online
}
profile ca-key {
    role issuing-ca
    operations [ca-sign]
    issued-by [issuing-ca]
    key.storage in any
    contents {
        validity <= 10y default 5y
        subject.common-name
        basic-constraints.ca critical == true
        key-usage critical == [key-cert-sign, crl-sign]
    }
}
profile unit {
    role device-local
    operations [issue]
    issued-by [issuing-ca]
    key.storage in any
    contents {
        validity <= 90d default 30d
        subject.common-name
    }
}
"#;

fn docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn private(work: &Work, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(work.0.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn authority(work: &Work, key: &str, certificate: &str) {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=CA";
    work.openssl(&format!(
        "{request} -addext keyUsage=critical,keyCertSign -keyout {key} -out {certificate}"
    ));
    private(work, key);
}

fn digest_of(work: &Work, key: &str) -> String {
    work.openssl(&format!("pkey -in {key} -pubout -outform DER -out spki.der"));
    let hex = String::from_utf8(work.openssl("dgst -sha256 -r spki.der")).unwrap();
    format!("sha256:{}", hex.split(' ').next().unwrap())
}

/// A folder with everything that the documented example names.
fn bench(name: &str) -> Work {
    let work = Work::new(&format!("config-{name}"));
    for folder in ["keys", "anchors"] {
        std::fs::create_dir_all(work.0.join(folder)).unwrap();
    }
    authority(&work, "other.pem", "issuing-ca.pem");
    authority(&work, "other.pem", "branch-ca.pem");
    authority(&work, "keys/test-ca.pem", "test-ca.crt");
    work.write("issuing-ca-chain.pem", std::fs::read(work.0.join("issuing-ca.pem")).unwrap());
    work.openssl("pkey -in keys/test-ca.pem -pubout -out argon.spki");
    work.write("database", "");
    work.write("crl.cnf", "[ca]\ndefault_ca = d\n[d]\ndatabase = database\ndefault_md = sha256\n");
    work.openssl(
        "ca -gencrl -config crl.cnf -keyfile keys/test-ca.pem -cert test-ca.crt -crldays 9 -out vendor.crl",
    );
    for (name, bytes) in [("edge.key", [7; 32]), ("hsm.pin", [b'1'; 32]), ("libvendor-pkcs11.so", [0; 32])] {
        work.write(name, bytes);
        private(&work, name);
    }
    work.openssl("genpkey -algorithm ed25519 -out log-key.pem");
    private(&work, "log-key.pem");
    let row = "[[validation]]\nid = \"luna\"\nscheme = \"fips-140-3\"\nnumber = \"4000\"\nlevel = 3\nstatus = \"active\"\n\
               match = { vendor = \"thales\", models = [\"Luna 7\"] }\nsource = { title = \"CMVP\", dated = \"2026-11-20\" }\n";
    work.write("rows.toml", row);
    let (code, text) =
        work.pkic("catalogue build rows.toml -o modules.pkic --sign key.pem --name modules --sequence 1");
    assert_eq!(code, 0, "{text}");
    work.write("bank.pki", POLICY);
    let (code, text) = work.pkic("build bank.pki -o policy.pkib --sign key.pem");
    assert_eq!(code, 0, "{text}");
    work
}

/// The documented example, with the signer of this bundle.
fn example(work: &Work) -> String {
    let text = docs("pkic.toml");
    let nobody = format!("sha256:{}", "0".repeat(64));
    assert!(text.contains(&nobody));
    text.replace(&nobody, &digest_of(work, "key.pem"))
}

/// Codes and lines of the errors of `config check`.
fn errors(work: &Work, arguments: &str) -> (i32, Vec<(String, u64)>, Value) {
    let (code, text) = work.pkic(format!("config check --format json {arguments}").trim_end());
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let findings = json["findings"].as_array().unwrap().iter();
    let errors = findings.filter(|finding| finding["severity"] == "error");
    let errors = errors
        .map(|finding| (finding["code"].as_str().unwrap().to_owned(), finding["line"].as_u64().unwrap()));
    (code, errors.collect(), json)
}

#[test]
fn the_documented_example_holds_and_one_mistake_is_one_finding() {
    let work = bench("example");
    let good = example(&work);
    work.write("pkic.toml", &good);
    let (code, found, json) = errors(&work, "");
    assert_eq!((code, found), (0, Vec::new()), "{json:#}");
    // What is left is what only the machine that issues can tell.
    let codes = json["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]);
    assert!(codes.clone().all(|code| code == "W0613"), "{json:#}");
    let line = |text: &str, part: &str| {
        let found = text.lines().position(|line| line.contains(part));
        u64::try_from(found.unwrap_or_else(|| panic!("{part}"))).unwrap() + 1
    };
    for (from, to, code) in [
        ("version = 1", "version = 3", "E0603"),
        ("policy = \"policy.pkib\"", "policy = \"bank.pkib\"", "E0608"),
        ("policy = \"policy.pkib\"", "policy = \"issuing-ca.pem\"", "E0608"),
        ("anchors = \"anchors\"", "anchors = \"edge.key\"", "E0608"),
        ("catalogues = [\"modules.pkic\"]", "catalogues = [\"policy.pkib\"]", "E0608"),
        ("catalogues = [\"modules.pkic\"]", "catalogues = [\"rows.toml\"]", "E0608"),
        ("crls = [\"vendor.crl\"]", "crls = [\"rows.toml\"]", "E0608"),
        ("key = \"edge.key\"", "key = \"rows.toml\"", "E0608"),
        ("key = \"edge.key\"", "keys = \"edge.key\"", "E0602"),
        ("key = \"log-key.pem\"", "key = \"keys/test-ca.pem\"", "E0608"),
        ("directory = \"log\"", "directory = \"none/log\"", "E0608"),
        ("[log]", "[logs]", "E0602"),
        ("\"127.0.0.1:8443\"", "\"localhost\"", "E0603"),
        ("https://witness.example", "witness.example", "E0603"),
        ("witness.example/near+91cec794", "witness.example/near+91cec795", "E0603"),
        ("[witness.near]", "[witnesses.near]", "E0602"),
        ("url = \"https://ct.example/2026h2\"", "uri = \"https://ct.example/2026h2\"", "E0602"),
        ("key = \"argon.spki\"", "key = \"rows.toml\"", "E0608"),
        ("pin-source = \"file:hsm.pin\"", "pin-source = \"1234\"", "E0603"),
        ("pin-source = \"file:hsm.pin\"", "pin-source = \"file:rows.toml\"", "E0608"),
        ("pin-source = \"file:hsm.pin\"", "user-pin = \"1234\"", "E0605"),
        ("timeout-ms = 5000", "timeout-ms = 5000000", "E0603"),
        ("region = \"eu-central-1\"", "regions = \"eu-central-1\"", "E0602"),
        ("directory = \"keys\"", "directory = \"test-ca.crt\"", "E0608"),
        ("[authority.\"bank.test-ca\"]", "[authority.\"bank.tst-ca\"]", "E0607"),
        ("key = \"file:test-ca.pem\"", "key = \"pkcs11:object=test-ca\"", "E0606"),
        ("key = \"file:test-ca.pem\"", "key = \"test-ca.pem\"", "E0606"),
        ("certificate = \"test-ca.crt\"", "certificate = \"bank.pki\"", "E0608"),
        ("chain = \"issuing-ca-chain.pem\"", "chain = \"bank.pki\"", "E0608"),
        ("\"http://ocsp.test.bank.example\"", "\"ocsp.test.bank.example\"", "E0603"),
    ] {
        let text = good.replacen(from, to, 1);
        assert!(text != good, "{from}");
        work.write("pkic.toml", &text);
        let (exit, found, json) = errors(&work, "");
        let at = (code.to_owned(), line(&text, to));
        assert_eq!(exit, 1, "{to}: {json:#}");
        assert!(found.contains(&at), "{to}: {at:?} in {json:#}");
        // A misspelt name is also missing under its own.
        let others: Vec<_> = found.iter().filter(|(other, _)| other != code && other != "E0604").collect();
        assert!(others.is_empty(), "{to}: {json:#}");
        assert!(!json.to_string().contains("1234"), "{json:#}");
    }
}

#[test]
fn a_secret_that_others_may_read_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let work = bench("modes");
    work.write("pkic.toml", example(&work));
    for file in ["edge.key", "log-key.pem", "hsm.pin"] {
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(work.0.join(file), mode(0o644)).unwrap();
        let (code, found, json) = errors(&work, "");
        assert_eq!((code, found.len()), (1, 1), "{file}: {json:#}");
        assert_eq!(found[0].0, "E0608");
        std::fs::set_permissions(work.0.join(file), mode(0o600)).unwrap();
    }
}

#[test]
fn probing_compares_each_key_with_its_certificate() {
    let work = bench("probe");
    let text = example(&work);
    // The stores of the other two have no device here.
    let cut = |text: &str, from: &str, to: &str| {
        let (before, rest) = text.split_once(from).unwrap();
        format!("{before}{to}{}", rest.split_once(to).unwrap().1)
    };
    let text = cut(
        &cut(&text, "[store.hsm]", "[store.bench]"),
        "[authority.\"bank.issuing-ca\"]",
        "[authority.\"bank.test-ca\"]",
    );
    work.write("pkic.toml", &text);
    let (code, found, json) = errors(&work, "--probe");
    assert_eq!((code, found.len()), (0, 0), "{json:#}");
    for (from, to, code) in [
        ("certificate = \"test-ca.crt\"", "certificate = \"issuing-ca.pem\"", "E0610"),
        ("key = \"file:test-ca.pem\"", "key = \"file:none.pem\"", "E0610"),
    ] {
        work.write("pkic.toml", text.replace(from, to));
        assert_eq!(errors(&work, "").1, Vec::new());
        let (exit, found, json) = errors(&work, "--probe");
        assert_eq!((exit, found.len()), (1, 1), "{json:#}");
        assert_eq!(found[0].0, code);
    }
}

#[test]
fn a_store_tells_what_it_holds() {
    let work = bench("store");
    let text = example(&work);
    let (_, bench) = text.split_once("[store.bench]").unwrap();
    let (store, _) = bench.split_once("[authority.\"bank.issuing-ca\"]").unwrap();
    let (_, authority) = text.split_once("[authority.\"bank.test-ca\"]").unwrap();
    let text = format!(
        "version = 1\npolicy = \"policy.pkib\"\n[store.bench]{store}[authority.\"bank.test-ca\"]{authority}"
    );
    work.write("pkic.toml", &text);
    let (code, text) = work.pkic("store probe --suite --format json");
    assert_eq!(code, 0, "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    let store = &json["stores"][0];
    assert_eq!((&store["name"], &store["kind"]), (&Value::from("bench"), &Value::from("software")));
    let key = &store["keys"][0];
    assert_eq!(key["uri"], "file:test-ca.pem");
    assert_eq!(key["spki"], digest_of(&work, "keys/test-ca.pem"));
    assert_eq!(key["schemes"].as_array().unwrap().len(), 1);
    let storage = key["facts"].as_array().unwrap().iter().find(|fact| fact["path"] == "key.storage");
    assert_eq!(storage.unwrap()["value"], "software.file");
    assert_eq!(storage.unwrap()["grade"], "observed");
    assert_eq!(store["suites"][0]["key"], "file:test-ca.pem");
    assert_eq!(store["suites"][0]["broken"], Value::Array(Vec::new()));
    let (code, text) = work.pkic("store probe bench --key file:test-ca.pem --suite");
    assert_eq!(code, 0, "{text}");
    for part in ["store bench: software", "key file:test-ca.pem", "observed", "every promise is kept"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("untested on hardware"));
    let (code, text) = work.pkic("store probe --uri file:keys/test-ca.pem");
    assert_eq!(code, 0, "{text}");
    // A key that others may use is a failure of the store, not of the question.
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(work.0.join("keys/test-ca.pem"), open).unwrap();
    let (code, text) = work.pkic("store probe bench --key file:test-ca.pem");
    assert_eq!(code, 3, "{text}");
}
