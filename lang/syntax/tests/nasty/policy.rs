//! Policies that no honest author writes, each as long as a file may be.
use super::{Nasty, Random, cut, filled, nested, numbered};

/// The head of a policy.
pub const HEAD: &str = "edition 2026\npolicy t \"1\"\n";
/// Bytes of a line that are within its limit.
const LINE: usize = 12_000;

/// Beginnings of every construct, and every sign.
pub const PARTS: [&str; 69] = [
    "(",
    "[",
    "{",
    "!",
    "\"",
    "|",
    "}",
    "]",
    ")",
    "a.",
    "a && ",
    "a || ",
    "profile p {",
    "profile p {\n",
    "/",
    "//",
    "\\",
    "-",
    "\0",
    "\u{e9}",
    "a",
    "a ",
    "a\n",
    "1",
    "1.",
    "@",
    "= ",
    "when a { ",
    "when a {\n",
    "one of a {\n",
    "x: (",
    "x: !",
    "[a,",
    "\n",
    " ",
    "= \n",
    "{}\n",
    "from 2027-01-01 ",
    "| a ",
    "|\n",
    "a == b ",
    "a == = }\n",
    "when a { = } ",
    "when a {\n = }\n",
    "\"\n",
    "/// x\n",
    "\u{1}",
    "\u{4}\n",
    "a.all(b, ",
    "a in [b] ",
    "a in { b }\n",
    "contents { a }\n",
    "contents {",
    "oblige a(b, ",
    "use a \"b\"\n",
    "use a\n",
    "source x {\n",
    "test \"x\" {\n| at |\n",
    "prefer ",
    "authority.a == b\nwhen a {\n",
    "source when z {\n",
    "l: y ==\nsource when z {\n",
    "let a : b = [",
    "profile p {\n}\n",
    "1y ",
    "2027-01-01 ",
    "a == b @ attested by ",
    "cites a \"b\" ",
    "\t\r",
];

/// Each part over and over, alone and in a profile.
pub fn repeated(len: usize) -> Vec<Nasty> {
    let block = format!("{HEAD}profile p {{\n");
    let mut inputs = Vec::new();
    for part in PARTS {
        inputs.push((format!("{part:?}"), filled([], part, len)));
        // With as many tokens as a file may have, not more.
        let spread = format!("{part:<5}");
        inputs.push((format!("{part:?} in a profile"), filled(&block, spread, len)));
        let line = part.repeat(LINE / part.len()) + "\n";
        inputs.push((format!("lines of {part:?} in a profile"), filled(&block, line, len)));
    }
    inputs
}

/// Words and signs of the language in the order of chance.
pub fn shuffled(len: usize) -> Vec<Nasty> {
    let words = [
        "profile",
        "p",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "when",
        "==",
        "in",
        "a.b",
        "\n",
        "\n    ",
        "\"x\"",
        "47d",
        "2027-01-01",
        "@",
        "&&",
        "||",
        "!",
        "one",
        "of",
        "|",
        ",",
        "from",
        "contents",
        ":",
        "cites",
        "// c\n",
        "/// d\n",
        "_",
        "=",
        "edition",
        "test",
        "..",
        "1",
    ];
    let shuffled =
        |seed, between: &str| HEAD.to_owned() + &Random::new(seed).words(&words, between, len - 99);
    let text = String::from_utf8_lossy(&Random::new(3).bytes(len / 2)).into_owned();
    vec![
        ("shuffled words".to_owned(), shuffled(4, " ").into_bytes()),
        ("shuffled lines".to_owned(), shuffled(5, "\n").into_bytes()),
        ("shuffled characters".to_owned(), cut(text, len).into_bytes()),
    ]
}

/// Declarations and lines that the grammar takes: as many as fit, right and wrong.
pub fn meant(len: usize) -> Vec<Nasty> {
    let mut inputs: Vec<Nasty> = Vec::new();
    let mut add = |name: &str, head: &str, part: &dyn Fn(usize) -> String, tail: &str| {
        let text = numbered(&format!("{HEAD}{head}"), part, tail, len);
        inputs.push((name.to_owned(), text.into_bytes()));
    };
    declarations(&mut add);
    names(&mut add);
    lines(&mut add);
    wide(&mut add);
    for (name, open, inside, close) in [
        ("parentheses as deep as allowed", "(", "key.export == never", ")"),
        ("negations as deep as allowed", "!(", "key.export == never", ")"),
    ] {
        let deep = String::from_utf8(nested(open, inside, close, 14 / open.len())).unwrap();
        let line = |index: usize| format!("    l{index}: {deep}\n");
        inputs.push((
            name.to_owned(),
            numbered(&format!("{HEAD}profile p {{\n"), line, "}\n", len).into_bytes(),
        ));
    }
    inputs
}

