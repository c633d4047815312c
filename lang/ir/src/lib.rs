//! The compiled policy: data, canonical bytes, digest, checking decoder.
//!
//! [`Program`] is flat: requirements and conditions refer to one another by index, and every index points to an
//! entry that stands before it, so nothing here can loop. Start with [`program`]. This crate imports `pkic-vocab`
//! alone; it deliberately evaluates nothing and knows no source text.
#![no_std]
extern crate alloc;

pub mod expr;
pub mod program;

pub use expr::{Atom, Constant, Expr, ExprId, Guard, Operand, Quantifier, Relation, Test};
pub use program::{
    AnchorDef, AnchorSet, Approval, Authority, Body, Citation, Exception, Field, Group, Mandate, MandateUse,
    Member, Obligation, Origin, Profile, Program, Requirement, RequirementId, SignerSet, Standing, Strength,
    Way,
};
