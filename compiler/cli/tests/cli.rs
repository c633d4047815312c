//! The binary, run as a user runs it: each file of `tests/cmd/` is a script in Markdown.
//!
//! A heading begins a case in an empty folder. A block with a file name in its first line (```` ```pki a.pki ````)
//! becomes that file; `@name` in the place of a block's text copies `tests/fixtures/name`, `@/name` a file of the whole
//! tree. A `console` block holds commands: after `$ pkic …`, every line must be part of the output, in that order; a line `! text` must not be in
//! it; `[exit N]` is the exit code, 0 where nothing is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
    absent: Vec<String>,
    exit: i32,
}

enum Part {
    File { name: String, text: String },
    Step(Step),
}

struct Case {
    name: String,
    parts: Vec<Part>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.to_owned(), parts: Vec::new() });
        } else if let Some(info) = line.strip_prefix("```") {
            let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            let case =
                cases.last_mut().unwrap_or_else(|| panic!("line {}: a block without a case", number + 1));
            match info.split_once(' ') {
                Some((_, name)) => {
                    let text: String = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                    case.parts.push(Part::File { name: name.to_owned(), text });
                }
                None if info == "console" => case.parts.extend(steps(&block)),
                None => {}
            }
        }
    }
    cases
}

fn steps(block: &[(usize, &str)]) -> Vec<Part> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in block {
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            steps.push(Step { line: number + 1, command, expected: Vec::new(), absent: Vec::new(), exit: 0 });
            continue;
        }
        let step = steps.last_mut().expect("a console block begins with a command");
        if let Some(code) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
            step.exit = code.parse().unwrap();
        } else if let Some(text) = line.strip_prefix("! ") {
            step.absent.push(text.to_owned());
        } else if !line.trim().is_empty() {
            step.expected.push(line.trim().to_owned());
        }
    }
    steps.into_iter().map(Part::Step).collect()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match text.trim().strip_prefix('@') {
        Some(fixture) => {
            let from = match fixture.strip_prefix('/') {
                Some(tree) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(tree),
                None => fixtures().join(fixture),
            };
            std::fs::copy(from, path).unwrap_or_else(|error| panic!("{fixture}: {error}"));
        }
        None => std::fs::write(path, text).unwrap(),
    }
}

/// Words of a command line; single quotes keep spaces.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, piece) in command.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn run(folder: &Path, step: &Step) -> Result<(), String> {
    let words = words(&step.command);
    assert_eq!(words[0], "pkic", "only pkic is run");
    let output = Command::new(env!("CARGO_BIN_EXE_pkic"))
        .args(&words[1..])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let fail =
        |why: String| Err(format!("line {}: `{}`: {why}\n--- output\n{text}", step.line, step.command));
    if output.status.code() != Some(step.exit) {
        return fail(format!("exit {:?}, expected {}", output.status.code(), step.exit));
    }
    let mut rest = text.as_str();
    for expected in &step.expected {
        match rest.split_once(expected.as_str()) {
            Some((_, after)) => rest = after,
            None => return fail(format!("`{expected}` is not in the output, or not in this place")),
        }
    }
    match step.absent.iter().find(|absent| text.contains(absent.as_str())) {
        Some(absent) => fail(format!("`{absent}` is in the output")),
        None => Ok(()),
    }
}

fn script(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd").join(name).with_extension("md");
    let cases = cases(&std::fs::read_to_string(path).unwrap());
    let mut failures = Vec::new();
    let mut steps = 0;
    for (index, case) in cases.iter().enumerate() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{index}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for part in &case.parts {
            match part {
                Part::File { name, text } => write(&folder, name, text),
                Part::Step(step) => {
                    steps += 1;
                    failures.extend(run(&folder, step).err().map(|why| format!("{}: {why}", case.name)));
                }
            }
        }
    }
    assert!(steps > 0, "{name} runs nothing");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Every script has its test, so that none is forgotten.
macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { script(stringify!($name)); })*

        #[test]
        fn every_script_is_run() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),*]);
        }
    };
}

scripts!(build, check, config, doc, emit, evaluate, evidence, explain, fmt, mandates, store, test, usage);

