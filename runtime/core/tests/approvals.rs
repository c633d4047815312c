//! What `ssh-keygen` signs counts for the person whose key it is, once, over this very text, and for nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod common;
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{DAY, NOW, is_in, origin, profile, program, requirement, word};
use pkic_eval::Ask;
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::{Approval, Body, Constant, Exception, Group, Member, Program, Requirement, RequirementId};
use pkic_runtime::approvals::exception;
use pkic_runtime::approvals::{ApprovalId, ApprovalRequest, Approvals, Asked, NAMESPACE, Void, Why, check};
use pkic_runtime::bundle::Loaded;
use pkic_vocab::{FactTable, Words};
use support::Directory;
use support::ssh::{People, SecurityKey};

fn group(name: &str, members: &[(&str, String)]) -> Group {
    let mut members: Vec<Member> =
        members.iter().map(|(name, key)| Member { name: (*name).into(), key: key.clone() }).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Group { name: name.into(), title: "People".into(), members }
}

/// The profile `acme.tls` asks besides for approvals: so many of the group of that index.
fn policy(groups: Vec<Group>, lines: &[(u32, u32)]) -> Loaded {
    let mut program = program();
    program.groups = groups;
    for (count, group) in lines {
        let id = RequirementId(u32::try_from(program.requirements.len()).unwrap());
        let name = format!("approve.{}", program.groups[usize::try_from(*group).unwrap()].name);
        let body = Body::Approve(Approval { count: *count, group: *group });
        program.requirements.push(Requirement { body, ..requirement(&name, 0) });
        program.profiles[1].requirements.push(id);
    }
    loaded(program)
}

fn loaded(mut program: Program) -> Loaded {
    program.fill_costs();
    Loaded::unsigned(program).unwrap()
}

fn asked(loaded: &Loaded) -> Asked {
    Asked {
        operation: word(Words::Operation, "issue"),
        authority: "acme.ca".into(),
        profile: "acme.tls".into(),
        requester: "unit-7".into(),
        request: Sha256Digest([1; 32]),
        evidence: vec![Sha256Digest([3; 32]), Sha256Digest([2; 32])],
        program: loaded.digest(),
    }
}

fn request(asked: Asked) -> ApprovalRequest {
    ApprovalRequest::new(ApprovalId([7; 16]), asked, NOW + DAY).unwrap()
}

fn checked<'p>(loaded: &'p Loaded, signatures: &[Vec<u8>]) -> Approvals<'p> {
    let signatures: Vec<&[u8]> = signatures.iter().map(Vec::as_slice).collect();
    check(loaded, &asked(loaded), &request(asked(loaded)), &signatures, NOW).unwrap()
}

fn whys(approvals: &Approvals<'_>) -> Vec<Why> {
    approvals.refused.iter().map(|refused| refused.why.clone()).collect()
}

/// Whether the evaluator refuses by an approval line.
fn is_short(loaded: &Loaded, approvals: &Approvals<'_>) -> bool {
    let mut ask = Ask::new(loaded.profile("acme.tls").unwrap(), word(Words::Operation, "issue"));
    ask.approvals = &approvals.approvals;
    let failing = pkic_eval::evaluate(loaded.program(), &FactTable::new(), &ask, NOW).failing();
    failing.iter().any(|id| id.starts_with("approve."))
}

