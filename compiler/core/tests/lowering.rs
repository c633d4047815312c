//! What a policy comes to in the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    dead_code
)]
mod harness;

use pkic_compiler::{Expect, TestCase};
use pkic_ir::{Body, Constant, Expr, Profile, Program, Standing, Strength, Test};
use pkic_vocab::{Grade, Value};

fn program(block: &str) -> (Program, Vec<TestCase>) {
    let (_, compilation) = harness::compiled(block);
    assert!(compilation.diagnostics.is_empty(), "{:?}", compilation.diagnostics);
    let program = compilation.program.unwrap();
    assert_eq!(pkic_ir::check(&program), Ok(()));
    (program, compilation.tests)
}

fn profile<'p>(program: &'p Program, name: &str) -> &'p Profile {
    program.profiles.iter().find(|profile| profile.name == name).unwrap()
}

fn ids(program: &Program, profile: &Profile) -> Vec<String> {
    let line = |id| {
        let line = program.requirement(id).unwrap();
        let weak = if line.strength == Strength::Should { "?" } else { "" };
        let when = if line.when.is_empty() { "" } else { " when" };
        format!("{}{weak}{when}", line.id)
    };
    profile.requirements.iter().map(|id| line(*id)).collect()
}

const ESTATE: &str = r#"
source rules "Rules" { edition "3" status in-force unverified }
declare tag nis2 "listed"
declare group officers "CA officers"
mandate by-tag "T" cites rules "1" { for nis2 in profile.tags key.origin == generated reading more "M" { module.mode == fips } }
mandate by-key "K" cites rules "2" { for key.algorithm in [rsa] key.size >= 3072 prefer key.size >= 4096 }
adopt by-tag with [more]
adopt by-key as advice
profile root { role root-ca operations [ca-sign] key.storage in [hsm] contents { validity <= 20y basic-constraints.ca critical == true } }
authority ca "CA" { certified-as root trust private state online }
profile base {
    role workload
    operations [issue, renew]
    issued-by [ca]
    key.storage in [hsm, cloud-kms.dedicated @ observed]
    contents {
        validity <= 90d default 30d
        subject.organization == "Acme"
        subject.common-name ?
        san.dns 1..10
        key-usage critical == [digital-signature]
    }
}
/// Tighter.
profile child refines base {
    tags [nis2]
    operations [issue]
    key.export == never cites rules "9"
    prefer key.storage in [hsm]
    when request.operation == issue { evidence.freshness == nonce }
    one of way { a { key.custody == customer } b { approve 2 of officers } }
    contents { validity <= 7d }
}
exception retrofit for child {
    waives [key]
    before 2027-02-01
    at-most 6
    approve 1 of officers
    reason "CHG"
}
test "t" {
    request child issue from "a.csr"
    at 2027-01-01
    with request.tags = [nis2] @ observed
    | with                                 | expect                         |
    | key.export = plain @ claimed         | refuse [key.storage, key.export] |
    | key.export = unknown                 | permit                         |
}
"#;

#[test]
fn inherited_lines_stand_first_then_own_then_mandates() {
    let (program, _) = program(ESTATE);
    let child = profile(&program, "example.child");
    assert_eq!(
        ids(&program, child),
        [
            "key.storage",
            "key.export",
            "key.storage?",
            "evidence.freshness when",
            "way",
            "key.origin",
            "module.mode",
            "key.size? when",
            "key.size? when"
        ]
    );
    assert_eq!(child.refines.as_deref(), Some("example.base"));
    assert_eq!(child.doc.as_deref(), Some("Tighter."));
    assert_eq!(child.operations.len(), 1);
    assert!(child.cost > 10);
    let base = profile(&program, "example.base");
    assert_eq!(ids(&program, base), ["key.storage", "key.size? when", "key.size? when"]);
}

#[test]
fn mandates_say_how_they_stand_and_why() {
    let (program, _) = program(ESTATE);
    let said = |name: &str| -> Vec<(String, Standing, String)> {
        let uses = &profile(&program, name).mandates;
        uses.iter()
            .map(|one| {
                (program.mandates[one.mandate as usize].name.clone(), one.standing, one.because.clone())
            })
            .collect()
    };
    let by_key =
        ("example.by-key".to_owned(), Standing::Conditional, "`key.algorithm` differs by request".to_owned());
    let by_tag = |standing, because: &str| ("example.by-tag".to_owned(), standing, because.to_owned());
    assert_eq!(said("example.child"), [by_key.clone(), by_tag(Standing::Selected, "it has tag `nis2`")]);
    assert_eq!(said("example.base"), [by_key, by_tag(Standing::NotSelected, "tag `nis2` is absent")]);
}