fn output(folder: &str, files: &[(&str, &str)], arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    files.iter().for_each(|(name, text)| write(&folder, name, text));
    let output =
        Command::new(env!("CARGO_BIN_EXE_pkic")).args(arguments).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

const GOOD: &str = "edition 2026\npolicy acme.tls \"1.0.0\"\n\nprofile server {\n    role tls-server\n    operations [issue]\n    key.storage in any\n}\n";
const BAD: &str = "edition 2026\npolicy acme.tls \"1.0.0\"\n\nprofile server {\n    role tls-server\n    key.storge in any\n    key.storage in { hsm }\n}\n";

#[test]
fn check_in_json_is_as_its_schema_says() {
    for (name, text) in [("json-good", GOOD), ("json-bad", BAD)] {
        let json = output(name, &[("a.pki", text)], &["check", "a.pki", "--format", "json"]);
        conforms("check.schema.json", &serde_json::from_str(&json).unwrap());
    }
}

#[test]
fn deployments_and_stores_in_json_are_as_their_schemas_say() {
    let deployment = "version = 1\nlab = true\npolicy = \"none.pki\"\npin = \"1\"\n";
    let stores = "version = 1\npolicy = \"a.pki\"\n[store.a]\nkind = \"software\"\ndirectory = \".\"\n\
                  [store.b]\nkind = \"software\"\ndirectory = \"none\"\n";
    let files = [("pkic.toml", deployment), ("stores.toml", stores)];
    let json = output("json-config", &files, &["config", "check", "--format", "json"]);
    conforms("config-check.schema.json", &serde_json::from_str(&json).unwrap());
    let arguments = ["store", "probe", "--config", "stores.toml", "--format", "json"];
    let json = output("json-store", &files, &arguments);
    conforms("store-probe.schema.json", &serde_json::from_str(&json).unwrap());
}

#[test]
fn evidence_in_json_is_as_its_schema_says() {
    let recorded = "@/backends/evidence/tests/recorded/swtpm";
    let copies = [
        ("unit.json", format!("{recorded}/certify-ec.json")),
        ("unit.csr", format!("{recorded}/app-ec.csr")),
        ("other.crl", "@/conformance/fuzz/corpus/crl/two-entries".to_owned()),
        ("anchors/ca.der", format!("{recorded}/ak-ca.der")),
        ("anchors/root.der", format!("{recorded}/ek-root.der")),
        ("anchors/anchors.toml", "@/backends/evidence/tests/expected/anchors/tpm-recorded.toml".to_owned()),
    ];
    let files: Vec<(&str, &str)> = copies.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let common = ["evidence", "show", "unit.json", "--at", "2026-12-01", "--format", "json"];
    let lists = ["--crl", "other.crl"];
    let verified = [&common[..], &["--anchors", "anchors", "--csr", "unit.csr"], &lists].concat();
    for (arguments, verdict) in [(verified, "verified"), (common.to_vec(), "refused")] {
        let json: serde_json::Value =
            serde_json::from_str(&output("json-evidence", &files, &arguments)).unwrap();
        conforms("evidence.schema.json", &json);
        assert_eq!(json["verdict"], verdict);
        let storage = json["facts"].as_array().unwrap().iter().any(|fact| fact["path"] == "key.storage");
        assert_eq!(storage, verdict == "verified");
    }
}

/// The parts of JSON Schema that our schemas use.
fn conforms(schema: &str, value: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(schema);
    let root: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if let Err(why) = check_schema(&root, &root, value, "$") {
        panic!("{why}\n{value:#}");
    }
}

fn check_schema(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    at: &str,
) -> Result<(), String> {
    let fail = |why: String| Err(format!("{at}: {why}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                check_schema(root, target, value, at)?;
            }
            "const" if rule != value => return fail(format!("is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => return fail(format!("is none of {rule}")),
            "const" | "enum" => {}
            "type" => {
                let found = match value {
                    serde_json::Value::Null => "null",
                    serde_json::Value::Bool(_) => "boolean",
                    serde_json::Value::Number(_) => "integer",
                    serde_json::Value::String(_) => "string",
                    serde_json::Value::Array(_) => "array",
                    serde_json::Value::Object(_) => "object",
                };
                let is_listed = rule.as_array().is_some_and(|all| all.iter().any(|one| one == found));
                if rule != found && !is_listed {
                    return fail(format!("is of type {found}"));
                }
            }
            "minimum" if value.as_i64() < rule.as_i64() => return fail("is too small".to_owned()),
            "minimum" => {}
            "pattern" => {
                let Some(text) = value.as_str() else { continue };
                let fits = match rule.as_str().unwrap() {
                    "^sha256:[0-9a-f]{64}$" => text.len() == 71 && text.starts_with("sha256:"),
                    "^[EWN][0-9]{4}$" => text.len() == 5 && text.starts_with(['E', 'W', 'N']),
                    other => panic!("teach this test the pattern {other}"),
                };
                if !fits {
                    return fail(format!("`{text}` does not match {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return fail(format!("has no {name}"));
                    }
                }
            }
            "properties" => {
                // Members beyond the schema may come in time; what we write today is all described.
                for (name, member) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(schema) => check_schema(root, schema, member, &format!("{at}.{name}"))?,
                        None => return fail(format!("`{name}` is not described")),
                    }
                }
            }
            "dependentRequired" => {
                for (name, others) in rule.as_object().unwrap() {
                    let complete = others
                        .as_array()
                        .unwrap()
                        .iter()
                        .all(|other| value.get(other.as_str().unwrap()).is_some());
                    if value.get(name).is_some() && !complete {
                        return fail(format!("has {name} without {others}"));
                    }
                }
            }
            "items" => {
                for (index, member) in value.as_array().into_iter().flatten().enumerate() {
                    check_schema(root, rule, member, &format!("{at}[{index}]"))?;
                }
            }
            "oneOf" => {
                let fitting = rule.as_array().unwrap().iter();
                if fitting.filter(|schema| check_schema(root, schema, value, at).is_ok()).count() != 1 {
                    return fail(format!("fits not exactly one of {rule}"));
                }
            }
            other => panic!("teach this test the keyword {other}"),
        }
    }
    Ok(())
}

/// What the SARIF 2.1.0 schema requires of the parts that we write.
#[test]
fn sarif_has_what_the_standard_requires() {
    let text = output("sarif", &[("a b.pki", BAD)], &["check", "a b.pki", "--format", "sarif"]);
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "pkic");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 2, "{text}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.pki");
        let region = &place["region"];
        assert!(region["startLine"].as_u64().unwrap() >= 1 && region["startColumn"].as_u64().unwrap() >= 1);
        let end = (region["endLine"].as_u64(), region["endColumn"].as_u64());
        assert!(end >= (region["startLine"].as_u64(), region["startColumn"].as_u64()));
    }
    let fixes = results.iter().filter_map(|result| result.get("fixes"));
    let inserted =
        fixes.map(|fixes| &fixes[0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"]);
    assert!(inserted.count() >= 1, "the brackets have a safe fix: {text}");
}

#[test]
fn mandates_in_json_are_as_their_schema_says() {
    let law = "edition 2026\npolicy acme.law \"1\"\n\nsource s \"S\" { edition \"1\" status in-force unverified }\n\n\
               mandate m \"M\" cites s \"1\" {\n    for profile.role == tls-server\n    \
               from 2030-01-01 key.export == never\n    reading r \"R\" { key.origin == generated }\n}\n\n\
               mandate n \"N\" cites s \"2\" {\n    key.export == never\n}\n";
    let own = "edition 2026\npolicy acme.own \"1\"\n\nuse acme.law \"1\"\n\nadopt acme.law.m with [r]\n\n\
               profile p {\n    role tls-server\n    operations [issue]\n    key.storage in any\n}\n";
    let bad = [("own.pki", "edition 2026\npolicy acme.own \"1\"\n\nadopt nothing\n")];
    let arguments = ["check", "own.pki", "--mandates", "--at", "2026-12-01", "--format", "json"];
    let broken = output("json-mandates-bad", &bad, &arguments);
    conforms("mandates.schema.json", &serde_json::from_str(&broken).unwrap());
    let json = output("json-mandates", &[("law.pki", law), ("own.pki", own)], &arguments);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    conforms("mandates.schema.json", &json);
    let mandates = &json["policies"][0]["mandates"];
    assert_eq!(mandates[0]["profiles"][0]["state"], "always", "{json:#}");
    assert_eq!(mandates[0]["profiles"][0]["readings"][0]["name"], "r");
    assert_eq!(mandates[0]["dates"][0]["from"], "2030-01-01");
    assert_eq!(mandates[1]["adopted"], false);
}

#[test]
fn the_page_of_the_library_is_what_is_embedded() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/std.md");
    let committed = std::fs::read_to_string(page).unwrap();
    assert!(
        committed == output("std", &[], &["emit", "std"]),
        "docs/std.md is old: pkic emit std > docs/std.md"
    );
}