#[test]
fn keys_of_every_kind_approve_and_the_evaluator_counts_persons() {
    let kinds = [
        ("alice", "ed25519"),
        ("bob", "ecdsa 256"),
        ("carol", "ecdsa 384"),
        ("dave", "ecdsa 521"),
        ("erin", "rsa 2048"),
    ];
    let people = People::new(&kinds);
    let members = kinds.map(|(name, _)| (name, people.line(name)));
    let loaded = policy(vec![group("acme.officers", &members)], &[(5, 0)]);
    let text = request(asked(&loaded)).text();
    let mut signatures: Vec<Vec<u8>> =
        kinds.iter().map(|(name, _)| people.sign(name, NAMESPACE, &text)).collect();
    let all = checked(&loaded, &signatures);
    assert_eq!(all.refused, []);
    assert_eq!(all.approvals, kinds.map(|(name, _)| (0, name)));
    assert_eq!(
        all.signers.iter().map(|signer| signer.member).collect::<Vec<_>>(),
        kinds.map(|(name, _)| name)
    );
    assert!(!is_short(&loaded, &all));

    signatures[4] = people.sign_with("erin", NAMESPACE, &text, &["-O", "hashalg=sha256"]);
    assert!(!is_short(&loaded, &checked(&loaded, &signatures)), "the other hash function of the digest");
    signatures.pop();
    assert!(is_short(&loaded, &checked(&loaded, &signatures)), "four of five");
}

#[test]
fn a_person_counts_once_with_whatever_keys() {
    let people = People::new(&[("alice", "ed25519"), ("alice-2", "ed25519"), ("bob", "ed25519")]);
    let officers = group("acme.officers", &[("alice", people.line("alice")), ("bob", people.line("bob"))]);
    let auditors = group("acme.auditors", &[("alice", people.line("alice-2"))]);
    let loaded = policy(vec![auditors, officers], &[(1, 0), (1, 1)]);
    let text = request(asked(&loaded)).text();
    let sign = |name: &str| people.sign(name, NAMESPACE, &text);

    let twice = checked(&loaded, &[sign("alice"), sign("alice")]);
    assert_eq!(whys(&twice), [Why::Repeated { member: "alice".into() }]);
    assert_eq!(twice.approvals, [(1, "alice")]);
    let two_keys = checked(&loaded, &[sign("alice"), sign("alice-2")]);
    assert_eq!(two_keys.approvals, [(1, "alice"), (0, "alice")]);
    assert!(is_short(&loaded, &two_keys), "two keys of one person are one person");
    let with_bob = checked(&loaded, &[sign("alice"), sign("alice-2"), sign("bob")]);
    assert!(!is_short(&loaded, &with_bob));
}

#[test]
fn one_key_of_two_names_is_nobodys() {
    let people = People::new(&[("alice", "ed25519")]);
    let key = people.line("alice");
    let loaded = policy(vec![group("acme.officers", &[("alice", key.clone()), ("bob", key)])], &[(2, 0)]);
    let signature = people.sign("alice", NAMESPACE, &request(asked(&loaded)).text());
    let found = checked(&loaded, &[signature]);
    assert!(matches!(&whys(&found)[..], [Why::KeyShared { members, .. }] if members == &["alice", "bob"]));
    assert!(found.approvals.is_empty());
}

#[test]
fn the_requester_approves_nothing_of_their_own() {
    let people = People::new(&[("alice", "ed25519")]);
    let loaded = policy(vec![group("acme.officers", &[("alice", people.line("alice"))])], &[(1, 0)]);
    for requester in ["alice", "Alice"] {
        let own = Asked { requester: requester.into(), ..asked(&loaded) };
        let request = request(own.clone());
        let signature = people.sign("alice", NAMESPACE, &request.text());
        let found = check(&loaded, &own, &request, &[&signature], NOW).unwrap();
        assert_eq!(whys(&found), [Why::Requester { member: "alice".into() }]);
        assert!(is_short(&loaded, &found));
    }
}

