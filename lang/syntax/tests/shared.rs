//! The policies that the language was designed on parse and keep every byte, where their folder is at hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
#![allow(clippy::print_stdout)]

use std::path::Path;

#[test]
fn shared_policies_parse() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/policies");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no folder of shared policies beside the workspace");
        return;
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let parse = pkic_syntax::parse(&source);
        assert_eq!(parse.findings, [], "{}", path.display());
        assert_eq!(parse.tree.print(&source), source);
        assert!(parse.file.head.is_some() && !parse.file.decls.is_empty(), "{}", path.display());
        let formatted = pkic_syntax::format(&parse).unwrap();
        let again = pkic_syntax::parse(&formatted);
        assert_eq!(again.findings, [], "{formatted}");
        assert!(pkic_syntax::ast_eq(&parse.file, &again.file), "{formatted}");
        assert_eq!(pkic_syntax::format(&again).unwrap(), formatted);
        count += 1;
    }
    assert_eq!(count, 7);
}
