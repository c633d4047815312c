//! Properties over generated and mutated files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

use pkic_syntax::{ast_eq, format, on_one_line, parse};
use proptest::prelude::*;

const GOOD: [&str; 2] = [include_str!("data/good-profiles.pki"), include_str!("data/good-tests.pki")];

/// A file without findings keeps its bytes in the tree, and its meaning and comments under formatting.
fn check_good(source: &str) {
    let first = parse(source);
    assert_eq!(first.findings, [], "{source}");
    assert_eq!(first.tree.print(source), source);
    let formatted = format(&first).unwrap();
    let second = parse(&formatted);
    assert_eq!(second.findings, [], "{formatted}");
    assert!(ast_eq(&first.file, &second.file), "{source}\n---\n{formatted}");
    assert_eq!(format(&second).unwrap(), formatted, "{source}");
    assert_eq!(comments(&first), comments(&second));
    assert_eq!(lines(&first), lines(&second), "{source}");
}

/// The items as reports tell them.
fn lines(parse: &pkic_syntax::Parse<'_>) -> Vec<String> {
    let is_item = |node: &&pkic_syntax::Node| node.kind == pkic_syntax::NodeKind::Item;
    parse.tree.nodes.iter().filter(is_item).map(|node| on_one_line(node.span.text(parse.source))).collect()
}

fn comments(parse: &pkic_syntax::Parse<'_>) -> Vec<String> {
    use pkic_syntax::TokenKind::{Comment, Doc};
    let is_comment = |token: &&pkic_syntax::Token| matches!(token.kind, Comment | Doc);
    parse
        .tree
        .tokens
        .iter()
        .filter(is_comment)
        .map(|t| t.span.text(parse.source).trim_end().to_string())
        .collect()
}

/// Any text: nothing is lost, nodes lie inside of their parents, findings inside of the text and listed.
fn check_any(source: &str) {
    let parse = parse(source);
    assert_eq!(parse.tree.print(source), source);
    for (index, node) in parse.tree.nodes.iter().enumerate() {
        let parent = parse.tree.nodes[node.parent as usize];
        assert!(
            node.parent as usize <= index
                && parent.span.start <= node.span.start
                && node.span.end <= parent.span.end
        );
    }
    for finding in &parse.findings {
        assert!(finding.span.start <= finding.span.end && finding.span.end as usize <= source.len());
        assert!(source.is_char_boundary(finding.span.start as usize), "{finding:?}");
        assert!(pkic_syntax::codes::lookup(finding.code).is_some(), "{}", finding.code);
    }
    assert_eq!(format(&parse).is_err(), !parse.findings.is_empty());
    if parse.findings.is_empty() {
        check_good(source);
    }
}

#[test]
fn good_files() {
    GOOD.iter().for_each(|source| check_good(source));
    GOOD.iter().for_each(|source| check_good(&source.replace('\n', "\r\n")));
}

#[test]
fn layout_does_not_show_on_one_line() {
    for (text, line) in [
        ("key.storage in [hsm]", "key.storage in [hsm]"),
        ("good : a.b in [ \"a\"]", "good: a.b in [\"a\"]"),
        ("a.b in[\n  \"a  // b\" // why\n ,c ]@ observed", "a.b in [\"a  // b\", c] @ observed"),
        ("x:! ( a.b||c .all ( d ,d==e ))", "x: !(a.b || c.all(d, d == e))"),
        ("a . b=[ ( id = \"x\",status=fixed ) ]", "a.b = [(id = \"x\", status = fixed)]"),
        ("", ""),
    ] {
        assert_eq!(on_one_line(text), line);
        assert_eq!(on_one_line(line), line);
    }
    let spaced = "edition 2026 policy a \"1\" profile p { x: a.b in [ \"a\" ] c.d in[ e ] }";
    check_good(spaced);
}

#[test]
fn records_are_values_of_a_list() {
    use pkic_syntax::ast::{DeclKind, TestItemKind, ValueKind};
    let source =
        "edition 2026 policy a \"1\" test \"t\" { with a.b=[ (status=fixed , id = \"x\") @ observed ] }";
    check_good(source);
    let parse = parse(source);
    let DeclKind::Test(test) = &parse.file.decls[0].kind else { panic!("a test") };
    let TestItemKind::With(given) = &test.items[0].kind else { panic!("a change") };
    let ValueKind::List(list) = &given.value.kind else { panic!("a list") };
    let ValueKind::Record(record) = &list.elements[0].value.kind else { panic!("a record") };
    assert!(list.elements[0].grade.is_some());
    assert_eq!(record.span.text(source), "(status=fixed , id = \"x\")");
    let fields: Vec<(&str, &str)> =
        record.fields.iter().map(|field| (field.name.text, field.value.span.text(source))).collect();
    assert_eq!(fields, [("status", "fixed"), ("id", "\"x\"")]);
    assert_eq!(record.fields[0].span.text(source), "status=fixed");
}