#[test]
fn signatures_for_another_purpose_or_by_another_key_do_not_count() {
    let people = People::new(&[("alice", "ed25519"), ("mallory", "ed25519"), ("weak", "rsa 1024")]);
    let members = [("alice", people.line("alice")), ("weak", people.line("weak"))];
    let loaded = policy(vec![group("acme.officers", &members)], &[(1, 0)]);
    let text = request(asked(&loaded)).text();
    let why = |signature: Vec<u8>| whys(&checked(&loaded, &[signature])).remove(0);

    let namespace = why(people.sign("alice", "file", &text));
    assert_eq!(namespace, Why::NamespaceMismatch { expected: NAMESPACE, found: "file".into() });
    let exception = why(people.sign("alice", exception::NAMESPACE, &text));
    assert!(matches!(exception, Why::NamespaceMismatch { .. }));
    assert!(matches!(why(people.sign("mallory", NAMESPACE, &text)), Why::KeyUnknown { .. }));
    assert!(matches!(why(people.sign("weak", NAMESPACE, &text)), Why::AlgorithmWeak { .. }));
    let other_text = why(people.sign("alice", NAMESPACE, &text.replace("unit-7", "unit-8")));
    assert!(matches!(other_text, Why::SignatureInvalid { .. }));
    let other_end = why(people.sign("alice", NAMESPACE, text.trim_end()));
    assert!(matches!(other_end, Why::SignatureInvalid { .. }), "a line feed counts");
    assert_eq!(why(b"-----BEGIN SSH SIGNATURE-----".to_vec()), Why::Malformed);
    assert!(matches!(why(vec![b'A'; 20_000]), Why::TooLarge { .. }));
}

/// Every octet of the armored signature is changed in turn; what still counts has the same octets inside.
#[test]
fn a_signature_that_is_changed_does_not_count() {
    let people = People::new(&[("alice", "ed25519")]);
    let loaded = policy(vec![group("acme.officers", &[("alice", people.line("alice"))])], &[(1, 0)]);
    let good = people.sign("alice", NAMESPACE, &request(asked(&loaded)).text());
    let inside = |armored: &[u8]| {
        let text = String::from_utf8_lossy(armored).into_owned();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).ok()
    };
    let mut changes = 0;
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let found = checked(&loaded, &[changed.clone()]);
        assert!(found.approvals.is_empty() || inside(&changed) == inside(&good), "byte {at}");
        changes += usize::from(found.approvals.is_empty());
    }
    assert!(changes > good.len() - 8, "{changes} of {}", good.len());
}

#[test]
fn an_approval_is_for_what_it_says_and_until_its_end() {
    let people = People::new(&[("alice", "ed25519")]);
    let loaded = policy(vec![group("acme.officers", &[("alice", people.line("alice"))])], &[(1, 0)]);
    let real = asked(&loaded);
    let void = |approved: Asked, now: i64| {
        let request = request(approved);
        let signature = people.sign("alice", NAMESPACE, &request.text());
        check(&loaded, &real, &request, &[&signature], now).map(|found| found.approvals.len())
    };
    assert_eq!(void(real.clone(), NOW + DAY), Ok(1), "its last second");
    let ended = Void::Expired { not_after: NOW + DAY, now: NOW + DAY + 1 };
    assert_eq!(void(real.clone(), NOW + DAY + 1), Err(ended));

    let changes: [(&str, Asked); 7] = [
        ("operation", Asked { operation: word(Words::Operation, "ca-sign"), ..real.clone() }),
        ("authority", Asked { authority: "acme.other".into(), ..real.clone() }),
        ("profile", Asked { profile: "acme.ca-key".into(), ..real.clone() }),
        ("requester", Asked { requester: "unit-8".into(), ..real.clone() }),
        ("request", Asked { request: Sha256Digest([9; 32]), ..real.clone() }),
        ("evidence", Asked { evidence: vec![Sha256Digest([2; 32])], ..real.clone() }),
        ("program", Asked { program: Sha256Digest([9; 32]), ..real.clone() }),
    ];
    for (field, approved) in changes {
        let void = void(approved, NOW);
        assert!(matches!(&void, Err(Void::Mismatch { field: found, .. }) if *found == field), "{void:?}");
    }
    let other_edition = policy(vec![group("acme.officers", &[("alice", people.line("alice"))])], &[(2, 0)]);
    let request = request(real.clone());
    let of_other = check(&other_edition, &real, &request, &[], NOW);
    assert!(matches!(of_other, Err(Void::Mismatch { field: "program", .. })), "the program at hand counts");
    let many: Vec<&[u8]> = vec![b""; 65];
    let too_many = Err(Void::TooMany { found: 65, limit: 64 });
    assert_eq!(check(&loaded, &real, &request, &many, NOW), too_many);
}

