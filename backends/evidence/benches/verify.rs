//! Appraisal of every sample that an expectation says is verified, from its bytes to its facts, and beside it the bare
//! checks of the same signatures by the same library.
//!
//! `cargo bench -p pkic-evidence --bench verify` prints the ratio of each before divan's table. It is measured in turns, so
//! that both sides have the same machine. Samples of which `links` can't find every signature that the appraisal's own trail
//! tells of are left out, and named.
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

/// Turns that a ratio is the median of.
const TURNS: usize = 101;
struct Sample {
    case: Case,
    evidence: Evidence,
    request: Option<CertificationRequest>,
    links: Vec<Link>,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let verified = cases().into_iter().filter(|case| case.expectation.expect.verdict == "verified");
    verified.filter_map(Sample::of_case).collect()
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

    fn check(&self) -> bool {
        !self.links.is_empty() && self.links.iter().all(|link| black_box(link).is_valid())
    }

    /// The median of each side.
    fn measure(&self) -> (Duration, Duration) {
        let (mut appraisals, mut checks) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            // A copy has none of the readings that the last turn made.
            let evidence = self.evidence.clone();
            let start = Instant::now();
            black_box(self.appraise(&evidence));
            appraisals.push(start.elapsed());
            let start = Instant::now();
            black_box(self.check());
            checks.push(start.elapsed());
        }
        appraisals.sort();
        checks.sort();
        (appraisals[TURNS / 2], checks[TURNS / 2])
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