#[test]
fn a_reserved_word_may_be_a_value() {
    use pkic_syntax::ast::{DeclKind, ValueKind};
    for value in ["critical", "[critical]", "[a, critical]"] {
        let source = format!("edition 2026 policy a \"1\" let b : severity = {value}");
        check_good(&source);
        let parse = parse(&source);
        let DeclKind::Let(node) = &parse.file.decls[0].kind else { panic!("a let") };
        let last = match &node.value.kind {
            ValueKind::List(list) => &list.elements.last().unwrap().value,
            _ => &node.value,
        };
        assert!(matches!(&last.kind, ValueKind::Path(path) if path.text == "critical"), "{last:?}");
    }
    check_good(
        "edition 2026 policy a \"1\" profile p { x: a.b < critical c.d == critical contents { e critical <= critical f } }",
    );
    for wrong in ["let critical : a = b", "let a : b = critical.c", "let a : b = within"] {
        assert!(!parse(&format!("edition 2026 policy a \"1\" {wrong}")).findings.is_empty(), "{wrong}");
    }
}

#[test]
fn typed_view_of_a_good_file() {
    use pkic_syntax::ast::{DeclKind, ProfileItemKind};
    let parse = parse(GOOD[0]);
    let head = parse.file.head.as_ref().unwrap();
    assert_eq!(
        (head.edition.value, head.policy.text, &*head.version.text),
        (2026, "demo.profiles", "2026.11.0")
    );
    assert!(head.lab.is_none());
    let authority = parse.file.decls.iter().find(|decl| matches!(decl.kind, DeclKind::Authority(_))).unwrap();
    assert_eq!(authority.docs.text(), "Offline, in the vault.\nTwo people open it.");
    let profile = parse.file.decls.iter().find_map(|decl| match &decl.kind {
        DeclKind::Profile(profile) => Some(profile),
        _ => None,
    });
    let profile = profile.unwrap();
    let texts: Vec<&str> = profile.items.iter().map(|item| item.span.text(GOOD[0])).collect();
    assert_eq!(texts[0], "role device-initial");
    assert_eq!(texts[8], "key.custody == customer @ observed by api cites handbook \"4.2\"");
    assert!(
        matches!(&profile.items.last().unwrap().kind, ProfileItemKind::Contents(fields) if fields.len() == 7)
    );
    let group = parse.file.decls.iter().find_map(|decl| match &decl.kind {
        DeclKind::Declare(declare) => declare.members.as_ref(),
        _ => None,
    });
    assert_eq!(group.unwrap().len(), 2);
}

#[test]
fn ids_are_paths() {
    use pkic_syntax::ast::{DeclKind, OutcomeKind, TestItemKind, ValueKind};
    let parse = parse(GOOD[1]);
    let DeclKind::Test(test) = &parse.file.decls.last().unwrap().kind else { panic!("a test is last") };
    let TestItemKind::Expect(outcome) = &test.items.last().unwrap().kind else { panic!("expect is last") };
    let OutcomeKind::Refuse(list) = &outcome.kind else { panic!("it is a refusal") };
    let texts = list.elements.iter().map(|element| match &element.value.kind {
        ValueKind::Path(path) => {
            assert_eq!((path.text, path.span), (element.span.text(GOOD[1]), element.span));
            path.segments.iter().map(|segment| segment.text).collect::<Vec<_>>().join("/")
        }
        other => panic!("{other:?}"),
    });
    let expected = [
        "approve/plant-officers",
        "contents",
        "contents/san/dns",
        "issued-by",
        "oblige/certificate-transparency-logged",
        "one/of",
        "cites",
        "operations",
    ];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

#[test]
fn reserved_words_agree_with_the_grammar() {
    let grammar = include_str!("../src/pki.pest");
    let rule = grammar.split("reserved  = _{").nth(1).unwrap().split("~ !name_byte").next().unwrap();
    let mut words: Vec<&str> = rule.split('"').skip(1).step_by(2).filter(|word| word.len() > 1).collect();
    words.sort_unstable();
    assert_eq!(words, pkic_syntax::RESERVED);
    for word in pkic_syntax::RESERVED {
        assert!(
            !parse(&format!("edition 2026\npolicy a \"1\"\nlet {word} : t = b\n")).findings.is_empty(),
            "{word}"
        );
    }
}

#[test]
fn codes_are_listed_once_and_used() {
    let codes: Vec<&str> = pkic_syntax::codes::CODES.iter().map(|code| code.code).collect();
    assert!(codes.is_sorted());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    for entry in std::fs::read_dir(&folder).unwrap().chain(std::fs::read_dir(folder.join("lower")).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("codes.rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for code in codes {
        assert!(text.contains(&format!("\"{code}\"")), "{code} is listed and never found");
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4}){0,2}".prop_filter("reserved", |name| !pkic_syntax::is_reserved(name))
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|parts| parts.join("."))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        path(),
        (0_u64..1_000_000).prop_map(|n| n.to_string()),
        (0_u64..1_000, prop::sample::select(vec!["s", "min", "h", "d", "mo", "y"]))
            .prop_map(|(n, unit)| format!("{n}{unit}")),
        (1_u32..9999, 1_u32..13, 1_u32..29).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}")),
        "[ -!#-\\[\\]-~é]{0,12}".prop_map(|text| format!("\"{text}\"")),
        Just("any".to_string()),
        Just("unknown".to_string()),
        Just("1.3.6.1".to_string()),
        Just("critical".to_string()),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let record = prop::collection::vec((name(), inner.clone()), 1..3).prop_map(|fields| {
            let fields: Vec<String> =
                fields.into_iter().map(|(name, value)| format!("{name}= {value}")).collect();
            format!("( {})", fields.join(" ,"))
        });
        let element = prop_oneof![3 => inner, 1 => record];
        prop::collection::vec((element, grade()), 0..4).prop_map(|elements| {
            let elements: Vec<String> =
                elements.into_iter().map(|(value, grade)| format!("{value}{grade}")).collect();
            format!("[ {}]", elements.join(","))
        })
    })
}

