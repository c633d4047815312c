//! Text of `.pki` files to a lossless tree, its typed view, and the formatter.
//!
//! Knows words and shapes, never meanings: whether a fact exists or a policy holds is the compiler's business.
//! Imports nothing of pkic.
#![no_std]
extern crate alloc;

pub mod ast;
mod bounds;
pub mod codes;
mod finding;
mod format;
mod grammar;
pub mod limits;
mod lower;
mod message;
mod parse;
mod place;
mod recover;
mod same;
mod token;
mod tree;
mod words;

pub use finding::{Edit, Finding};
pub use format::{format, on_one_line};
pub use parse::parse;
pub use same::ast_eq;
pub use token::{Token, TokenKind};
pub use tree::{Node, NodeKind, Tree};
pub use words::{RESERVED, is_reserved};

/// A parsed file. Parsing never fails: what is wrong stands in the findings.
#[derive(Clone, Debug)]
pub struct Parse<'t> {
    /// The text that was parsed.
    pub source: &'t str,
    /// The lossless tree.
    pub tree: Tree,
    /// The typed view.
    pub file: ast::File<'t>,
    /// What is wrong, in the order of the text; empty for a file that can be formatted.
    pub findings: alloc::vec::Vec<Finding>,
}
