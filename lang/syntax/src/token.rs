//! Text to tokens: every byte of the source belongs to exactly one, so the source can be printed from them.
//!
//! The grammar reads text, not these tokens. They carry what it passes over (white space, comments) and
//! what has to be known before and beside it: limits, line starts, doc comments, where a broken item ends.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::ast::Span;
use crate::finding::Finding;
use crate::limits;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Text that is no token; a finding says why.
    Bad,
    /// `// …`, to the end of the line.
    Comment,
    /// `/// …`, to the end of the line.
    Doc,
    /// Begins with a digit: a number, duration, date or OID.
    Number,
    /// A sign, of one or two bytes.
    Sign,
    /// Spaces, tabs and line ends.
    Space,
    /// `"…"`.
    Str,
    /// A name or keyword.
    Word,
}

/// A piece of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

impl Token {
    /// Whether the grammar passes over it.
    pub fn is_trivia(self) -> bool {
        matches!(self.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::Space)
    }
}

/// Signs of two bytes; all others have one.
const LONG_SIGNS: [&str; 7] = ["==", "!=", "<=", ">=", "&&", "||", ".."];

/// Signs of one byte.
const SIGNS: &str = "{}[]().,:@|?=!<>";

/// Splits a source into tokens that tile it, with findings on what is no token.
///
/// The source must not be larger than [`limits::FILE_BYTES_MAX`].
pub(crate) fn tokenize(source: &str) -> (Vec<Token>, Vec<Finding>) {
    let mut scanner = Scanner { source, at: 0, tokens: Vec::new(), findings: Vec::new() };
    while scanner.at < source.len() && scanner.findings.len() < limits::FINDINGS_MAX {
        scanner.next_token();
    }
    scanner.push(TokenKind::Bad, source.len());
    (scanner.tokens, scanner.findings)
}

struct Scanner<'t> {
    source: &'t str,
    at: usize,
    tokens: Vec<Token>,
    findings: Vec<Finding>,
}

