//! The one place that knows the `cel` crate: does a text parse as CEL, within limits?
use cel::IdedExpr;
use cel::parser::PrattParser;

/// Nesting of one expression, the most that the parser of the `cel` crate takes by default.
const NESTING_MAX: u16 = 96;
/// Nodes of one expression: the words of [`super::VISITS_MAX`] conditions at a list of 256 each stay below it.
const NODES_MAX: usize = 1 << 20;
/// Mistakes that are reported before the parser gives up: one is enough to say no.
const MISTAKES_MAX: u32 = 1;

/// Says why `text` is no CEL.
///
/// # Errors
/// The parser's first message, where the text does not parse or is over a limit.
pub(super) fn check(text: &str) -> Result<(), String> {
    read(text).map(|_| ())
}

/// The tree of `text`.
///
/// # Errors
/// As [`check`].
pub(super) fn read(text: &str) -> Result<IdedExpr, String> {
    let parser = PrattParser::new()
        .max_recursion_depth(NESTING_MAX)
        .max_expression_node_count(NODES_MAX)
        .error_recovery_limit(MISTAKES_MAX)
        .error_reporting_limit(MISTAKES_MAX);
    parser.parse(text).map_err(|mistakes| {
        mistakes.errors.first().map_or("no CEL", |mistake| mistake.msg.as_str()).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_is_no_cel_is_told_apart() {
        assert_eq!(check("a.b == 1 && [1].all(m, m in c)"), Ok(()));
        assert!(check("a.b ==").is_err());
        assert!(check("a-b under c").is_err());
        assert!(check(&"(".repeat(200)).is_err());
    }

    #[test]
    fn the_deepest_text_needs_half_a_mebibyte_of_stack() {
        let deepest = |levels: usize| check(&format!("{}a{}", "!(".repeat(levels), ")".repeat(levels)));
        let thread = std::thread::Builder::new().stack_size(512 << 10);
        let results =
            thread.spawn(move || (1..=200).map(deepest).collect::<Vec<_>>()).unwrap().join().unwrap();
        assert!(results.first().is_some_and(Result::is_ok) && results.last().is_some_and(Result::is_err));
    }
}
