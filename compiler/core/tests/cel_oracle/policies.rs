//! Real policies: those of the reference, of `stdlib-profiles` and of `examples`.
use crate::pages::{Frame, pages};
use pkic_compiler::{Options, SourceFile, compile};
use pkic_ir::{Atom, Expr, Operand, Program, Test};
use pkic_vocab::Path;
use std::path::PathBuf;

/// Every program that compiles.
pub fn programs() -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    let mut files = Vec::new();
    for folder in ["stdlib-profiles", "examples"] {
        gather(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut files);
    }
    for root in 0..files.len() {
        programs.extend(compile(&files, root, &Options::default()).program);
    }
    let pages = pages();
    for example in pages.iter().flat_map(|page| &page.rules).flat_map(|rule| &rule.examples) {
        let (before, after) = example.frame.around();
        let mut lines = example.lines.clone();
        if matches!(example.frame, Frame::Profile) {
            lines.truncate(lines.iter().position(|line| line.starts_with("test ")).unwrap_or(lines.len()));
        }
        let text = format!("{before}{}\n{after}", lines.join("\n"));
        let file = SourceFile { name: example.place.clone(), text };
        programs.extend(compile(&[file], 0, &Options::default()).program);
    }
    programs
}

fn gather(folder: &PathBuf, files: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "pki") {
            let text = std::fs::read_to_string(&path).unwrap();
            files.push(SourceFile { name: path.file_name().unwrap().to_string_lossy().into_owned(), text });
        }
    }
}

/// The paths with declared names that a program asks for.
pub fn named(program: &Program) -> Vec<Path> {
    let operands = |atom: &Atom| {
        let right = match &atom.test {
            Test::CompareWith(_, right) | Test::InOperand(right) => Some(right.clone()),
            _ => None,
        };
        [Some(atom.left.clone()), right].into_iter().flatten()
    };
    let atoms =
        program.exprs.iter().filter_map(|expr| if let Expr::Atom(atom) = expr { Some(atom) } else { None });
    let paths = atoms.flat_map(operands).filter_map(|operand| match operand {
        Operand::Fact(path) => path.name.is_some().then_some(path),
        Operand::Member { .. } => None,
    });
    paths.collect()
}
