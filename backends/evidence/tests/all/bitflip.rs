//! Every single-bit flip and truncation of every sample: none yields a value or grade that the original did not.
//!
//! Every byte of every file that an expectation names is flipped; of expectations over the same files, the first that is
//! verified stands for the others. Of files up to [`WHOLE_LEN_BYTES_MAX`] all eight flips of a byte are run, and a truncation
//! at every byte; of longer ones one flip, of another bit from byte to byte, and a truncation at every eighth byte, of those
//! whose signatures are [`SLOW`] to check fewer. With `PKIC_FLIPS=all` all are run of all files, which takes hours.

use crate::support;

use pkic_evidence::{Input, appraise};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Case, cases, graded};

type FactsShown = BTreeMap<String, (String, String)>;

/// How the mutants of one sample ended.
#[derive(Default, Debug, Clone, Copy)]
struct Tally {
    refused: usize,
    fewer: usize,
    same: usize,
}

/// Bytes flipped and cut at a time by one thread.
const CHUNK_LEN_BYTES: usize = 64;

/// Bytes of a file of which all mutants are run.
const WHOLE_LEN_BYTES_MAX: usize = 800;

/// Formats whose signatures take long to check, and of how many bytes of their long files one is changed: two DSA checks of
/// 3072 bits take 50 ms, an HSS check 3 ms, five checks on P-384 as long.
const SLOW: [(&str, usize); 3] = [("nshield-kgc", 101), ("crypto4a-qasm", 7), ("aws-nitro", 5)];

/// Bits of the byte at this place that are flipped, and whether the file is cut there.
fn mutants_at(format: &str, at: usize, len: usize) -> (std::ops::Range<usize>, bool) {
    let stride = SLOW.iter().find(|(slow, _)| *slow == format).map_or(1, |(_, stride)| *stride);
    match is_whole() || len <= WHOLE_LEN_BYTES_MAX {
        true => (0..8, true),
        false if !at.is_multiple_of(stride) => (0..0, false),
        false => (at % 8..at % 8 + 1, at.is_multiple_of(8)),
    }
}

fn is_whole() -> bool {
    std::env::var("PKIC_FLIPS").is_ok_and(|flips| flips == "all")
}

/// A sample that mutants are made of, with what need not be read again for each.
struct Sample {
    case: Case,
    /// The request, where it is a file of its own.
    request: Option<CertificationRequest>,
    files: Vec<Vec<u8>>,
    original: FactsShown,
}

#[test]
fn no_flip_or_truncation_yields_more() {
    let samples = samples();
    let mut chunks = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        for (file, bytes) in sample.files.iter().enumerate() {
            chunks.extend((0..bytes.len()).step_by(CHUNK_LEN_BYTES).map(|start| (index, file, start)));
        }
    }
    let next = AtomicUsize::new(0);
    let tallies = Mutex::new(vec![Tally::default(); samples.len()]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, file, start)) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = mutate(&samples[*index], *file, *start);
                    let total = &mut tallies.lock().unwrap()[*index];
                    total.refused += tally.refused;
                    total.fewer += tally.fewer;
                    total.same += tally.same;
                }
            });
        }
    });
    let mut run = 0;
    for (sample, tally) in samples.iter().zip(tallies.into_inner().unwrap()) {
        let Tally { refused, fewer, same } = tally;
        eprintln!("{}: {refused} refused, {fewer} with fewer facts, {same} with the same", sample.case.name);
        assert!(refused > 0, "{}: no mutant was refused", sample.case.name);
        run += refused + fewer + same;
    }
    let of_file = |format: &str, file: &Vec<u8>| -> usize {
        let at = |at| mutants_at(format, at, file.len());
        (0..file.len()).map(|place| at(place).0.len() + usize::from(at(place).1)).sum()
    };
    let of_sample = |sample: &Sample| -> usize {
        sample.files.iter().map(|file| of_file(&sample.case.expectation.format, file)).sum()
    };
    let expected: usize = samples.iter().map(of_sample).sum();
    eprintln!("{run} mutants run of {} samples", samples.len());
    assert_eq!(run, expected, "every byte of every file");
}

/// Every case, but for those over the files of an earlier one.
fn samples() -> Vec<Sample> {
    let mut all: Vec<Case> = cases().into_iter().map(in_der).collect();
    all.sort_by_key(|case| case.expectation.expect.verdict != "verified");
    let mut samples: Vec<Sample> = Vec::new();
    for case in all {
        let own_request = case.request.iter().filter(|request| !case.parts.contains(request));
        let files: Vec<Vec<u8>> = case.parts.iter().chain(own_request.clone()).cloned().collect();
        if samples.iter().any(|sample| files.iter().all(|file| sample.files.contains(file))) {
            continue;
        }
        let request = own_request.map(|bytes| CertificationRequest::from_bytes(bytes).unwrap()).next();
        let original = case.appraise(&case.parts, case.request.as_deref());
        let original = graded(original.facts.table());
        samples.push(Sample { case, request, files, original });
    }
    samples
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

fn mutate(sample: &Sample, file: usize, start: usize) -> Tally {
    let mut tally = Tally::default();
    let mut mutant = sample.files[file].clone();
    for at in start..mutant.len().min(start + CHUNK_LEN_BYTES) {
        let (bits, is_cut) = mutants_at(&sample.case.expectation.format, at, mutant.len());
        for bit in bits {
            mutant[at] ^= 1 << bit;
            check(sample, file, at, &mutant, &mut tally);
            mutant[at] ^= 1 << bit;
        }
        if is_cut {
            check(sample, file, at, &mutant[..at], &mut tally);
        }
    }
    tally
}

fn check(sample: &Sample, file: usize, at: usize, mutant: &[u8], tally: &mut Tally) {
    let facts = appraise_mutant(sample, file, mutant);
    let gained = facts.iter().find(|(path, fact)| sample.original.get(*path) != Some(*fact));
    let name = &sample.case.name;
    assert!(gained.is_none(), "{name}: a change at byte {at} of file {file} yields {gained:?}");
    match facts.keys().filter(|path| !path.starts_with("request.")).count() {
        0 => tally.refused += 1,
        _ if facts.len() < sample.original.len() => tally.fewer += 1,
        _ => tally.same += 1,
    }
}

/// What is known with this file changed. That possession is not proven is no more than was known before.
fn appraise_mutant(sample: &Sample, file: usize, mutant: &[u8]) -> FactsShown {
    let case = &sample.case;
    let mut parts: Vec<&[u8]> = case.parts.iter().map(Vec::as_slice).collect();
    let is_in_request = parts.get(file).is_some_and(|part| case.request.as_deref() == Some(*part));
    let is_request = is_in_request || file >= parts.len();
    if let Some(part) = parts.get_mut(file) {
        *part = mutant;
    }
    let changed = match is_request.then(|| CertificationRequest::from_bytes(mutant)) {
        // A request that does not read is refused before there is anything to appraise.
        Some(Err(_)) if !is_in_request => return FactsShown::new(),
        Some(changed) => changed.ok(),
        None => None,
    };
    let request = if is_request { changed.as_ref() } else { sample.request.as_ref() };
    let evidence = Evidence::new("sample", &parts).unwrap();
    let appraisal = appraise(&Input {
        evidence: &evidence,
        request,
        anchors: &case.anchors,
        now: case.now,
        nonce: case.nonce.as_deref(),
        activation: case.activation.as_ref(),
    });
    let mut facts = graded(appraisal.facts.table());
    facts.retain(|path, fact| path != "request.proof-of-possession" || fact.1 != "false");
    facts
}
