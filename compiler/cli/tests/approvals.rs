//! People approve what is asked, with `ssh-keygen`: the first call writes what they sign, the next issues; and nothing
//! counts that was signed by too few, for something else, too long ago, or before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub)]

mod work;

use std::process::Command;
use work::Work;

/// Issued where two of three officers approve it.
const PROFILE: &str = "
/// Servers that two people have looked at.
profile vetted refines server {
    approve 2 of officers
    contents {
        subject.common-name ?
    }
}

/// What two people agreed to revoke, and the list of it.
profile vetted-revocation refines revocation {
    approve 2 of officers
}
profile vetted-list refines revocation-list {
    approve 2 of officers
}
";

fn ssh_keygen(work: &Work, arguments: &[&str]) {
    let output = Command::new("ssh-keygen").current_dir(&work.0).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A lab CA with three officers, and two requests.
fn lab(name: &str) -> Work {
    let work = Work::new(&format!("approvals-{name}"));
    let (code, text) = work.pkic("ca init . --at 2026-12-01T08:00:00Z");
    assert_eq!(code, 0, "{text}");
    let read = |file: &str| std::fs::read_to_string(work.0.join(file)).unwrap();
    let mut members = String::new();
    for member in ["alice", "bob", "carol"] {
        ssh_keygen(&work, &["-q", "-t", "ed25519", "-N", "", "-C", member, "-f", member]);
        members += &format!("    member {member} \"{}\"\n", read(&format!("{member}.pub")).trim());
    }
    let group = format!("\ndeclare group officers \"Officers of the bench\" {{\n{members}}}\n");
    work.write("policy.pki", read("policy.pki") + &group + PROFILE);
    for name in ["s", "t"] {
        work.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -subj /CN=www.example -addext subjectAltName=DNS:www.example -out {name}.csr"
        ));
    }
    work.write("unit.json", "{\"request.requester.id\": \"unit-7\"}");
    work.write("carol.json", "{\"request.requester.id\": \"Carol\"}");
    work
}

/// `pkic issue` at eight o'clock of a day in December 2026.
fn issue(work: &Work, day: u8, rest: &str) -> (i32, String) {
    let (code, text) =
        work.pkic(&format!("issue --profile vetted --at 2026-12-{day:02}T08:00:00Z -o s.pem {rest}"));
    assert_eq!(work.0.join("s.pem").exists(), code == 0, "{text}");
    (code, text)
}

fn sign(work: &Work, member: &str, text: &str) -> String {
    let signature = format!("{text}.{member}.sig");
    ssh_keygen(work, &["-q", "-Y", "sign", "-f", member, "-n", "pkic-approval@1", text]);
    std::fs::rename(work.0.join(format!("{text}.sig")), work.0.join(&signature)).unwrap();
    format!("--approval-signature {signature}")
}

