//! The lossless tree: tokens that tile the source, and the nodes over them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ast::Span;
use crate::token::Token;

/// The lossless tree of a file.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// All tokens in order; together they are the source, byte for byte.
    pub tokens: Vec<Token>,
    /// The nodes, each before its children. Every node but the first lies inside of its parent.
    pub nodes: Vec<Node>,
}

/// A node of the tree. What it means stands in the typed view; this is its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its text, from its first token to its last.
    pub span: Span,
    /// Index of the node that it lies in; the file is its own.
    pub parent: u32,
}

/// Shapes of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// From `{` to `}`.
    Block,
    /// A declaration.
    Decl,
    /// Text that was given up.
    Error,
    /// The whole file.
    File,
    /// Edition and policy.
    Head,
    /// What stands on a line of its own in a block: an item, setting, field, way, member or line of a test.
    Item,
    /// From `[` to `]`.
    List,
    /// The head or a row of a test table.
    Row,
}

impl Tree {
    /// The source again, from the tokens.
    pub fn print(&self, source: &str) -> String {
        self.tokens.iter().map(|token| token.span.text(source)).collect()
    }

    /// Index of the innermost node that holds the byte at `offset`; the file if none does.
    pub fn node_at(&self, offset: u32) -> usize {
        let holds = |node: &&(usize, &Node)| node.1.span.start <= offset && offset < node.1.span.end;
        let nodes: Vec<(usize, &Node)> = self.nodes.iter().enumerate().collect();
        nodes.iter().rev().find(holds).map_or(0, |(index, _)| *index)
    }
}
