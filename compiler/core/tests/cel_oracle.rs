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
#[path = "cel_oracle/tables.rs"]
mod tables;

use conditions::{Cond, cond};
use pkic_eval::{Ask, Outcome};
use pkic_ir::{Body, ExprId, Profile, Program, Requirement, RequirementId, Strength};
use pkic_vocab::{Fact, FactTable, Value, Words};
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
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_full_tables_both_agree(condition in cond(), table in table()) {
        agree(&condition, &table.facts(Knowledge::Full, NOW))?;
    }

    #[test]
    fn on_partial_tables_cel_is_true_only_where_the_evaluator_is(condition in cond(), table in table()) {
        agree(&condition, &table.facts(Knowledge::Partial, NOW))?;
    }
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