type Add<'a> = &'a mut dyn FnMut(&str, &str, &dyn Fn(usize) -> String, &str);

/// Many declarations of each kind.
fn declarations(add: Add<'_>) {
    let source = "source s \"S\" {\n    edition \"1\"\n    status in-force\n}\n";
    add("profiles", "", &|i| format!("profile p{i} {{\n}}\n"), "");
    add(
        "sources",
        "",
        &|i| format!("source s{i} \"S\" {{\n    edition \"1\"\n    status in-force\n}}\n"),
        "",
    );
    add("tags", "", &|i| format!("declare tag t{i} \"t\"\n"), "");
    add("attributes", "", &|i| format!("declare attribute a{i} 1.2.{i} \"a\"\n"), "");
    add("groups", "", &|i| format!("declare group g{i} \"g\" {{\n    member m \"ssh-ed25519 A\"\n}}\n"), "");
    add(
        "members",
        "declare group g \"g\" {\n",
        &|i| format!("    member m{i} \"ssh-ed25519 A{i}\"\n"),
        "}\n",
    );
    add("lets", "", &|i| format!("let l{i} : dns-name = [\"a.example\"]\n"), "");
    add(
        "authorities",
        "profile p {\n}\n",
        &|i| {
            format!(
                "authority a{i} \"A\" {{\n    certified-as p\n    parent a{}\n    trust private\n}}\n",
                i + 1
            )
        },
        "",
    );
    add(
        "mandates",
        source,
        &|i| format!("mandate m{i} \"M\" cites s \"1\" {{\n    key.export == never\n}}\n"),
        "",
    );
    add(
        "mandates of all profiles",
        &format!("{source}{}", numbered("", |i| format!("profile p{i} {{\n}}\n"), "", 200_000)),
        &|i| {
            format!(
                "mandate m{i} \"M\" cites s \"1\" {{\n    for any in profile.tags\n    key.export == never\n}}\nadopt m{i}\n"
            )
        },
        "",
    );
    add(
        "adoptions of one",
        &format!("{source}mandate m \"M\" cites s \"1\" {{\n    key.export == never\n}}\n"),
        &|_| "adopt m\n".to_owned(),
        "",
    );
    add(
        "exceptions of one profile",
        "profile p {\n    key.export == never\n}\n",
        &|i| {
            format!(
                "exception e{i} for p {{\n    waives [key.export]\n    before 2027-01-01\n    reason \"r\"\n}}\n"
            )
        },
        "",
    );
    add(
        "anchors",
        "anchors token-maker \"a\" {\n",
        &|i| format!("    anchor \"a{i}\" spki \"sha256:{i:064x}\" purpose test\n"),
        "}\n",
    );
    add(
        "signers",
        "signers catalogues \"a\" {\n    max-age 30d\n",
        &|i| format!("    signer \"a{i}\" spki \"sha256:{i:064x}\"\n"),
        "}\n",
    );
    add(
        "tests",
        "profile p {\n}\n",
        &|i| format!("test \"{i}\" {{\n    request p issue from \"a.csr\"\n    expect permit\n}}\n"),
        "",
    );
    add(
        "tests of the most rows",
        "profile p {\n    key.size > 1\n}\n",
        &|i| {
            let rows = "    | key.size = 1 | permit |\n".repeat(1_000);
            format!("test \"{i}\" {{\n    request p issue from \"a.csr\"\n    | with | expect |\n{rows}}}\n")
        },
        "",
    );
    add("uses", "", &|i| format!("use u{i} \"1\"\n"), "");
}

