//! First pass: the root and the policies that it uses, parsed, used ones before their users.
//!
//! `use std "2026.11.0"` brings in the policy `std` and every policy below it (`std.mandates`) of the same version.
use crate::SourceFile;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Module, Places, range};
use crate::suggest;
use pkic_syntax::ast;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The edition that this compiler reads.
const EDITION: u64 = 2026;
/// Missing policies of one module for which the nearest name is looked for: each costs a pass over all names.
const SUGGESTIONS_MAX: usize = 16;

/// What the headers of policy files say, read once for any number of compilations.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// Files by the name in their header, in order.
    by_name: BTreeMap<String, Vec<usize>>,
    /// The version in the header of each file, where it has one.
    versions: Vec<Option<String>>,
}

impl Headers {
    /// Reads the first words of every file, and nothing else of it.
    pub fn read(files: &[SourceFile]) -> Headers {
        let mut headers = Headers::default();
        for (index, file) in files.iter().enumerate() {
            if let Some(name) = header_name(&file.text) {
                headers.by_name.entry(name.to_owned()).or_default().push(index);
            }
            headers.versions.push(header_version(&file.text).map(str::to_owned));
        }
        headers
    }

    fn version(&self, file: usize) -> Option<&str> {
        self.versions.get(file)?.as_deref()
    }

    /// The file of that name; of several the first of the lowest rank.
    fn find(&self, name: &str, rank: Rank<'_>) -> Option<usize> {
        self.by_name.get(name).and_then(|files| first(files, rank))
    }

    /// The files of policies below that name.
    fn below(&self, name: &str, rank: Rank<'_>) -> Vec<usize> {
        let below = format!("{name}.");
        let named = self.by_name.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        named.filter_map(|(_, files)| first(files, rank)).collect()
    }
}

/// Which file counts where several have one name: the lowest number.
pub(crate) type Rank<'r> = &'r dyn Fn(usize) -> u8;

fn first(files: &[usize], rank: Rank<'_>) -> Option<usize> {
    files.iter().copied().min_by_key(|file| rank(*file))
}

/// Parses what is reachable from the root. The root stands last.
pub(crate) fn load<'t>(
    files: &'t [SourceFile],
    headers: &Headers,
    root: usize,
    rank: Rank<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Module<'t>> {
    let mut loader =
        Loader { files, headers, rank, modules: Vec::new(), states: HashMap::new(), diagnostics };
    if files.get(root).is_some() {
        loader.visit(root);
    }
    loader.modules
}

/// What is known of a file: being read with all that it uses, or done as a module.
#[derive(Clone, Copy)]
enum State {
    Open,
    Done(usize),
}

struct Loader<'t, 'd> {
    files: &'t [SourceFile],
    headers: &'d Headers,
    rank: Rank<'d>,
    modules: Vec<Module<'t>>,
    states: HashMap<usize, State>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// How a `use` asks for a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Below,
    Named,
}

/// A module whose used policies are still being read.
struct Pending<'t> {
    module: Module<'t>,
    /// The file, the text that asks for it, and whether that text names it or a policy above it.
    wanted: Vec<(usize, ast::Span, Wanted)>,
    next: usize,
    /// What `module.uses` has.
    seen: HashSet<usize>,
}

