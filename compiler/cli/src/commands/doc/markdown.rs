//! Markdown that shows others' text and never obeys it.
use crate::output::{Page, inert};

/// Text in a cell or paragraph: on one line, with what Markdown or HTML would read as markup made plain.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in inert(text).chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            '|' | '\\' | '*' | '_' | '[' | ']' => shown.extend(['\\', c]),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            _ => shown.push(c),
        }
    }
    let shown = shown.trim();
    // At the head of a paragraph these would make a heading or a list of it.
    if shown.starts_with(['#', '-', '+']) { format!("\\{shown}") } else { shown.to_owned() }
}

/// Text as code. A bar would end a cell even there, so it is written as Markdown tables want it.
pub(super) fn code(text: &str) -> String {
    let text = inert(text).replace(['\n', '\t'], " ").replace('|', "\\|");
    // The fence is longer than any run of backticks in the text.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Codes, separated by commas.
pub(super) fn codes<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

/// Adds a table with a gap behind it; one without rows is left out.
pub(super) fn table(page: &mut Page, head: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    page.line(format_args!("| {} |", head.join(" | ")));
    page.line(format_args!("|{}", "---|".repeat(head.len())));
    for row in rows {
        page.line(format_args!("| {} |", row.join(" | ")));
    }
    page.gap();
}

/// Adds a paragraph, where there is text.
pub(super) fn paragraph(page: &mut Page, text: Option<&str>) {
    for part in text.unwrap_or("").split("\n\n").map(plain).filter(|part| !part.is_empty()) {
        page.line(part);
        page.gap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_others_is_shown() {
        assert_eq!(plain("a|b <i>*x*</i>\nc"), "a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt; c");
        assert_eq!(code("x == \"a`b\""), "`` x == \"a`b\" ``");
        assert_eq!(code("a || b"), "`a \\|\\| b`");
        assert!(!plain("\u{1b}[2J").contains('\u{1b}'));
    }
}