impl Scanner<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.source.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        if end > self.at {
            self.tokens.push(Token { kind, span: span(self.at, end) });
            self.at = end;
        }
    }

    fn report(&mut self, code: &'static str, from: usize, to: usize, message: &str, help: Option<&str>) {
        let help = help.map(ToString::to_string);
        self.findings.push(Finding {
            code,
            span: span(from, to),
            message: message.to_string(),
            help,
            fix: None,
        });
    }

    fn next_token(&mut self) {
        match self.byte(self.at) {
            b' ' | b'\t' | b'\n' | b'\r' => {
                let end = self.end_while(self.at, |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
                self.push(TokenKind::Space, end);
            }
            b'/' if self.byte(self.at + 1) == b'/' => self.comment(),
            b'"' => self.string(),
            b'0'..=b'9' => {
                let end = self.number_end();
                self.push(TokenKind::Number, end);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ => self.sign(),
        }
    }

    fn end_while(&self, from: usize, mut belongs: impl FnMut(u8) -> bool) -> usize {
        let bytes = self.source.as_bytes().get(from..).unwrap_or(&[]);
        from + bytes.iter().position(|b| !belongs(*b)).unwrap_or(bytes.len())
    }

    fn comment(&mut self) {
        let mut end = self.end_while(self.at, |b| b != b'\n');
        while end > self.at && self.byte(end - 1) == b'\r' {
            end -= 1;
        }
        let is_doc = self.rest().starts_with("///") && self.byte(self.at + 3) != b'/';
        self.hidden_characters(end);
        self.push(if is_doc { TokenKind::Doc } else { TokenKind::Comment }, end);
    }

    fn string(&mut self) {
        let start = self.at;
        let mut end = start + 1;
        loop {
            end = self.end_while(end, |b| !matches!(b, b'"' | b'\\' | b'\n'));
            match self.byte(end) {
                b'"' => break,
                b'\\' if end + 1 < self.source.len() && self.byte(end + 1) != b'\n' => {
                    if !matches!(self.byte(end + 1), b'"' | b'\\') {
                        let help = Some("only `\\\"` and `\\\\` can be written with a backslash");
                        self.report("E0012", end, end + 1, "a backslash stands for itself nowhere", help);
                    }
                    end += if self.byte(end + 1).is_ascii() { 2 } else { 1 };
                }
                b'\\' => end += 1,
                _ => {
                    let help = Some("close the string with `\"` on the line that opens it");
                    self.report("E0011", start, end, "this string is not closed on its line", help);
                    self.push(TokenKind::Bad, end);
                    return;
                }
            }
        }
        end += 1;
        if end - start > limits::STRING_BYTES_MAX {
            let message =
                format!("a string has at most {} bytes, this one {}", limits::STRING_BYTES_MAX, end - start);
            self.report("E0006", start, end, &message, None);
        }
        self.hidden_characters(end);
        self.push(TokenKind::Str, end);
    }

    /// Reports characters that make a reader see other text than the compiler, up to `end`.
    fn hidden_characters(&mut self, end: usize) {
        let text = self.source.get(self.at..end).unwrap_or("");
        if let Some((offset, c)) = text.char_indices().find(|(_, c)| is_hidden(*c)) {
            let at = self.at + offset;
            let message =
                format!("the hidden character U+{:04X} stands in a string or comment", u32::from(c));
            self.report("E0013", at, at + c.len_utf8(), &message, Some("remove it"));
        }
    }

    /// A word reaches as far as letters, digits, `_` and inner `-` go, whether or not it is a name.
    fn word(&mut self) {
        let end = self.hyphenated_end(self.at);
        if end - self.at > limits::NAME_BYTES_MAX {
            let message =
                format!("a name has at most {} bytes, this one {}", limits::NAME_BYTES_MAX, end - self.at);
            self.report("E0005", self.at, end, &message, None);
        }
        self.push(TokenKind::Word, end);
    }

    fn hyphenated_end(&self, from: usize) -> usize {
        let mut end = self.end_while(from, is_word_byte);
        while self.byte(end) == b'-' && is_word_byte(self.byte(end + 1)) {
            end = self.end_while(end + 1, is_word_byte);
        }
        end
    }

    fn number_end(&self) -> usize {
        let mut end = self.hyphenated_end(self.at);
        while matches!(self.byte(end), b'.' | b':') && self.byte(end + 1).is_ascii_digit() {
            end = self.end_while(end + 1, is_word_byte);
        }
        end
    }

    fn sign(&mut self) {
        if let Some(sign) = LONG_SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
            return self.push(TokenKind::Sign, self.at + sign.len());
        }
        let Some(first) = self.rest().chars().next() else { return };
        if SIGNS.contains(first) {
            return self.push(TokenKind::Sign, self.at + 1);
        }
        let mut end = self.at;
        for c in self.rest().chars() {
            if c.is_ascii()
                && (c == ' '
                    || c == '"'
                    || c == '\n'
                    || c == '\r'
                    || c == '\t'
                    || is_word_byte(c as u8)
                    || SIGNS.contains(c))
            {
                break;
            }
            end += c.len_utf8();
        }
        self.unknown(first, end);
        self.push(TokenKind::Bad, end);
    }

    fn unknown(&mut self, first: char, end: usize) {
        let start = self.at;
        match first {
            '-' => {
                let help = Some("compare two facts: `certificate.not-after <= authority.not-after`");
                self.report("E0209", start, end, "`-` is no operator: the language has no arithmetic", help);
            }
            '+' | '*' | '/' | '%' => {
                let message = format!("`{first}` is no operator: the language has no arithmetic");
                self.report("E0034", start, end, &message, Some("compare two facts, or a fact with a value"));
            }
            '~' | '^' | '&' | '$' => {
                let message = format!("`{first}` is no operator of the language");
                let help = Some(
                    "the relations are ==, !=, <, <=, >, >=, `in` and `under`; conditions join by && and ||",
                );
                self.report("E0034", start, end, &message, help);
            }
            ';' => self.report(
                "E0010",
                start,
                end,
                "`;` separates nothing here",
                Some("leave it out: one item a line"),
            ),
            c if is_hidden(c) => {
                let message = format!("the hidden character U+{:04X} stands between words", u32::from(c));
                self.report("E0013", start, end, &message, Some("remove it"));
            }
            c => {
                let message = format!("the language does not use the character `{c}`");
                self.report(
                    "E0010",
                    start,
                    end,
                    &message,
                    Some("outside of strings and comments only ASCII is used"),
                );
            }
        }
    }
}

fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Control characters, and the ones that change the direction of text. Source: Unicode TR36 and CVE-2021-42574.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

pub(crate) fn span(start: usize, end: usize) -> Span {
    let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: clamp(start), end: clamp(end) }
}