#[test]
fn the_text_has_one_spelling() {
    let loaded = policy(Vec::new(), &[]);
    let request = request(asked(&loaded));
    let text = request.text();
    let expected = format!(
        "pkic approval 1\nid: {}\noperation: issue\nauthority: acme.ca\nprofile: acme.tls\nrequester: unit-7\n\
         request: sha256:{}\nevidence: sha256:{}\nevidence: sha256:{}\nprogram: {}\n\
         not-after: 2027-01-16T08:00:00Z\n",
        "07".repeat(16),
        "01".repeat(32),
        "02".repeat(32),
        "03".repeat(32),
        loaded.digest()
    );
    assert_eq!(text, expected);
    assert_eq!(ApprovalRequest::from_text("a.txt", text.as_bytes()), Ok(request.clone()));
    assert_eq!(request.digest(), Sha256Digest::of(text.as_bytes()));
    let none =
        ApprovalRequest::new(ApprovalId([7; 16]), Asked { evidence: vec![], ..asked(&loaded) }, 86_400);
    let none = none.unwrap().text();
    assert!(none.contains("evidence: none\n") && none.ends_with("not-after: 1970-01-02T00:00:00Z\n"));
    assert!(ApprovalRequest::from_text("a.txt", none.as_bytes()).is_ok());

    let refused = |text: &str| ApprovalRequest::from_text("a.txt", text.as_bytes()).unwrap_err();
    for cut in 0..text.len() {
        let _ = refused(&text[..cut]);
    }
    let changes = [
        ("pkic approval 1", "pkic approval 2"),
        ("id: 07", "id: 0A"),
        ("operation: issue", "operation: issues"),
        ("authority: acme.ca", "authority: "),
        ("authority: acme.ca", "authority:  acme.ca"),
        ("profile: acme.tls", "Profile: acme.tls"),
        ("requester: unit-7", "requester: unit-7\r"),
        ("requester: unit-7", "requester: unit\u{202e}-7"),
        ("request: sha256:01", "request: sha256:0g"),
        ("2027-01-16T08:00:00Z\n", "2027-01-16T08:00:00Z\n\n"),
        ("2027-01-16T08:00:00Z", "2027-01-16T08:00:00+00:00"),
    ];
    for (from, to) in changes {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = refused(&changed);
        assert_eq!(error.input, "a.txt", "{from}: {error}");
    }
    let (second, third) = ("02".repeat(32), "03".repeat(32));
    let unsorted = text.replace(&second, "x").replace(&third, &second).replace('x', &third);
    assert!(refused(&unsorted).what.contains("one spelling"));
    assert_eq!(refused(&text.replace("profile: acme.tls\n", "")).line, Some(5));
}

#[test]
fn security_keys_approve_when_they_are_touched() {
    for kind in ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"] {
        let key = SecurityKey::new(kind);
        let loaded = policy(vec![group("acme.officers", &[("alice", key.line())])], &[(1, 0)]);
        let text = request(asked(&loaded)).text();
        let touched = key.sign(NAMESPACE, &text, 1);
        let directory = Directory::new();
        directory.write("allowed", format!("alice namespaces=\"{NAMESPACE}\" {}\n", key.line()));
        directory.write("text.sig", &touched);
        let text_file = std::fs::File::open(directory.write("text", &text)).unwrap();
        let verify = ["-Y", "verify", "-f", "allowed", "-I", "alice", "-n", NAMESPACE, "-s", "text.sig"];
        let mut tool = std::process::Command::new("ssh-keygen");
        let said = tool.args(verify).current_dir(&directory.0).stdin(text_file).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

        assert_eq!(checked(&loaded, &[touched]).approvals, [(0, "alice")], "{kind}");
        let found = checked(&loaded, &[key.sign(NAMESPACE, &text, 0)]);
        assert!(matches!(&whys(&found)[..], [Why::UserAbsent { .. }]), "{kind}");
        let found = checked(&loaded, &[key.sign(NAMESPACE, &text.replace("unit-7", "unit-8"), 1)]);
        assert!(matches!(&whys(&found)[..], [Why::SignatureInvalid { .. }]), "{kind}");
    }
}

