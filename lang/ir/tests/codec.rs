//! Canonical bytes: what is written is read back, and nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod arbitrary;
use arbitrary::{Rng, program};
use pkic_ir::*;
use pkic_vocab::{Value, limits};

#[test]
fn programs_round_trip_and_differ_by_digest() {
    let mut digests = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let program = program(seed);
        check(&program).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let bytes = program.encode();
        let read = Program::decode(&bytes).unwrap();
        assert_eq!(read, program, "seed {seed}");
        assert_eq!(read.encode(), bytes);
        assert!(digests.insert(read.digest()), "seed {seed} has the digest of another");
    }
}

fn changed(original: &Program, bytes: &[u8], what: &str) {
    if let Ok(other) = Program::decode(bytes) {
        assert_ne!(other.digest(), original.digest(), "{what} has the same digest");
    }
}

#[test]
fn every_flipped_bit_is_refused_or_means_something_else() {
    let mut original = program(3);
    original.profiles.truncate(1);
    original.profiles[0].contents.truncate(3);
    original.authorities.iter_mut().for_each(|authority| authority.certified_as = Some(0));
    original.fill_costs();
    check(&original).unwrap();
    let bytes = original.encode();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            changed(&original, &flipped, &format!("bit {bit} of byte {at}"));
            refused += usize::from(Program::decode(&flipped).is_err());
        }
        assert!(Program::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(refused > bytes.len(), "most flips break the structure");
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Program::decode(&longer), Err(DecodeError::Trailing { at: bytes.len() }));
}

