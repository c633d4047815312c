//! Text to tree: limits first, then the grammar, then recovery if the grammar refuses.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use pest::Parser;

use crate::ast::{File, Span};
use crate::finding::Finding;
use crate::grammar::{Grammar, Rule};
use crate::limits;
use crate::lower::{Lowered, lower};
use crate::message;
use crate::recover::recover;
use crate::token::{Token, TokenKind, span, tokenize};
use crate::tree::{Node, NodeKind, Tree};
use crate::{Parse, bounds};

/// Parses a file. Never fails: what is wrong stands in the findings, in the order of the text.
///
/// Time and memory grow with the size of the source and no faster, whatever it holds; [`limits`] apply.
pub fn parse(source: &str) -> Parse<'_> {
    if source.len() > limits::FILE_BYTES_MAX {
        let message =
            format!("a file has at most {} bytes, this one {}", limits::FILE_BYTES_MAX, source.len());
        let whole = Token { kind: TokenKind::Bad, span: span(0, source.len()) };
        let help = Some("make several policies of it, and `use` one in the other".to_string());
        let finding = Finding { code: "E0001", span: whole.span, message, help, fix: None };
        return unread(source, alloc::vec![whole], alloc::vec![finding]);
    }
    let (tokens, mut findings) = tokenize(source);
    let is_bounded = bounds::check(source, &tokens, &mut findings);
    if !is_bounded {
        return unread(source, tokens, findings);
    }
    if findings.is_empty()
        && let Ok(pairs) = Grammar::parse(Rule::file, source)
    {
        let lowered = lower(source, &tokens, &[], pairs);
        return finish(source, tokens, lowered, Vec::new(), false);
    }
    let recovered = recover(source, &tokens, &mut findings);
    match Grammar::parse(Rule::file, &recovered.text) {
        Ok(pairs) => {
            let lowered = lower(source, &tokens, &recovered.bad, pairs);
            finish(source, tokens, lowered, findings, recovered.is_head_bad)
        }
        Err(error) => {
            if findings.is_empty() {
                let at = match error.location {
                    pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
                };
                let message = "this can't stand here".to_string();
                findings.push(Finding { code: "E0020", span: span(at, at), message, help: None, fix: None });
            }
            unread(source, tokens, findings)
        }
    }
}

fn unread(source: &str, tokens: Vec<Token>, findings: Vec<Finding>) -> Parse<'_> {
    let whole = span(0, source.len());
    let node = |kind| Node { kind, span: whole, parent: 0 };
    let nodes = alloc::vec![node(NodeKind::File), node(NodeKind::Error)];
    let file = File { span: whole, ..File::default() };
    Parse { source, tree: Tree { tokens, nodes }, file, findings: in_order(findings) }
}

fn finish<'t>(
    source: &'t str,
    tokens: Vec<Token>,
    lowered: Lowered<'t>,
    mut findings: Vec<Finding>,
    is_head_bad: bool,
) -> Parse<'t> {
    let Lowered { file, nodes, findings: of_lowering } = lowered;
    findings.extend(of_lowering);
    if file.head.is_none() && !is_head_bad {
        let first = tokens.iter().find(|token| !token.is_trivia());
        findings.push(message::no_head(first.map_or(Span::default(), |token| token.span)));
    }
    Parse { source, tree: Tree { tokens, nodes }, file, findings: in_order(findings) }
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    findings
}
