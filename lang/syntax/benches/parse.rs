//! Bytes a second of parsing, over files of 10 to 10,000 profiles: linear if the rate stays.
#![allow(missing_docs)]

use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// Profiles in as few files as the limit on size allows.
fn files(profiles: usize) -> Vec<String> {
    let mut files = Vec::new();
    let mut first = 0;
    while first < profiles {
        let last = profiles.min(first + 2_500);
        let mut text = String::from("edition 2026\npolicy bench.estate \"1.0.0\"\n");
        for n in first..last {
            text.push_str(&format!(
                "\n/// Number {n}.\nprofile p{n} refines std.device {{\n    issued-by [root-{n}]\n    key.storage in [hsm, cloud-kms.dedicated @ observed]\n    \
                 when sovereign in request.tags {{ authority.name == bank-issuing }}\n    contents {{\n        validity <= {}d default 30d\n        \
                 san.dns 1..100 under bank-names\n        key-usage critical == [digital-signature]\n    }}\n}}\n",
                n + 1
            ));
        }
        files.push(text);
        first = last;
    }
    files
}

#[divan::bench(args = [10, 100, 1_000, 10_000])]
fn parse(bencher: divan::Bencher<'_, '_>, profiles: usize) {
    let files = files(profiles);
    let bytes: usize = files.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        for file in &files {
            let parse = pkic_syntax::parse(divan::black_box(file));
            assert!(parse.findings.is_empty());
            divan::black_box(&parse);
        }
    });
}

#[divan::bench(args = [10, 100, 1_000])]
fn parse_with_one_mistake(bencher: divan::Bencher<'_, '_>, profiles: usize) {
    let mut files = files(profiles);
    if let Some(file) = files.first_mut() {
        file.push_str("profile broken { key.storage = hsm }\n");
    }
    let bytes: usize = files.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        for file in &files {
            divan::black_box(pkic_syntax::parse(divan::black_box(file)));
        }
    });
}

#[divan::bench(args = [10, 100, 1_000])]
fn format(bencher: divan::Bencher<'_, '_>, profiles: usize) {
    let files = files(profiles);
    bencher.bench(|| {
        for file in &files {
            divan::black_box(pkic_syntax::format(&pkic_syntax::parse(file))).ok();
        }
    });
}
