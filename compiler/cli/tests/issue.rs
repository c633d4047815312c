//! A lab CA from the command line: made in one command, issuing from a file and from SoftHSM, and refused where its key
//! has to be better; its record proven, searched, replayed; its log shown to have been tampered with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub)]

mod work;

use std::path::{Path, PathBuf};
use std::process::Command;
use work::Work;

/// A folder with a lab CA, a server's request, and nothing issued to it yet.
fn lab(name: &str) -> Work {
    let work = Work::new(name);
    let (code, text) = work.pkic("ca init .");
    assert_eq!(code, 0, "{text}");
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out s.csr");
    work
}

fn edit(work: &Work, file: &str, from: &str, to: &str) {
    let path = work.0.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_lab_ca_issues_refuses_proves_revokes_and_replays() {
    let work = lab("issue-lab");
    let (code, text) = work.pkic("issue --profile server --csr s.csr -o s.pem");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("PERMIT") && text.contains("LAB"), "{text}");
    work.openssl("verify -x509_strict -CAfile root.pem -untrusted issuing.pem s.pem");
    let (code, text) = work.pkic("issue --profile hardware-server --csr s.csr -o h.pem");
    assert_eq!((code, work.0.join("h.pem").exists()), (1, false), "{text}");
    assert!(text.contains("nothing was signed; the refusal is entry 6 of the log"), "{text}");
    let (code, text) = work.pkic("audit prove --cert s.pem");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("entry      4 of 7") && text.contains("unwitnessed"), "{text}");
    let (code, text) = work.pkic("audit prove --cert root.pem --witnesses-min 1");
    assert_eq!(code, 1, "{text}");
    let (code, text) = work.pkic("audit fetch 4 -o again.pem");
    assert_eq!(code, 0, "{text}");
    let read = |name: &str| std::fs::read(work.0.join(name)).unwrap();
    assert_eq!(read("again.pem"), read("s.pem"));
    let (code, text) = work.pkic("audit fetch 6 -o again.pem");
    assert_eq!(code, 2, "{text}");
    let (code, text) = work.pkic("replay 4");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the same decision") && text.contains("drafted again, to the byte"), "{text}");
    assert!(
        text.contains("level 2: its evidence, appraised again, gives the same facts and grades"),
        "{text}"
    );
    let (code, text) = work.pkic("replay 5");
    assert_eq!(code, 2, "{text}");
    let (code, text) =
        work.pkic("revoke --authority bench.issuing --profile revocation --cert s.pem --reason superseded");
    assert_eq!(code, 0, "{text}");
    let (code, text) = work.pkic("revoke --authority bench.issuing --profile server --cert s.pem");
    assert_eq!(code, 2, "{text}");
    let (code, text) = work.pkic("crl-sign --authority bench.issuing --profile revocation-list -o i.crl");
    assert_eq!(code, 0, "{text}");
    work.openssl("crl -in i.crl -CAfile issuing.pem -noout");
    let (code, text) = work.pkic("audit verify");
    assert_eq!(code, 0, "{text}");
    work.openssl("req -new -x509 -key s.key -subj /CN=elsewhere -out foreign.pem");
    let (code, text) = work.pkic("audit prove --cert foreign.pem");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("NOT IN THE RECORD"), "{text}");
}

#[test]
fn the_record_is_searched_by_what_held_the_key() {
    let work = lab("issue-query");
    work.pkic("issue --profile server --csr s.csr -o s.pem");
    let records = |arguments: &str| {
        let (code, text) = work.pkic(arguments);
        assert_eq!(code, 0, "{arguments}: {text}");
        text.lines().last().unwrap().to_owned()
    };
    assert_eq!(records("audit query"), "3 records");
    assert_eq!(records("audit query --profile server"), "1 records");
    assert_eq!(records("audit query --storage hsm"), "0 records");
    assert_eq!(records("audit query --until 2020-01-01"), "0 records");
    assert_eq!(records("audit query --where fact[\"key.algorithm\"]==\"ecdsa-p256\"&&lab"), "3 records");
    assert_eq!(records("audit query --where profile.startsWith(\"bench.s\")"), "1 records");
    let (code, text) = work.pkic("audit query --where profile");
    assert_eq!(code, 2, "{text}");
    let (code, text) = work.pkic("audit query --storage hms");
    assert_eq!(code, 2, "{text}");
}

#[test]
fn a_log_that_was_changed_or_put_back_is_told() {
    let work = lab("issue-tamper");
    let older = std::fs::read(work.0.join("log/checkpoint")).unwrap();
    work.write("older", &older);
    work.pkic("issue --profile server --csr s.csr -o s.pem");
    let (code, text) = work.pkic("audit verify --older older");
    assert_eq!(code, 0, "{text}");
    let bundle = entries(&work.0.join("log/tile/entries"));
    let mut bytes = std::fs::read(&bundle).unwrap();
    let at = bytes.windows(12).position(|window| window == b"bench.server").unwrap();
    bytes[at + 6] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let (code, text) = work.pkic("audit verify");
    assert_ne!(code, 0, "{text}");
    let (code, text) = work.pkic("audit prove --cert s.pem");
    assert_ne!(code, 0, "{text}");
}

