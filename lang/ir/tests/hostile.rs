//! Any bytes are answered by the decoder, in bounded time on a small stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
mod arbitrary;
#[path = "../../syntax/tests/nasty/mod.rs"]
mod nasty;

use nasty::{Nasty, SIZE, answers, cbor, noise};
use pkic_ir::*;
use pkic_vocab::limits;

fn decode(bytes: &[u8]) {
    if let Ok(program) = Program::decode(bytes) {
        assert_eq!(program.encode(), bytes);
        assert_eq!(check(&program), Ok(()));
    }
}

/// The head that every program has, so that what follows is read.
fn headed(inputs: Vec<Nasty>) -> Vec<Nasty> {
    let head = b"\x83\x01\x642026";
    let fields = |count: usize| [&head[..], &[0x8c, 0x60, 0x60, 0xf4], &vec![0x80; count]].concat();
    let mut headed = Vec::new();
    for (name, bytes) in inputs {
        for count in 0..9 {
            let bytes = [&fields(count)[..], &bytes].concat();
            headed.push((format!("{name} in table {count}"), bytes));
        }
    }
    headed
}

#[test]
fn any_bytes_are_answered() {
    let inputs = noise(SIZE).into_iter().chain(cbor(SIZE)).chain(headed(cbor(SIZE / 8)));
    answers("program", inputs, decode);
}

/// Programs that are well formed but for their size, each as large as fits.
#[test]
fn large_programs_are_answered() {
    answers("large program", large(), |bytes| {
        decode(bytes);
        assert!(bytes.len() > SIZE / 2 && bytes.len() <= SIZE + SIZE / 8, "{} bytes", bytes.len());
    });
}

