//! Statements of people by the binary: signed, shown, and what a policy takes from them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]
mod work;

use serde_json::Value;
use work::Work;

const POLICY: &str = r#"edition 2026
policy example.roots "1.0.0"

signers statements "ceremony" {
    max-age 13mo
    signer "Audit AG" spki "SIGNER"
}
signers statements "key-transfer" {
    signer "Audit AG" spki "SIGNER"
}
signers statements "it-audit" {
    signer "Audit AG" spki "SIGNER"
}

profile root {
    role user
    operations [issue]
    key.storage in [hsm] @ witnessed by [ceremony, key-transfer]
    key.export <= domain @ witnessed
    contents {
        validity <= 1y default 90d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
"#;

const GOOD: &str = r#"
kind = "ceremony"
by = "A. Auditor, Audit AG"
dated = "2026-11-01"
about = { key = "KEY" }
[says]
"key.storage" = "hsm.network"
"key.export" = "domain"
"witness.split-knowledge.present" = true
"#;

const TRANSFER: &str = r#"
kind = "key-transfer"
by = "A. Auditor, Audit AG"
dated = "2026-11-01"
about = { key = "KEY" }
[transfer]
source = { vendor = "thales", serial = "1", storage = "hsm.pcie", export = "EXPORT" }
target = { vendor = "entrust", serial = "2", storage = "hsm.network", export = "never" }
wrapping-key = "KEY"
"#;

/// A folder with a policy, a request for a new key, and that key's digest.
struct Bench {
    work: Work,
    key: String,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let work = Work::new(&format!("statement-{name}"));
        let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.pem -out csr.pem -subj /CN=root";
        work.openssl(request);
        let digest = |work: &Work| {
            let hex = work.openssl("dgst -sha256 -r spki.der");
            format!("sha256:{}", String::from_utf8(hex).unwrap().split(' ').next().unwrap())
        };
        work.openssl("pkey -in own.pem -pubout -outform DER -out spki.der");
        let key = digest(&work);
        work.openssl("pkey -in key.pem -pubout -outform DER -out spki.der");
        work.write("roots.pki", POLICY.replace("SIGNER", &digest(&work)));
        Bench { work, key }
    }

    /// Signs a statement, for which `KEY` stands for the request's key.
    fn sign(&self, file: &str, body: &str) -> (i32, String) {
        self.sign_with(file, body, "key.pem", "2027-12-01")
    }

    fn sign_with(&self, file: &str, body: &str, key: &str, until: &str) -> (i32, String) {
        self.work.write("body.toml", body.replace("KEY", &self.key));
        let dates = format!("--at 2026-11-02 --until {until}");
        self.work.pkic(&format!("statement sign body.toml -o {file} --sign {key} {dates}"))
    }

    fn evaluate(&self, at: &str, statements: &[&str]) -> Value {
        let statements: String = statements.iter().map(|file| format!(" --statement {file}")).collect();
        let what = "evaluate --policy roots.pki --profile root --csr csr.pem --format json";
        let (_, text) = self.work.pkic(&format!("{what} --at {at}{statements}"));
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }

    /// Why nothing was taken from a statement, which is not a permit.
    fn why_not(&self, at: &str, file: &str) -> String {
        let answer = self.evaluate(at, &[file]);
        assert_eq!(answer["decision"], "refuse", "{answer}");
        assert!(answer["inputs"]["statements"].as_array().unwrap().is_empty());
        answer["statements"][0]["why-not"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

fn fact<'a>(answer: &'a Value, path: &str) -> &'a Value {
    let mut facts = answer["facts"].as_array().unwrap().iter();
    facts.find(|fact| fact["path"] == path).unwrap_or(&Value::Null)
}

#[test]
fn a_ceremony_says_where_a_key_is() {
    let bench = Bench::new("ceremony");
    assert_eq!(bench.evaluate("2026-11-20", &[])["decision"], "refuse");
    let (code, text) = bench.sign("a.pkis", GOOD);
    assert_eq!(code, 0, "{text}");
    let answer = bench.evaluate("2026-11-20", &["a.pkis"]);
    assert_eq!(answer["decision"], "permit", "{answer}");
    let storage = fact(&answer, "key.storage");
    assert_eq!((&storage["value"], &storage["grade"]), (&"hsm.network".into(), &"witnessed".into()));
    assert_eq!(storage["basis"], serde_json::json!(["ceremony"]), "{storage}");
    assert_eq!(answer["statements"][0]["by"], "A. Auditor, Audit AG");
    assert_eq!(answer["inputs"]["statements"][0], answer["statements"][0]["digest"]);
    let (code, shown) = bench.work.pkic("statement show a.pkis");
    assert!(code == 0 && shown.contains("hsm.network") && shown.contains(&bench.key), "{shown}");
}

#[test]
fn each_wrong_thing_takes_nothing() {
    let bench = Bench::new("wrong");
    assert_eq!(bench.sign("a.pkis", GOOD).0, 0);
    assert!(bench.why_not("2026-11-01", "a.pkis").contains("2026-11-02"), "before it was signed");
    assert!(bench.why_not("2027-12-01", "a.pkis").contains("stale"), "13 months after the ceremony");
    assert_eq!(bench.sign_with("b.pkis", GOOD, "key.pem", "2026-11-10").0, 0);
    assert!(bench.why_not("2026-11-20", "b.pkis").contains("stale"), "past its end");
    bench.work.openssl("genpkey -algorithm ed25519 -out other.pem");
    assert_eq!(bench.sign_with("b.pkis", GOOD, "other.pem", "2027-12-01").0, 0);
    assert!(bench.why_not("2026-11-20", "b.pkis").contains("signer"), "another signer");
    let other_key = GOOD.replace("KEY", &format!("sha256:{}", "0".repeat(64)));
    assert_eq!(bench.sign("b.pkis", &other_key).0, 0);
    assert!(bench.why_not("2026-11-20", "b.pkis").contains("is about the key"), "another key");
    assert_eq!(bench.sign("b.pkis", &GOOD.replace("ceremony", "cloud-report")).0, 0);
    assert!(bench.why_not("2026-11-20", "b.pkis").contains("no signers of statements"));
    let module = GOOD.replace("{ key = \"KEY\" }", "{ module = { vendor = \"thales\", serial = \"1\" } }");
    assert_eq!(bench.sign("b.pkis", &module).0, 0);
    assert!(bench.why_not("2026-11-20", "b.pkis").contains("module.vendor"), "a module that nobody knows");
    let mut bytes = std::fs::read(bench.work.0.join("a.pkis")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.work.write("b.pkis", &bytes);
    assert!(!bench.why_not("2026-11-20", "b.pkis").is_empty());
    bench.work.write("b.pkis", &bytes[..middle]);
    assert!(!bench.why_not("2026-11-20", "b.pkis").is_empty());
    // An audit is good for what it says, and not for what asks for a ceremony.
    assert_eq!(bench.sign("b.pkis", &GOOD.replace("ceremony", "it-audit")).0, 0);
    let answer = bench.evaluate("2026-11-20", &["b.pkis"]);
    assert_eq!((&answer["decision"], &answer["statements"][0]["why-not"]), (&"refuse".into(), &Value::Null));
}

#[test]
fn people_state_what_people_see() {
    let bench = Bench::new("sayable");
    for (wrong, why) in [
        (GOOD.replace("key.export", "module.fips-140-3.level"), "people state"),
        (GOOD.replace("key.export", "key.advisories"), "people state"),
        (GOOD.replace("key.export", "evidence.bound"), "people state"),
        (GOOD.replace("key.export", "key.exports"), "people state"),
        (GOOD.replace("hsm.network", "vault"), "key.storage"),
        (GOOD.replace("by = \"A. Auditor, Audit AG\"", "by = \" \""), "by"),
        (GOOD.replace("2026-11-01", "2026-13-01"), "line 4"),
        (GOOD.replace("2026-11-01", "2026-11-05"), "dates"),
        (GOOD.replace("ceremony", "seance"), "line 2"),
        (GOOD.replace("about = { key", "about = { keys"), "line 5"),
        (GOOD.replace("ceremony", "key-transfer"), "transfer"),
        (TRANSFER.replace("EXPORT", "never").replace("key-transfer", "ceremony"), "key-transfer"),
        (TRANSFER.replace("EXPORT", "sideways"), "key.export"),
        (
            format!("{}[says]\n\"key.origin\" = \"generated\"\n", TRANSFER.replace("EXPORT", "never")),
            "key.origin",
        ),
    ] {
        let (code, text) = bench.sign("a.pkis", &wrong);
        assert!(code == 2 && text.contains(why), "{wrong}\n{text}");
    }
}

#[test]
fn a_transferred_key_may_leave_as_far_as_its_weaker_end_let_it() {
    let bench = Bench::new("transfer");
    for (export, decision) in
        [("never", "permit"), ("domain", "permit"), ("wrapped", "refuse"), ("plain", "refuse")]
    {
        assert_eq!(bench.sign("a.pkis", &TRANSFER.replace("EXPORT", export)).0, 0);
        let answer = bench.evaluate("2026-11-20", &["a.pkis"]);
        assert_eq!(answer["decision"], decision, "{export}");
        assert_eq!(fact(&answer, "key.export")["value"], export);
        assert_eq!(fact(&answer, "key.origin")["value"], "imported-wrapped");
        assert_eq!(fact(&answer, "module.vendor")["value"], "entrust");
    }
}

#[test]
fn two_statements_are_not_mixed() {
    let bench = Bench::new("mixed");
    let storage_alone = GOOD.replace("\"key.export\" = \"domain\"\n", "");
    let export_alone = GOOD.replace("\"key.storage\" = \"hsm.network\"\n", "");
    assert_eq!(bench.sign("a.pkis", &storage_alone).0, 0);
    assert_eq!(bench.sign("b.pkis", &export_alone).0, 0);
    let answer = bench.evaluate("2026-11-20", &["a.pkis", "b.pkis"]);
    assert_eq!(answer["decision"], "refuse");
    assert_eq!(fact(&answer, "key.export"), &Value::Null);
    assert_eq!(answer["statements"][1]["facts"], serde_json::json!(["witness.split-knowledge.present"]));
}
