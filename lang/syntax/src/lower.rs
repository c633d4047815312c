//! From the pairs of the grammar to the typed view and the nodes of the tree.
//!
//! The grammar decides shapes; here numbers, dates and digests become values, doc comments find what they
//! document, and spans lose the white space that the grammar leaves behind optional parts.

mod decl;
mod item;
mod test;
mod value;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pest::iterators::{Pair, Pairs};

use crate::ast::{Docs, File, Span};
use crate::finding::Finding;
use crate::grammar::Rule;
use crate::token::{Token, TokenKind, span};
use crate::tree::{Node, NodeKind};

/// What lowering makes of a file.
pub(crate) struct Lowered<'t> {
    pub(crate) file: File<'t>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) findings: Vec<Finding>,
}

/// Lowers the pairs of a whole file. `bad` are the spans that recovery gave up, in order.
pub(crate) fn lower<'t>(
    source: &'t str,
    tokens: &[Token],
    bad: &[Span],
    pairs: Pairs<'_, Rule>,
) -> Lowered<'t> {
    let mut lower = Lower {
        source,
        tokens,
        bad,
        nodes: Vec::new(),
        parent: 0,
        findings: Vec::new(),
        closed: 0,
        significant_end: 0,
        documented: Vec::new(),
    };
    let node = lower.open(NodeKind::File, 0);
    let mut file = File { span: span(0, source.len()), ..File::default() };
    let mut kids = Kids::new(children_of_file(pairs));
    while let Some(pair) = kids.next() {
        match pair.as_rule() {
            Rule::head => file.head = Some(lower.head(pair)),
            Rule::EOI => {}
            _ => file.decls.push(lower.decl(pair)),
        }
    }
    lower.shut(node, file.span);
    lower.report_idle_docs();
    Lowered { file, nodes: lower.nodes, findings: lower.findings }
}

/// The grammar makes one pair of a file.
fn children_of_file(mut pairs: Pairs<'_, Rule>) -> Pairs<'_, Rule> {
    pairs.next().map_or(pairs, Pair::into_inner)
}

/// The children of a pair.
pub(super) struct Kids<'k> {
    pairs: Pairs<'k, Rule>,
}

impl<'k> Kids<'k> {
    fn new(pairs: Pairs<'k, Rule>) -> Self {
        Kids { pairs }
    }

    fn next(&mut self) -> Option<Pair<'k, Rule>> {
        self.pairs.next()
    }

    /// The next child, if it is made by `rule`.
    fn take(&mut self, rule: Rule) -> Option<Pair<'k, Rule>> {
        if self.pairs.peek()?.as_rule() == rule { self.pairs.next() } else { None }
    }

    /// The next child that is made by `rule`; keywords and signs before it are passed over.
    fn seek(&mut self, rule: Rule) -> Option<Pair<'k, Rule>> {
        self.pairs.find(|pair| pair.as_rule() == rule)
    }
}

pub(super) struct Lower<'t, 's> {
    source: &'t str,
    tokens: &'s [Token],
    bad: &'s [Span],
    nodes: Vec<Node>,
    parent: u32,
    findings: Vec<Finding>,
    /// Number of tokens that end at or before the last span that was closed.
    closed: usize,
    /// End of the last of these that is not trivia.
    significant_end: u32,
    /// Start of each doc comment line that found something to document.
    documented: Vec<u32>,
}

