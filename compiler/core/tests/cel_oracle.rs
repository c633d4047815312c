//! The `cel` crate as an independent oracle: what a profile's conditions say in CEL is what the evaluator decides.
//!
//! Random well-typed conditions over random tables. Where every fact is known, both must agree on true and false;
//! where facts are missing or known too little, CEL must be true exactly where the evaluator says true.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "cel_oracle/conditions.rs"]
mod conditions;
#[path = "cel_oracle/host.rs"]
mod host;
#[path = "spec/pages.rs"]
#[allow(dead_code)]
mod pages;
#[path = "cel_oracle/policies.rs"]
mod policies;
#[path = "cel_oracle/tables.rs"]
mod tables;

use conditions::{Cond, cond};
use pkic_eval::{Ask, Outcome};
use pkic_ir::{Body, ExprId, Profile, Program, Requirement, RequirementId, Strength};
use pkic_vocab::{BasisSet, Fact, FactTable, Grade, Value, Words};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tables::{Knowledge, table};

const PROFILE: &str = "oracle.profile";
/// 2027-03-15.
const NOW: i64 = 1_805_068_800;

fn requirement(id: &str, condition: ExprId) -> Requirement {
    Requirement {
        id: id.to_owned(),
        strength: Strength::Must,
        from: None,
        before: None,
        when: Vec::new(),
        body: Body::Expr(condition),
        text: String::new(),
        doc: None,
        cites: None,
        origin: pkic_ir::Origin::default(),
        mandate: None,
    }
}

fn program(condition: &Cond) -> Program {
    let mut program = Program { policy: "oracle".to_owned(), version: "1".to_owned(), ..Program::default() };
    let id = condition.lower(&mut program.exprs);
    program.exprs.push(pkic_ir::Expr::Not(id));
    let opposite = ExprId(u32::try_from(program.exprs.len()).unwrap() - 1);
    program.requirements = vec![requirement("holds", id), requirement("fails", opposite)];
    program.profiles = vec![Profile {
        name: PROFILE.to_owned(),
        doc: None,
        role: Words::Role.word("tls-server"),
        tags: vec!["b".to_owned()],
        operations: Words::Operation.all().collect(),
        issued_by: Vec::new(),
        refines: None,
        contents: Vec::new(),
        requirements: vec![RequirementId(0), RequirementId(1)],
        obligations: Vec::new(),
        exceptions: Vec::new(),
        mandates: Vec::new(),
        cost: 0,
        origin: pkic_ir::Origin::default(),
    }];
    program
}

/// What CEL says of the two requirements of [`program`]; `None` for one that it cannot say.
fn asked_in_cel(program: &Program, table: &FactTable) -> [Option<bool>; 2] {
    let emitted = pkic_compiler::cel::emit(program, PROFILE).unwrap();
    ["holds", "fails"].map(|id| {
        let said = emitted.requirements.iter().find(|said| said.id == id);
        assert_eq!(said.is_none(), emitted.omitted.iter().any(|omission| omission.id == id), "{id}");
        said.map(|said| host::is_true(&said.text, table, NOW))
    })
}

/// What the evaluator says of the first requirement of [`program`].
fn evaluated(program: &Program, table: &FactTable) -> Outcome {
    let Some(Fact { value: Value::Word(operation), .. }) = table.fact(&tables::operation()) else {
        panic!("no operation")
    };
    let decision = pkic_eval::evaluate(program, table, &Ask::new(0, *operation), NOW);
    let outcome = |id: &str| decision.reasons().find(|reason| reason.id() == *id).unwrap().outcome;
    let opposite = match outcome("holds") {
        Outcome::Satisfied => Outcome::Violated,
        Outcome::Violated => Outcome::Satisfied,
        other => other,
    };
    assert_eq!(outcome("fails"), opposite);
    outcome("holds")
}

