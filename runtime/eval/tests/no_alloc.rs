//! A permit takes nothing from the heap.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]
mod estate;
use pkic_eval::{Ask, decide, operation};

#[test]
fn a_permit_with_all_its_reasons_allocates_nothing() {
    let program = estate::program(3);
    let table = estate::table();
    let ask = Ask::new(1, operation("issue").unwrap());
    let mut met = 0;
    let spent = allocation_counter::measure(|| {
        let decision = decide(&program, &table, &ask, estate::NOW);
        met = decision.reasons().filter(|reason| !reason.outcome.is_failure()).count();
        assert!(decision.is_permit());
    });
    assert!(met > 12, "{met} reasons were read");
    assert_eq!(spent.count_total, 0);
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8])));
    assert_eq!(counted.count_total, 1, "the count counts");
}