#[test]
fn the_page_of_facts_is_the_catalogue() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/facts.md");
    let committed = std::fs::read_to_string(page).unwrap();
    assert!(
        committed == output("facts", &[], &["emit", "facts"]),
        "docs/facts.md is old: pkic emit facts > docs/facts.md"
    );
}

/// Each finding of the reports ends with the same exit code, whatever the format.
#[test]
fn formats_agree_on_the_exit_code() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exits");
    let _ = std::fs::remove_dir_all(&folder);
    write(&folder, "good.pki", GOOD);
    write(&folder, "bad.pki", BAD);
    for format in ["human", "json", "sarif", "junit", "github"] {
        for (file, exit) in [("good.pki", 0), ("bad.pki", 1)] {
            let status = Command::new(env!("CARGO_BIN_EXE_pkic"))
                .args(["check", file, "--format", format])
                .current_dir(&folder)
                .output()
                .unwrap()
                .status;
            assert_eq!(status.code(), Some(exit), "{format} {file}");
        }
    }
}

/// A file over its limit is refused by its size.
#[test]
fn files_over_their_limits_are_not_read() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = std::fs::File::create(folder.join("large.pki")).unwrap();
    file.set_len(1 << 40).unwrap();
    for arguments in [
        &["check", "large.pki"][..],
        &["fmt", "large.pki"],
        &["evidence", "show", "large.pki"],
        &["evaluate", "--policy", "large.pki", "--profile", "x", "--csr", "large.pki"],
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_pkic")).args(arguments).current_dir(&folder).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains("it has more than"), "{arguments:?}: {text}");
    }
}

/// A reader that goes away early is no failure and no panic.
#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pkic"))
        .args(["emit", "facts"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}
