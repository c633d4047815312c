//! Properties over arbitrary programs and tables: agreement with the naive evaluator, and knowledge that only helps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
#[path = "../../../lang/ir/tests/arbitrary/mod.rs"]
mod arbitrary;
mod reference;

use arbitrary::{NOW, Rng, program};
use pkic_eval::{Ask, Outcome, decide, evaluate, operation};
use pkic_ir::{Body, Expr, ExprId, Program, RequirementId, Way};
use pkic_vocab::time::DAY_S;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Purpose, Slot};
use reference::Reference;

fn table(rng: &mut Rng) -> FactTable {
    let mut table = FactTable::new();
    for id in FactId::all() {
        let is_certificate = id.def().path.starts_with("certificate.");
        if is_certificate && id.def().is_keyed() {
            declared(rng, &mut table, id);
            continue;
        }
        if rng.one_in(if is_certificate { 2 } else { 8 }) {
            continue;
        }
        let path = arbitrary::path(rng, id);
        if !is_certificate && rng.one_in(20) {
            for small in [Grade::Observed, Grade::Attested] {
                let value = arbitrary::value(rng, id.def().ty);
                table.add(path.clone(), Fact::new(value, small, BasisSet::STATEMENT)).unwrap();
            }
            continue;
        }
        if matches!(id.def().path, "certificate.critical" | "certificate.other-extensions") {
            continue;
        }
        let mut fact = Fact::new(arbitrary::value(rng, id.def().ty), Grade::Attested, BasisSet::STATEMENT);
        if rng.one_in(3) {
            fact.grade = rng.pick(&Grade::ALL);
        }
        if rng.one_in(6) {
            fact.basis = BasisSet::PRACTICE;
        }
        if rng.one_in(8) {
            fact.purpose = rng.pick(&Purpose::ALL);
        }
        if rng.one_in(8) {
            fact.on_file_since = Some(NOW + rng.pick(&[1, 0, -DAY_S, -DAY_S - 1]));
        }
        table.set(path, fact).unwrap();
    }
    if !rng.one_in(12) {
        table.close();
    }
    table
}

/// Sometimes an attribute or extension under a declared name, which `contents` may or may not grant.
fn declared(rng: &mut Rng, table: &mut FactTable, fact: FactId) {
    if !rng.one_in(4) {
        return;
    }
    let path = Path { fact, name: Some(rng.pick(&["1.2.3", "1.2.9"]).into()) };
    let value = arbitrary::value(rng, fact.def().ty);
    table.set(path.clone(), Fact::new(value, Grade::Observed, BasisSet::REQUEST)).unwrap();
    if rng.one_in(6) {
        let other = arbitrary::value(rng, fact.def().ty);
        table.add(path, Fact::new(other, Grade::Observed, BasisSet::REQUEST)).unwrap();
    }
}

fn ask<'a>(rng: &mut Rng, program: &'a Program) -> Ask<'a> {
    let profile = rng.below(program.profiles.len()) as u32;
    let mut ask = Ask::new(profile, operation("issue").unwrap());
    if !program.profiles[profile as usize].issued_by.is_empty() || rng.one_in(9) {
        ask.authority = (!rng.one_in(9)).then(|| rng.below(2) as u32);
    }
    ask.admit_test_anchors = rng.one_in(4);
    ask.approvals = rng.pick(&[
        &[][..],
        &[(0, "ann")],
        &[(0, "ann"), (0, "bob")],
        &[(0, "ann"), (0, "bob"), (1, "bob"), (1, "cyd")],
    ]);
    ask.exception_approvals = rng.pick(&[&[][..], &[("p.e0", 0, "ann"), ("p.e1", 0, "bob")]]);
    ask.exception_uses = rng.pick(&[&[][..], &[("p.e0", 1)], &[("p.e1", 2), ("p.e0", 2)]]);
    ask
}

/// Programs without approvals, so that the naive evaluator need not match persons.
fn without_approvals(mut program: Program) -> Program {
    let always = ExprId(program.exprs.len() as u32);
    program.exprs.push(Expr::Always(true));
    for requirement in &mut program.requirements {
        if matches!(requirement.body, Body::Approve(_)) {
            requirement.body = Body::Expr(always);
        }
    }
    for exception in program.profiles.iter_mut().flat_map(|profile| &mut profile.exceptions) {
        exception.approvals.clear();
    }
    program.fill_costs();
    pkic_ir::check(&program).unwrap();
    program
}

#[test]
fn the_naive_evaluator_agrees() {
    let (mut permits, mut refusals, mut waived) = (0, 0, 0);
    for seed in 0..3000 {
        let rng = &mut Rng(seed ^ 0xabcd);
        let program = without_approvals(program(seed));
        let table = table(rng);
        let ask = ask(rng, &program);
        let decision = evaluate(&program, &table, &ask, NOW);
        let naive = Reference { program: &program, table: &table, ask, now: NOW };
        assert_eq!(
            decision.is_permit(),
            naive.permits_without_approvals(),
            "seed {seed}: {:?}",
            decision.failing()
        );
        assert_eq!(decision.failing().is_empty(), decision.is_permit(), "seed {seed}");
        waived += usize::from(decision.reasons().any(|reason| reason.outcome == Outcome::Waived));
        assert_eq!(
            decision.exception().is_some(),
            decision.reasons().any(|reason| reason.outcome == Outcome::Waived),
            "seed {seed}"
        );
        *(if decision.is_permit() { &mut permits } else { &mut refusals }) += 1;
    }
    println!("{permits} permits, {refusals} refusals, {waived} with a waiver");
    assert!(permits > 100 && refusals > 100 && waived > 10, "{permits} {refusals} {waived}");
}

