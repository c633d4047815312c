//! The formatter: one layout, no options.
//!
//! Tokens and comments are printed in their order and only the white space between them is chosen, so no formatting can
//! change what a file means. Four spaces for each block, one item a line, at most one blank line. A block that
//! was written on one line stays there if it holds one item (or the settings of a `source`) and its line has at
//! most 100 columns. Longer lines are broken before `&&`, `||` and `cites`, and behind commas. Tables are aligned.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::Parse;
use crate::ast::Span;
use crate::finding::Finding;
use crate::token::{Token, TokenKind, tokenize};
use crate::tree::{Node, NodeKind};

/// Columns of a line.
const COLUMNS_MAX: usize = 100;

/// Spaces of one level.
const INDENT: usize = 4;

/// Formats a file.
///
/// # Errors
///
/// The findings of the parse, if there are any: a file with mistakes is left alone.
pub fn format(parse: &Parse<'_>) -> Result<String, Vec<Finding>> {
    if !parse.findings.is_empty() {
        return Err(parse.findings.clone());
    }
    let mut printer = Printer::new(parse);
    while printer.at < printer.tokens.len() {
        printer.token();
    }
    if !printer.out.is_empty() {
        printer.out.push('\n');
    }
    Ok(printer.out)
}

/// A piece of a file on one line, spaced as [`format`] spaces it and without its comments.
///
/// Layout does not show in it: a piece and the same piece formatted come to the same text.
pub fn on_one_line(text: &str) -> String {
    let (mut tokens, _) = tokenize(text);
    tokens.retain(|token| !token.is_trivia());
    let count = tokens.len();
    Printer::over(text, tokens).flat_text(0, count)
}

struct Printer<'t> {
    source: &'t str,
    /// All tokens but white space.
    tokens: Vec<Token>,
    at: usize,
    /// The first token that is no comment, from where `indent_at` last looked: a run of comments is walked once.
    next_code: usize,
    /// Where lines begin: declarations, items.
    starts: BTreeSet<u32>,
    /// The blocks by where their `{` stands.
    blocks: BTreeMap<u32, Block>,
    /// The rows of tables by where they begin, already laid out.
    rows: BTreeMap<u32, (u32, String)>,
    out: String,
    column: usize,
    depth: usize,
    /// Where the outermost block ends that is printed on one line.
    flat_until: u32,
}

#[derive(Clone, Copy)]
struct Block {
    end: u32,
    may_be_flat: bool,
}

impl<'t> Printer<'t> {
    fn new(parse: &Parse<'t>) -> Self {
        let (source, nodes) = (parse.source, &parse.tree.nodes);
        let tokens: Vec<Token> =
            parse.tree.tokens.iter().filter(|token| token.kind != TokenKind::Space).copied().collect();
        let starts = (nodes.iter())
            .filter(|node| {
                matches!(node.kind, NodeKind::Decl | NodeKind::Head | NodeKind::Item | NodeKind::Row)
            })
            .map(|node| node.span.start)
            .collect();
        let out = String::with_capacity(source.len());
        let mut printer = Printer { starts, out, ..Printer::over(source, tokens) };
        printer.find_blocks(nodes);
        printer.find_rows(nodes);
        printer
    }

    fn over(source: &'t str, tokens: Vec<Token>) -> Self {
        Printer {
            source,
            tokens,
            at: 0,
            next_code: 0,
            starts: BTreeSet::new(),
            blocks: BTreeMap::new(),
            rows: BTreeMap::new(),
            out: String::new(),
            column: 0,
            depth: 0,
            flat_until: 0,
        }
    }