#[test]
fn noise_is_refused_on_a_small_stack() {
    let run = || {
        let rng = &mut Rng(1);
        for seed in 0..300 {
            let noise: Vec<u8> = (0..rng.below(200)).map(|_| rng.next() as u8).collect();
            assert!(Program::decode(&noise).is_err());
            let original = program(seed % 7);
            let mut bytes = original.encode();
            for _ in 0..1 + rng.below(6) {
                let at = rng.below(bytes.len());
                bytes[at] = rng.next() as u8;
            }
            let _ = Program::decode(&bytes);
        }
        for opener in [0x81u8, 0x9f, 0xa1, 0xd8, 0x7f] {
            assert!(Program::decode(&vec![opener; 1 << 20]).is_err());
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn other_encodings_of_the_same_program_are_refused() {
    let program = program(5);
    let bytes = program.encode();
    assert_eq!(bytes[0], 0x83);
    let mut long_head = vec![0x98, 3];
    long_head.extend(&bytes[1..]);
    assert_eq!(Program::decode(&long_head), Err(DecodeError::NotCanonical));
    let mut indefinite = vec![0x9f];
    indefinite.extend(&bytes[1..]);
    indefinite.push(0xff);
    assert!(matches!(Program::decode(&indefinite), Err(DecodeError::Malformed { at: 0, .. })));
    let mut version = bytes.clone();
    version[1] = 2;
    assert_eq!(Program::decode(&version), Err(DecodeError::Version { found: 2 }));
}

#[test]
fn a_length_is_never_believed_beyond_the_bytes() {
    let mut bytes =
        vec![0x83, 1, 0x64, b'2', b'0', b'2', b'6', 0x8c, 0x60, 0x60, 0xf4, 0x9a, 0, 0, 0xff, 0xff];
    bytes.resize(40, 0);
    assert!(matches!(Program::decode(&bytes), Err(DecodeError::Limit { what: "list", .. })));
}

/// Each changes one thing of a good program, and names what must be found wrong.
#[test]
fn whatever_is_wrong_is_found() {
    type Spoil = fn(&mut Program);
    let cases: [(&str, Spoil); 22] = [
        ("forward child", |p| p.exprs[0] = Expr::Not(ExprId(0))),
        ("missing child", |p| p.exprs.push(Expr::And(vec![ExprId(u32::MAX)]))),
        ("too deep", |p| {
            for _ in 0..limits::EXPRESSION_DEPTH_MAX {
                p.exprs.push(Expr::Not(ExprId(p.exprs.len() as u32 - 1)));
            }
        }),
        ("too dear", |p| {
            p.exprs.push(Expr::Always(true));
            for _ in 0..40 {
                let last = ExprId(p.exprs.len() as u32 - 1);
                p.exprs.push(Expr::And(vec![last, last]));
            }
            p.requirements[0].body = Body::Expr(ExprId(p.exprs.len() as u32 - 1));
            p.profiles[0].requirements = vec![RequirementId(0)];
        }),
        ("member outside", |p| p.exprs.push(member(Test::In(Constant::List(vec![]))))),
        ("wrong type", |p| p.exprs.push(atom("key.size", Test::In(Constant::Value(Value::Bool(true)))))),
        ("no order", |p| {
            let test = Test::Compare(Relation::Less, Constant::Value(Value::Bool(true)));
            p.exprs.push(atom("evidence.bound", test));
        }),
        ("no hierarchy", |p| p.exprs.push(atom("module.model", Test::Under(vec![])))),
        ("no list", |p| {
            p.exprs.push(atom("key.size", Test::Contains(Constant::Value(Value::Int(1)))));
        }),
        ("fold over a scalar", |p| {
            p.exprs.push(Expr::Each {
                quantifier: Quantifier::All,
                list: arbitrary::fact("key.size").into(),
                guard: Guard::FLOOR,
                body: ExprId(0),
            });
        }),
        ("no words", |p| {
            let constant = Constant::Words { words: pkic_vocab::Words::Storage, named: vec![] };
            p.exprs.push(atom("key.storage", Test::In(constant)));
        }),
        ("not in normal form", |p| {
            let test = Test::In(Constant::List(vec![Value::DnsName("A.example".into())]));
            p.exprs.push(atom("certificate.san.dns", test));
        }),
        ("name of a fact that takes none", |p| {
            let path = pkic_vocab::Path { fact: arbitrary::fact("key.size"), name: Some("x".into()) };
            let test = Test::In(Constant::Value(Value::Int(1)));
            p.exprs.push(Expr::Atom(Atom { left: Operand::Fact(path), test, guard: Guard::FLOOR }));
        }),
        ("no ways", |p| p.requirements[0].body = Body::OneOf(vec![])),
        ("way of itself", |p| {
            let way = Way { name: "w".into(), doc: None, requirements: vec![RequirementId(0)] };
            p.requirements[0].body = Body::OneOf(vec![way]);
        }),
        ("no extent", |p| (p.requirements[0].from, p.requirements[0].before) = (Some(1), Some(1))),
        ("no mandate", |p| p.requirements[0].mandate = Some(9)),
        ("nobody approves", |p| p.requirements[0].body = Body::Approve(Approval { count: 0, group: 0 })),
        ("unsorted authorities", |p| p.authorities.reverse()),
        ("member twice", |p| p.groups[0].members = vec![p.groups[0].members[0].clone(); 2]),
        ("no such authority", |p| p.profiles[0].issued_by = vec![2]),
        ("field twice", |p| {
            let field = p.profiles[0].contents[0].clone();
            p.profiles[0].contents.push(field);
        }),
    ];
    for (what, spoil) in cases {
        let mut program = program(5);
        spoil(&mut program);
        program.fill_costs();
        assert!(check(&program).is_err(), "{what} passes");
        assert!(Program::decode(&program.encode()).is_err(), "{what} is read");
    }
}

#[test]
fn a_program_that_states_a_wrong_cost_is_refused() {
    let mut program = program(5);
    let found = program.profiles[0].cost;
    assert!(found > 0);
    for stated in [0, found - 1, found + 1, u64::MAX] {
        program.profiles[0].cost = stated;
        assert_eq!(check(&program), Err(DecodeError::Cost { at: 0, stated, found }));
        assert_eq!(Program::decode(&program.encode()), Err(DecodeError::Cost { at: 0, stated, found }));
    }
    program.profiles[0].cost = found;
    assert_eq!(check(&program), Ok(()));
}

fn atom(path: &str, test: Test) -> Expr {
    let left = Operand::Fact(arbitrary::fact(path).into());
    Expr::Atom(Atom { left, test, guard: Guard::FLOOR })
}

fn member(test: Test) -> Expr {
    Expr::Atom(Atom { left: Operand::Member { depth: 0, field: None }, test, guard: Guard::FLOOR })
}

#[test]
fn profiles_are_found_by_both_names_and_by_no_other() {
    let mut program = program(1);
    let template = program.profiles[0].clone();
    let mut names: Vec<String> = (0..3000).map(|n| format!("p.profile{n}")).collect();
    names.push("profile7".into());
    names.push("q.other".into());
    names.sort();
    program.profiles = names.iter().map(|name| Profile { name: name.clone(), ..template.clone() }).collect();
    let index = ProgramIndex::new(&program);
    let find =
        |name: &str| index.profile(&program, name).map(|at| program.profiles[at as usize].name.as_str());
    for name in &names {
        assert_eq!(find(name), Some(name.as_str()));
    }
    assert_eq!(find("profile8"), Some("p.profile8"), "a profile of the root policy has a short name");
    assert_eq!(find("profile7"), Some("profile7"), "a name in full goes before a short one");
    for name in ["other", "", "p", "p.", "p.profile", "p.profile3000", "P.profile1"] {
        assert_eq!(find(name), None, "{name}");
    }
}
