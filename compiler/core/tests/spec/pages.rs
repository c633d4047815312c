//! The pages of the reference: rules, and the examples in them.
use std::path::PathBuf;

/// A page of the reference.
pub struct Page {
    /// File name.
    pub name: String,
    /// All of its text.
    pub text: String,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A numbered rule.
pub struct Rule {
    /// Chapter and number.
    pub number: (u32, u32),
    /// Examples below it.
    pub examples: Vec<Example>,
}

/// An example.
pub struct Example {
    /// Page and line, for messages.
    pub place: String,
    /// What stands around it.
    pub frame: Frame,
    /// Whether it says that it has no errors.
    pub is_ok: bool,
    /// Its lines, below the first.
    pub lines: Vec<String>,
}

/// What stands around an example.
#[derive(Clone, Copy)]
pub enum Frame {
    /// Nothing.
    File,
    /// A head.
    Policy,
    /// A profile with its contents, and some declarations.
    Profile,
}

impl Frame {
    /// The text before the example, and that behind it; `test`s of a profile are moved behind the brace.
    pub fn around(self) -> (&'static str, &'static str) {
        match self {
            Frame::File => ("", ""),
            Frame::Policy => ("edition 2026\npolicy spec.example \"1.0.0\"\n", ""),
            Frame::Profile => (
                "edition 2026\npolicy spec.example \"1.0.0\"\nprofile example {\n    role tls-server\n    operations \
                 [issue, renew]\n    when request.operation == rekey { key.storage in any }\n    key.storage in \
                 any\n    contents {\n        validity <= 90d\n        key-usage critical == [digital-signature]\n\
                 san.dns 0..10\n        san.uri 0..10\n        subject.serial-number ?\n        \
                 basic-constraints.ca ?\n    }\n",
                "}\n",
            ),
        }
    }
}

/// Every page of `lang/spec`, in order.
pub fn pages() -> Vec<Page> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files.iter().map(|path| page(path.file_name().unwrap().to_str().unwrap(), &read(path))).collect()
}

/// The folder of the reference.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../lang/spec")
}

/// The text of a file.
pub fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page(name: &str, text: &str) -> Page {
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(heading) = line.strip_prefix("### R") {
            rules.push(Rule { number: rule_number(heading), examples: Vec::new() });
        } else if line.starts_with("```pki") {
            let place = format!("{name}:{}", number + 1);
            let (_, header) = lines.next().unwrap();
            let lines =
                lines.by_ref().map(|(_, line)| line.to_owned()).take_while(|line| line != "```").collect();
            let example = example(place.clone(), header, lines);
            rules
                .last_mut()
                .unwrap_or_else(|| panic!("{place}: an example of no rule"))
                .examples
                .push(example);
        }
    }
    Page { name: name.to_owned(), text: text.to_owned(), rules }
}

fn rule_number(heading: &str) -> (u32, u32) {
    let number = heading.split(' ').next().unwrap();
    let (chapter, rule) = number.split_once('.').unwrap();
    (chapter.parse().unwrap(), rule.parse().unwrap())
}

fn example(place: String, header: &str, lines: Vec<String>) -> Example {
    let (frame, is_ok) = match header {
        "// file" => (Frame::File, false),
        "// file ok" => (Frame::File, true),
        "// policy" => (Frame::Policy, false),
        "// policy ok" => (Frame::Policy, true),
        "// profile" => (Frame::Profile, false),
        "// profile ok" => (Frame::Profile, true),
        _ => panic!("{place}: `{header}` does not say what stands around the example"),
    };
    Example { place, frame, is_ok, lines }
}