    /// A block may be flat if each block in it may, it holds one item, and it was written on one line.
    fn find_blocks(&mut self, nodes: &[Node]) {
        let mut items = alloc::vec![0_usize; nodes.len()];
        let mut may_be_flat = alloc::vec![true; nodes.len()];
        for (index, node) in nodes.iter().enumerate().rev() {
            let parent = node.parent as usize;
            if matches!(node.kind, NodeKind::Item | NodeKind::Row) {
                let weight = if node.kind == NodeKind::Row { 2 } else { 1 };
                if let Some(count) = items.get_mut(parent) {
                    *count += weight;
                }
            }
            let mut is_flat = may_be_flat.get(index).copied().unwrap_or(false);
            if node.kind == NodeKind::Block {
                let text = node.span.text(self.source);
                let is_source =
                    nodes.get(parent).is_some_and(|decl| decl.span.text(self.source).starts_with("source "));
                let is_short = is_source || items.get(index).is_some_and(|count| *count <= 1);
                is_flat &= is_short && !text.contains('\n');
                self.blocks.insert(node.span.start, Block { end: node.span.end, may_be_flat: is_flat });
            }
            if let Some(of_parent) = may_be_flat.get_mut(parent) {
                *of_parent &= is_flat;
            }
        }
    }

    fn find_rows(&mut self, nodes: &[Node]) {
        let mut tables: BTreeMap<u32, Vec<(Span, Vec<String>)>> = BTreeMap::new();
        for node in nodes.iter().filter(|node| node.kind == NodeKind::Row) {
            tables.entry(node.parent).or_default().push((node.span, self.cells(node.span)));
        }
        for rows in tables.values() {
            let mut widths: Vec<usize> = Vec::new();
            for (index, cell) in rows.iter().flat_map(|(_, cells)| cells.iter().enumerate()) {
                match widths.get_mut(index) {
                    Some(width) => *width = (*width).max(columns(cell)),
                    None => widths.push(columns(cell)),
                }
            }
            for (span, cells) in rows {
                let mut line = String::from("|");
                for (cell, width) in cells.iter().zip(&widths) {
                    line.push(' ');
                    line.push_str(cell);
                    line.extend(core::iter::repeat_n(' ', width.saturating_sub(columns(cell))));
                    line.push_str(" |");
                }
                self.rows.insert(span.start, (span.end, line));
            }
        }
    }

    fn cells(&self, row: Span) -> Vec<String> {
        let first = self.tokens.partition_point(|token| token.span.start < row.start);
        let last = self.tokens.partition_point(|token| token.span.end <= row.end);
        let bars: Vec<usize> = (first..last).filter(|at| self.text(*at) == "|").collect();
        bars.windows(2)
            .map(|pair| match pair {
                [open, close] => self.flat_text(open + 1, *close),
                _ => String::new(),
            })
            .collect()
    }