/// The first call, which writes what people sign.
fn ask(work: &Work, csr: &str, requester: &str, file: &str) -> String {
    let (code, text) =
        issue(work, 1, &format!("--csr {csr} --requester {requester}.json --ask-approval {file}"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("approve.officers") && text.contains("nothing was signed"), "{text}");
    text
}

#[test]
fn two_people_approve_and_the_certificate_is_issued_once() {
    let work = lab("issue");
    let text = ask(&work, "s.csr", "unit", "a.txt");
    let approved = std::fs::read_to_string(work.0.join("a.txt")).unwrap();
    assert!(approved.lines().all(|line| text.contains(line)), "{text}");
    assert!(approved.contains("not-after: 2026-12-02T08:00:00Z"), "{approved}");
    let again = work.pkic("issue --profile vetted --at 2026-12-01T08:00:00Z --csr s.csr --requester unit.json -o s.pem --ask-approval a.txt");
    assert_eq!(again.0, 3, "what may be signed already is not overwritten: {}", again.1);
    assert_eq!(std::fs::read_to_string(work.0.join("a.txt")).unwrap(), approved);

    let by = |members: &[&str]| -> String {
        members.iter().map(|member| sign(&work, member, "a.txt")).collect::<Vec<_>>().join(" ")
    };
    let signed = by(&["alice", "bob"]);
    let order = "--csr s.csr --requester unit.json --approval a.txt";
    let (code, text) = issue(&work, 1, &format!("{order} {signed}"));
    assert_eq!(code, 0, "{text}");
    work.openssl("verify -attime 1796112000 -x509_strict -CAfile root.pem -untrusted issuing.pem s.pem");
    let (code, text) = work.pkic("audit prove --cert s.pem");
    assert_eq!(code, 0, "{text}");

    // The same approval for a second certificate: its id is spent.
    std::fs::rename(work.0.join("s.pem"), work.0.join("first.pem")).unwrap();
    let (code, text) = issue(&work, 1, &format!("{order} {signed}"));
    assert!(code == 1 && text.contains("spent before"), "{text}");
}

#[test]
fn what_is_no_approval_of_two_others_issues_nothing() {
    let work = lab("short");
    ask(&work, "s.csr", "unit", "a.txt");
    let (alice, bob) = (sign(&work, "alice", "a.txt"), sign(&work, "bob", "a.txt"));
    let order = "--csr s.csr --requester unit.json --approval a.txt";
    let refused = |rest: &str, says: &str| {
        let (code, text) = issue(&work, 1, rest);
        assert!(code == 1 && text.contains("approve.officers") && text.contains(says), "{rest}: {text}");
    };
    refused(&format!("{order} {alice}"), "approve 2 of officers");
    refused(&format!("{order} {alice} {alice}"), "`alice` signed already");

    // One who has no say, one who signed another text, and a signature for another purpose.
    ssh_keygen(&work, &["-q", "-t", "ed25519", "-N", "", "-f", "mallory"]);
    let mallory = sign(&work, "mallory", "a.txt");
    refused(&format!("{order} {alice} {mallory}"), "no member of a group has the key");
    work.write("b.txt", std::fs::read_to_string(work.0.join("a.txt")).unwrap().replace("unit-7", "unit-8"));
    let other = sign(&work, "bob", "b.txt");
    refused(&format!("{order} {alice} {other}"), "does not verify over this text");

    // The text says who asks, and they do not approve their own request, however their name is spelt.
    ask(&work, "s.csr", "carol", "c.txt");
    let (own, carol) = (sign(&work, "alice", "c.txt"), sign(&work, "carol", "c.txt"));
    let of_carol = "--csr s.csr --requester carol.json --approval c.txt";
    refused(&format!("{of_carol} {own} {carol}"), "`carol` is the requester");

    // For another request, another requester, another profile, or after its day.
    let unfit = |day: u8, rest: &str, says: &str| {
        let (code, text) = issue(&work, day, rest);
        assert!(code == 2 && text.contains(says), "{rest}: {text}");
    };
    let signed = format!("--approval a.txt {alice} {bob}");
    unfit(1, &format!("--csr t.csr --requester unit.json {signed}"), "the request that was approved is");
    unfit(1, &format!("--csr s.csr --requester carol.json {signed}"), "the requester that was approved is");
    unfit(2, &format!("{order} {alice} {bob} --operation renew"), "the operation that was approved is");
    unfit(3, &format!("{order} {alice} {bob}"), "the approval ended at 2026-12-02T08:00:00Z");
}

#[test]
fn people_approve_what_is_revoked_and_the_list_that_says_so() {
    let work = lab("revoke");
    let (code, text) = work.pkic("issue --profile server --at 2026-12-01T08:00:00Z --csr s.csr -o s.pem");
    assert_eq!(code, 0, "{text}");
    let at = "--authority bench.issuing --requester unit.json --at 2026-12-01T09";
    let revoke = format!("revoke --profile vetted-revocation --cert s.pem {at}:00:00Z");
    let list = |minute: u8| format!("crl-sign --profile vetted-list -o list.pem {at}:{minute:02}:00Z");
    // Nothing is revoked yet: the list of that is another one than the list of later.
    let (code, text) = work.pkic(&format!("{} --ask-approval early.txt", list(0)));
    assert_eq!(code, 1, "{text}");
    let early = format!(
        "--approval early.txt {} {}",
        sign(&work, "alice", "early.txt"),
        sign(&work, "bob", "early.txt")
    );

    let (code, text) = work.pkic(&format!("{revoke} --ask-approval r.txt"));
    assert!(code == 1 && text.contains("nothing was signed") && text.contains("operation: revoke"), "{text}");
    let (alice, bob) = (sign(&work, "alice", "r.txt"), sign(&work, "bob", "r.txt"));
    let (code, text) = work.pkic(&format!("{revoke} --approval r.txt {alice}"));
    assert!(code == 1 && text.contains("approve 2 of officers"), "{text}");
    let (code, text) = work.pkic(&format!("{revoke} --approval r.txt {alice} {bob}"));
    assert!(code == 0 && text.contains("revoked"), "{text}");

    let (code, text) = work.pkic(&format!("{} {early}", list(1)));
    assert!(code == 2 && text.contains("the request that was approved is"), "{text}");
    let (code, text) = work.pkic(&format!("{} --ask-approval l.txt", list(2)));
    assert_eq!(code, 1, "{text}");
    // What they approve can be read, and its digest is that of the text.
    let said = std::fs::read_to_string(work.0.join("l.txt.list")).unwrap();
    let [head, issuer, number, revoked] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(
        head == "pkic list 1" && issuer.starts_with("issuer: sha256:") && number == "number: 1",
        "{said}"
    );
    assert!(
        revoked.starts_with("revoked: ") && revoked.ends_with(" 2026-12-01T09:00:00Z unspecified"),
        "{said}"
    );
    let digest = String::from_utf8(work.openssl("dgst -sha256 -r l.txt.list")).unwrap();
    let approved = std::fs::read_to_string(work.0.join("l.txt")).unwrap();
    assert!(approved.contains(digest.split(' ').next().unwrap()), "{digest}: {approved}");
    // Minutes later it is the same list, though its moment is another.
    let signed =
        format!("--approval l.txt {} {}", sign(&work, "alice", "l.txt"), sign(&work, "bob", "l.txt"));
    let (code, text) = work.pkic(&format!("{} {signed}", list(30)));
    assert!(code == 0 && text.contains("list 1 with 1 certificates"), "{text}");
    work.openssl("crl -in list.pem -CAfile issuing.pem -noout -verify");
}

/// Nobody is asked to approve what approvals do not mend, nor for somebody unknown.
#[test]
fn people_are_asked_for_what_they_can_mend() {
    let work = lab("asked");
    let hardware = "\nprofile hardened refines vetted {\n    key.storage in [hsm]\n}\n";
    let policy = std::fs::read_to_string(work.0.join("policy.pki")).unwrap();
    work.write("policy.pki", policy + hardware);
    let order = "--at 2026-12-01T08:00:00Z --csr s.csr -o s.pem --ask-approval a.txt";
    let (code, text) = work.pkic(&format!("issue --profile hardened --requester unit.json {order}"));
    assert!(code == 1 && text.contains("key.storage"), "{text}");
    assert!(!work.0.join("a.txt").exists());
    let (code, text) = work.pkic(&format!("issue --profile vetted {order}"));
    assert!(code == 2 && text.contains("requester"), "{text}");
    assert!(!work.0.join("a.txt").exists());
}
