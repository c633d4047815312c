//! Recovery: finds every broken item of a file, and makes a text that the grammar accepts.
//!
//! The file is read item by item, each with the grammar rule of its place. A broken item ends at the next line whose
//! first token can begin an item of the open block, or at the brace that closes the block; a declaration keyword in the
//! first column closes all blocks. In the text that comes out a broken item is one placeholder character and
//! spaces, a missing brace a placeholder in white space, and all else stands where it stood, so that spans agree.
//! Nothing is read more often than blocks can be nested.

use alloc::string::String;
use alloc::vec::Vec;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

use crate::ast::Span;
use crate::bounds::{begins_decl, is_decl_keyword};
use crate::finding::Finding;
use crate::grammar::{Grammar, Rule};
use crate::limits;
use crate::message::{self, Mistake};
use crate::place::{Place, decl_head};
use crate::token::{Token, TokenKind, span};

/// The placeholders of the grammar, and a filler that no rule accepts.
const CLOSE_ALL: u8 = 0x01;
const CLOSE_ONE: u8 = 0x02;
const BAD: u8 = 0x04;
const FILLER: u8 = 0x05;

/// How much the grammar is given to read at first; most items are shorter.
const FIRST_WINDOW_BYTES: u32 = 2048;

/// A text that the grammar accepts.
pub(crate) struct Recovered {
    pub(crate) text: String,
    /// What was given up, in order.
    pub(crate) bad: Vec<Span>,
    /// Whether the head was given up, with a finding.
    pub(crate) is_head_bad: bool,
}

/// Finds the broken items and adds a finding on each.
pub(crate) fn recover(source: &str, tokens: &[Token], findings: &mut Vec<Finding>) -> Recovered {
    let text = without_trivia(source, tokens);
    let significant: Vec<usize> =
        (0..tokens.len()).filter(|at| tokens.get(*at).is_some_and(|t| !t.is_trivia())).collect();
    let lexical = findings.iter().map(|finding| finding.span.start).collect();
    let mut recovery = Recovery {
        source,
        tokens,
        significant,
        text: &text,
        at: 0,
        items: 0,
        blocks: Vec::new(),
        lexical,
        findings,
        has_decl_finding: false,
        edits: Vec::new(),
        bad: Vec::new(),
        is_head_bad: false,
    };
    recovery.head();
    recovery.run();
    let Recovery { edits, bad, is_head_bad, .. } = recovery;
    Recovered { text: edited(&text, &edits, &bad), bad, is_head_bad }
}

/// The source with spaces for comments and the filler for what is no token.
fn without_trivia(source: &str, tokens: &[Token]) -> String {
    let mut text = String::with_capacity(source.len());
    for token in tokens {
        let fill = match token.kind {
            TokenKind::Comment | TokenKind::Doc => ' ',
            TokenKind::Bad => FILLER as char,
            _ => {
                text.push_str(token.span.text(source));
                continue;
            }
        };
        text.extend((token.span.start..token.span.end).map(|_| fill));
    }
    text
}

