//! Compilation of estates from 10 to 10,000 profiles.
#![allow(missing_docs)]
use pkic_compiler::{Options, SourceFile, compile};
use std::fmt::Write as _;

fn main() {
    divan::main();
}

/// Profiles by files: no file is larger than its limit.
const PROFILES_A_FILE: usize = 1_000;

/// An estate: a base, an authority, a mandate, and profiles that refine the base, in files of a thousand.
fn estate(profiles: usize) -> Vec<SourceFile> {
    let mut root = String::from("edition 2026 policy estate \"1\"\nuse base \"1\"\n");
    let base = r#"edition 2026 policy base "1"
source rules "Rules" { edition "1" status in-force }
declare tag listed "listed"
mandate hardware "Hardware" cites rules "1" { for listed in profile.tags key.export == never }
adopt hardware
profile root { role root-ca operations [ca-sign] key.storage in [hsm] contents { validity <= 20y basic-constraints.ca critical == true } }
authority ca "CA" { certified-as root trust private state online }
profile tls {
    role tls-server operations [issue, renew] issued-by [ca]
    key.storage in [hsm, tpm, cloud-kms @ observed]
    key.algorithm in [ecdsa-p256, rsa-3072]
    contents { validity <= 90d default 30d san.dns 1..10 key-usage critical == [digital-signature] extended-key-usage == [server-auth] }
}
"#;
    let mut files = vec![SourceFile { name: "base.pki".to_owned(), text: base.to_owned() }];
    for first in (0..profiles).step_by(PROFILES_A_FILE) {
        let mut text = format!("edition 2026 policy estate.part{first} \"1\"\nuse base \"1\"\n");
        for index in first..profiles.min(first + PROFILES_A_FILE) {
            let _ = write!(
                text,
                r#"/// Service {index}.
profile service{index} refines base.tls {{
    tags [listed]
    key.storage in [hsm, tpm.discrete]
    certificate.san.dns under ["s{index}.bank.example"]
    when request.operation == renew {{ key.origin == generated @ attested within 2y }}
    contents {{ validity <= 60d }}
}}
"#
            );
        }
        files.push(SourceFile { name: format!("part{first}.pki"), text });
        let _ = writeln!(root, "use estate.part{first} \"1\"");
    }
    files.insert(0, SourceFile { name: "estate.pki".to_owned(), text: root });
    files
}

#[divan::bench(args = [10, 100, 1_000, 10_000], sample_count = 5)]
fn profiles(bencher: divan::Bencher<'_, '_>, count: usize) {
    bencher.with_inputs(|| estate(count)).bench_refs(|files| {
        let compilation = compile(files, 0, &Options::default());
        assert!(compilation.program.is_some(), "{:?}", compilation.diagnostics.first());
        compilation.stats.profiles
    });
}

/// The parser's part of it.
#[divan::bench(args = [10, 1_000], sample_count = 5)]
fn parse_alone(bencher: divan::Bencher<'_, '_>, count: usize) {
    bencher.with_inputs(|| estate(count)).bench_refs(|files| {
        files.iter().map(|file| pkic_syntax::parse(&file.text).findings.len()).sum::<usize>()
    });
}