#[test]
fn fields_narrow_and_optional_ones_go() {
    let (program, _) = program(ESTATE);
    let child = profile(&program, "example.child");
    let names: Vec<&str> = child.contents.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["validity", "subject.organization", "san.dns", "key-usage"]);
    let validity = &child.contents[0];
    assert_eq!(validity.span_s_max, Some(7 * 86_400));
    assert_eq!(validity.default, None, "the default of the base is not permitted any more");
    assert!(matches!(program.expr(validity.constraint.unwrap()), Some(Expr::And(parts)) if parts.len() == 2));
    assert_eq!(child.contents[1].fixed, Some(Constant::Value(Value::Text("Acme".to_owned()))));
    assert_eq!((child.contents[2].min, child.contents[2].max), (1, 10));
    assert!(child.contents[3].critical && !child.contents[2].critical);
}

#[test]
fn a_grade_on_an_element_is_an_atom_of_its_own() {
    let (program, _) = program(ESTATE);
    let base = profile(&program, "example.base");
    let line = program.requirement(base.requirements[0]).unwrap();
    assert_eq!(line.text, "key.storage in [hsm, cloud-kms.dedicated @ observed]");
    let Body::Expr(id) = line.body else { panic!("{:?}", line.body) };
    let Some(Expr::Or(parts)) = program.expr(id) else { panic!("{:?}", program.expr(id)) };
    let guards: Vec<Option<Grade>> = parts
        .iter()
        .map(|part| match program.expr(*part) {
            Some(Expr::Atom(atom)) => {
                assert!(matches!(atom.test, Test::In(Constant::Words { .. })));
                atom.guard.grade
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(guards, [None, Some(Grade::Observed)]);
}

#[test]
fn exceptions_waive_the_lines_of_the_profile_and_citations_are_whole() {
    let (program, _) = program(ESTATE);
    let child = profile(&program, "example.child");
    let exception = &child.exceptions[0];
    assert_eq!(exception.waives, ["key.export", "key.storage"]);
    assert_eq!((exception.at_most, exception.approvals.len()), (6, 1));
    let export = program.requirement(child.requirements[1]).unwrap();
    let cites = export.cites.as_ref().unwrap();
    assert_eq!((cites.source.as_str(), cites.edition.as_str(), cites.clause.as_str()), ("rules", "3", "9"));
    assert!(cites.unverified);
    let origin = program.requirement(child.requirements[5]).unwrap();
    assert_eq!(origin.cites.as_ref().unwrap().clause, "1");
    assert_eq!(origin.mandate, Some(1));
}

#[test]
fn tests_are_typed_facts() {
    let (_, tests) = program(ESTATE);
    let test = &tests[0];
    assert_eq!((test.profile.as_str(), test.fixture.as_str()), ("example.child", "a.csr"));
    assert_eq!(test.rows.len(), 2);
    assert_eq!(test.rows[0].at, Some(1_798_761_600));
    let fact = test.rows[0].changes[1].to.as_ref().unwrap();
    assert_eq!((fact.value.to_string().as_str(), fact.grade), ("plain", Grade::Claimed));
    assert_eq!(test.rows[0].expect, Expect::Refuse(vec!["key.export".to_owned(), "key.storage".to_owned()]));
    assert_eq!(test.rows[1].changes[1].to, None);
}

#[test]
fn adoption_reaches_profiles_of_used_policies_and_is_inherited() {
    let block = r#"
use base "1"
source s "S" { edition "1" status in-force }
mandate own "O" cites s "1" { key.export == never }
adopt own
profile child refines base.tls { operations [issue] }
// file: base.pki
edition 2026 policy base "1"
source s "S" { edition "1" status in-force }
mandate m "M" cites s "1" { key.origin == generated }
profile tls { adopt m operations [issue] }
profile free { operations [issue] }
"#;
    let (program, _) = program(block);
    assert_eq!(
        ids(&program, profile(&program, "example.child")),
        ["key.storage", "key.origin", "key.export"]
    );
    assert_eq!(ids(&program, profile(&program, "base.free")), ["key.storage", "key.export"]);
}

#[test]
fn groups_that_a_base_leaves_open_are_filled_by_who_uses_it() {
    let block = r#"
use base "1"
declare group officers "CA officers of the bank" {
    member alice "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPnOBB0rzQqF3nKjEeaBXqZvJ8z0Xvn3xQ0uS3sW7cV"
    member bob "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPnOBB0rzQqF3nKjEeaBXqZvJ8z0Xvn3xQ0uS3sW7cW"
}
// file: base.pki
edition 2026 policy base "1"
declare group officers "CA officers"
profile p { approve 2 of officers }
"#;
    let (program, _) = program(block);
    assert_eq!(program.groups.len(), 1);
    assert_eq!(program.groups[0].name, "example.officers");
    assert_eq!(program.groups[0].members.len(), 2);
    assert_eq!(ids(&program, profile(&program, "base.p")), ["approve.officers"]);
}

#[test]
fn whom_to_trust_is_said_by_the_policy_that_is_compiled() {
    let used = r#"
// file: base.pki
edition 2026 policy base "1"
anchors ours "our vendors" {
    anchor "Root" spki "sha256:0000000000000000000000000000000000000000000000000000000000000001" purpose production
}
signers catalogues "modules" {
    signer "them" spki "sha256:0000000000000000000000000000000000000000000000000000000000000002"
}
// file: middle.pki
edition 2026 policy middle "1"
use base "1"
adopt base.ours
"#;
    let names = |block: &str| {
        let (program, _) = program(&format!("{block}{used}"));
        let anchors: Vec<String> = program.anchors.iter().map(|set| set.name.clone()).collect();
        (anchors, program.signers.iter().map(|set| format!("{} {}", set.kind, set.name)).collect::<Vec<_>>())
    };
    let none = (Vec::<String>::new(), Vec::<String>::new());
    assert_eq!(names("use base \"1\""), none);
    assert_eq!(names("use middle \"1\""), none, "what a used policy adopts is its own");
    assert_eq!(names("use base \"1\" adopt base.ours").0, ["base.ours"]);
    let signers = r#"signers catalogues "modules" { max-age 30d signer "us" spki "sha256:0000000000000000000000000000000000000000000000000000000000000003" }"#;
    let (program, _) = program(&format!("use base \"1\"\n{signers}\n{}{used}", signers.replace("30d", "3d")));
    assert_eq!(program.signers.len(), 1, "one set for each name");
    assert_eq!(
        (program.signers[0].name.as_str(), program.signers[0].age_s_max),
        ("modules", Some(3 * 86_400))
    );
}

#[test]
fn a_grant_that_leaves_the_place_of_the_key_open_permits_nothing() {
    let block = r#"
profile silent { operations [issue] key.export == never contents { validity <= 90d } }
profile quiet refines silent { }
profile sometimes refines silent { when request.operation == issue { key.storage in [tpm] } }
profile stated refines silent { key.storage in [tpm] }
profile below refines stated { }
profile base { key.export == never }
"#;
    let (program, _) = program(block);
    let of = |name: &str| ids(&program, profile(&program, name));
    assert_eq!(of("example.silent"), ["key.export", "key.storage"]);
    assert_eq!(of("example.quiet"), ["key.export", "key.storage"]);
    assert_eq!(of("example.sometimes"), ["key.export", "key.storage when", "key.storage"]);
    assert_eq!(of("example.stated"), ["key.export", "key.storage"]);
    assert_eq!(of("example.below"), ["key.export", "key.storage"]);
    assert_eq!(of("example.base"), ["key.export"]);
    let last = |name: &str| {
        let line = profile(&program, name).requirements.last().copied().unwrap();
        let line = program.requirement(line).unwrap();
        let Body::Expr(body) = line.body else { panic!("{:?}", line.body) };
        (line.text.as_str(), matches!(program.expr(body), Some(Expr::Always(false))))
    };
    let open = ("a profile that refines this one says where its key may be", true);
    assert_eq!(last("example.silent"), open);
    assert_eq!(last("example.sometimes"), open);
    assert_eq!(last("example.below"), ("key.storage in [tpm]", false));
    assert!(profile(&program, "example.silent").cost > profile(&program, "example.base").cost);
}