impl<'t> Lower<'t, '_> {
    fn text(&self, span: Span) -> &'t str {
        span.text(self.source)
    }

    /// The span of a pair, without white space and comments at its end. Quickest in the order of their ends.
    fn span_of(&mut self, pair: &Pair<'_, Rule>) -> Span {
        let raw = exact(pair);
        if raw.end < self.significant_end {
            self.closed = self.tokens.partition_point(|token| token.span.end <= raw.end);
            let before = self.tokens.get(..self.closed).unwrap_or(&[]);
            self.significant_end =
                before.iter().rev().find(|token| !token.is_trivia()).map_or(0, |token| token.span.end);
        }
        while let Some(token) = self.tokens.get(self.closed) {
            if token.span.end > raw.end {
                break;
            }
            if !token.is_trivia() {
                self.significant_end = token.span.end;
            }
            self.closed += 1;
        }
        let end = if self.significant_end > raw.start { self.significant_end } else { raw.end };
        let bad = self
            .bad
            .partition_point(|span| span.start < raw.end)
            .checked_sub(1)
            .and_then(|at| self.bad.get(at));
        let bad_end = bad.filter(|span| span.start >= raw.start).map_or(0, |span| span.end);
        Span { start: raw.start, end: end.max(bad_end) }
    }

    /// The span of a closing brace; empty behind the last token where recovery closed the block.
    fn brace(&mut self, open: Span, pair: &Pair<'_, Rule>) -> Span {
        let raw = exact(pair);
        if self.text(raw) == "}" {
            return raw;
        }
        let before =
            self.tokens.get(..self.tokens.partition_point(|token| token.span.end <= raw.end)).unwrap_or(&[]);
        let last =
            before.iter().rev().find(|token| !token.is_trivia()).map_or(open.end, |token| token.span.end);
        let bad = self
            .bad
            .partition_point(|span| span.start < raw.end)
            .checked_sub(1)
            .and_then(|at| self.bad.get(at));
        let end = last.max(open.end).max(bad.map_or(0, |span| span.end));
        Span { start: end, end }
    }

    fn open(&mut self, kind: NodeKind, start: u32) -> u32 {
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node { kind, span: Span { start, end: start }, parent: self.parent });
        self.parent = index;
        index
    }

    fn shut(&mut self, index: u32, span: Span) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.span = span;
            self.parent = node.parent;
        }
    }

    fn leaf(&mut self, kind: NodeKind, span: Span) {
        let index = self.open(kind, span.start);
        self.shut(index, span);
    }

    /// The span of a part that recovery gave up, known by where it starts.
    fn bad_span(&mut self, pair: &Pair<'_, Rule>) -> Span {
        let raw = exact(pair);
        let index = self.bad.partition_point(|span| span.start < raw.start);
        let span = self.bad.get(index).copied().unwrap_or(raw);
        self.leaf(NodeKind::Error, span);
        span
    }

    /// The doc comment lines above the token at `start`.
    fn docs(&mut self, start: u32) -> Docs<'t> {
        let index = self.tokens.partition_point(|token| token.span.start < start);
        let mut docs = Docs::default();
        let before = self.tokens.get(..index).unwrap_or(&[]);
        for (at, token) in before.iter().enumerate().rev().take_while(|(_, token)| token.is_trivia()) {
            if token.kind != TokenKind::Doc || !self.begins_line(at) {
                continue;
            }
            let line = self.text(token.span).trim_start_matches("///");
            docs.lines.push(line.strip_prefix(' ').unwrap_or(line).trim_end());
            docs.span = if docs.span == Span::default() { token.span } else { token.span.to(docs.span) };
            self.documented.push(token.span.start);
        }
        docs.lines.reverse();
        docs
    }

    fn begins_line(&self, token_index: usize) -> bool {
        match token_index.checked_sub(1).and_then(|before| self.tokens.get(before)) {
            Some(before) => {
                before.kind == TokenKind::Space && self.text(before.span).contains('\n')
                    || before.span.start == 0
            }
            None => true,
        }
    }

    fn report(&mut self, code: &'static str, span: Span, message: String, help: Option<&str>) {
        self.findings.push(Finding { code, span, message, help: help.map(ToString::to_string), fix: None });
    }

    fn report_idle_docs(&mut self) {
        self.documented.sort_unstable();
        let inside_bad = |at: u32| self.bad.iter().any(|span| span.start <= at && at < span.end);
        let idle: Vec<Span> = (self.tokens.iter())
            .filter(|token| token.kind == TokenKind::Doc)
            .map(|token| token.span)
            .filter(|span| self.documented.binary_search(&span.start).is_err() && !inside_bad(span.start))
            .collect();
        for span in idle.into_iter().take(crate::limits::FINDINGS_MAX) {
            let marker = Span { start: span.start, end: span.start.saturating_add(3) };
            self.findings.push(Finding {
                code: "E0033",
                span,
                message: "this doc comment stands where there is nothing to document".to_string(),
                help: Some("put it above an item, or write `//` for a plain comment".to_string()),
                fix: Some(crate::finding::Edit { span: marker, text: "//".to_string() }),
            });
        }
    }
}

/// The span of a pair as the grammar has it, exact for leaves.
fn exact(pair: &Pair<'_, Rule>) -> Span {
    let raw = pair.as_span();
    span(raw.start(), raw.end())
}