/// The widest file of entries below a folder.
fn entries(folder: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push(entries(&path));
        } else {
            found.push(path);
        }
    }
    found.sort_by_key(|path| path.file_name().unwrap().to_string_lossy().parse::<u64>().unwrap_or(0));
    found.pop().unwrap()
}

/// The same with the issuing key in SoftHSM: one URI is changed, the key is made there, and its authority certified anew.
#[test]
fn the_issuing_key_moves_to_softhsm_by_its_uri() {
    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    let work = lab("issue-softhsm");
    let folder = work.0.display().to_string();
    std::fs::create_dir_all(work.0.join("tokens")).unwrap();
    work.write("softhsm2.conf", format!("directories.tokendir = {folder}/tokens\nlog.level = ERROR\n"));
    work.write("pin", "1234\n");
    Command::new("chmod").args(["600", "pin"]).current_dir(&work.0).status().unwrap();
    let run = |program: &str, arguments: &str| {
        let mut command = Command::new(program);
        let command = command.current_dir(&work.0).env("SOFTHSM2_CONF", work.0.join("softhsm2.conf"));
        let output = command.args(arguments.split(' ')).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run("softhsm2-util", "--init-token --free --label lab --so-pin 4321 --pin 1234");
    assert_eq!(code, 0, "{text}");
    // The key goes to the token as a file would; a token that makes its keys is what `backends/pkcs11` tests.
    work.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out t.pem");
    let import = "--import t.pem --token lab --label issuing --id 01 --pin 1234";
    let (code, text) = run("softhsm2-util", import);
    assert_eq!(code, 0, "{text}");
    let uri = format!("pkcs11:token=lab;object=issuing?module-path={MODULE}&pin-source=file:{folder}/pin");
    edit(&work, "pkic.toml", "file:keys/issuing.pem", &uri);
    let pkic = env!("CARGO_BIN_EXE_pkic");
    let (code, text) = run(pkic, "issue --profile server --csr s.csr -o s.pem");
    assert_eq!(code, 2, "the certificate is another key's: {text}");
    let (code, text) = run(pkic, "ca certify --authority bench.issuing --subject CN=Token");
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(pkic, "issue --profile server --csr s.csr -o s.pem");
    assert_eq!(code, 0, "{text}");
    work.openssl("verify -x509_strict -CAfile root.pem -untrusted issuing.pem s.pem");
    let (code, text) = run(pkic, "audit prove --cert s.pem");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("pkcs11:") && text.contains("libsofthsm2.so sha256:"), "{text}");
    assert!(!text.contains("1234") && !text.contains("pin-source"), "{text}");
    let (code, text) = run(pkic, "store probe --uri bad");
    assert_eq!(code, 2, "{text}");
}

/// The same request where the authority's key has to be what `std.ca-signing` asks for: refused, recorded, not signed.
#[test]
fn the_same_request_under_ca_signing_is_refused() {
    let work = lab("issue-strict");
    edit(
        &work,
        "policy.pki",
        "lab policy bench \"1.0.0\"",
        "lab policy bench \"1.0.0\"\n\nuse std \"2026.11.0\"",
    );
    edit(&work, "policy.pki", "    certified-as issuing-key\n", "    certified-as strict-key\n");
    let strict = "\n/// What production asks of the key of a CA.\nprofile strict-key refines std.ca-signing {\n    issued-by [root]\n}\n";
    let path = work.0.join("policy.pki");
    let text = std::fs::read_to_string(&path).unwrap() + strict;
    std::fs::write(&path, text).unwrap();
    let (code, text) = work.pkic("issue --profile server --csr s.csr -o s.pem");
    assert_eq!((code, work.0.join("s.pem").exists()), (1, false), "{text}");
    assert!(text.contains("the signer's key does not meet"), "{text}");
    assert!(text.contains("key.storage"), "{text}");
    let (code, text) = work.pkic("audit verify");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("5 entries"), "{text}");
}

#[test]
fn a_deployment_that_is_no_lab_takes_no_lab_policy() {
    let work = lab("issue-production");
    edit(&work, "pkic.toml", "lab = true", "lab = false");
    let (code, text) = work.pkic("issue --profile server --csr s.csr -o s.pem");
    assert_eq!((code, work.0.join("s.pem").exists()), (2, false), "{text}");
    assert!(text.contains("lab policy"), "{text}");
    edit(&work, "pkic.toml", "lab = false", "lab = true");
    let (code, text) = work.pkic("issue --profile server --csr s.csr -o s.pem --at 2020-01-01");
    assert_eq!((code, work.0.join("s.pem").exists()), (2, false), "{text}");
    assert!(text.contains("set the clock"), "{text}");
}

