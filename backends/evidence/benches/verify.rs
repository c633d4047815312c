//! Appraisal of every sample that an expectation says is verified, from its bytes to its facts, and beside it the bare
//! checks of the same signatures by the same library.
//!
//! `cargo bench -p pkic-evidence --bench verify` prints the ratio of each before divan's table. It is measured in turns, so
//! that both sides have the same machine. Formats of which `links` can't find every signature are left out.
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
#[path = "../tests/support/mod.rs"]
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
/// Formats whose statement is a certificate: every signature is found.
const OF_CERTIFICATES: [&str; 5] = ["android-key", "yubikey-piv", "yubihsm2", "luna-pkc", "microchip-tng"];

struct Sample {
    case: Case,
    evidence: Evidence,
    request: Option<CertificationRequest>,
    links: Vec<Link>,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let verified = cases().into_iter().filter(|case| case.expectation.expect.verdict == "verified");
    verified.filter(is_complete).map(Sample::of_case).collect()
});

/// Whether `links` finds every signature of a sample. Of other formats the checks alone are not measured.
fn is_complete(case: &Case) -> bool {
    let format = case.expectation.format.as_str();
    OF_CERTIFICATES.contains(&format) || links::of_statement(format, &case.parts).is_some()
}

impl Sample {
    fn of_case(case: Case) -> Sample {
        let format = case.expectation.format.as_str();
        let parts: Vec<&[u8]> = case.parts.iter().map(Vec::as_slice).collect();
        let statement = links::of_statement(format, &case.parts);
        let chain = links::of_certificates(&case.parts, &case.anchors);
        let sample = Sample {
            evidence: Evidence::new("sample", &parts).unwrap(),
            request: case.request.as_deref().map(|bytes| CertificationRequest::from_bytes(bytes).unwrap()),
            links: chain.into_iter().chain(statement).collect(),
            case,
        };
        assert!(sample.check(), "{}: {} links", sample.case.name, sample.links.len());
        assert_eq!(sample.appraise().verdict.name(), "verified", "{}", sample.case.name);
        sample
    }

    fn appraise(&self) -> Appraisal {
        appraise(black_box(&Input {
            evidence: &self.evidence,
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
            let start = Instant::now();
            black_box(self.appraise());
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
    bencher.bench(|| sample.appraise());
}

#[divan::bench(args = names())]
fn bare_checks(bencher: Bencher<'_, '_>, name: &str) {
    let sample = named(name);
    bencher.bench(|| sample.check());
}
