//! One decision after another, each a step away from a request that is permitted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, unreachable_pub)]
mod estate;
use estate::{NOW, path, set, word};
use pkic_eval::{Ask, Decision, Outcome, Truth, decide, evaluate_signer, operation};
use pkic_ir::*;
use pkic_vocab::time::DAY_S;
use pkic_vocab::{BasisSet, Fact, FactTable, Grade, Purpose, Value, Words};

fn ask<'a>() -> Ask<'a> {
    Ask::new(0, operation("issue").unwrap())
}

fn failing(program: &Program, table: &FactTable, ask: &Ask<'_>, now: i64) -> Vec<String> {
    decide(program, table, ask, now).failing()
}

fn storage(purpose: Purpose) -> Fact {
    let fact = Fact::new(word(Words::Storage, "tpm.discrete"), Grade::Attested, BasisSet::STATEMENT);
    Fact { purpose, ..fact }
}

#[test]
fn connectives_are_strong_kleene() {
    use Truth::{False as F, True as T, Unknown as U};
    for (a, b, and, or) in
        [(F, F, F, F), (F, U, F, U), (F, T, F, T), (U, U, U, U), (U, T, U, T), (T, T, T, T)]
    {
        assert_eq!((a.and(b), b.and(a), a.or(b), b.or(a)), (and, and, or, or));
    }
    assert_eq!((!F, !U, !T), (T, U, F));
}

#[test]
fn what_is_not_known_well_enough_refuses_and_says_what_would_do() {
    let program = estate::program(1);
    type Spoil = fn(&mut FactTable);
    let cases: [(&str, Spoil, &str); 4] = [
        (
            "unknown",
            |t| t.forget(path("key.storage")).unwrap(),
            "give evidence that says `key.storage` @ attested",
        ),
        (
            "tpm.discrete",
            |t| set(t, "key.storage", word(Words::Storage, "tpm.discrete"), Grade::Claimed),
            "`key.storage` is known @ claimed only: give evidence that says it @ attested",
        ),
        (
            "tpm.discrete",
            |t| t.set(path("key.storage"), storage(Purpose::Test)).unwrap(),
            "`key.storage` hangs on an anchor for test: only production anchors count outside a lab policy",
        ),
        (
            "values that disagree",
            |t| {
                let other = Fact::new(word(Words::Storage, "hsm.usb"), Grade::Observed, BasisSet::API);
                t.add(path("key.storage"), other).unwrap();
            },
            "two sources disagree about `key.storage`: give the one that is right alone",
        ),
    ];
    for (found, spoil, remedy) in cases {
        let mut table = estate::table();
        spoil(&mut table);
        let decision = decide(&program, &table, &ask(), NOW);
        assert_eq!(decision.failing(), ["key.storage"]);
        let reason = decision.reasons().find(|reason| reason.refuses()).unwrap();
        assert_eq!((reason.outcome, reason.need()), (Outcome::Unknown, "key.storage as asked"));
        assert_eq!(reason.found().unwrap().to_string(), found);
        assert_eq!(reason.remedy().to_string(), remedy);
    }
}

#[test]
fn test_anchors_count_in_a_lab_or_where_a_test_admits_them() {
    let mut program = estate::program(1);
    let mut table = estate::table();
    table.set(path("key.storage"), storage(Purpose::Test)).unwrap();
    let admitted = Ask { admit_test_anchors: true, ..ask() };
    assert!(!decide(&program, &table, &ask(), NOW).is_permit());
    assert!(decide(&program, &table, &admitted, NOW).is_permit());
    table.set(path("key.storage"), storage(Purpose::Simulator)).unwrap();
    assert!(!decide(&program, &table, &admitted, NOW).is_permit(), "a simulator is no test anchor");
    program.lab = true;
    let decision = decide(&program, &table, &ask(), NOW);
    assert!(decision.is_permit() && decision.is_lab());
}

#[test]
fn dates_are_half_open() {
    let mut program = estate::program(1);
    let dated = program.requirements.iter().position(|r| r.from.is_some()).unwrap();
    program.requirements[dated].before = Some(NOW + DAY_S);
    let mut table = estate::table();
    set(&mut table, "certificate.validity", Value::Span(200 * DAY_S), Grade::Claimed);
    for (now, refuses) in [(-DAY_S - 1, false), (-DAY_S, true), (DAY_S - 1, true), (DAY_S, false)] {
        let failing = failing(&program, &table, &ask(), NOW + now);
        assert_eq!(failing.contains(&"certificate.validity".to_owned()), refuses, "{now}");
    }
}

