//! Policies on disk and what is compiled of them: given files, the files beside them, and the embedded ones.
use crate::failure::Failure;
use crate::files;
use crate::report::{Finding, Fix, Place, Related, Severity, Sources};
use crate::stdlib;
use crate::suggest::nearest;
use pkic_compiler::survey::{Survey, survey};
use pkic_compiler::{Compilation, Diagnostic, Headers, Options, SourceFile, compile_among};
use pkic_ir::{Origin, Profile, Program};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The policy that uses every policy that comes with pkic.
pub(crate) const EVERYTHING: &str = "everything";

/// Policy texts, and which of them were asked about.
pub(crate) struct Workspace {
    files: Vec<SourceFile>,
    paths: Vec<Option<PathBuf>>,
    roots: usize,
    headers: OnceCell<Headers>,
}

impl Workspace {
    /// Reads the policies among `paths` and every policy beside them.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Workspace, Failure> {
        let roots = files::policies(paths)?;
        let mut workspace =
            Workspace { files: Vec::new(), paths: Vec::new(), roots: roots.len(), headers: OnceCell::new() };
        let mut seen = BTreeSet::new();
        for path in &roots {
            seen.insert(canonical(path));
            workspace.add(path, files::read_policy(path)?);
        }
        let folders: BTreeSet<PathBuf> = roots.iter().map(|path| files::folder(path)).collect();
        for folder in &folders {
            for beside in files::policies_in(folder)? {
                if !seen.insert(canonical(&beside)) {
                    continue;
                }
                // A neighbour that cannot be read is missed only where something uses it, and then the compiler says so.
                if let Ok(text) = files::read_policy(&beside) {
                    workspace.add(&beside, text);
                }
            }
        }
        for (name, text) in stdlib::FILES {
            workspace.files.push(SourceFile { name: (*name).to_owned(), text: (*text).to_owned() });
            workspace.paths.push(None);
        }
        Ok(workspace)
    }

    /// The policies that come with pkic, and nothing of the disk. The first root uses all but the lab policies, which
    /// are roots of their own: so what one of them adopts does not bind the others.
    pub(crate) fn embedded() -> Workspace {
        let header = |text: &str| {
            let parse = pkic_syntax::parse(text);
            parse
                .file
                .head
                .map(|head| (head.policy.text.to_owned(), head.version.text.into_owned(), head.lab.is_some()))
        };
        let mut text = format!("edition 2026\npolicy {EVERYTHING} \"0\"\n");
        let mut files = Vec::new();
        for (name, policy) in stdlib::FILES {
            match header(policy) {
                Some((name, version, false)) => text.push_str(&format!("use {name} \"{version}\"\n")),
                Some(_) | None => {
                    files.push(SourceFile { name: (*name).to_owned(), text: (*policy).to_owned() })
                }
            }
        }
        files.insert(0, SourceFile { name: EVERYTHING.to_owned(), text });
        let roots = files.len();
        let is_root = |name: &str| files.iter().any(|file| file.name == name);
        let others: Vec<SourceFile> = stdlib::FILES
            .iter()
            .filter(|(name, _)| !is_root(name))
            .map(|(name, text)| SourceFile { name: (*name).to_owned(), text: (*text).to_owned() })
            .collect();
        files.extend(others);
        let paths = vec![None; files.len()];
        Workspace { files, paths, roots, headers: OnceCell::new() }
    }

    fn add(&mut self, path: &Path, text: String) {
        self.files.push(SourceFile { name: files::shown(path), text });
        self.paths.push(Some(path.to_path_buf()));
    }

    /// Indices of the policies that were asked about.
    pub(crate) fn roots(&self) -> std::ops::Range<usize> {
        0..self.roots
    }

    /// The name that reports give a file.
    pub(crate) fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| &source.name)
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| &source.text)
    }

    /// Where a file lies; embedded ones lie nowhere.
    pub(crate) fn path(&self, file: usize) -> Option<&Path> {
        self.paths.get(file)?.as_deref()
    }

    /// Compiles one policy with all others at hand.
    pub(crate) fn compile(&self, root: usize, at: Option<i64>) -> Compilation {
        self.compile_files(&self.files, self.headers.get_or_init(|| Headers::read(&self.files)), root, at)
    }

    /// Compiles one policy, and says besides what all that it reads declares.
    pub(crate) fn survey(&self, root: usize, at: Option<i64>) -> (Compilation, Survey) {
        let headers = self.headers.get_or_init(|| Headers::read(&self.files));
        survey(&self.files, headers, root, &|file| self.rank(root, file), &Options { at })
    }

    /// Compiles one policy with another text in its place.
    pub(crate) fn compile_with(&self, root: usize, text: String) -> Compilation {
        let mut files = self.files.clone();
        if let Some(file) = files.get_mut(root) {
            file.text = text;
        }
        self.compile_files(&files, &Headers::read(&files), root, None)
    }

    /// Where folders have policies of the same name, the root and then the one beside it counts.
    fn rank(&self, root: usize, file: usize) -> u8 {
        let folder = |file: usize| self.path(file).and_then(Path::parent);
        match file == root {
            true => 0,
            false if folder(file) == folder(root) => 1,
            false => 2,
        }
    }

    fn compile_files(
        &self,
        files: &[SourceFile],
        headers: &Headers,
        root: usize,
        at: Option<i64>,
    ) -> Compilation {
        compile_among(files, headers, root, &|file| self.rank(root, file), &Options { at })
    }

    /// All texts, for reports.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        for file in &self.files {
            sources.add(file.name.clone(), file.text.clone());
        }
        sources
    }
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A diagnostic in the form of the reports.
pub(crate) fn finding(diagnostic: &Diagnostic) -> Finding {
    let related = diagnostic.related.iter().map(|other| Related {
        place: Some(span_place(other.file, &other.span)),
        message: other.text.clone(),
    });
    let notes = diagnostic.notes.iter().map(|note| Related { place: None, message: note.clone() });
    Finding {
        severity: match diagnostic.severity {
            pkic_compiler::Severity::Error => Severity::Error,
            pkic_compiler::Severity::Warning => Severity::Warning,
            pkic_compiler::Severity::Note => Severity::Advice,
        },
        code: diagnostic.code.to_owned(),
        message: diagnostic.message.clone(),
        place: Some(span_place(diagnostic.file, &diagnostic.span)),
        label: Some(diagnostic.label.clone()).filter(|label| !label.is_empty()),
        help: diagnostic.help.clone(),
        related: related.chain(notes).collect(),
        fix: diagnostic
            .fix
            .as_ref()
            .filter(|fix| fix.safe)
            .map(|fix| Fix { place: span_place(fix.file, &fix.span), text: fix.text.clone() }),
    }
}

