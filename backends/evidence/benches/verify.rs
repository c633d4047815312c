//! Appraisal of every sample that an expectation says is verified, from its bytes to its facts, and beside it the bare
//! checks of the same signatures by the same library.
//!
//! `cargo bench -p pkic-evidence --bench verify` prints the ratio of each before divan's table. It is measured in turns, so
//! that both sides have the same machine. A sample of which `links` can't find every signature that the appraisal's own trail
//! tells of is left out, and named: that is nShield's alone, whose warrant and statements have framings of their own, to be
//! read by a second reader of them as long as the first. Words behind `--` choose the samples whose names contain one of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]
mod links;
#[path = "../tests/all/support/mod.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod support;

use divan::{Bencher, black_box};
use links::Link;
use pkic_evidence::{Appraisal, Input, appraise};
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::{Case, cases};

/// Turns that the least is taken of: whatever else the machine does only adds to one.
const TURNS: usize = 301;
struct Sample {
    case: Case,
    evidence: Evidence,
    request: Option<CertificationRequest>,
    links: Vec<Link>,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |case: &Case| wanted.is_empty() || wanted.iter().any(|word| case.name.contains(word));
    let verified = cases().into_iter().filter(|case| case.expectation.expect.verdict == "verified");
    verified.filter(is_wanted).filter_map(Sample::of_case).collect()
});

impl Sample {
    /// A sample of which `links` finds every signature that its appraisal rests on.
    fn of_case(case: Case) -> Option<Sample> {
        let parts: Vec<&[u8]> = case.parts.iter().map(Vec::as_slice).collect();
        let mut sample = Sample {
            evidence: Evidence::new("sample", &parts).unwrap(),
            request: case.request.as_deref().map(|bytes| CertificationRequest::from_bytes(bytes).unwrap()),
            links: Vec::new(),
            case,
        };
        let appraisal = sample.appraise(&sample.evidence);
        assert_eq!(appraisal.verdict.name(), "verified", "{}", sample.case.name);
        let trail = appraisal.facts.provenance().unwrap().trail();
        let format = sample.case.expectation.format.as_str();
        match links::of_trail(format, &sample.case.parts, &sample.case.anchors, trail) {
            Some(links) => sample.links = links,
            None => {
                println!("{}: not every signature is found, left out", sample.case.name);
                return None;
            }
        }
        assert!(sample.check(), "{}: {} links", sample.case.name, sample.links.len());
        Some(sample)
    }

    // Never inlined, nor is `check`: a profiler is told to look at one of them alone.
    #[inline(never)]
    fn appraise(&self, evidence: &Evidence) -> Appraisal {
        appraise(black_box(&Input {
            evidence,
            request: self.request.as_ref(),
            anchors: &self.case.anchors,
            now: self.case.now,
            nonce: self.case.nonce.as_deref(),
            activation: self.case.activation.as_ref(),
        }))
    }

    #[inline(never)]
    fn check(&self) -> bool {
        !self.links.is_empty() && self.links.iter().all(|link| black_box(link).is_valid())
    }

    /// The least of each side.
    fn measure(&self) -> (Duration, Duration) {
        let mut least = (Duration::MAX, Duration::MAX);
        for _ in 0..TURNS {
            // A copy has none of the readings that the last turn made.
            let evidence = self.evidence.clone();
            let start = Instant::now();
            black_box(self.appraise(&evidence));
            least.0 = least.0.min(start.elapsed());
            let start = Instant::now();
            black_box(self.check());
            least.1 = least.1.min(start.elapsed());
        }
        least
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        println!("{:<50} {:>10} {:>10} {:>10} {:>6}", "sample", "signatures", "appraisal", "checks", "ratio");
        for sample in SAMPLES.iter() {
            let (appraisal, checks) = sample.measure();
            println!(
                "{:<50} {:>10} {:>7} us {:>7} us {:>6.2}",
                sample.case.name,
                format!("{}", sample.links.len()),
                appraisal.as_micros(),
                checks.as_micros(),
                appraisal.as_secs_f64() / checks.as_secs_f64(),
            );
        }
    }
    divan::main();
}

fn names() -> impl Iterator<Item = &'static str> {
    SAMPLES.iter().map(|sample| sample.case.name.as_str())
}

fn named(name: &str) -> &'static Sample {
    SAMPLES.iter().find(|sample| sample.case.name == name).unwrap()
}

#[divan::bench(args = names())]
fn appraisal(bencher: Bencher<'_, '_>, name: &str) {
    let sample = named(name);
    bencher.with_inputs(|| sample.evidence.clone()).bench_refs(|evidence| sample.appraise(evidence));
}

#[divan::bench(args = names())]
fn bare_checks(bencher: Bencher<'_, '_>, name: &str) {
    let sample = named(name);
    bencher.bench(|| sample.check());
}