/// Names that are unknown, doubled, long, or lead to one another.
fn names(add: Add<'_>) {
    add("one profile over and over", "", &|_| "profile p {\n}\n".to_owned(), "");
    add("unknown bases", "", &|i| format!("profile p{i} refines q{i} {{\n}}\n"), "");
    add(
        "a chain of bases",
        "profile p0 {\n}\n",
        &|i| format!("profile p{} refines p{i} {{\n}}\n", i + 1),
        "",
    );
    add("a chain of bases backwards", "", &|i| format!("profile p{i} refines p{} {{\n}}\n", i + 1), "");
    add(
        "chains of bases of the most steps",
        "",
        &|i| match i % 16 {
            0 => format!("profile p{i} {{\n    key.export == never\n}}\n"),
            _ => format!("profile p{i} refines p{} {{\n    key.size > {i}\n}}\n", i - 1),
        },
        "",
    );
    add(
        "a chain of lets",
        "let l0 : dns-name = []\n",
        &|i| format!("let l{} : dns-name = [l{i}]\n", i + 1),
        "",
    );
    add("a chain of lets backwards", "", &|i| format!("let l{i} : dns-name = [l{}]\n", i + 1), "");
    add(
        "lets that double",
        "let l0 : dns-name = [\"a.example\"]\n",
        &|i| format!("let l{} : dns-name = [l{i}, l{i}]\n", i + 1),
        "",
    );
    add(
        "lets of the widest",
        "let l0 : dns-name = [\"a.example\"]\n",
        &|i| format!("let l{} : dns-name = [{}]\n", i + 1, vec![format!("l{i}"); 256].join(", ")),
        "",
    );
    add("a circle of lets", "", &|_| "let a : dns-name = [a]\n".to_owned(), "");
    add("long names", "", &|i| format!("profile p{i:060} refines q{i:060} {{\n}}\n"), "");
    add("names that are too long", "", &|i| format!("profile p{i:0100} {{\n}}\n"), "");
    add("unknown facts", "profile p {\n", &|i| format!("    key.a{i} == never\n"), "}\n");
    add("one unknown fact", "profile p {\n", &|_| "    key.a == b\n".to_owned(), "}\n");
    add("unknown facts in short", "profile p {\n", &|_| "    a\n".to_owned(), "}\n");
    add("unknown tags", "", &|i| format!("profile p{i} {{\n    tags [t{i}]\n}}\n"), "");
    add("unknown authorities", "", &|i| format!("profile p{i} {{\n    issued-by [a{i}]\n}}\n"), "");
    add("unknown mandates", "", &|i| format!("adopt m{i}\n"), "");
    add(
        "unknown sources",
        "profile p {\n",
        &|i| format!("    key.export == never cites s{i} \"1\"\n"),
        "}\n",
    );
    add("unknown groups", "profile p {\n", &|i| format!("    approve 1 of g{i}\n"), "}\n");
    add("unknown words", "profile p {\n", &|i| format!("    key.export == w{i}\n"), "}\n");
    add("unknown obligations", "profile p {\n", &|i| format!("    oblige o{i}(a)\n"), "}\n");
    add("unknown fields", "profile p {\n    contents {\n", &|i| format!("        f{i}\n"), "    }\n}\n");
    add("unknown operations", "", &|i| format!("profile p{i} {{\n    operations [o{i}]\n}}\n"), "");
    add(
        "unknown targets of exceptions",
        "",
        &|i| format!("exception e{i} for p{i} {{\n    waives [a]\n}}\n"),
        "",
    );
    add(
        "unknown targets of tests",
        "",
        &|i| format!("test \"{i}\" {{\n    request p{i} issue from \"a\"\n    expect refuse [a]\n}}\n"),
        "",
    );
}

