//! The binary, run as a user runs it: each file of `tests/cmd/` is a script in Markdown.
//!
//! A heading begins a case in an empty folder. A block with a file name in its first line (```` ```pki a.pki ````)
//! becomes that file; `@name` in the place of a block's text copies `tests/fixtures/name`. A `console` block holds
//! commands: after `$ pkic …`, every line must be part of the output, in that order; a line `! text` must not be in
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
            std::fs::copy(fixtures().join(fixture), path)
                .unwrap_or_else(|error| panic!("{fixture}: {error}"));
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

scripts!(build, check, emit, evaluate, evidence, explain, fmt, test, usage);
