//! Design D11: a deployment can take away what the policy permits, and add nothing. Every setting of the file is turned
//! to every value that somebody who wants more could give it, and what the policy refuses stays refused.
use super::Deployment;
use super::read::read;
use super::schema::{Key, SECTIONS, StoreKind};
use crate::World;
use crate::inputs::{self, SealedBytes};
use crate::report::human::Colour;
use crate::workspace::Workspace;
use crate::{pem, plugins};
use pkic_audit::{KeyKind, NoteKey};
use pkic_facts::envelope::{self, Kind, Manifest, SigningKey};
use pkic_facts::{catalogue, statement};
use pkic_ir::Program;
use pkic_runtime::bundle::{self, Edition};
use pkic_runtime::challenge::Nonce;
use pkic_runtime::decide::{Request, decide};
use pkic_runtime::input::Given;
use pkic_runtime::sealed::SealedFile;
use pkic_vocab::{Words, time};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const NONCE: &[u8] = b"pkic-recording-nonce-0001";

/// Each profile but `open` refuses its request, for one reason that a setting could try to mend. `SIGNER` is who counts.
const POLICY: &str = r#"edition 2026
WORD example.shop "1.0.0"

anchors bench "The recorded simulator" {
    anchor "CA" spki "sha256:29863b0887746683b1350af224d37d13d79da360ff71637502b5a546cd18a1f0"
        purpose PURPOSE formats [tpm2-certify-creation]
    anchor "Widgets" spki "sha256:695714b7ad61a424e5e64091c2baa1c5860e64db618b5d2cb9163dc42b84467a"
        purpose production formats [plugin]
}
signers plugins "yubikey-piv" { signer "A" spki "MODULE" }
signers statements "it-audit" { signer "A" spki "SIGNER" }
signers catalogues "modules" {
    max-age 90d
    signer "A" spki "SIGNER"
}
authority ca "CA" {
    certified-as ca-key
    trust private
    state online
}
profile ca-key {
    role issuing-ca
    operations [ca-sign]
    issued-by [ca]
    key.storage in any
    contents {
        validity <= 10y default 5y
        subject.common-name
        basic-constraints.ca critical == true
        key-usage critical == [key-cert-sign, crl-sign]
    }
}
profile open {
    role device-local
    operations [issue]
    issued-by [ca]
    key.storage in any
    request.proof-of-possession == true
    contents {
        validity <= 7d default 1d
        subject.common-name
        subject.organization ?
        key-usage critical == [digital-signature]
        extended-key-usage == [client-auth]
    }
}
/// The anchor is a simulator's, whatever the deployment says of it.
profile production refines open {
    operations [issue]
    evidence.anchor.purpose == production
}
/// Nobody whom the policy names has said so.
profile witnessed {
    role device-local
    operations [issue]
    issued-by [ca]
    key.storage in [hsm] @ witnessed
    contents {
        validity <= 7d default 1d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
/// The module is validated at level 2.
profile certified {
    role device-local
    operations [issue]
    issued-by [ca]
    key.storage in any
    module.fips-140-3.level >= 3 @ witnessed
    contents {
        validity <= 7d default 1d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
/// No module that the policy names reads the evidence.
profile plugged {
    role device-local
    operations [issue]
    issued-by [ca]
    key.storage in [se] @ attested by plugin
    contents {
        validity <= 7d default 1d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
"#;

/// A module, and its digest.
const MODULE: (&str, &str) = (
    "backends/plugin/guest/yubikey_piv.wasm",
    "sha256:a4dc77f31d90d93d043029d6a84aa752357ead2f56edff9b8de838916d23b29d",
);

/// Whoever certifies what the module reads, as the deployment names them.
const WIDGETS: &str = r#"[[anchor]]
name = "widgets"
spki = "sha256:695714b7ad61a424e5e64091c2baa1c5860e64db618b5d2cb9163dc42b84467a"
purpose = "production"
formats = ["plugin"]
"#;

/// Profile, request and evidence of every decision; the first is permitted.
const REQUESTS: [(&str, &str, Option<&str>); 5] = [
    ("open", "gateway.csr", Some("gateway.json")),
    ("production", "gateway.csr", Some("gateway.json")),
    ("witnessed", "www.csr", None),
    ("certified", "www.csr", None),
    ("plugged", "plugged.csr", Some("plugged.pem")),
];

/// The whole file, with every setting but those of stores that are not `software`.
const DEPLOYMENT: &str = r#"
version = 1
lab = false
policy = "policy.pkib"
bundle-signers = ["SIGNER"]

[inputs]
anchors = "anchors"
catalogues = ["modules.pkic"]
statements = ["audit.pkis"]

[challenges]
key = "own.pem"

[log]
directory = "log"
key = "own.pem"
origin = "pki.example/log"

[witness.near]
url = "https://witness.example"
key = "WITNESS"
timeout-ms = 1000

[ct.argon]
url = "https://ct.example/2026h2"
key = "log.spki"
timeout-ms = 1000

[server]
listen = ["127.0.0.1:8443"]

[store.files]
kind = "software"
directory = "."

[authority."example.shop.ca"]
store = "files"
key = "file:own.pem"
certificate = "root.pem"
"#;

struct Bench {
    folder: PathBuf,
    now: i64,
    own: String,
    other: String,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn key(name: &str) -> SigningKey {
    let text = std::fs::read_to_string(tree(&format!("compiler/cli/tests/fixtures/{name}"))).unwrap();
    SigningKey::from_pkcs8(&pem::block("PRIVATE KEY", &text).unwrap()).unwrap()
}

/// The policy; one that takes a simulator for production takes the module as well.
fn source(word: &str, signer: &str, purpose: &str) -> String {
    let nobody = format!("sha256:{}", "0".repeat(64));
    let module = if purpose == "production" { MODULE.1 } else { &nobody };
    let text = POLICY.replace("WORD", word).replace("SIGNER", signer);
    text.replace("PURPOSE", purpose).replace("MODULE", module)
}

impl Bench {
    /// Genuine files by one signer, and beside each the one that somebody else would put in its place.
    fn new(name: &str) -> Bench {
        let folder = std::env::temp_dir().join(format!("pkic-flips-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let now = time::parse_date("2026-12-01").unwrap();
        let (own, other) = (key("signing-key.pem"), key("other-key.pem"));
        let bench =
            Bench { folder, now, own: own.spki_digest().to_string(), other: other.spki_digest().to_string() };
        for (from, to) in [
            ("examples/first/requests/gateway.csr.pem", "gateway.csr"),
            ("examples/first/requests/gateway.evidence.json", "gateway.json"),
            ("compiler/cli/tests/fixtures/www.csr", "www.csr"),
            ("compiler/cli/tests/fixtures/root.pem", "root.pem"),
            ("compiler/cli/tests/fixtures/signing-key.pem", "own.pem"),
            ("compiler/cli/tests/fixtures/plugged.csr", "plugged.csr"),
            ("compiler/cli/tests/fixtures/plugged.pem", "plugged.pem"),
            ("compiler/cli/tests/fixtures/plugged-root.pem", "anchors/plugged.pem"),
            ("backends/evidence/tests/recorded/swtpm/ek-root.der", "other-root.der"),
            (MODULE.0, "piv.wasm"),
        ] {
            bench.write(to, std::fs::read(tree(from)).unwrap());
        }
        let listing = std::fs::read_to_string(tree("examples/first/anchors/anchors.toml")).unwrap();
        let ca = std::fs::read(tree("examples/first/anchors/recorded-ak-ca.der")).unwrap();
        for (folder, purpose) in [("anchors", "simulator"), ("other-anchors", "production")] {
            bench.write(&format!("{folder}/ca.der"), &ca);
            let widgets = format!("{}\n{WIDGETS}", listing.replace("simulator", purpose));
            bench.write(&format!("{folder}/anchors.toml"), widgets);
        }
        let good = bench.compile("policy", &bench.own, "simulator");
        bench.bundle("policy.pkib", &good, &own);
        bench.bundle("other.pkib", &bench.compile("policy", &bench.other, "production"), &other);
        bench.bundle("lab.pkib", &bench.compile("lab policy", &bench.own, "simulator"), &own);
        bench.write("unsigned.pkib", bundle::write_unsigned(&good).unwrap());
        bench.write("text.pki", source("policy", &bench.other, "production"));
        let csr = inputs::request(&bench.folder.join("www.csr")).unwrap();
        let about = pkic_facts::crypto::Sha256Digest::of(csr.spki());
        bench.statement("audit.pkis", &about.to_string(), "software.file", &own);
        bench.statement("other.pkis", &about.to_string(), "hsm.network", &other);
        bench.catalogue("modules.pkic", 2, &own);
        bench.catalogue("other.pkic", 3, &other);
        bench
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn compile(&self, word: &str, signer: &str, purpose: &str) -> Program {
        let path = self.folder.join("source/shop.pki");
        self.write("source/shop.pki", source(word, signer, purpose));
        let compilation = Workspace::read(&[path]).unwrap().compile(0, None);
        compilation.program.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics))
    }

    fn bundle(&self, name: &str, program: &Program, key: &SigningKey) {
        let (created, stale_after) = (self.now - time::DAY_S, self.now + time::DAY_S);
        let edition = Edition { sequence: 7, previous: None, created, stale_after };
        self.write(name, bundle::seal(program, &edition, key).unwrap());
    }

    fn seal(&self, file: &str, kind: Kind, name: &str, payload: &[u8], key: &SigningKey) {
        let (created, stale_after) = (self.now - time::DAY_S, self.now + time::DAY_S);
        let name = name.to_owned();
        let manifest = Manifest { kind, name, sequence: 7, previous: None, created, stale_after };
        self.write(file, envelope::seal(&manifest, payload, key).unwrap());
    }

    fn statement(&self, file: &str, about: &str, storage: &str, key: &SigningKey) {
        let body = format!(
            "kind = \"it-audit\"\nby = \"A\"\ndated = \"2026-11-20\"\nabout = {{ key = \"{about}\" }}\n[says]\n\
             \"key.storage\" = \"{storage}\"\n\"module.vendor\" = \"thales\"\n\"module.model\" = \"Luna 7\"\n\
             \"module.firmware\" = \"7.8.4\"\n"
        );
        let body: statement::Body = toml::from_str(&body).unwrap();
        self.seal(file, Kind::Statement, "it-audit", &body.to_payload().unwrap(), key);
    }

    fn catalogue(&self, file: &str, level: u8, key: &SigningKey) {
        let rows = format!(
            "[[validation]]\nid = \"luna\"\nscheme = \"fips-140-3\"\nnumber = \"4000\"\nlevel = {level}\n\
             status = \"active\"\nmatch = {{ vendor = \"thales\", models = [\"Luna 7\"] }}\n\
             source = {{ title = \"CMVP\", dated = \"2026-11-20\" }}\n"
        );
        let rows: catalogue::Rows = toml::from_str(&rows).unwrap();
        self.seal(file, Kind::Catalogue, "modules", &rows.to_payload().unwrap(), key);
    }

    /// The profiles that are permitted under a deployment; nothing where it does not get as far as deciding.
    fn permitted(&self, text: &str) -> Option<BTreeSet<&'static str>> {
        let path = self.folder.join("pkic.toml");
        let deployment = read(&path, text).deployment?;
        let world = World { now: Some(self.now), colour: Colour::None };
        let loaded = deployment.load_policy(None, world).ok()?;
        let anchors = deployment.inputs.trust().ok()?;
        let catalogues = deployment.inputs.read_catalogues().ok()?;
        let statements = deployment.inputs.read_statements().ok()?;
        let plugins = deployment.inputs.read_plugins().ok()?;
        let issuer = issuer(&deployment)?;
        let catalogues: Vec<SealedFile<'_>> = catalogues.iter().map(SealedBytes::file).collect();
        let statements: Vec<SealedFile<'_>> = statements.iter().map(SealedBytes::file).collect();
        let mut permitted = BTreeSet::new();
        for (profile, csr, evidence) in REQUESTS {
            let csr = inputs::request(&self.folder.join(csr)).unwrap();
            let evidence: Vec<_> = evidence
                .map(|file| inputs::evidence(&[self.folder.join(file)]).unwrap())
                .into_iter()
                .collect();
            let given = Given::default();
            let decided = decide(&Request {
                loaded: &loaded,
                profile,
                operation: Words::Operation.word("issue").unwrap(),
                csr: &csr,
                evidence: &evidence,
                plugins: &plugins::borrowed(&plugins),
                anchors: &anchors,
                catalogues: &catalogues,
                statements: &statements,
                claims: &given,
                requester: &given,
                authority: Some("example.shop.ca"),
                issuer: Some(&issuer),
                changes: &[],
                nonce: Nonce::Remembered(NONCE),
                activation: None,
                now: self.now,
                admit_test_anchors: false,
            });
            if decided.ok()?.is_permit() {
                permitted.insert(profile);
            }
        }
        Some(permitted)
    }

    fn deployment(&self) -> Table {
        let text = DEPLOYMENT.replace("SIGNER", &self.own).replace("WITNESS", &witness(3));
        text.parse().unwrap()
    }
}

fn issuer(deployment: &Deployment) -> Option<pkic_runtime::issuer::Issuer> {
    deployment.authority("example.shop.ca").ok()?.0.issuer().ok()
}

/// The key of a witness.
fn witness(seed: u8) -> String {
    let key = NoteKey::from_seed("witness.example/near", KeyKind::Witness, &[seed; 32]).unwrap();
    key.verifier().to_string()
}

/// What somebody who wants more could write for a setting. A new setting has to say so here.
fn flips(section: &str, key: &str, bench: &Bench) -> Vec<Value> {
    let text = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
    let lists =
        |lists: &[&[&str]]| -> Vec<Value> { lists.iter().map(|list| Value::Array(text(list))).collect() };
    match (section, key) {
        ("", "version") => vec![Value::from(2)],
        ("", "lab") => vec![Value::from(true)],
        ("", "policy") => text(&["other.pkib", "lab.pkib", "unsigned.pkib", "text.pki"]),
        ("", "bundle-signers") => lists(&[&[], &[&bench.other], &[&bench.own, &bench.other]]),
        ("inputs", "anchors") => text(&["other-anchors"]),
        ("inputs", "catalogues") => lists(&[&[], &["other.pkic"], &["modules.pkic", "other.pkic"]]),
        ("inputs", "statements") => lists(&[&[], &["other.pkis"], &["audit.pkis", "other.pkis"]]),
        ("inputs", "plugins") => lists(&[&[], &["piv.wasm"], &["root.pem"]]),
        ("inputs", "crls") => lists(&[&[], &["root.pem"]]),
        ("inputs", "status-list") => text(&["status.json", "modules.pkic"]),
        ("inputs", "status-list-max-age") => text(&["1s", "90d"]),
        ("challenges" | "log", "key") => text(&["other-key.pem", "root.pem"]),
        ("log", "directory") => text(&["other-log"]),
        ("log", "origin") => text(&["other.example/log"]),
        ("log", "keep-evidence") => vec![Value::from(true), Value::from(false)],
        ("witness" | "ct", "url") => text(&["http://127.0.0.1:1", "https://other.example", "no url"]),
        ("witness", "key") => text(&[&witness(4), "other.example+00000000+AAAA"]),
        ("ct", "key") => text(&["own.pem", "root.pem"]),
        ("witness" | "ct", "timeout-ms") => vec![Value::from(1), Value::from(600_000)],
        ("server", "listen") => lists(&[&[], &["0.0.0.0:1"]]),
        ("store", "kind") => StoreKind::ALL.iter().map(|kind| Value::from(kind.name())).collect(),
        ("store", "dialect") => text(&["rfc7512", "smallstep"]),
        ("store", "timeout-ms") => vec![Value::from(1), Value::from(600_000)],
        ("store", "directory") => text(&["..", "anchors"]),
        ("store", "pin-source") => text(&["env:HOME", "file:own.pem"]),
        (
            "store",
            "module" | "token" | "device" | "connector" | "endpoint" | "region" | "profile" | "vault"
            | "key-ring",
        ) => text(&["own.pem", "other"]),
        ("store", "attestation-key") => text(&["tpmkms:name=other;ak=true", "file:own.pem"]),
        ("store", "attestation-chain") => text(&["root.pem", "other-root.der"]),
        ("store", "auth-key-id") => vec![Value::from(1), Value::from(2)],
        ("authority", "store") => text(&["other", "files"]),
        ("authority", "key") => text(&["file:other-key.pem", "pkcs11:object=other"]),
        ("authority", "certificate" | "chain") => text(&["other-root.der", "own.pem"]),
        ("authority", "ca-issuers" | "ocsp" | "crl-distribution-points") => {
            lists(&[&[], &["http://other.example/"], &["no location"]])
        }
        _ => panic!("say how to flip `{key}` of `[{section}]`"),
    }
}

/// The table of a section in the deployment: of named ones, the first.
fn table<'t>(deployment: &'t mut Table, section: &str, is_named: bool) -> &'t mut Table {
    if section.is_empty() {
        return deployment;
    }
    let table = deployment.get_mut(section).unwrap().as_table_mut().unwrap();
    if is_named { table.iter_mut().next().unwrap().1.as_table_mut().unwrap() } else { table }
}

#[test]
fn no_setting_turns_a_refusal_into_a_permit() {
    let bench = Bench::new("all");
    let genuine = bench.permitted(&bench.deployment().to_string()).unwrap();
    assert_eq!(genuine, BTreeSet::from(["open"]));
    let mut decided = 0;
    let mut settings = BTreeSet::new();
    for section in SECTIONS {
        let of_kinds = StoreKind::ALL.iter().flat_map(|kind| kind.keys());
        let keys: Vec<&Key> = match section.name {
            "store" => section.keys.iter().chain(of_kinds).collect(),
            _ => section.keys.iter().collect(),
        };
        for key in keys {
            let values = flips(section.name, key.name, &bench).into_iter().map(Some);
            for value in values.chain([None]) {
                let mut deployment = bench.deployment();
                let table = table(&mut deployment, section.name, section.is_named);
                match value.clone() {
                    Some(value) => table.insert(key.name.to_owned(), value),
                    None => table.remove(key.name),
                };
                let permitted = bench.permitted(&deployment.to_string());
                let name = format!("{}.{} = {value:?}", section.name, key.name);
                assert!(
                    permitted.iter().flatten().all(|profile| *profile == "open"),
                    "{name}: {permitted:?}"
                );
                if permitted.is_some() {
                    decided += 1;
                    settings.insert(format!("{}.{}", section.name, key.name));
                }
            }
        }
    }
    // Those that do not get as far as a decision refuse as well, but would prove little if they were all.
    assert!(decided > 40, "{decided} decisions");
    for setting in
        [".lab", "inputs.anchors", "inputs.catalogues", "inputs.statements", "authority.certificate"]
    {
        assert!(settings.contains(setting), "{setting}: {settings:?}");
    }
}

/// The flips of the test above have teeth: where the policy itself names the other signer, they permit.
#[test]
fn what_the_policy_says_of_itself_does() {
    let bench = Bench::new("control");
    let with = |pairs: &[(&str, &str, Value)]| {
        let mut deployment = bench.deployment();
        deployment.insert("policy".to_owned(), Value::from("other.pkib"));
        deployment.insert("bundle-signers".to_owned(), Value::from(vec![bench.other.clone()]));
        for (section, key, value) in pairs {
            table(&mut deployment, section, false).insert((*key).to_owned(), value.clone());
        }
        bench.permitted(&deployment.to_string()).unwrap()
    };
    let list = |file: &str| Value::from(vec![file.to_owned()]);
    assert_eq!(with(&[]), BTreeSet::from(["open", "production"]));
    let statement = ("inputs", "statements", list("other.pkis"));
    assert_eq!(with(std::slice::from_ref(&statement)), BTreeSet::from(["open", "production", "witnessed"]));
    let both = with(&[statement, ("inputs", "catalogues", list("other.pkic"))]);
    assert_eq!(both, BTreeSet::from(["certified", "open", "production", "witnessed"]));
    if plugins::ARE_BUILT {
        let mut unnamed = bench.deployment();
        table(&mut unnamed, "inputs", false).insert("plugins".to_owned(), list("piv.wasm"));
        assert_eq!(bench.permitted(&unnamed.to_string()), Some(BTreeSet::from(["open"])));
        let plugged = with(&[("inputs", "plugins", list("piv.wasm"))]);
        assert_eq!(plugged, BTreeSet::from(["open", "plugged", "production"]));
    }
}

#[test]
fn a_lab_policy_loads_where_policy_and_deployment_say_lab() {
    let bench = Bench::new("lab");
    let with = |policy: &str, is_lab: bool| {
        let mut deployment = bench.deployment();
        deployment.insert("policy".to_owned(), Value::from(policy));
        deployment.insert("lab".to_owned(), Value::from(is_lab));
        bench.permitted(&deployment.to_string()).is_some()
    };
    assert!(with("lab.pkib", true) && !with("lab.pkib", false));
    assert!(with("policy.pkib", false) && with("policy.pkib", true));
    for unsigned in ["unsigned.pkib", "text.pki"] {
        assert!(!with(unsigned, false) && !with(unsigned, true), "{unsigned}");
    }
    // Where no signer is listed, nobody's bundle is loaded either: a lab is no way around the signature.
    for policy in ["policy.pkib", "other.pkib", "unsigned.pkib", "text.pki"] {
        for is_lab in [false, true] {
            let mut deployment = bench.deployment();
            deployment.insert("policy".to_owned(), Value::from(policy));
            deployment.insert("lab".to_owned(), Value::from(is_lab));
            deployment.remove("bundle-signers");
            assert_eq!(bench.permitted(&deployment.to_string()), None, "{policy}, lab {is_lab}");
        }
    }
}

/// A new setting is read, and a value of another form is told: none is passed over.
#[test]
fn every_setting_is_read() {
    let bench = Bench::new("read");
    for section in SECTIONS {
        for key in section.keys {
            let mut deployment = bench.deployment();
            let wrong = Value::from(-0.5);
            table(&mut deployment, section.name, section.is_named).insert(key.name.to_owned(), wrong);
            let parsed = read(&bench.folder.join("pkic.toml"), &deployment.to_string());
            let codes: Vec<&str> = parsed.findings.iter().map(|finding| finding.code.as_str()).collect();
            assert!(codes.contains(&"E0603"), "{}.{}: {codes:?}", section.name, key.name);
            assert!(parsed.deployment.is_none());
        }
    }
}