/// What is known less well: one fact forgotten, or one grade lowered.
fn weaker(rng: &mut Rng, table: &FactTable) -> (FactTable, String) {
    let mut weaker = table.clone();
    if rng.one_in(5) {
        let absent: Vec<FactId> = FactId::all().filter(|id| *table.get(*id) == Slot::Absent).collect();
        if !absent.is_empty() {
            let id = rng.pick(&absent);
            weaker.forget(id.into()).unwrap();
            return (weaker, format!("{} absent no more", id.def().path));
        }
    }
    let mut known: Vec<(Path, Fact)> = table.known().map(|(path, fact)| (path, fact.clone())).collect();
    if rng.one_in(5) {
        let is_declared =
            |path: &Path| path.name.is_some() && path.fact.def().path.starts_with("certificate.");
        known.retain(|(path, _)| is_declared(path));
    }
    if known.is_empty() {
        return (weaker, String::new());
    }
    let (path, mut fact) = rng.pick(&known);
    let what = format!("{path:?} {fact:?}");
    match Grade::ALL.into_iter().rev().find(|grade| *grade < fact.grade) {
        Some(grade) if rng.one_in(2) => {
            fact.grade = grade;
            weaker.set(path, fact).unwrap();
        }
        _ => weaker.forget(path).unwrap(),
    }
    (weaker, what)
}

#[test]
fn knowing_less_never_turns_a_refusal_into_a_permit() {
    let (mut lost, mut kept, mut strays) = (0, 0, 0);
    for seed in 0..3000 {
        let rng = &mut Rng(seed ^ 0x5eed);
        let program = program(seed);
        let mut table = table(rng);
        let ask = ask(rng, &program);
        let mut before = evaluate(&program, &table, &ask, NOW).is_permit();
        for _ in 0..12 {
            let (less, what) = weaker(rng, &table);
            let after = evaluate(&program, &less, &ask, NOW);
            assert!(before || !after.is_permit(), "seed {seed}: forgetting {what} permits");
            let tried = decide(&program, &less, &Ask { authority: None, ..ask }, NOW);
            let first = decide(&program, &table, &Ask { authority: None, ..ask }, NOW);
            assert!(first.is_permit() || !tried.is_permit(), "seed {seed}: forgetting {what} permits");
            let failing = after.failing();
            let is_declared = |id: &String| id.ends_with(".1.2.3") || id.ends_with(".1.2.9");
            strays += usize::from(!failing.is_empty() && failing.iter().all(is_declared));
            lost += usize::from(before && !after.is_permit());
            kept += usize::from(before && after.is_permit());
            before = after.is_permit();
            table = less;
        }
    }
    println!("{lost} permits lost, {kept} kept, {strays} refusals for a declared name alone");
    assert!(lost > 100 && kept > 100 && strays > 100, "{lost} {kept} {strays}");
}

#[test]
fn the_order_of_requirements_children_and_ways_does_not_matter() {
    for seed in 0..1000 {
        let rng = &mut Rng(seed ^ 0x0bde);
        let program = program(seed);
        let table = table(rng);
        let ask = ask(rng, &program);
        let mut turned = program.clone();
        turned.profiles.iter_mut().for_each(|profile| {
            profile.requirements.reverse();
            profile.contents.reverse();
            profile.exceptions.reverse();
        });
        for expr in &mut turned.exprs {
            if let Expr::And(children) | Expr::Or(children) = expr {
                children.reverse();
            }
        }
        for requirement in &mut turned.requirements {
            requirement.when.reverse();
            if let Body::OneOf(ways) = &mut requirement.body {
                ways.reverse();
                ways.iter_mut().for_each(|way| way.requirements.reverse());
            }
        }
        let (one, other) = (evaluate(&program, &table, &ask, NOW), evaluate(&turned, &table, &ask, NOW));
        assert_eq!(one.verdict(), other.verdict(), "seed {seed}");
    }
}

#[test]
fn programs_that_were_not_checked_are_refused_without_a_panic() {
    let run = || {
        for seed in 0..60 {
            let rng = &mut Rng(seed ^ 0xbad);
            let mut program = program(seed);
            let count = program.exprs.len();
            for _ in 0..3 {
                let at = rng.below(count);
                let id = ExprId(rng.pick(&[at as u32, u32::MAX, count as u32, 0]));
                program.exprs[at] =
                    rng.pick(&[Expr::Not(id), Expr::And(vec![id; 40]), Expr::Or(vec![id; 40])]);
            }
            let last = program.requirements.len() - 1;
            let way = |id| Way { name: "w".into(), doc: None, requirements: vec![id, id] };
            let endless = RequirementId(rng.pick(&[last as u32, u32::MAX]));
            program.requirements[last].body = Body::OneOf(vec![way(endless), way(endless)]);
            program.requirements[last].when.clear();
            program.requirements[last].strength = pkic_ir::Strength::Must;
            (program.requirements[last].from, program.requirements[last].before) = (None, None);
            program.requirements[last].mandate = Some(u32::MAX);
            for profile in &mut program.profiles {
                profile.requirements.push(RequirementId(u32::MAX));
                profile.requirements.push(RequirementId(last as u32));
                profile.issued_by.push(u32::MAX);
            }
            let table = table(rng);
            let ask = Ask { profile: rng.pick(&[0, u32::MAX]), ..ask(rng, &program) };
            let decision = decide(&program, &table, &ask, NOW);
            assert!(!decision.is_permit(), "seed {seed}");
            for reason in decision.reasons() {
                let _ = (reason.id().to_string(), reason.remedy().to_string(), reason.mandate());
                let _ = reason.found().map(|found| found.to_string());
                let _ = reason.ways().map(|way| way.shortfalls().count()).sum::<usize>();
            }
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}
