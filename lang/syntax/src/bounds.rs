//! The limits on tokens, lines and nesting, checked before the grammar runs.
//!
//! The grammar goes one level down the stack for each bracket or brace that is open, and nowhere else.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ast::Span;
use crate::finding::Finding;
use crate::limits;
use crate::token::{Token, TokenKind, span};
use crate::words::is_reserved;

/// Reports what is beyond a limit, and says whether the grammar may read the file.
pub(crate) fn check(source: &str, tokens: &[Token], findings: &mut Vec<Finding>) -> bool {
    let before = findings.len();
    if findings.len() >= limits::FINDINGS_MAX {
        let end = findings.last().map_or(Span::default(), |finding| finding.span);
        findings.push(finding(
            "E0009",
            end,
            format!("{} findings are enough; the rest was not read", limits::FINDINGS_MAX),
            "",
        ));
        return false;
    }
    let count = tokens.iter().filter(|token| !token.is_trivia()).count();
    if count > limits::TOKENS_MAX {
        let message = format!("a file has at most {} words and signs, this one {count}", limits::TOKENS_MAX);
        findings.push(finding("E0002", span(0, 0), message, "make several policies of it"));
    }
    findings.extend(long_line(source));
    findings.extend(deep_nesting(source, tokens));
    findings.len() == before
}

fn finding(code: &'static str, span: Span, message: String, help: &str) -> Finding {
    let help = (!help.is_empty()).then(|| help.to_string());
    Finding { code, span, message, help, fix: None }
}

fn long_line(source: &str) -> Option<Finding> {
    let mut start = 0;
    for line in source.split('\n') {
        if line.len() > limits::LINE_BYTES_MAX {
            let message =
                format!("a line has at most {} bytes, this one {}", limits::LINE_BYTES_MAX, line.len());
            return Some(finding(
                "E0008",
                span(start, start),
                message,
                "one item a line; lists may go over several",
            ));
        }
        start += line.len() + 1;
    }
    None
}

fn deep_nesting(source: &str, tokens: &[Token]) -> Option<Finding> {
    let mut open: Vec<&str> = Vec::new();
    let mut bangs = 0;
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.is_trivia()) {
        let text = token.span.text(source);
        bangs = if text == "!" { bangs + 1 } else { 0 };
        match (token.kind, text) {
            (TokenKind::Sign, "(" | "[" | "{") => open.push(text),
            (TokenKind::Sign, ")") => close(&mut open, "("),
            (TokenKind::Sign, "]") => close(&mut open, "["),
            (TokenKind::Sign, "}") => close(&mut open, "{"),
            (TokenKind::Word, _) if begins_decl(source, tokens, index) => open.clear(),
            _ => {}
        }
        if open.len() > limits::NESTING_MAX || bangs > limits::NESTING_MAX {
            let message = format!("`{text}` stands deeper than {} levels", limits::NESTING_MAX);
            return Some(finding(
                "E0003",
                token.span,
                message,
                "name a part of it with `let`, or make several lines of it",
            ));
        }
    }
    None
}

/// Closes the innermost `opening` and all that was left open inside of it. The grammar gives up at such a mismatch, so
/// it is never deeper than this count.
fn close(open: &mut Vec<&str>, opening: &str) {
    if let Some(index) = open.iter().rposition(|sign| *sign == opening) {
        open.truncate(index);
    }
}

/// Whether a declaration surely begins at a token: its keyword in the first column, then a name or string on the line.
///
/// No block, list or condition can go on with that.
pub(crate) fn begins_decl(source: &str, tokens: &[Token], index: usize) -> bool {
    let Some(token) = tokens.get(index) else { return false };
    let is_first_column = match token.span.start.checked_sub(1) {
        Some(before) => source.as_bytes().get(before as usize) == Some(&b'\n'),
        None => true,
    };
    if !is_first_column || !is_decl_keyword(token.span.text(source)) {
        return false;
    }
    let space = tokens
        .get(index + 1)
        .is_some_and(|token| token.kind == TokenKind::Space && !token.span.text(source).contains('\n'));
    let follower = tokens.get(index + 2).map(|token| (token.kind, token.span.text(source)));
    space
        && match follower {
            Some((TokenKind::Str | TokenKind::Bad, _)) => true,
            Some((TokenKind::Word, word)) => !is_reserved(word),
            _ => false,
        }
}

pub(crate) fn is_decl_keyword(word: &str) -> bool {
    matches!(
        word,
        "adopt"
            | "anchors"
            | "authority"
            | "declare"
            | "exception"
            | "let"
            | "mandate"
            | "profile"
            | "signers"
            | "source"
            | "test"
            | "use"
    )
}
