//! What pkic can talk about: the fact catalogue, enumerations, units and limits. Nothing else knows them.
//!
//! Start with [`catalogue::CATALOGUE`] (every fact), then [`words`] (every enumeration) and [`table::FactTable`]
//! (the plain data that a decision is computed from). This crate imports nothing, does no I/O, and holds no clock.
//! It deliberately does not say how a fact becomes known: that is `pkic-facts`, the mint.
#![no_std]
extern crate alloc;

pub mod basis;
pub mod catalogue;
pub mod fields;
pub mod hex;
pub mod limits;
pub mod names;
pub mod obligations;
pub mod oids;
pub mod table;
pub mod time;
pub mod types;
pub mod value;
pub mod words;

pub use basis::{BasisSet, Grade, Purpose};
pub use catalogue::{CATALOGUE, FactDef, FactId, Subject};
pub use table::{Fact, FactTable, Path, Slot, Source};
pub use types::Type;
pub use value::Value;
pub use words::{Word, Words};
