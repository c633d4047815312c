//! Messages: each case is a file with one mistake and what is said about it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

use pkic_syntax::{Finding, parse};

fn in_profile(line: &str) -> String {
    format!(
        "edition 2026\npolicy t \"1\"\nprofile p {{\n    role any\n    {line}\n    key.export == never\n}}\n"
    )
}

fn only(source: &str) -> Finding {
    let findings = parse(source).findings;
    assert_eq!(findings.len(), 1, "{source}\n{findings:#?}");
    findings[0].clone()
}

/// Line in a profile, code, part of the message, the text that is marked.
const LINES: &[(&str, &str, &str, &str)] = &[
    ("key.storage in { tpm, se }", "E0107", "braces hold rules", "{ tpm, se }"),
    ("key.storage = tpm", "E0024", "compares nothing", "="),
    ("key.storage not in [tpm]", "E0025", "no word of the language", "not"),
    ("until 2027-01-01 key.size >= 3072", "E0026", "included", "until"),
    ("forbid key.storage in [tpm]", "E0027", "no word of the language", "forbid"),
    ("key_usage == x", "E0028", "kebab-case", "key_usage"),
    ("key.storage in [tpm, se", "E0029", "list is not closed before `key", "key"),
    ("certificate.validity <= authority.not-after - 1d", "E0209", "no arithmetic", "-"),
    ("certificate.validity * 2 <= 1d", "E0034", "no arithmetic", "*"),
    ("a.b =~ \"x\"", "E0034", "no operator", "~"),
    ("!(a.b == c)", "E0020", "can't begin with `!`", "!"),
    ("approve two of officers", "E0020", "expected a number, found `two`", "two"),
    ("approve 2 of role", "E0030", "can't be a name", "role"),
    ("\"EN 419 221-5\" in module.cc.profiles", "E0020", "its fact on the left", "\"EN 419 221-5\""),
    ("common: \"EN\" in module.cc.profiles", "E0020", "its fact on the left", "\"EN\""),
    ("when a.b && \"EN\" in c.d { e.f }", "E0020", "its fact on the left", "\"EN\""),
    ("key.storage in [(tpm)]", "E0020", "expected `=`, found `)`", ")"),
    ("key.storage in (tpm)", "E0020", "expected a value", "("),
    ("key.storage in ,", "E0020", "found `,`", ","),
    ("key.storage in \"tpm", "E0011", "not closed", "\"tpm"),
    ("key.size >= 99999999999999999999", "E0040", "64 bits", "99999999999999999999"),
    ("from 2027-02-29 key.size >= 2", "E0041", "calendar", "2027-02-29"),
    ("key.oid == 3.1.2", "E0043", "object identifier", "3.1.2"),
    ("contents { san.dns 5..2 }", "E0045", "no number", "5..2"),
    ("key.a == b; key.c == d", "E0010", "separates nothing", ";"),
    ("key.storage in", "E0020", "expected a value behind `in`", "in"),
    ("key.size >= // how many?", "E0020", "found the end of the line", ">="),
    ("key.a == b /// late", "E0033", "nothing to document", "/// late"),
];

#[test]
fn one_mistake_is_one_finding() {
    for (line, code, message, marked) in LINES {
        let source = in_profile(line);
        let finding = only(&source);
        assert_eq!((finding.code, finding.span.text(&source)), (*code, *marked), "{line}\n{finding:#?}");
        assert!(finding.message.contains(message), "{line}\n{finding:#?}");
        assert!(!finding.message.ends_with('.') && !finding.message.starts_with(char::is_uppercase));
        assert!(pkic_syntax::codes::lookup(code).is_some(), "{code}");
    }
}

#[test]
fn the_rest_of_the_profile_survives() {
    for (line, ..) in LINES {
        let source = in_profile(line);
        let parse = parse(&source);
        let pkic_syntax::ast::DeclKind::Profile(profile) = &parse.file.decls[0].kind else {
            panic!("{line}")
        };
        let last = profile.items.last().expect("items");
        assert_eq!(last.span.text(&source), "key.export == never", "{line}");
        assert_eq!(profile.items[0].span.text(&source), "role any", "{line}");
    }
}