#[test]
fn a_certificate_holds_what_contents_grants_and_no_more() {
    let program = estate::program(1);
    let with = |spoil: &dyn Fn(&mut FactTable)| {
        let mut table = estate::table();
        spoil(&mut table);
        failing(&program, &table, &ask(), NOW)
    };
    let list = |oid: &str| Value::List(vec![Value::Oid(oid.into())]);
    let ou = "certificate.subject.organizational-unit";
    assert_eq!(
        with(&|t| set(t, ou, Value::Text("x".into()), Grade::Claimed)),
        ["contents.subject.organizational-unit"]
    );
    assert_eq!(
        with(&|t| set(t, "certificate.other-extensions", list("1.2.3"), Grade::Claimed)),
        ["contents.other-extensions"]
    );
    assert_eq!(
        with(&|t| set(t, "certificate.critical", list("2.5.29.37"), Grade::Claimed)),
        ["contents.extended-key-usage", "contents.key-usage"]
    );
    assert_eq!(
        with(&|t| set(t, "certificate.san.dns", Value::List(Vec::new()), Grade::Claimed)),
        ["contents.san.dns"]
    );
    let evil = Value::List(vec![Value::DnsName("evilbank.example".into())]);
    assert_eq!(with(&|t| set(t, "certificate.san.dns", evil.clone(), Grade::Claimed)), ["contents.san.dns"]);
    assert_eq!(with(&|t| t.forget(path("certificate.san.ip")).unwrap()), ["contents.san.ip"]);
    let declared = pkic_vocab::Path { name: Some("1.2.3".into()), ..path("certificate.subject.*") };
    let text = || Fact::new(Value::Text("x".into()), Grade::Claimed, BasisSet::REQUEST);
    assert_eq!(with(&|t| t.set(declared.clone(), text()).unwrap()), ["contents.subject.1.2.3"]);
    let forgotten = |t: &mut FactTable| {
        t.set(declared.clone(), text()).unwrap();
        t.forget(declared.clone()).unwrap();
    };
    assert_eq!(with(&forgotten), ["contents.subject.1.2.3"], "it may be there");
    let disputed = |t: &mut FactTable| {
        let observed =
            |value: &str| Fact { grade: Grade::Observed, value: Value::Text(value.into()), ..text() };
        t.set(declared.clone(), observed("x")).unwrap();
        t.add(declared.clone(), observed("y")).unwrap();
    };
    assert_eq!(with(&disputed), ["contents.subject.1.2.3"]);
    let open = failing(&program, &FactTable::new(), &ask(), NOW);
    assert!(open.iter().filter(|id| id.starts_with("contents.")).count() > 20, "{open:?}");
}

/// Adds `approve` lines to the only profile.
fn with_approvals(lines: &[(u32, u32)]) -> Program {
    let mut program = estate::program(1);
    let member = |name: &str| Member { name: name.into(), key: String::new() };
    for (name, members) in [("g.a", ["ann", "bob"]), ("g.b", ["bob", "cyd"])] {
        let members = members.map(member).to_vec();
        program.groups.push(Group { name: name.into(), title: String::new(), members });
    }
    for (count, group) in lines {
        let template = program.requirements[0].clone();
        let body = Body::Approve(Approval { count: *count, group: *group });
        program.requirements.push(Requirement { id: format!("approve.{group}"), body, ..template });
        program.profiles[0].requirements.push(RequirementId(program.requirements.len() as u32 - 1));
    }
    program.fill_costs();
    check(&program).unwrap();
    program
}

#[test]
fn approvals_are_by_distinct_persons_over_all_lines() {
    let program = with_approvals(&[(1, 0), (1, 1)]);
    let table = estate::table();
    let permits =
        |approvals: &[(u32, &str)]| decide(&program, &table, &Ask { approvals, ..ask() }, NOW).is_permit();
    assert!(!permits(&[]));
    assert!(!permits(&[(0, "bob"), (1, "bob")]), "one person is not two");
    assert!(!permits(&[(0, "ann"), (1, "ann")]), "ann is no member of the second group");
    assert!(permits(&[(0, "bob"), (0, "ann"), (1, "bob")]), "bob moves to the line that ann cannot fill");
    assert!(permits(&[(0, "ann"), (1, "cyd")]));
}

