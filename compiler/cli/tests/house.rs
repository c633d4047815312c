//! The house keeps its plan: ARCHITECTURE.md says what `cargo metadata` says, and files stay readable.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

struct Row {
    floor: u32,
    dir: String,
    imports: BTreeSet<String>,
}

fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let cells = |line: &str| line.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    text.lines()
        .filter(|line| line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_digit()))
        .map(cells)
        .map(|row| {
            let imports = row[4].split_whitespace().map(str::to_owned).collect();
            (row[2].clone(), Row { floor: row[0].parse().unwrap(), dir: row[1].clone(), imports })
        })
        .collect()
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_crate_table_is_what_cargo_builds() {
    let table = table();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, table.keys().map(String::as_str).collect(), "crates and rows of the table");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let row = &table[name];
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        assert_eq!(manifest.parent().unwrap(), root().join(&row.dir), "{name} stands elsewhere");
        let imports: BTreeSet<String> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string())
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(imports, row.imports, "imports of {name}");
        for import in &imports {
            assert!(
                table[import].floor < row.floor,
                "{name} imports {import}, which is not on a lower floor"
            );
        }
    }
}

#[test]
fn the_lower_floors_have_no_std() {
    for dir in ["lang/vocab", "lang/syntax", "lang/ir", "runtime/eval"] {
        let head = std::fs::read_to_string(root().join(dir).join("src/lib.rs")).unwrap();
        assert!(head.contains("#![no_std]"), "{dir} needs std");
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with("target") && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_have_one_subject_and_no_loose_ends() {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    assert!(found.len() > 30, "the search found no sources");
    // Assembled here so that this file does not find itself.
    let loose = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 800, "{} has {lines} lines: a second subject hides in it", path.display());
        for word in &loose {
            assert!(!text.contains(word.as_str()), "{} has a {word}", path.display());
        }
    }
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, invariants) = text.split_once("## Invariants").unwrap();
    let mut found = Vec::new();
    sources(&root(), &mut found);
    let code: String = found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let names: Vec<&str> = invariants
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`').map(|(_, name)| name))
        .collect();
    assert!(names.len() > 15, "the table of invariants was not found");
    for name in names {
        assert!(
            code.contains(&format!("#[test]\nfn {name}()"))
                || code.contains(&format!("    #[test]\n    fn {name}()")),
            "{name}"
        );
    }
}