#[test]
fn fixes_mend() {
    for line in ["key.storage in { tpm, se }", "key.storage = tpm", "keyUsage == x", "a.snake_case == x"] {
        let source = in_profile(line);
        let fix = only(&source).fix.expect(line);
        let mut mended = source.clone();
        mended.replace_range(fix.span.start as usize..fix.span.end as usize, &fix.text);
        assert_eq!(parse(&mended).findings, [], "{mended}");
    }
}

#[test]
fn five_mistakes_are_five_findings() {
    let source = include_str!("data/five-mistakes.pki");
    let parse = parse(source);
    let found: Vec<(&str, &str)> = parse.findings.iter().map(|f| (f.code, f.span.text(source))).collect();
    let expected =
        [("E0107", "{ tpm, se }"), ("E0028", "key_export"), ("E0021", "{"), ("E0020", "2"), ("E0209", "-")];
    assert_eq!(found, expected, "{:#?}", parse.findings);
    assert_eq!(parse.file.decls.len(), 5);
    assert_eq!(parse.tree.print(source), source);
}

#[test]
fn blocks_that_are_not_closed_end_at_the_next_declaration() {
    let head = "edition 2026\npolicy t \"1\"\n";
    let source =
        format!("{head}profile p {{\n    when a == b {{\n        c == d\n\nprofile q {{\n    role any\n}}\n");
    let finding = only(&source);
    assert_eq!((finding.code, finding.span.text(&source)), ("E0021", "{"));
    assert_eq!(parse(&source).file.decls.len(), 2);
    let source =
        format!("{head}profile p {{\n    when a == b {{\n        c == d\n    contents {{ validity }}\n}}\n");
    assert_eq!(only(&source).code, "E0021");
    let source = format!("{head}profile p {{\n    when a == b\n        c == d\n    }}\n    e == f\n}}\n");
    let finding = only(&source);
    assert!(finding.message.contains("`{`"), "{finding:#?}");
    let source = format!("{head}profile p {{\n    a == b\n");
    assert_eq!(only(&source).code, "E0021");
    let source = format!("{head}profile p {{\n    a == b\n}}\n}}\nprofile q {{ c == d }}\n");
    assert_eq!(only(&source).code, "E0022");
    assert_eq!(parse(&source).file.decls.len(), 3);
}

#[test]
fn heads_are_needed() {
    assert_eq!(only("").code, "E0023");
    let declarations = [
        "profile p { role any }",
        "  profile p { role any }",
        "use std \"1\"",
        "let a : t = b",
        "adopt a.b",
        "test \"x\" {\n    at 2027-01-01\n}",
        "anchors a \"b\" {\n}",
    ];
    for declaration in declarations {
        let heads = ["policy t \"1\"", "lab policy t \"1\"", "policy", ""];
        for head in heads {
            let source = format!("// c\n{head}\n{declaration}\n");
            let finding = only(&source);
            let first = source.split_whitespace().nth(2).unwrap();
            assert_eq!((finding.code, finding.span.text(&source)), ("E0023", first), "{source}");
            let file = parse(&source).file;
            assert!(file.head.is_none() && file.decls.len() == 1, "{source}");
            assert!(!matches!(file.decls[0].kind, pkic_syntax::ast::DeclKind::Error), "{source}");
        }
    }
    let findings = parse("policy t \"1\"\nprofile p { role = any }\n").findings;
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["E0023", "E0024"]);
    let findings = parse("profile p { role = any }\n").findings;
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["E0023", "E0024"]);
    assert_eq!(only("edition 2026\nprofile p { role any }\n").code, "E0020");
    assert_eq!(only("edition 2026\npolcy t \"1\"\nprofile p { role any }\n").code, "E0020");
}

#[test]
fn tables_fit_their_heads() {
    let test = |rows: &str| {
        format!("edition 2026\npolicy t \"1\"\ntest \"x\" {{\n    request p issue from \"f\"\n{rows}\n}}\n")
    };
    assert_eq!(parse(&test("    | at | expect |\n    | 2027-01-01 | permit |")).findings, []);
    assert_eq!(only(&test("    | at | expect |\n    | 2027-01-01 |")).code, "E0031");
    assert_eq!(only(&test("    | at | expect |\n    | permit | 2027-01-01 |")).code, "E0031");
    assert_eq!(only(&test("    | 2027-01-01 | permit |")).code, "E0032");
    assert_eq!(
        only(&test("    | at | expect |\n    | 2027-01-01 | maybe |\n    | 2027-01-01 | permit |")).code,
        "E0020"
    );
}