/// Many lines of one profile.
fn lines(add: Add<'_>) {
    let profile = "profile p {\n";
    add("one line over and over", profile, &|_| "    key.export == never\n".to_owned(), "}\n");
    add("lines with labels", profile, &|i| format!("    l{i}: key.export == never\n"), "}\n");
    add("lines of a wrong type", profile, &|i| format!("    l{i}: key.size == \"a\"\n"), "}\n");
    add(
        "lines that compare a list",
        profile,
        &|i| format!("    l{i}: certificate.san.dns under [\"a{i}.example\"]\n"),
        "}\n",
    );
    add("preferences", profile, &|i| format!("    prefer l{i}: key.export == never\n"), "}\n");
    add("dated lines", profile, &|i| format!("    from 2027-01-01 l{i}: key.export == never\n"), "}\n");
    add("obligations", profile, &|_| "    oblige record(evidence)\n".to_owned(), "}\n");
    add("doc comments", profile, &|_| "    /// a\n".to_owned(), "    key.export == never\n}\n");
    add("comments", "", &|_| "// a\n".to_owned(), "");
    add(
        "conditions around lines",
        profile,
        &|i| format!("    when key.size > 1 {{\n        l{i}: key.export == never\n    }}\n"),
        "}\n",
    );
    add(
        "ways",
        "profile p {\n    one of w {\n",
        &|i| format!("        w{i} {{\n            key.export == never\n        }}\n"),
        "    }\n}\n",
    );
    add(
        "ways in ways",
        profile,
        &|i| {
            let open: String = (0..7).map(|level| format!("one of w{level}x{i} {{ a {{ ")).collect();
            format!("{open}key.export == never{}\n", " } }".repeat(7))
        },
        "}\n",
    );
    add(
        "approvals in ways",
        "declare group g \"g\" {\n    member m \"ssh-ed25519 A\"\n}\nprofile p {\n",
        &|i| {
            format!(
                "one of o{i} {{\n{}}}\n",
                (0..250).map(|way| format!("w{way} {{ approve 1 of g }}\n")).collect::<String>()
            )
        },
        "}\n",
    );
    add(
        "fields over and over",
        "profile p {\n    contents {\n",
        &|_| "        subject.common-name\n".to_owned(),
        "    }\n}\n",
    );
    add(
        "extensions",
        "profile p {\n    contents {\n",
        &|i| format!("        extension.e{i}\n"),
        "    }\n}\n",
    );
    add("items of a profile", profile, &|_| "    role root-ca\n".to_owned(), "}\n");
}

/// Long lines, and small parts of which each is large.
fn wide(add: Add<'_>) {
    let profile = "profile p {\n";
    let line = |part: &str, last: &str| format!("    l: {}{last}\n", part.repeat((LINE - 99) / part.len()));
    add("long conjunctions", profile, &|_| line("key.export == never && ", "key.export == never"), "}\n");
    add("long disjunctions", profile, &|_| line("key.export == never || ", "key.export == never"), "}\n");
    add("long mixtures", profile, &|_| line("key.size > 1 && key.size < 9 || ", "key.size > 1"), "}\n");
    add(
        "folds in folds",
        profile,
        &|i| format!("    l{i}: key.advisories.all(a, key.advisories.exists(b, a.status == b.status))\n"),
        "}\n",
    );
    add(
        "lists of the widest",
        profile,
        &|i| format!("    l{i}: key.size in [{}]\n", vec!["1"; 256].join(", ")),
        "}\n",
    );
    add(
        "lists that are too wide",
        profile,
        &|i| format!("    l{i}: key.size in [{}]\n", vec!["1"; 900].join(", ")),
        "}\n",
    );
    add(
        "long strings",
        profile,
        &|i| format!("    l{i}: module.model == \"{}\"\n", "a".repeat(4_000)),
        "}\n",
    );
    add(
        "strings of escapes",
        profile,
        &|i| format!("    l{i}: module.model == \"{}\"\n", "\\\"".repeat(2_000)),
        "}\n",
    );
    add(
        "strings that are too long",
        profile,
        &|i| format!("    l{i}: module.model == \"{}\"\n", "a".repeat(9_000)),
        "}\n",
    );
    add(
        "profiles of a wide base",
        &format!(
            "profile base {{\n{}}}\n",
            (0..500).map(|i| format!("    l{i}: key.size > {i}\n")).collect::<String>()
        ),
        &|i| format!("profile p{i} refines base {{\n}}\n"),
        "",
    );
    add(
        "profiles of wide contents",
        &format!(
            "{}profile base {{\n    contents {{\n{}    }}\n}}\n",
            (0..200).map(|i| format!("declare extension e{i} 1.2.{i} \"e\"\n")).collect::<String>(),
            (0..200).map(|i| format!("        extension.e{i}\n")).collect::<String>()
        ),
        &|i| format!("profile p{i} refines base {{\n}}\n"),
        "",
    );
    add(
        "uses of a wide let",
        &format!(
            "let wide : dns-name = [{}]\n{profile}",
            (0..250).map(|i| format!("\"a{i}.example\"")).collect::<Vec<_>>().join(", ")
        ),
        &|i| format!("    l{i}: certificate.san.dns under wide\n"),
        "}\n",
    );
    add(
        "comments that are wide",
        profile,
        &|_| format!("    key.export == never // {}\n", "a".repeat(9_000)),
        "}\n",
    );
    add("flat blocks", "", &|i| format!("profile p{i} {{ key.export == never }}\n"), "");
    add("empty lines", "", &|_| "\n".to_owned(), "profile p {\n}\n");
    add("white space", "", &|_| " \t\n".to_owned(), "profile p {\n}\n");
}
