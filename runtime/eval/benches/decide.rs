//! From a filled table to a decision with all its reasons read, at 1, 100 and 10,000 profiles.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]
#[path = "../tests/estate/mod.rs"]
mod estate;

use core::fmt::{self, Write};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use pkic_eval::{Ask, decide, operation};
use pkic_ir::ProgramIndex;
use pkic_vocab::{FactTable, Grade, Slot, Value};

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

#[divan::bench(args = PROFILES)]
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

#[divan::bench(args = PROFILES)]
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

#[divan::bench]
fn a_refusal_with_ids(bencher: Bencher<'_, '_>) {
    let (program, mut table) = (estate::program(100), estate::table());
    table.forget(estate::path("key.storage")).unwrap();
    let ask = Ask::new(50, operation("issue").unwrap());
    bencher.bench_local(|| black_box(decide(&program, black_box(&table), &ask, estate::NOW).failing()));
}

/// The same rules written by hand in Rust, without reasons.
#[divan::bench]
fn by_hand(bencher: Bencher<'_, '_>) {
    let table = estate::table();
    let names = [
        "key.storage",
        "key.export",
        "key.algorithm",
        "evidence.bound",
        "request.proof-of-possession",
        "module.vendor",
        "evidence.freshness",
        "key.origin",
        "request.tags",
        "certificate.validity",
        "certificate.san.dns",
    ];
    let ids = names.map(|name| estate::path(name).fact);
    let known = |table: &FactTable, at: usize, grade: Grade, is: &dyn Fn(&Value) -> bool| matches!(table.get(ids[at]), Slot::Known(fact) if fact.grade >= grade && is(&fact.value));
    let word =
        |value: &Value, names: &[&str]| matches!(value, Value::Word(word) if names.contains(&word.name()));
    bencher.bench_local(|| {
        let table = black_box(&table);
        let hsm = |value: &Value| matches!(value, Value::Word(word) if word.name().starts_with("hsm."));
        let permit = known(table, 0, Grade::Attested, &|v| hsm(v) || word(v, &["tpm.discrete", "se.token"]))
            && known(table, 1, Grade::Attested, &|v| word(v, &["never"]))
            && known(table, 2, Grade::Claimed, &|v| word(v, &["ecdsa-p256", "rsa-3072"]))
            && known(table, 3, Grade::Attested, &|v| *v == Value::Bool(true))
            && known(table, 4, Grade::Claimed, &|v| *v == Value::Bool(true))
            && known(table, 5, Grade::Attested, &|v| word(v, &["infineon", "nuvoton"]))
            && known(table, 6, Grade::Attested, &|v| word(v, &["nonce", "request-nonce"]))
            && known(table, 7, Grade::Attested, &|v| word(v, &["generated"]))
            && known(table, 8, Grade::Observed, &|v| matches!(v, Value::List(tags) if tags.is_empty()))
            && known(table, 9, Grade::Claimed, &|v| matches!(v, Value::Span(s) if *s <= 100 * 86_400))
            && known(table, 10, Grade::Claimed, &|v| {
                let below = |v: &Value| matches!(v, Value::DnsName(n) if n.ends_with(".bank.example"));
                matches!(v, Value::List(names) if names.iter().all(below))
            });
        black_box(permit)
    });
}
