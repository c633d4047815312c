//! Policies in Markdown, with the codes that are expected on their lines.
use pkic_compiler::{Compilation, Options, SourceFile, compile};

/// What stands before a block that does not begin with its own head.
const HEAD: &str = "edition 2026 policy example \"1\"\n";

/// The `pki` blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == "```pki" => open = Some(String::new()),
            None => {}
        }
    }
    blocks
}

/// The files of a block: the root, which gets a head unless it has one, then those behind `// file: NAME`.
pub fn files(block: &str) -> Vec<SourceFile> {
    let mut files = vec![SourceFile { name: "example.pki".to_owned(), text: String::new() }];
    for line in block.lines() {
        if let Some(name) = line.strip_prefix("// file: ") {
            files.push(SourceFile { name: name.to_owned(), text: String::new() });
            continue;
        }
        let file = files.last_mut().unwrap();
        file.text.push_str(line);
        file.text.push('\n');
    }
    if block.starts_with("// file: ") {
        files.remove(0);
    } else if !files[0].text.starts_with("edition") {
        files[0].text.insert_str(0, HEAD);
    }
    files
}

/// Compiles a block.
pub fn compiled(block: &str) -> (Vec<SourceFile>, Compilation) {
    let files = files(block);
    let compilation = compile(&files, 0, &Options::default());
    assert_eq!(
        compilation.program.is_none(),
        compilation.diagnostics.iter().any(|one| one.code.starts_with('E')),
        "a program stands beside an error, or is missing without one:\n{block}"
    );
    (files, compilation)
}

/// Codes with file and line, as found.
pub fn found(files: &[SourceFile], compilation: &Compilation) -> Vec<String> {
    let mut found: Vec<String> = compilation
        .diagnostics
        .iter()
        .map(|one| {
            let file = &files[one.file];
            let line = file.text[..one.span.start as usize].matches('\n').count() + 1;
            format!("{}:{line} {}", file.name, one.code)
        })
        .collect();
    found.sort();
    found
}

/// Codes with file and line, as `// error: CODE …` says.
pub fn expected(files: &[SourceFile]) -> Vec<String> {
    let mut expected = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let Some((_, codes)) = line.split_once("// error: ") else { continue };
            for code in codes.split_whitespace() {
                expected.push(format!("{}:{} {code}", file.name, number + 1));
            }
        }
    }
    expected.sort();
    expected
}