/// RFC 5280 section 4.2.1.6: names that stand alone are critical; beside a subject they are as the policy says.
#[test]
fn alternative_names_of_an_empty_subject_are_critical() {
    let work = lab("issue-alone");
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout a.key -subj / -addext subjectAltName=DNS:www.example -out a.csr");
    for (name, marked) in [("a", true), ("s", false)] {
        let (code, text) = work.pkic(&format!("issue --profile server --csr {name}.csr -o {name}.pem"));
        assert_eq!(code, 0, "{text}");
        let shown = work.openssl(&format!("x509 -in {name}.pem -noout -ext subjectAltName"));
        assert_eq!(String::from_utf8(shown).unwrap().contains("critical"), marked, "{name}");
        work.openssl(&format!("verify -x509_strict -CAfile root.pem -untrusted issuing.pem {name}.pem"));
    }
    let (code, text) = work.pkic("replay 4");
    assert_eq!(code, 0, "{text}");
}

/// A certificate of ours is replaced: with its own key by renewing, with another by rekeying, and no other certificate.
#[test]
fn a_certificate_is_renewed_with_its_key_and_rekeyed_with_another() {
    let work = lab("issue-renew");
    let successor = "
profile successor refines server {
    operations [renew, rekey]
    predecessor.status == valid
    same-profile: predecessor.profile == server
    when request.operation == renew { same-key: request.public-key == predecessor.public-key }
    contents {
        subject.common-name ?
    }
}
";
    let path = work.0.join("policy.pki");
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + successor).unwrap();
    work.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout t.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out t.csr");
    let (code, text) = work.pkic("issue --profile server --csr s.csr -o s.pem");
    assert_eq!(code, 0, "{text}");
    let issue = |rest: &str| {
        let _ = std::fs::remove_file(work.0.join("n.pem"));
        let (code, text) = work.pkic(&format!("issue --profile successor -o n.pem {rest}"));
        assert_eq!(work.0.join("n.pem").exists(), code == 0, "{rest}: {text}");
        (code, text)
    };
    let refused = |rest: &str, exit: i32, says: &str| {
        let (code, text) = issue(rest);
        assert!(code == exit && text.contains(says), "{rest}: {code} {text}");
    };
    let (code, text) = issue("--operation renew --csr s.csr --previous s.pem");
    assert_eq!(code, 0, "{text}");
    let (code, text) = work.pkic("audit prove --cert n.pem --format json");
    assert!(code == 0 && text.contains("predecessor.public-key"), "{text}");
    let (code, text) = issue("--operation rekey --csr t.csr --previous s.pem");
    assert_eq!(code, 0, "{text}");

    refused("--operation renew --csr s.csr", 1, "predecessor.status");
    refused("--operation renew --csr t.csr --previous s.pem", 2, "its key is not that of the request");
    refused("--operation rekey --csr s.csr --previous s.pem", 2, "its key is that of the request");
    refused("--operation issue --csr s.csr --previous s.pem", 2, "`issue` replaces no certificate");
    refused("--operation renew --csr s.csr --previous issuing.pem", 2, "its key is not that of the request");
    refused(
        "--operation rekey --csr s.csr --previous issuing.pem",
        2,
        "has no record that `bench.issuing` issued it",
    );
    work.openssl("req -new -x509 -key s.key -subj /CN=www.example -out foreign.pem");
    refused("--operation renew --csr s.csr --previous foreign.pem", 2, "has no record");
    let (code, text) = work.pkic("revoke --authority bench.issuing --profile revocation --cert s.pem");
    assert_eq!(code, 0, "{text}");
    refused("--operation renew --csr s.csr --previous s.pem", 2, "it is revoked");
    refused("--operation rekey --csr t.csr --previous s.pem", 2, "it is revoked");
}

/// What the log says of the certificate counts, and nobody's word against it.
#[test]
fn a_predecessor_is_what_the_log_says_of_it() {
    let work = lab("issue-predecessor");
    let path = work.0.join("policy.pki");
    let successor = "\nprofile successor refines server {\n    operations [renew]\n    predecessor.profile == hardware-server\n}\n";
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + successor).unwrap();
    assert_eq!(work.pkic("issue --profile server --csr s.csr -o s.pem").0, 0);
    work.write("says.json", "{\"predecessor.profile\": \"bench.hardware-server\"}");
    let renew = "issue --profile successor --operation renew --csr s.csr --previous s.pem -o n.pem";
    for rest in ["", " --requester says.json"] {
        let (code, text) = work.pkic(&format!("{renew}{rest}"));
        assert!(code == 1 && text.contains("predecessor.profile"), "{rest}: {text}");
    }
}
