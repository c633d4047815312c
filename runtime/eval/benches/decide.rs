//! From a filled table to a decision with all its reasons read, at 1, 100 and 10,000 profiles.
#![allow(clippy::unwrap_used, missing_docs)]
#[path = "by_hand/rules.rs"]
mod by_hand;
#[path = "../tests/estate/mod.rs"]
mod estate;

use by_hand::ByHand;
use core::fmt::{self, Write};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use pkic_eval::{Ask, decide, operation};
use pkic_ir::ProgramIndex;

#[global_allocator]
static COUNTING: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A buffer of fixed size that forgets what does not fit.
struct Fixed {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Fixed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, byte) in self.bytes.iter_mut().skip(self.len).zip(text.bytes()) {
            *place = byte;
        }
        self.len = (self.len + text.len()).min(self.bytes.len());
        Ok(())
    }
}

const PROFILES: [usize; 3] = [1, 100, 10_000];

#[divan::bench(args = PROFILES, sample_size = 64)]
fn name_to_decision_with_reasons(bencher: Bencher<'_, '_>, profiles: usize) {
    let (program, table) = (estate::program(profiles), estate::table());
    let index = ProgramIndex::new(&program);
    let name = format!("profile-{:05}", profiles / 2);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        let profile = index.profile(&program, black_box(&name)).unwrap();
        let ask = Ask::new(profile, operation("issue").unwrap());
        let decision = decide(&program, black_box(&table), &ask, estate::NOW);
        let met = decision.reasons().filter(|reason| !reason.outcome.is_failure()).count();
        black_box((decision.is_permit(), met))
    });
}

/// The same, and of each reason what was needed, what was found with its grade and basis, and the line.
#[divan::bench(args = PROFILES, sample_size = 64)]
fn and_every_reason_read(bencher: Bencher<'_, '_>, profiles: usize) {
    let (program, table) = (estate::program(profiles), estate::table());
    let ask = Ask::new(profiles as u32 / 2, operation("issue").unwrap());
    bencher.bench_local(|| {
        let decision = decide(&program, black_box(&table), &ask, estate::NOW);
        for reason in decision.reasons() {
            let found = reason.found().map(|found| (found.grade, found.basis, found.why));
            black_box((reason.outcome, reason.need(), found, reason.origin()));
        }
        black_box(decision.is_permit())
    });
}

#[divan::bench(args = PROFILES, sample_size = 64)]
fn and_what_was_found_written(bencher: Bencher<'_, '_>, profiles: usize) {
    let (program, table) = (estate::program(profiles), estate::table());
    let ask = Ask::new(profiles as u32 / 2, operation("issue").unwrap());
    bencher.bench_local(|| {
        let decision = decide(&program, black_box(&table), &ask, estate::NOW);
        let mut fixed = Fixed { bytes: [0; 512], len: 0 };
        for reason in decision.reasons() {
            if let Some(found) = reason.found() {
                write!(fixed, "{found} ").unwrap();
            }
        }
        black_box(fixed.len)
    });
}

#[divan::bench(sample_size = 64)]
fn a_refusal_with_ids(bencher: Bencher<'_, '_>) {
    let (program, mut table) = (estate::program(100), estate::table());
    table.forget(estate::path("key.storage")).unwrap();
    let ask = Ask::new(50, operation("issue").unwrap());
    bencher.bench_local(|| black_box(decide(&program, black_box(&table), &ask, estate::NOW).failing()));
}

/// The same rules written by hand in Rust, for one profile, each with what became of it but nothing to explain it.
#[divan::bench(sample_size = 64)]
fn by_hand(bencher: Bencher<'_, '_>) {
    let (table, rules) = (estate::table(), ByHand::new());
    let issue = operation("issue").unwrap();
    assert_eq!(rules.failing(&table, issue, 0, estate::NOW), 0);
    let mut weak = estate::table();
    weak.forget(estate::path("key.origin")).unwrap();
    assert_eq!(rules.failing(&weak, issue, 0, estate::NOW), 1 << 9);
    bencher.bench_local(|| black_box(rules.failing(black_box(&table), black_box(issue), 0, estate::NOW)));
}