    fn text(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |token| token.span.text(self.source))
    }

    fn kind(&self, at: usize) -> Option<TokenKind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn span(&self, at: usize) -> Span {
        self.tokens.get(at).map_or(Span::default(), |token| token.span)
    }

    /// Line ends in the source before the token.
    fn line_ends_before(&self, at: usize) -> usize {
        let start = at.checked_sub(1).map_or(0, |before| self.span(before).end);
        let gap = Span { start, end: self.span(at).start };
        gap.text(self.source).bytes().filter(|b| *b == b'\n').count()
    }

    fn is_comment(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(TokenKind::Comment | TokenKind::Doc))
    }

    fn begins_line(&self, at: usize) -> bool {
        (matches!(self.text(at), "lab" | "policy") && self.is_behind_edition(at))
            || self.starts.contains(&self.span(at).start)
    }

    /// Whether the token is the third of the file, behind `edition` and its number.
    fn is_behind_edition(&self, at: usize) -> bool {
        (0..at).filter(|before| !self.is_comment(*before)).take(3).count() == 2
    }

    fn token(&mut self) {
        let at = self.at;
        let is_first = self.out.is_empty();
        let follows_open = at > 0 && self.text(at - 1) == "{" && !self.is_comment(at - 1);
        let is_inside_flat = self.span(at).start < self.flat_until;
        if self.text(at) == "}" && !self.is_comment(at) {
            self.close(at, is_inside_flat, follows_open);
            return;
        }
        let breaks = if self.is_comment(at) {
            self.line_ends_before(at) > 0
        } else {
            (self.begins_line(at) && !is_inside_flat) || (at > 0 && self.is_comment(at - 1))
        };
        if is_first {
        } else if breaks {
            let blank = self.line_ends_before(at) > 1 && !follows_open;
            let indent = self.indent_at(at);
            self.new_line(blank, indent);
        } else if self.wraps_before(at) && !is_inside_flat {
            self.new_line(false, (self.depth + 1) * INDENT);
        } else if self.is_comment(at) || self.spaced(at) {
            self.write(" ");
        }
        self.content(at);
    }

    /// Own lines of a block for items and for comments before an item or brace; one level more inside of an item.
    fn indent_at(&mut self, at: usize) -> usize {
        if self.next_code < at {
            self.next_code = at;
        }
        while self.is_comment(self.next_code) {
            self.next_code += 1;
        }
        let next = self.next_code;
        let is_own = next >= self.tokens.len() || self.begins_line(next) || self.text(next) == "}";
        (self.depth + usize::from(!is_own)) * INDENT
    }

    fn content(&mut self, at: usize) {
        self.at += 1;
        if let Some((end, line)) = self.rows.remove(&self.span(at).start) {
            self.write(&line);
            while self.at < self.tokens.len() && self.span(self.at).end <= end {
                self.at += 1;
            }
            return;
        }
        let text = self.text(at);
        self.write(text.trim_end());
        if text == "{" && !self.is_comment(at) {
            self.open(at);
        }
    }

    fn open(&mut self, at: usize) {
        self.depth += 1;
        let start = self.span(at).start;
        let Some(block) = self.blocks.get(&start).copied() else { return };
        if start < self.flat_until || !block.may_be_flat {
            return;
        }
        let end = self.tokens.partition_point(|token| token.span.end <= block.end);
        let width = columns(&self.flat_text(at, end)).saturating_sub(1);
        if self.column + width <= COLUMNS_MAX {
            self.flat_until = block.end;
        }
    }

    fn close(&mut self, at: usize, is_inside_flat: bool, follows_open: bool) {
        self.depth = self.depth.saturating_sub(1);
        if is_inside_flat {
            if !follows_open {
                self.write(" ");
            }
        } else if !follows_open {
            self.new_line(false, self.depth * INDENT);
        }
        self.content(at);
    }

    fn new_line(&mut self, has_blank: bool, indent: usize) {
        self.out.push('\n');
        if has_blank {
            self.out.push('\n');
        }
        self.out.extend(core::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += columns(text);
    }

    fn may_wrap_before(&self, at: usize) -> bool {
        let text = self.text(at);
        let before = at.checked_sub(1).map_or("", |before| self.text(before));
        let is_anchor_part = match text {
            "purpose" => before.starts_with('"'),
            "formats" => at.checked_sub(2).is_some_and(|index| self.text(index) == "purpose"),
            _ => false,
        };
        is_anchor_part || before == "," || matches!(text, "&&" | "||") || (text == "cites" && before != ".")
    }

    /// Whether what stands up to the next chance does not fit on the line any more.
    fn wraps_before(&self, at: usize) -> bool {
        if !self.may_wrap_before(at) {
            return false;
        }
        let mut end = at + 1;
        while end < self.tokens.len()
            && !self.may_wrap_before(end)
            && !self.begins_line(end)
            && !self.is_comment(end)
            && !matches!(self.text(end), "{" | "}")
        {
            end += 1;
        }
        self.column + 1 + columns(&self.flat_text(at, end)) > COLUMNS_MAX
    }

    fn flat_text(&self, from: usize, to: usize) -> String {
        let mut text = String::new();
        for at in from..to {
            let is_empty_block = self.text(at) == "}" && at > 0 && self.text(at - 1) == "{";
            if at > from && self.spaced(at) && !is_empty_block {
                text.push(' ');
            }
            text.push_str(self.text(at).trim_end());
        }
        text
    }

    /// Whether a space stands before a token, on one line with the token before it.
    fn spaced(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        let before_that = before.checked_sub(1).map_or("", |index| self.text(index));
        match (self.text(before), self.text(at)) {
            ("(" | "[" | "!" | "." | "..", _) | (_, ")" | "]" | "," | "." | "..") => false,
            (_, ":") => before_that == "let",
            (_, "(") => {
                !(self.kind(before) == Some(TokenKind::Word) && matches!(before_that, "." | "oblige"))
            }
            _ => true,
        }
    }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}
