//! The compiled policy: data, canonical bytes, digest, checking decoder.
//!
//! [`Program`] is flat: requirements and conditions refer to one another by index, and every index points to an
//! entry that stands before it, so nothing here can loop. Start with [`program`]. This crate imports `pkic-vocab`
//! alone; it deliberately evaluates nothing and knows no source text.
#![no_std]
extern crate alloc;

mod check;
mod codec;
pub mod cost;
mod error;
pub mod expr;
mod index;
pub mod program;
mod shapes;
mod typing;

pub use check::check;
pub use codec::{EDITION, FORMAT_VERSION};
pub use error::DecodeError;
pub use expr::{Atom, Constant, Expr, ExprId, Guard, Operand, Quantifier, Relation, Test};
pub use index::ProgramIndex;
pub use pkic_vocab::limits::EXCEPTIONS_MAX;
pub use program::{
    AnchorDef, AnchorSet, Approval, Authority, Body, Citation, Exception, Field, Group, Mandate, MandateUse,
    Member, Obligation, Origin, Profile, Program, Requirement, RequirementId, SignerSet, Standing, Strength,
    Way,
};
