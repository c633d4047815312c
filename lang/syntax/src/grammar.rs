//! The pest grammar and the rules that it makes.

// The derive writes an enumeration with one variant for each rule, named as in the grammar file.
#![allow(missing_docs, unreachable_pub, clippy::panic, clippy::indexing_slicing)]

use pest_derive::Parser;

#[derive(Parser)]
#[grammar = "pki.pest"]
pub(crate) struct Grammar;
