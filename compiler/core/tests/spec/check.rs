//! One example: what it says of itself against what the parser and the compiler say of it.
use crate::decide;
use crate::pages::{Example, Frame};
use pkic_compiler::{Compilation, Options, Severity, SourceFile, compile};
use std::collections::{BTreeMap, BTreeSet};

/// Line of the example, from 1, and code.
type Marks = BTreeSet<(usize, String)>;

/// An example in its frame.
pub struct Framed {
    /// The whole text.
    pub text: String,
    /// For each line of the text, the line of the example, from 1; 0 for a line of the frame.
    lines: Vec<usize>,
}

/// Puts the frame around an example. A `test` in a profile goes behind the profile.
pub fn framed(example: &Example) -> Framed {
    let (before, after) = example.frame.around();
    let mut inside = Vec::new();
    let mut behind = Vec::new();
    let mut in_test = false;
    for (number, line) in (1..).zip(&example.lines) {
        in_test |= matches!(example.frame, Frame::Profile) && line.starts_with("test ");
        if in_test {
            behind.push((number, line.as_str()))
        } else {
            inside.push((number, line.as_str()))
        }
        in_test &= line != "}";
    }
    let frame = |text: &'static str| text.lines().map(|line| (0, line));
    let all: Vec<(usize, &str)> = frame(before).chain(inside).chain(frame(after)).chain(behind).collect();
    let text = all.iter().map(|(_, line)| format!("{line}\n")).collect();
    Framed { text, lines: all.into_iter().map(|(number, _)| number).collect() }
}

/// Compiles an example.
pub fn compiled(framed: &Framed) -> Compilation {
    let file = SourceFile { name: "example.pki".to_owned(), text: framed.text.clone() };
    compile(&[file], 0, &Options::default())
}

/// What is wrong with an example; empty where it is as it says.
pub fn mistakes(example: &Example) -> Vec<String> {
    let framed = framed(example);
    let compilation = compiled(&framed);
    let expected = marked(example, "// error:");
    let warned = marked(example, "// warning:");
    let mut mistakes = Vec::new();
    if example.is_ok != expected.is_empty() {
        mistakes.push("says `ok` exactly if no line has an error".to_owned());
    }
    let parsed = pkic_syntax::parse(&framed.text);
    let mut errors: Marks = Marks::new();
    let mut messages = BTreeMap::new();
    for finding in &parsed.findings {
        messages.insert(finding.code, finding.message.clone());
        errors.insert((framed.line(finding.span.start), finding.code.to_owned()));
    }
    let mut warnings = Marks::new();
    for diagnostic in &compilation.diagnostics {
        messages.insert(diagnostic.code, diagnostic.message.clone());
        let mark = (framed.line(diagnostic.span.start), diagnostic.code.to_owned());
        match diagnostic.severity {
            Severity::Error => errors.insert(mark),
            Severity::Warning | Severity::Note => warnings.insert(mark),
        };
    }
    for (line, code) in errors.difference(&expected) {
        mistakes
            .push(format!("line {line}: {code} was found and is not expected: {}", messages[code.as_str()]));
    }
    for (line, code) in expected.difference(&errors) {
        mistakes.push(format!("line {line}: {code} is expected and was not found"));
    }
    for (line, code) in warned.difference(&warnings) {
        mistakes.push(format!("line {line}: the warning {code} is expected and was not found"));
    }
    if compilation.program.is_some() != errors.is_empty() {
        mistakes.push("there is a program exactly if there is no error".to_owned());
    }
    let mistakes = mistakes.into_iter().map(|mistake| format!("{}: {mistake}", example.place));
    mistakes.chain(decide::mistakes(&example.place, &compilation)).collect()
}

fn marked(example: &Example, mark: &str) -> Marks {
    let codes = |(number, line): (usize, &String)| -> Vec<(usize, String)> {
        let Some((_, codes)) = line.split_once(mark) else { return Vec::new() };
        codes.split(',').map(|code| (number, code.trim().to_owned())).collect()
    };
    (1..).zip(&example.lines).flat_map(codes).collect()
}

impl Framed {
    fn line(&self, offset: u32) -> usize {
        let before = &self.text[..(offset as usize).min(self.text.len())];
        self.lines.get(before.matches('\n').count()).copied().unwrap_or(0)
    }
}