fn span_place(file: usize, span: &std::ops::Range<u32>) -> Place {
    let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    Place { file, start: offset(span.start), end: offset(span.end) }
}

/// The profile of that name; a name without dots is one of the root policy.
pub(crate) fn profile_named<'p>(program: &'p Program, name: &str) -> Result<&'p Profile, Failure> {
    let qualified = format!("{}.{name}", program.policy);
    let found = program.profiles.iter().find(|profile| profile.name == name || profile.name == qualified);
    found.ok_or_else(|| {
        let reason = format!("policy `{}` has no profile `{name}`", program.policy);
        let names = || program.profiles.iter().map(|profile| profile.name.as_str());
        let short = names().map(|name| name.rsplit_once('.').map_or(name, |(_, last)| last));
        match nearest(name, names()).or_else(|| nearest(name, short)) {
            Some(near) => Failure::usage_with_help(reason, format!("did you mean `{near}`?")),
            None => Failure::usage_with_help(reason, "`pkic check` lists the profiles of a policy"),
        }
    })
}

/// `devices.pki:12`.
pub(crate) fn place(program: &Program, origin: Origin) -> String {
    let index = usize::try_from(origin.file).unwrap_or(usize::MAX);
    let name = program.files.get(index).map_or("?", |(name, _)| name.as_str());
    format!("{name}:{}", origin.line)
}