fn exception(name: &str, waives: &[&str]) -> Exception {
    Exception {
        name: name.into(),
        waives: waives.iter().map(|id| (*id).to_owned()).collect(),
        when: None,
        from: None,
        before: NOW + 1,
        at_most: 1,
        approvals: Vec::new(),
        reason: "because".into(),
        requirements: Vec::new(),
        origin: Origin::default(),
    }
}

#[test]
fn exceptions_waive_what_all_of_them_waive_and_never_a_mandate() {
    let mut program = estate::program(1);
    program.profiles[0].exceptions = vec![exception("e.one", &["key.storage", "key.export", "key.origin"])];
    let mut table = estate::table();
    table.forget(path("key.export")).unwrap();
    let used = |decision: &Decision<'_>| decision.exception().map(|exception| exception.name.clone());
    let decision = decide(&program, &table, &ask(), NOW);
    assert!(decision.is_permit());
    assert_eq!(used(&decision), Some("e.one".into()));
    assert_eq!(used(&decide(&program, &estate::table(), &ask(), NOW)), None, "nothing was waived");
    assert_eq!(failing(&program, &table, &ask(), NOW + 1), ["key.export"], "it has ended");
    let spent = Ask { exception_uses: &[("e.one", 1)], ..ask() };
    assert_eq!(failing(&program, &table, &spent, NOW), ["key.export"], "it is used up");

    table.forget(path("key.origin")).unwrap();
    assert_eq!(failing(&program, &table, &ask(), NOW), ["key.origin"], "a mandate is not waived");

    let mut table = estate::table();
    table.forget(path("key.export")).unwrap();
    program.profiles[0].exceptions.push(exception("e.two", &["key.storage"]));
    assert_eq!(failing(&program, &table, &ask(), NOW), ["key.export"], "the other one does not waive it");
    let tagged = program.requirements.iter().find(|r| r.id == "high-value").unwrap().when[0];
    program.profiles[0].exceptions[1].when = Some(tagged);
    assert!(decide(&program, &table, &ask(), NOW).is_permit(), "the other one does not apply");
    table.forget(path("request.tags")).unwrap();
    let failing = failing(&program, &table, &ask(), NOW);
    assert!(failing.contains(&"key.export".to_owned()), "unknown whether it applies, it blocks: {failing:?}");
}

#[test]
fn a_one_of_says_what_each_way_falls_short_of() {
    let program = estate::program(1);
    let mut table = estate::table();
    set(&mut table, "module.vendor", word(Words::Vendor, "nxp"), Grade::Attested);
    let decision = decide(&program, &table, &ask(), NOW);
    assert_eq!(decision.failing(), ["device-key"]);
    let reason = decision.reasons().find(|reason| reason.refuses()).unwrap();
    let ways: Vec<(String, usize)> =
        reason.ways().map(|way| (way.way.name.clone(), way.shortfalls().count())).collect();
    assert_eq!(ways, [("module".to_owned(), 1), ("chip".to_owned(), 1)]);
}

#[test]
fn operation_authority_and_profile_must_be_granted() {
    let program = estate::program(1);
    let table = estate::table();
    let renew = Ask { operation: operation("renew").unwrap(), ..ask() };
    assert_eq!(failing(&program, &table, &renew, NOW), ["operations"]);
    assert_eq!(failing(&program, &table, &Ask { authority: Some(7), ..ask() }, NOW), ["issued-by"]);
    assert_eq!(failing(&program, &table, &Ask { profile: 7, ..ask() }, NOW), ["profile"]);
    let decision = decide(&program, &table, &ask(), NOW);
    assert_eq!(decision.authority().unwrap().name, "estate.ca");
}

#[test]
fn a_signer_is_judged_by_its_key_alone() {
    let program = estate::program(1);
    let mut table = estate::table();
    for fact in ["request.proof-of-possession", "request.tags", "certificate.validity"] {
        table.forget(path(fact)).unwrap();
    }
    set(&mut table, "key.storage", word(Words::Storage, "hsm.network"), Grade::Attested);
    assert!(evaluate_signer(&program, 0, &table, NOW).is_permit());
    set(&mut table, "key.storage", word(Words::Storage, "hsm.network"), Grade::Observed);
    let decision = evaluate_signer(&program, 0, &table, NOW);
    assert_eq!(decision.failing(), ["high-value", "key.storage"]);
}