impl<'t> Loader<'t, '_> {
    /// Depth first with a stack of its own, so that a long chain of policies can't overflow that of the program.
    fn visit(&mut self, root: usize) {
        let mut stack: Vec<Pending<'t>> = self.open(root).into_iter().collect();
        while let Some(top) = stack.last_mut() {
            let Some((file, span, how)) = top.wanted.get(top.next).copied() else {
                let Some(done) = stack.pop() else { break };
                self.states.insert(done.module.file, State::Done(self.modules.len()));
                self.modules.push(done.module);
                continue;
            };
            match self.states.get(&file) {
                Some(State::Done(index)) => {
                    if top.seen.insert(*index) {
                        top.module.uses.push(*index);
                    }
                    top.next = top.next.saturating_add(1);
                }
                Some(State::Open) if how == Wanted::Below => top.next = top.next.saturating_add(1),
                Some(State::Open) => {
                    let cycle = format!("`{}` is used by what it uses itself", top.module.name);
                    self.diagnostics.push(
                        Diagnostic::error("E0109", top.module.file, range(span), cycle)
                            .with_label("closes the circle")
                            .with_help("move what both need into a policy that uses neither"),
                    );
                    top.next = top.next.saturating_add(1);
                }
                None => {
                    if let Some(next) = self.open(file) {
                        stack.push(next);
                    } else {
                        self.states.insert(file, State::Open);
                        top.next = top.next.saturating_add(1);
                    }
                }
            }
        }
    }

    fn open(&mut self, file: usize) -> Option<Pending<'t>> {
        let source = self.files.get(file)?;
        self.states.insert(file, State::Open);
        let parse = pkic_syntax::parse(&source.text);
        for finding in &parse.findings {
            self.diagnostics.push(Diagnostic {
                code: finding.code,
                severity: Severity::Error,
                message: finding.message.clone(),
                file,
                span: range(finding.span),
                label: String::new(),
                related: Vec::new(),
                notes: Vec::new(),
                help: finding.help.clone(),
                fix: finding.fix.as_ref().map(|fix| crate::Fix {
                    file,
                    span: range(fix.span),
                    text: fix.text.clone(),
                    safe: true,
                }),
            });
        }
        let ast = parse.file;
        let mut module = Module {
            file,
            name: String::new(),
            version: String::new(),
            is_lab: false,
            text: &source.text,
            ast,
            uses: Vec::new(),
            missing: Vec::new(),
            places: Places::new(&source.text),
        };
        if let Some(head) = &module.ast.head {
            module.name = head.policy.text.to_owned();
            module.version = head.version.text.clone().into_owned();
            module.is_lab = head.lab.is_some();
            if head.edition.value != EDITION {
                let message = format!("edition {} is not known", head.edition.value);
                self.diagnostics.push(
                    Diagnostic::error("E0113", file, range(head.edition.span), message)
                        .with_help(format!("this compiler reads edition {EDITION}"))
                        .with_fix(range(head.edition.span), EDITION.to_string(), false),
                );
            }
        }
        let wanted = self.wanted(&mut module);
        Some(Pending { module, wanted, next: 0, seen: HashSet::new() })
    }

    /// The policy of the nearest name, for the first missing ones of a module.
    fn nearest(&self, written: &str, missing: usize) -> Option<&str> {
        let names = self.headers.by_name.keys().map(String::as_str);
        if missing < SUGGESTIONS_MAX { suggest::nearest(written, names) } else { None }
    }

    /// Files that the `use` declarations of a module ask for.
    fn wanted(&mut self, module: &mut Module<'t>) -> Vec<(usize, ast::Span, Wanted)> {
        let mut wanted = Vec::new();
        let mut missing = Vec::new();
        for decl in &module.ast.decls {
            let ast::DeclKind::Use(used) = &decl.kind else { continue };
            let Some(file) = self.headers.find(used.policy.text, self.rank) else {
                let message = format!("no policy `{}` was found", used.policy.text);
                let mut diagnostic =
                    Diagnostic::error("E0106", module.file, range(used.policy.span), message);
                diagnostic.help = Some(match self.nearest(used.policy.text, missing.len()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => {
                        "a policy is found by the name in its first line, among the files beside this one"
                            .to_owned()
                    }
                });
                self.diagnostics.push(diagnostic);
                missing.push(used.policy.text.to_owned());
                continue;
            };
            let headers = self.headers;
            let Some(version) = headers.version(file) else { continue };
            if version != used.version.text {
                let message = format!(
                    "`{}` is here in version \"{version}\", not \"{}\"",
                    used.policy.text, used.version.text
                );
                self.diagnostics.push(
                    Diagnostic::error("E0108", module.file, range(used.version.span), message)
                        .with_help("read what changed, then pin the version that you mean")
                        .with_fix(range(used.version.span), format!("\"{version}\""), false),
                );
            }
            wanted.push((file, used.policy.span, Wanted::Named));
            let mut others = headers.below(used.policy.text, self.rank);
            others.retain(|other| *other != module.file && headers.version(*other) == Some(version));
            others.sort_unstable();
            wanted.extend(others.into_iter().map(|index| (index, used.policy.span, Wanted::Below)));
        }
        module.missing = missing;
        wanted
    }
}

/// The words of the header, without comments: `edition`, `2026`, perhaps `lab`, `policy`, NAME, VERSION.
fn header_words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split_once("//").map_or(line, |(before, _)| before))
        .flat_map(str::split_whitespace)
        .take(6)
}

/// The policy name in the header of a file, without reading the rest of it.
fn header_name(text: &str) -> Option<&str> {
    header_words(text).skip_while(|word| *word != "policy").nth(1)
}

/// The version in the header of a file.
fn header_version(text: &str) -> Option<&str> {
    let version = header_words(text).skip_while(|word| *word != "policy").nth(2)?;
    version.strip_prefix('"')?.strip_suffix('"')
}
