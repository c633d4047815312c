//! Single-bit flips and truncations of every sample: none yields a value or grade that the original did not.
//!
//! With `PKIC_EVERY_FLIP` set, all eight flips and one truncation of every byte are run: minutes. Without it, one flip of
//! every byte, its bit going round, and a truncation at every byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use pkic_facts::request::CertificationRequest;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Case, cases, graded};

type FactsShown = BTreeMap<String, (String, String)>;

/// How the mutants of one file ended.
#[derive(Default, Debug, Clone, Copy)]
struct Tally {
    refused: usize,
    fewer: usize,
    same: usize,
}

/// Bytes flipped and cut at a time by one thread.
const CHUNK_LEN_BYTES: usize = 64;

#[test]
fn no_flip_or_truncation_yields_more() {
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.expectation.expect.verdict == "verified")
        .map(in_der)
        .collect();
    let originals: Vec<FactsShown> = cases
        .iter()
        .map(|case| graded(case.appraise(&case.parts, case.request.as_deref()).facts.table()))
        .collect();
    let mut chunks = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        for (file, bytes) in files(case).iter().enumerate() {
            chunks.extend((0..bytes.len()).step_by(CHUNK_LEN_BYTES).map(|start| (index, file, start)));
        }
    }
    let next = AtomicUsize::new(0);
    let tallies = Mutex::new(vec![Tally::default(); cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((index, file, start)) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = mutate(&cases[*index], *file, *start, &originals[*index]);
                    let total = &mut tallies.lock().unwrap()[*index];
                    total.refused += tally.refused;
                    total.fewer += tally.fewer;
                    total.same += tally.same;
                }
            });
        }
    });
    let mut run = 0;
    for (case, tally) in cases.iter().zip(tallies.into_inner().unwrap()) {
        let Tally { refused, fewer, same } = tally;
        eprintln!("{}: {refused} refused, {fewer} with fewer facts, {same} with the same", case.name);
        assert!(refused > 0, "{}: no mutant was refused", case.name);
        run += refused + fewer + same;
    }
    let bytes: usize = cases.iter().map(|case| files(case).iter().map(Vec::len).sum::<usize>()).sum();
    eprintln!("{run} mutants run");
    let per_byte = if every_flip() { 9 } else { 2 };
    assert_eq!(run, bytes * per_byte, "flips and one truncation for every byte");
}

fn every_flip() -> bool {
    std::env::var_os("PKIC_EVERY_FLIP").is_some()
}

/// Mutants of a PEM file differ in its text alone, so the DER inside is mutated instead.
fn in_der(mut case: Case) -> Case {
    let der = |bytes: Vec<u8>| match single_pem_block(&bytes) {
        Some(der) => der,
        None => bytes,
    };
    case.parts = case.parts.into_iter().map(der).collect();
    case.request = case.request.map(der);
    case
}

fn single_pem_block(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut blocks = x509_parser::pem::Pem::iter_from_buffer(bytes).filter_map(Result::ok);
    match (blocks.next(), blocks.next()) {
        (Some(block), None) => Some(block.contents),
        _ => None,
    }
}

/// The files of a case: its parts, then the request where that is not itself the evidence.
fn files(case: &Case) -> Vec<Vec<u8>> {
    let request = case.request.iter().filter(|request| !case.parts.contains(request));
    case.parts.iter().chain(request).cloned().collect()
}

fn mutate(case: &Case, file: usize, start: usize, original: &FactsShown) -> Tally {
    let mut tally = Tally::default();
    let bytes = &files(case)[file];
    for at in start..bytes.len().min(start + CHUNK_LEN_BYTES) {
        let bits = if every_flip() { 0..8 } else { at % 8..at % 8 + 1 };
        let flips = bits.map(|bit| {
            let mut mutant = bytes.clone();
            mutant[at] ^= 1 << bit;
            mutant
        });
        for mutant in flips.chain([bytes[..at].to_vec()]) {
            let facts = appraise_mutant(case, file, mutant);
            let gained = facts.iter().find(|(path, fact)| original.get(*path) != Some(*fact));
            assert!(
                gained.is_none(),
                "{}: a change at byte {at} of file {file} yields {gained:?}",
                case.name
            );
            let attested = facts.keys().filter(|path| !path.starts_with("request.")).count();
            match attested {
                0 => tally.refused += 1,
                _ if facts.len() < original.len() => tally.fewer += 1,
                _ => tally.same += 1,
            }
        }
    }
    tally
}

fn appraise_mutant(case: &Case, file: usize, mutant: Vec<u8>) -> FactsShown {
    let mut parts = case.parts.clone();
    let mut request = case.request.clone();
    if file < parts.len() {
        if request.as_ref() == Some(&parts[file]) {
            request = Some(mutant.clone());
        }
        parts[file] = mutant;
    } else {
        // A request that does not read is refused before there is anything to appraise.
        if CertificationRequest::from_bytes(&mutant).is_err() {
            return FactsShown::new();
        }
        request = Some(mutant);
    }
    let facts = graded(case.appraise(&parts, request.as_deref()).facts.table());
    let denied = ("request".to_owned(), "false".to_owned());
    facts
        .into_iter()
        .filter(|(path, fact)| !(path == "request.proof-of-possession" && *fact == denied))
        .collect()
}