fn edited(text: &str, edits: &[(u32, u8)], bad: &[Span]) -> String {
    let mut bytes = Vec::from(text.as_bytes());
    for span in bad {
        for at in span.start..span.end {
            let fill = if at == span.start { BAD } else { b' ' };
            put(&mut bytes, at, fill);
        }
    }
    for (at, byte) in edits {
        put(&mut bytes, *at, *byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn put(bytes: &mut Vec<u8>, at: u32, byte: u8) {
    match bytes.get_mut(at as usize) {
        Some(slot) => *slot = byte,
        None => bytes.push(byte),
    }
}

struct Block {
    place: Place,
    /// Where its `{` stands, or would stand.
    open: Span,
}

struct Recovery<'t, 'f> {
    source: &'t str,
    tokens: &'t [Token],
    /// Indices of the tokens that the grammar reads.
    significant: Vec<usize>,
    text: &'t str,
    /// The next of them.
    at: usize,
    /// Items that were begun.
    items: usize,
    blocks: Vec<Block>,
    /// Where tokenizing found something; such an item is broken already.
    lexical: Vec<u32>,
    findings: &'f mut Vec<Finding>,
    has_decl_finding: bool,
    edits: Vec<(u32, u8)>,
    bad: Vec<Span>,
    is_head_bad: bool,
}

/// Where the grammar gave up, and what it would have taken.
struct Failure {
    at: usize,
    expected: Vec<Rule>,
}

impl<'t> Recovery<'t, '_> {
    fn span(&self, at: usize) -> Span {
        let end = span(self.source.len(), self.source.len());
        self.significant.get(at).and_then(|index| self.tokens.get(*index)).map_or(end, |token| token.span)
    }

    fn word(&self, at: usize) -> &'t str {
        self.span(at).text(self.source)
    }

    fn is_end(&self, at: usize) -> bool {
        at >= self.significant.len()
    }

    fn begins_line(&self, at: usize) -> bool {
        let start = self.span(at).start;
        let before = at.checked_sub(1).map_or(0, |before| self.span(before).end);
        before == 0 || Span { start: before, end: start }.text(self.source).contains('\n')
    }

    fn begins_decl(&self, at: usize) -> bool {
        self.significant.get(at).is_some_and(|index| begins_decl(self.source, self.tokens, *index))
    }

    /// The first token that ends behind `byte`, at or behind the present one.
    fn token_behind(&self, byte: u32) -> usize {
        let rest = self.significant.get(self.at..).unwrap_or(&[]);
        self.at
            + rest
                .partition_point(|index| self.tokens.get(*index).is_some_and(|token| token.span.end <= byte))
    }

    /// Reads `rule` at the present token; gives the token behind it.
    ///
    /// The engine goes through all that it was given to find the line of an error, so it is given little at first,
    /// and more only if it came to the end.
    fn read(&self, rule: Rule) -> Result<usize, Failure> {
        let start = self.span(self.at).start;
        let mut size = FIRST_WINDOW_BYTES;
        loop {
            let behind = self.token_behind(start.saturating_add(size));
            let is_rest = self.is_end(behind);
            let end = if is_rest { self.text.len() } else { self.span(behind).start as usize };
            let result = self.read_window(rule, start, end);
            let reached = match &result {
                Ok(at) => *at,
                Err(failure) => failure.at,
            };
            if is_rest || reached.saturating_add(1) < behind {
                return result;
            }
            size = size.saturating_mul(8);
        }
    }

    fn read_window(&self, rule: Rule, start: u32, end: usize) -> Result<usize, Failure> {
        let text = self.text.get(start as usize..end).unwrap_or("");
        let offset = |at: usize| start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        match Grammar::parse(rule, text) {
            Ok(pairs) => {
                let end = pairs.into_iter().next_back().map_or(0, |pair| pair.as_span().end());
                Ok(self.token_behind(offset(end)))
            }
            Err(error) => {
                let at = match error.location {
                    InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
                };
                let expected = match error.variant {
                    ErrorVariant::ParsingError { positives, .. } => positives,
                    ErrorVariant::CustomError { .. } => Vec::new(),
                };
                Err(Failure { at: self.token_behind(offset(at)), expected })
            }
        }
    }

    fn place(&self) -> Place {
        self.blocks.last().map_or(Place::File, |block| block.place)
    }

    fn head(&mut self) {
        if self.is_end(0) || is_decl_keyword(self.word(0)) {
            return;
        }
        match self.read(Rule::head) {
            Ok(end) => self.at = end,
            Err(failure) => {
                let end = self.end_of_broken(failure.at);
                if matches!(self.word(0), "lab" | "policy") {
                    self.findings.push(message::no_head(self.span(0)));
                } else {
                    self.report(&failure, end);
                }
                self.edits
                    .extend((self.span(0).start..self.span(end.saturating_sub(1)).end).map(|at| (at, b' ')));
                self.at = end;
                self.is_head_bad = true;
            }
        }
        self.has_decl_finding = false;
    }

    fn run(&mut self) {
        loop {
            let before = self.at;
            if self.findings.len() >= limits::FINDINGS_MAX {
                return self.give_up(limits::FINDINGS_MAX, "findings");
            }
            if self.items >= limits::RECOVERED_ITEMS_MAX {
                return self.give_up(self.items, "items of a file with mistakes");
            }
            if self.is_end(self.at) || (!self.blocks.is_empty() && self.begins_decl(self.at)) {
                self.close_all();
                if self.is_end(self.at) {
                    return;
                }
            } else if !self.blocks.is_empty() && self.word(self.at) == "}" {
                self.blocks.pop();
                self.at += 1;
            } else {
                self.item();
            }
            debug_assert!(
                self.at > before || self.blocks.len() <= limits::NESTING_MAX,
                "recovery stands still"
            );
        }
    }

    fn item(&mut self) {
        self.items += 1;
        let place = self.place();
        if place == Place::File {
            self.has_decl_finding = false;
        }
        let failure = match self.read(place.item_then()) {
            Ok(end) if end > self.at => {
                self.at = end;
                return;
            }
            Ok(_) => Failure { at: self.at, expected: Vec::new() },
            Err(failure) => failure,
        };
        if let Ok(end) = self.read(place.item())
            && end > self.at
            && end == failure.at
            && (self.begins_line(end) || self.is_end(end) || self.word(end) == "}")
        {
            self.at = end;
            return;
        }
        if failure.at == self.at && self.belongs_outside() && self.close_one() {
            return;
        }
        if let Some(end) = self.line_without_value(failure.at) {
            self.has_decl_finding = true;
            self.findings.push(message::no_value(self.span(end - 1), self.word(end - 1)));
            self.give_up_until(end);
        } else if !self.enter(&failure) {
            let end = self.end_of_broken(failure.at);
            self.report(&failure, end);
            self.give_up_until(end);
        }
    }

    /// The token behind a line of the present item that ends in a relation, if the item broke in the next line because
    /// that begins another item.
    fn line_without_value(&self, broke_at: usize) -> Option<usize> {
        let line = (self.at + 1..=broke_at).rev().find(|at| self.begins_line(*at))?;
        let is_relation =
            matches!(self.word(line - 1), "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "under");
        let has_no_lexical = !self
            .lexical
            .iter()
            .any(|start| (self.span(self.at).start..self.span(line).start).contains(start));
        (is_relation
            && has_no_lexical
            && broke_at > line
            && self.place().begins_with(self.word(line))
            && matches!(self.word(broke_at), "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "under" | ":"))
        .then_some(line)
    }

    /// Whether the present word begins an item of a block around this one, and none of this one.
    fn belongs_outside(&self) -> bool {
        let word = self.word(self.at);
        let outer = self.blocks.split_last().map_or(&[][..], |(_, outer)| outer);
        outer.iter().any(|block| block.place.begins_with(word))
            && !self.place().begins_with(word)
            && crate::words::is_reserved(word)
    }

    /// Reads the head of an item with a block, so that only what is broken inside is given up.
    fn enter(&mut self, failure: &Failure) -> bool {
        let head = match self.place() {
            Place::File => decl_head(self.word(self.at)),
            place => place.head(self.word(self.at)),
        };
        let Some((rule, inner)) = head else { return false };
        let Ok(end) = self.read(rule) else { return false };
        if self.word(end) == "{" && self.blocks.len() < limits::NESTING_MAX {
            self.blocks.push(Block { place: inner, open: self.span(end) });
            self.at = end + 1;
            return true;
        }
        if rule == Rule::dated_head {
            let goes_on = matches!(self.word(end), "prefer" | "when" | "one" | "approve" | "oblige");
            if goes_on {
                self.at = end;
            }
            return goes_on;
        }
        let start = self.span(end).start;
        let has_room = self.span(end.saturating_sub(1)).end < start;
        let may_go_on = end == failure.at && self.begins_line(end) && inner.begins_with(self.word(end));
        if !has_room
            || !may_go_on
            || self.begins_decl(end)
            || rule == Rule::way_head
            || rule == Rule::declare_head
        {
            return false;
        }
        self.report(failure, end);
        self.edits.push((start - 1, b'{'));
        self.blocks.push(Block { place: inner, open: self.span(end.saturating_sub(1)) });
        self.at = end;
        true
    }

    /// The token at which an item that broke at `from` ends.
    fn end_of_broken(&self, from: usize) -> usize {
        let place = self.place();
        let mut depth = 0_u32;
        let mut at = self.at;
        while !self.is_end(at) {
            let is_behind = at > self.at && at >= from;
            if at > self.at && self.begins_decl(at) {
                return at;
            }
            match self.word(at) {
                "{" => depth = depth.saturating_add(1),
                "}" if depth == 0 && (place != Place::File || at > self.at) => {
                    return at.max(self.at + usize::from(at == self.at));
                }
                "}" => depth = depth.saturating_sub(1),
                word if is_behind && depth == 0 && self.begins_line(at) && place.begins_with(word) => {
                    return at;
                }
                _ => {}
            }
            at += 1;
        }
        at
    }

    fn give_up_until(&mut self, end: usize) {
        let end = end.max(self.at + 1);
        self.bad.push(self.span(self.at).to(self.span(end - 1)));
        self.at = end;
    }

    fn give_up(&mut self, count: usize, what: &str) {
        let last = self.significant.len();
        if self.at < last {
            let message = alloc::format!("{count} {what} are enough; the rest was not read");
            let rest = self.span(self.at).to(self.span(last - 1));
            self.findings.push(Finding { code: "E0009", span: rest, message, help: None, fix: None });
            self.give_up_until(last);
        }
        self.has_decl_finding = true;
        self.close_all();
    }

    fn close_all(&mut self) {
        let Some(block) = self.blocks.first() else { return };
        let open = block.open;
        if !self.has_decl_finding {
            self.findings.push(message::block_not_closed(open, self.word(self.at)));
        }
        let at = if self.is_end(self.at) { self.text.len() } else { self.span(self.at).start as usize - 1 };
        self.edits.push((u32::try_from(at).unwrap_or(u32::MAX), CLOSE_ALL));
        self.blocks.clear();
        self.has_decl_finding = false;
    }

    /// Closes the innermost block before the present token, if there is white space to do it in.
    fn close_one(&mut self) -> bool {
        let start = self.span(self.at).start;
        let before = self.at.checked_sub(1).map_or(0, |before| self.span(before).end);
        if before >= start || self.blocks.len() < 2 {
            return false;
        }
        if let Some(block) = self.blocks.pop() {
            self.findings.push(message::block_not_closed(block.open, self.word(self.at)));
            self.has_decl_finding = true;
            self.edits.push((start - 1, CLOSE_ONE));
        }
        true
    }

    /// Adds a finding on the item from the present token up to `end`, unless tokenizing found something in it.
    fn report(&mut self, failure: &Failure, end: usize) {
        self.has_decl_finding = true;
        let item = self.span(self.at).to(self.span(end.max(self.at + 1) - 1));
        let reach = Span { end: item.end.max(self.span(failure.at).end), ..item };
        if self.lexical.iter().any(|start| reach.start <= *start && *start < reach.end) {
            return;
        }
        let mistake = Mistake {
            source: self.source,
            place: self.place(),
            first: self.at == failure.at,
            begins_line: self.begins_line(failure.at),
            before: failure.at.checked_sub(1).map_or(Span::default(), |before| self.span(before)),
            found: self.span(failure.at),
            braces: self.braces(failure.at),
            expected: &failure.expected,
        };
        self.findings.push(message::explain(&mistake));
    }

    /// The span from a `{` to its `}`, if only values and commas stand between.
    fn braces(&self, at: usize) -> Option<Span> {
        if self.word(at) != "{" {
            return None;
        }
        let mut end = at + 1;
        while !self.is_end(end) && end < at + 2 * limits::LIST_ELEMENTS_MAX {
            match self.word(end) {
                "}" => return Some(self.span(at).to(self.span(end))),
                "{" | "==" | "(" => return None,
                _ => end += 1,
            }
        }
        None
    }
}