fn grade() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        1 => Just(" @ observed".to_string()),
        1 => Just(" @attested by [practice ,catalogue] within 2y".to_string()),
    ]
}

fn cond() -> impl Strategy<Value = String> {
    let rel = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", " in ", " under "]);
    let atom = prop_oneof![
        path(),
        (path(), rel, value()).prop_map(|(path, rel, value)| format!("{path}{rel}{value}"))
    ];
    atom.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" && ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("||"))),
            inner.clone().prop_map(|cond| format!("!({cond})")),
            (path(), name(), inner).prop_map(|(path, name, cond)| format!("{path}.all({name},{cond})")),
        ]
    })
}

fn item() -> impl Strategy<Value = String> {
    let comment =
        prop::sample::select(vec!["", "", "", "// a\n", "/// doc\n", "\n\n", "/// one\n// two\n/// three\n"]);
    let tail = prop::sample::select(vec!["", "", " cites s \"1\"", " @ observed", " // tail\n"]);
    let line = prop_oneof![
        (name(), cond(), tail).prop_map(|(name, cond, tail)| format!("{name}: {cond}{tail}")),
        (path(), value()).prop_map(|(path, value)| format!("prefer {path} == {value}")),
        name().prop_map(|name| format!("approve 2 of {name}")),
        (name(), value()).prop_map(|(name, value)| format!("oblige {name}({name}: {value}, \"x\", 3)")),
    ];
    let item = line.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            (cond(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(cond, items)| format!("when {cond} {{ {} }}", items.join(" "))),
            (name(), prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(name, items)| format!("one of {name} {{ {name} {{\n{}\n}} }}", items.join("\n"))),
            inner.clone().prop_map(|item| format!("from 2027-01-01 before 2028-02-29 {{ {item} }}")),
        ]
    });
    (comment, item).prop_map(|(comment, item)| format!("{comment}{item}"))
}

fn file() -> impl Strategy<Value = String> {
    let decl = prop_oneof![
        (name(), prop::collection::vec(item(), 0..5))
            .prop_map(|(name, items)| format!("profile {name} {{ role any\n{}\n}}", items.join("\n"))),
        (name(), value()).prop_map(|(name, value)| format!("let {name} :t= {value}")),
        (path(), name()).prop_map(|(path, name)| format!("adopt {path} with [{name}] as advice // c")),
    ];
    prop::collection::vec(decl, 0..4)
        .prop_map(|decls| format!("edition 2026 policy p \"1\"\n{}", decls.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn generated_files_are_good(source in file()) {
        check_good(&source);
    }

    #[test]
    fn any_text(source in "\\PC{0,200}") {
        check_any(&source);
    }

    #[test]
    fn any_words(words in prop::collection::vec(prop::sample::select(vec![
        "profile", "p", "{", "}", "[", "]", "(", ")", "when", "==", "in", "a.b", "\n", "\"x\"", "47d", "2027-01-01", "@", "&&",
        "one of", "|", ",", "from", "contents", "critical", "with", "(id =", ":", "cites", "// c\n", "/// d\n", "a_b", "=", "edition 2026", "policy a \"1\"\n",
        "test \"x\" {", "\nprofile q {", "\"", "\u{1}", "\u{4}", "é",
    ]), 0..60)) {
        check_any(&words.join(" "));
    }

    #[test]
    fn mutated_files(which in 0_usize..2, edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, "\\PC{0,3}|[{}\\[\\]()|=!\n\"]"), 1..5)) {
        let mut source = GOOD[which].to_string();
        for (at, length, text) in edits {
            let boundaries: Vec<usize> = (0..=source.len()).filter(|at| source.is_char_boundary(*at)).collect();
            let start = at.index(boundaries.len());
            let end = (start + length).min(boundaries.len() - 1);
            source.replace_range(boundaries[start]..boundaries[end.max(start)], &text);
        }
        check_any(&source);
    }
}