fn large() -> Vec<Nasty> {
    let grown = |grow: &dyn Fn(&mut Program, usize)| {
        let bytes = |count: usize| {
            let mut program = arbitrary::program(5);
            (0..count).for_each(|index| grow(&mut program, index));
            program.fill_costs();
            program.encode()
        };
        // The first steps can be smaller than the later ones.
        let fit = |count: usize| count * (SIZE - SIZE / 16) / bytes(count).len();
        bytes(fit(fit(fit(1_000))))
    };
    let last = |program: &Program| ExprId(program.exprs.len() as u32 - 1);
    let mut inputs: Vec<(&str, Vec<u8>)> = vec![
        ("conditions", grown(&|program, _| program.exprs.push(Expr::Always(true)))),
        (
            "conditions of the last one twice",
            grown(&|program, index| {
                let last = last(program);
                let is_deep = index % (limits::EXPRESSION_DEPTH_MAX / 2) != 0;
                program.exprs.push(if is_deep { Expr::And(vec![last; 2]) } else { Expr::Always(true) });
            }),
        ),
        (
            "wide conditions",
            grown(&|program, _| program.exprs.push(Expr::Or(vec![ExprId(0); limits::LIST_LEN_MAX]))),
        ),
        (
            "requirements",
            grown(&|program, _| {
                let requirement = program.requirements[0].clone();
                program.requirements.push(requirement);
            }),
        ),
        (
            "profiles",
            grown(&|program, index| {
                let name = format!("z.{index:08}");
                let profile = Profile { name, ..program.profiles[0].clone() };
                program.profiles.push(profile);
            }),
        ),
        ("files", grown(&|program, index| program.files.push((format!("f{index}"), [0; 32])))),
        (
            "authorities",
            grown(&|program, index| {
                let name = format!("z.{index:08}");
                let authority = Authority { name, ..program.authorities[0].clone() };
                program.authorities.push(authority);
            }),
        ),
        (
            "groups",
            grown(&|program, index| {
                let group = Group { name: format!("z.{index:08}"), ..program.groups[0].clone() };
                program.groups.push(group);
            }),
        ),
    ];
    inputs.push(("profiles of all requirements", profiles_of_all_requirements()));
    inputs.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn profiles_of_all_requirements() -> Vec<u8> {
    let mut program = arbitrary::program(5);
    let requirement = Requirement { body: Body::Expr(ExprId(0)), ..program.requirements[0].clone() };
    program.requirements = vec![requirement; limits::PROFILE_REQUIREMENTS_MAX];
    let all = (0..program.requirements.len()).map(|id| RequirementId(id as u32)).collect();
    let profile = Profile { requirements: all, exceptions: vec![], ..program.profiles[0].clone() };
    program.profiles =
        (0..280).map(|index| Profile { name: format!("z.{index:08}"), ..profile.clone() }).collect();
    program.fill_costs();
    program.encode()
}

/// Ways in ways that share their lines: what they multiply to is beyond counting, so that it must not be counted out.
fn tower(levels: usize, lines: usize) -> Program {
    let mut program = bare();
    let template = Requirement { body: Body::Expr(ExprId(0)), ..program.requirements[0].clone() };
    program.exprs = vec![Expr::Always(true)];
    program.requirements = vec![Requirement { when: vec![], mandate: None, ..template.clone() }];
    for level in 0..levels {
        let way = Way { name: "w".into(), doc: None, requirements: vec![RequirementId(level as u32); lines] };
        let body = Body::OneOf(vec![way]);
        program.requirements.push(Requirement { body, when: vec![], mandate: None, ..template.clone() });
    }
    program.profiles[0].requirements = vec![RequirementId(levels as u32)];
    program.fill_costs();
    program
}

/// A program with one profile that has nothing but requirements.
fn bare() -> Program {
    let mut program = arbitrary::program(5);
    program.profiles.truncate(1);
    program.authorities.iter_mut().for_each(|authority| authority.certified_as = None);
    let profile = &mut program.profiles[0];
    (profile.contents, profile.obligations, profile.exceptions) = (vec![], vec![], vec![]);
    program
}

/// As many `one of`, each with as many ways that ask for an approval.
fn approving(one_ofs: usize, ways: usize) -> Program {
    let mut program = bare();
    let template = program.requirements[0].clone();
    let approval = Body::Approve(Approval { count: 1, group: 0 });
    program.exprs = vec![Expr::Always(true)];
    program.requirements =
        vec![Requirement { body: approval, when: vec![], mandate: None, ..template.clone() }];
    for _ in 0..one_ofs {
        let way = |at: usize| Way { name: format!("w{at}"), doc: None, requirements: vec![RequirementId(0)] };
        let body = Body::OneOf((0..ways).map(way).collect());
        program.requirements.push(Requirement { body, when: vec![], mandate: None, ..template.clone() });
    }
    program.profiles[0].requirements = (1..=one_ofs).map(|at| RequirementId(at as u32)).collect();
    program.fill_costs();
    program
}

#[test]
fn each_way_that_asks_for_approvals_is_charged_for_the_lines_of_all_others() {
    // A line costs two, a `one of` its lines and one; for each of the six ways all of them are gone through.
    let lines = 2 * (1 + 3 * 2);
    assert_eq!(approving(2, 3).profiles[0].cost, 1 + lines + 6 * lines);
    assert_eq!(check(&approving(2, 3)), Ok(()));
    answers("ways with approvals", [("ways".to_owned(), approving(512, 256).encode())], |bytes| {
        let refused = Program::decode(bytes);
        assert!(matches!(refused, Err(DecodeError::Limit { what: "cost of a profile", .. })), "{refused:?}");
    });
}

#[test]
fn ways_that_share_their_lines_cost_their_product_and_are_counted_once() {
    // A line costs two; a `one of` costs its lines and one.
    assert_eq!(tower(2, 3).profiles[0].cost, 1 + (1 + 3 * (1 + 3 * 2)));
    assert_eq!(check(&tower(2, 3)), Ok(()));
    answers("tower of ways", [("tower".to_owned(), tower(14, 256).encode())], |bytes| {
        let refused = Program::decode(bytes);
        assert!(matches!(refused, Err(DecodeError::Limit { what: "cost of a profile", .. })), "{refused:?}");
    });
}