/// `acme.tls` with an exception that waives where the key is, for who approves it.
fn with_exception(people: &People) -> Program {
    let mut program = program();
    program.groups = vec![group("acme.officers", &[("alice", people.line("alice"))])];
    let named = vec![word(Words::Storage, "tpm.firmware")];
    program.exprs.push(is_in("key.storage", Constant::Words { words: Words::Storage, named }));
    program.requirements.push(requirement("firmware", 3));
    program.profiles[1].exceptions.push(Exception {
        name: "acme.retrofit".into(),
        waives: vec!["key.storage".into()],
        when: None,
        from: None,
        before: NOW + 30 * DAY,
        at_most: 5,
        approvals: vec![Approval { count: 1, group: 0 }],
        reason: "TPM retrofit,\nCHG-4812".into(),
        requirements: vec![RequirementId(2)],
        origin: origin(),
    });
    program
}

#[test]
fn an_exception_is_approved_over_what_it_was_compiled_to() {
    let people = People::new(&[("alice", "ed25519")]);
    let program = with_exception(&people);
    let first = loaded(program.clone());
    let text = exception::text(&first, "acme.retrofit").unwrap();
    assert!(
        text.starts_with(
            "pkic exception 1\nexception: acme.retrofit\nprofile: acme.tls\nwaives: key.storage\n"
        )
    );
    let middle = "from: always\nbefore: 2027-02-14T08:00:00Z\nat-most: 5\napprove: 1 of acme.officers\n\
                  reason: TPM retrofit,\\u{a}CHG-4812\ninstead: firmware\ncompiled: sha256:";
    assert!(text.contains(middle), "{text}");
    let signature = people.sign("alice", exception::NAMESPACE, &text);
    let approvals = |program: Program| {
        let loaded = loaded(program);
        let found = exception::check(&loaded, "acme.retrofit", &[&signature]).unwrap();
        found
            .approvals
            .iter()
            .map(|(name, group, member)| format!("{name} {group} {member}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(approvals(program.clone()), ["acme.retrofit 0 alice"]);

    let mut moved = program.clone();
    moved.version = "2.0.0".into();
    moved.profiles[1].exceptions[0].origin.line = 99;
    moved.requirements[2].origin.line = 100;
    moved.profiles.insert(0, profile("acme.a-new-one", Vec::new()));
    moved.authorities[0].certified_as = Some(1);
    assert_eq!(approvals(moved), ["acme.retrofit 0 alice"], "another edition that says the same");

    let changed = |change: fn(&mut Program)| {
        let mut program = program.clone();
        change(&mut program);
        assert_eq!(approvals(program), Vec::<String>::new());
    };
    changed(|program| program.profiles[1].exceptions[0].at_most = 6);
    changed(|program| program.profiles[1].exceptions[0].before += 1);
    changed(|program| program.profiles[1].exceptions[0].waives.push("certificate.validity".into()));
    changed(|program| program.profiles[1].exceptions[0].requirements.clear());
    // The text of the control stays; what it was compiled to does not.
    changed(|program| program.exprs[3] = pkic_ir::Expr::Always(true));

    let request_namespace = people.sign("alice", NAMESPACE, &text);
    let found = exception::check(&first, "acme.retrofit", &[&request_namespace]).unwrap();
    assert!(matches!(found.refused[0].why, Why::NamespaceMismatch { .. }));
    assert!(matches!(exception::text(&first, "acme.other"), Err(Void::ExceptionUnknown { .. })));
}
