//! (program, fact table, now) to Decision: three-valued evidence, two-valued decision, deny by default.
//!
//! [`evaluate`] answers for one authority, [`decide`] tries those of the profile in their order, [`evaluate_signer`]
//! judges the key that signs. Nothing here fails, panics, allocates to permit, or knows a clock: the same inputs give
//! the same answer. This crate imports `pkic-vocab` and `pkic-ir` alone. A [`Decision`] is plain data's answer about
//! plain data; what may sign is a `Permit` of `pkic-runtime`. Start with [`decision`].
#![no_std]
extern crate alloc;

mod approvals;
mod ask;
mod compare;
mod condition;
mod contents;
pub mod decision;
mod kinds;
mod logic;
mod lookup;
mod reason;
mod requirement;

pub use ask::Ask;
pub use decision::{Decision, Outcome, Verdict};
pub use logic::Truth;
pub use lookup::Why;
pub use reason::{Found, Id, Reason, Remedy, WayReport};

use decision::Scope;
use lookup::Inputs;
use pkic_ir::{Profile, Program};
use pkic_vocab::{FactTable, Word, Words};

/// Decides what is asked, for the authority that the ask names.
///
/// `now` is in seconds since 1970-01-01T00:00:00Z. A program that was not checked gives a refusal wherever it names
/// what it does not hold.
pub fn evaluate<'a>(program: &'a Program, table: &'a FactTable, ask: &Ask<'a>, now: i64) -> Decision<'a> {
    let mut decision = Decision::without_profile(program);
    answer(&mut decision, table, *ask, now);
    decision
}

/// Puts the answer to an ask in place of the refusal that a decision is at first.
fn answer<'a>(decision: &mut Decision<'a>, table: &'a FactTable, ask: Ask<'a>, now: i64) {
    let program = decision.program;
    if let Some(profile) = profile(program, ask.profile) {
        decision.compute(Inputs { program, profile, table, ask, now }, Scope::Certificate);
    }
}

/// Decides what is asked, for the first authority of the profile that permits it.
///
/// Where none does, the answer is the refusal of the first one. An ask that names an authority gets the answer for it.
/// Facts of the table about an authority are taken to be about each: where authorities differ in them, the caller
/// drafts for each and asks [`evaluate`].
pub fn decide<'a>(program: &'a Program, table: &'a FactTable, ask: &Ask<'a>, now: i64) -> Decision<'a> {
    let authorities = profile(program, ask.profile).map_or(&[][..], |profile| &profile.issued_by);
    let (first, others) = match (ask.authority, authorities.split_first()) {
        (None, Some((first, others))) => (Some(*first), others),
        (authority, _) => (authority, &[][..]),
    };
    let mut decision = Decision::without_profile(program);
    answer(&mut decision, table, Ask { authority: first, ..*ask }, now);
    if !decision.is_permit() {
        let by =
            |authority: &u32| evaluate(program, table, &Ask { authority: Some(*authority), ..*ask }, now);
        if let Some(permit) = others.iter().map(by).find(Decision::is_permit) {
            decision = permit;
        }
    }
    decision
}

/// Judges a signer's key by the profile that its authority is certified as (design D14): the requirements on key,
/// module, platform and evidence, those of mandates included. Grants, contents, approvals and exceptions have no part.
pub fn evaluate_signer<'a>(
    program: &'a Program,
    signer_profile: u32,
    table: &'a FactTable,
    now: i64,
) -> Decision<'a> {
    let operation = Words::Operation.word("ca-sign").or_else(|| Words::Operation.all().next());
    let mut decision = Decision::without_profile(program);
    if let (Some(profile), Some(operation)) = (profile(program, signer_profile), operation) {
        let ask = Ask::new(signer_profile, operation);
        decision.compute(Inputs { program, profile, table, ask, now }, Scope::Signer);
    }
    decision
}

fn profile(program: &Program, index: u32) -> Option<&Profile> {
    program.profiles.get(usize::try_from(index).ok()?)
}

/// The operation of that name.
pub fn operation(name: &str) -> Option<Word> {
    Words::Operation.word(name)
}