#[test]
fn records_are_told_from_sets() {
    let test = |given: &str| {
        format!("edition 2026\npolicy t \"1\"\ntest \"x\" {{\n    with {given}\n    expect permit\n}}\n")
    };
    assert_eq!(parse(&test("a.b = [(id = \"x\", status = critical), (id = unknown)]")).findings, []);
    for (given, code, message, marked) in [
        ("a.b = [{ id \"x\" }]", "E0107", "a record takes parentheses", "{"),
        ("a.b = [(id = \"x\"), { id = \"y\" }]", "E0107", "a record takes parentheses", "{"),
        ("a.b = (id = \"x\")", "E0020", "member of a list", "("),
        ("a.b = [(id: \"x\")]", "E0020", "expected `=`, found `:`", ":"),
        ("a.b = [(id = \"x\" status = fixed)]", "E0020", "expected `,` or `)`", "status"),
        ("a.b = [()]", "E0020", "expected a name", ")"),
        ("a.b = [(id = (c = d))]", "E0020", "member of a list", "("),
    ] {
        let source = test(given);
        let finding = only(&source);
        assert_eq!((finding.code, finding.span.text(&source)), (code, marked), "{finding:#?}");
        assert!(finding.message.contains(message), "{finding:#?}");
    }
}

#[test]
fn digests_are_checked() {
    let anchors = |digest: &str| {
        format!(
            "edition 2026\npolicy t \"1\"\nanchors a \"b\" {{\n    anchor \"c\" spki \"{digest}\" purpose test\n}}\n"
        )
    };
    assert_eq!(parse(&anchors(&format!("sha256:{}", "0f".repeat(32)))).findings, []);
    assert_eq!(only(&anchors(&format!("sha256:{}", "0f".repeat(31)))).code, "E0044");
    assert_eq!(only(&anchors(&format!("sha256:{}", "0g".repeat(32)))).code, "E0044");
}

#[test]
fn ids_are_any_words() {
    let test = |outcome: &str| {
        format!("edition 2026\npolicy t \"1\"\ntest \"x\" {{\n    at 2027-01-01\n    {outcome}\n}}\n")
    };
    for ids in [
        "[]",
        "[operations]",
        "[contents.key-usage, issued-by, one.of]",
        "[contents.subject.1.2.3]",
        "[\n        source,\n        all\n    ]",
    ] {
        for word in ["expect refuse", "expect warn", "| expect |\n    | refuse [in] |\n    | warn"] {
            let end = if word.starts_with('|') { " |" } else { "" };
            let is_row = word.starts_with('|') && ids.contains('\n');
            let source = test(&format!("{word} {ids}{end}"));
            let codes: Vec<&str> = parse(&source).findings.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, if is_row { vec!["E0031"] } else { vec![] }, "{source}");
        }
        let waives = format!("edition 2026\npolicy t \"1\"\nexception e for p {{\n    waives {ids}\n}}\n");
        assert_eq!(parse(&waives).findings, [], "{waives}");
    }
    for (outcome, code, message, marked) in [
        ("expect refuse [a b]", "E0020", "expected `,` or `]`", "b"),
        ("expect refuse [1]", "E0020", "an id", "1"),
        ("expect refuse [a.1.b.2c]", "E0020", "expected `,` or `]`", "2c"),
        ("expect refuse [a @ observed]", "E0020", "expected `,` or `]`", "@"),
        ("expect warn [a.]", "E0020", "expected `,` or `]`", "."),
        ("expect warn [Contents]", "E0028", "kebab-case", "Contents"),
        ("expect refuse { contents, in }", "E0107", "takes brackets", "{ contents, in }"),
        ("expect refuse contents", "E0020", "expected a list", "contents"),
        ("expect refuse [contents,", "E0029", "list is not closed", "}"),
    ] {
        let source = test(outcome);
        let finding = only(&source);
        assert_eq!((finding.code, finding.span.text(&source)), (code, marked), "{finding:#?}");
        assert!(finding.message.contains(message), "{finding:#?}");
    }
}