fn agree(condition: &Cond, table: &FactTable) -> Result<(), TestCaseError> {
    let program = program(condition);
    let [holds, fails] = asked_in_cel(&program, table);
    let outcome = evaluated(&program, table);
    let texts = || {
        let known: Vec<String> = table.known().map(|(path, fact)| format!("{path:?} {fact:?}")).collect();
        format!("{:#?} on {}", pkic_compiler::cel::emit(&program, PROFILE), known.join("\n"))
    };
    prop_assert!(
        holds.is_none_or(|holds| holds == (outcome == Outcome::Satisfied)),
        "{outcome:?}: {}",
        texts()
    );
    prop_assert!(
        fails.is_none_or(|fails| fails == (outcome == Outcome::Violated)),
        "{outcome:?}: {}",
        texts()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_full_tables_both_agree(condition in cond(), table in table()) {
        agree(&condition, &table.facts(Knowledge::Full, NOW))?;
    }

    #[test]
    fn on_partial_tables_cel_is_true_only_where_the_evaluator_is(condition in cond(), table in table()) {
        agree(&condition, &table.facts(Knowledge::Partial, NOW))?;
    }
}

/// The facts that the evaluator takes from the program, as a host would give them.
fn add_policy_facts(table: &mut FactTable, program: &Program, ask: &Ask<'_>) {
    let profile = &program.profiles[ask.profile as usize];
    let tags = profile.tags.iter().map(|tag| Value::Name(tag.clone())).collect();
    let authority = ask.authority.map(|authority| &program.authorities[authority as usize]);
    let facts = [
        ("profile.role", profile.role.map(Value::Word)),
        ("profile.tags", Some(Value::List(tags))),
        ("authority.name", authority.map(|authority| Value::Name(authority.name.clone()))),
        ("authority.trust", authority.and_then(|authority| authority.trust).map(Value::Word)),
        ("authority.state", authority.and_then(|authority| authority.state).map(Value::Word)),
    ];
    for (path, value) in facts {
        let path = pkic_vocab::Path::from(pkic_vocab::FactId::from_path(path).unwrap());
        match value {
            Some(value) => table.set(path, Fact::new(value, Grade::Claimed, BasisSet::EMPTY)).unwrap(),
            None => table.forget(path).unwrap(),
        }
    }
}

/// Compares each requirement of a profile, by its place in the source, and counts those that were said.
fn agree_on_profile(program: &Program, index: usize, table: FactTable, now: i64) -> usize {
    let Some(Fact { value: Value::Word(operation), .. }) = table.fact(&tables::operation()) else {
        panic!("no operation")
    };
    let mut ask = Ask::new(u32::try_from(index).unwrap(), *operation);
    ask.authority = program.profiles[index].issued_by.first().copied();
    let mut table = table;
    add_policy_facts(&mut table, program, &ask);
    let decision = pkic_eval::evaluate(program, &table, &ask, now);
    let emitted = pkic_compiler::cel::emit(program, &program.profiles[index].name).unwrap();
    let mut said = 0;
    for expression in emitted.requirements.iter().chain(&emitted.preferences).skip(1) {
        let mut reasons = decision.reasons().filter(|reason| {
            reason
                .requirement()
                .is_some_and(|line| line.id == expression.id && line.origin == expression.origin)
        });
        // What is out of its window, or known not to apply, has no reason.
        let holds = reasons.all(|reason| !reason.outcome.is_failure());
        assert_eq!(
            host::is_true(&expression.text, &table, now),
            holds,
            "{}: {}",
            expression.id,
            expression.text
        );
        said += 1;
    }
    said
}

#[test]
fn real_policies_are_decided_alike() {
    let mut runner = TestRunner::deterministic();
    let mut said = 0;
    for program in policies::programs() {
        let named = policies::named(&program);
        for index in 0..program.profiles.len() {
            for now in [1_795_000_000, NOW, 1_868_227_200, 2_000_000_000] {
                let table = table().new_tree(&mut runner).unwrap().current();
                for knowledge in [Knowledge::Full, Knowledge::Partial] {
                    let facts = table.facts_with(knowledge, now, &named);
                    said += agree_on_profile(&program, index, facts, now);
                }
            }
        }
    }
    assert!(said > 500, "only {said} expressions were compared");
}

/// Most of what is generated must be said, and be decided both ways, or the tests above test nothing.
#[test]
fn the_generator_is_not_idle() {
    let mut runner = TestRunner::deterministic();
    let mut counts = [0u32; 4];
    for _ in 0..1000 {
        let condition = cond().new_tree(&mut runner).unwrap().current();
        let table = table().new_tree(&mut runner).unwrap().current().facts(Knowledge::Full, NOW);
        let place = match asked_in_cel(&program(&condition), &table) {
            [Some(true), _] => 0,
            [_, Some(true)] => 1,
            [Some(false), Some(false)] => 2,
            _ => 3,
        };
        counts[place] += 1;
    }
    assert!(counts[0] > 250 && counts[1] > 250 && counts[3] < 250, "{counts:?}");
}
