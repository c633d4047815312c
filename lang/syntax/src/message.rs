//! What to say about a place where the grammar gave up.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ast::Span;
use crate::finding::{Edit, Finding};
use crate::grammar::Rule;
use crate::place::Place;
use crate::words::{is_kebab, is_reserved};

/// How many alternatives a message names.
const ALTERNATIVES_MAX: usize = 4;

/// Bytes of the user's text that a message shows.
const SHOWN_BYTES_MAX: usize = 40;

/// All that is known about a place where the grammar gave up.
pub(crate) struct Mistake<'m> {
    pub(crate) source: &'m str,
    pub(crate) place: Place,
    /// Whether it is the first token of an item.
    pub(crate) first: bool,
    /// Whether it is the first token of its line.
    pub(crate) begins_line: bool,
    /// The token before it.
    pub(crate) before: Span,
    /// The token itself; empty at the end of the file.
    pub(crate) found: Span,
    /// From `{` to `}`, if the token opens what looks like a set of values.
    pub(crate) braces: Option<Span>,
    /// What the grammar would have taken.
    pub(crate) expected: &'m [Rule],
}

/// The finding on a mistake.
pub(crate) fn explain(mistake: &Mistake<'_>) -> Finding {
    known_mistake(mistake)
        .or_else(|| misplaced_value(mistake))
        .or_else(|| wrong_word(mistake))
        .or_else(|| open_bracket(mistake))
        .unwrap_or_else(|| unexpected(mistake))
}

/// The finding on a block that is still open at `word`.
pub(crate) fn block_not_closed(open: Span, word: &str) -> Finding {
    let before = if word.is_empty() {
        "at the end of the file".to_string()
    } else {
        format!("before {}", shown(word))
    };
    let message = format!("this block is not closed {before}");
    finding("E0021", open, message, Some("close it with `}`".to_string()))
}

/// The finding on a file that begins with something else than its edition, at its first token.
pub(crate) fn no_head(first: Span) -> Finding {
    let help = "`edition 2026`, and on the next line `policy acme.devices \"2026.11.0\"`";
    finding(
        "E0023",
        first,
        "a file begins with its edition and its policy".to_string(),
        Some(help.to_string()),
    )
}

/// The finding on a relation at the end of an item.
pub(crate) fn no_value(at: Span, rel: &str) -> Finding {
    finding("E0020", at, format!("expected a value behind `{rel}`, found the end of the line"), None)
}

fn finding(code: &'static str, span: Span, message: String, help: Option<String>) -> Finding {
    Finding { code, span, message, help, fix: None }
}

/// Mistakes that people bring along from other languages.
fn known_mistake(mistake: &Mistake<'_>) -> Option<Finding> {
    let (found, before) = (mistake.found.text(mistake.source), mistake.before.text(mistake.source));
    let at = mistake.found;
    let takes_value = matches!(
        before,
        "==" | "!="
            | "in"
            | "under"
            | "issued-by"
            | "tags"
            | "operations"
            | "waives"
            | "refuse"
            | "warn"
            | "with"
            | "="
            | "by"
    );
    if let ("{", true, Some(braces)) = (found, takes_value, mistake.braces) {
        let inside = braces.text(mistake.source);
        let values = inside.trim_start_matches('{').trim_end_matches('}').trim();
        let list = format!("[{values}]");
        let message = "braces hold rules; a set of values takes brackets".to_string();
        let fix = Some(Edit { span: braces, text: list.clone() });
        return Some(Finding { fix, ..finding("E0107", braces, message, Some(format!("`{list}`"))) });
    }
    let (code, message, help) = match found {
        "=" => ("E0024", "`=` compares nothing; it gives values in `let` and in tests", "write `==`"),
        "not" => (
            "E0025",
            "`not` is no word of the language",
            "list the good values: `in [...]`; or label a negation: `name: !(...)`",
        ),
        "until" => (
            "E0026",
            "`until` leaves open whether its day is included",
            "`before` excludes its day, `from` includes it",
        ),
        "forbid" => {
            ("E0027", "`forbid` is no word of the language", "a requirement refuses already: `name: !(...)`")
        }
        "&" | "~" | "+" | "*" => {
            ("E0034", "this is no operator of the language", "conditions join by && and ||")
        }
        "?" => (
            "E0034",
            "`?` stands only in `contents`, behind a field",
            "write `when CONDITION { … }` for a choice",
        ),
        _ => return None,
    };
    let fix = (found == "=").then(|| Edit { span: at, text: "==".to_string() });
    Some(Finding { fix, ..finding(code, at, message.to_string(), Some(help.to_string())) })
}

/// A record that is not written as one, and a condition that begins with a value.
fn misplaced_value(mistake: &Mistake<'_>) -> Option<Finding> {
    let (found, before) = (mistake.found.text(mistake.source), mistake.before.text(mistake.source));
    let is_test = mistake.place == Place::Test;
    match (found, before) {
        ("{", "[" | ",") if is_test => {
            let message = "braces hold rules; a record takes parentheses".to_string();
            let help = "`[(id = \"…\", severity = high)]`".to_string();
            return Some(finding("E0107", mistake.found, message, Some(help)));
        }
        ("(", "=") if is_test => {
            let message = "a record is a member of a list".to_string();
            let help = "write the list, too: `[(…)]`".to_string();
            return Some(finding("E0020", mistake.found, message, Some(help)));
        }
        _ => {}
    }
    let holds_items =
        matches!(mistake.place, Place::Exception | Place::Items | Place::Mandate | Place::Profile);
    let takes_condition = mistake.first && holds_items
        || mistake
            .expected
            .iter()
            .any(|rule| *rule == Rule::path_of_fact || words_for(*rule) == Some("a condition"));
    if found.starts_with('"') && takes_condition {
        let message = "a condition has its fact on the left, and its value on the right".to_string();
        let help = format!("`FACT == {found}`; whether a list has it: `LIST.exists(x, x == {found})`");
        return Some(finding("E0020", mistake.found, message, Some(help)));
    }
    None
}

/// A word that is no name, or a name that is taken.
fn wrong_word(mistake: &Mistake<'_>) -> Option<Finding> {
    let found = mistake.found.text(mistake.source);
    let is_word = found.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_word && !is_kebab(found) {
        let kebab = to_kebab(found);
        let message = format!("{} is not written in kebab-case", shown(found));
        let is_name = is_kebab(&kebab);
        let help = is_name.then(|| format!("did you mean `{kebab}`?"));
        let fix = is_name.then_some(Edit { span: mistake.found, text: kebab });
        return Some(Finding { fix, ..finding("E0028", mistake.found, message, help) });
    }
    let takes_only_name =
        mistake.expected.iter().all(|rule| matches!(rule, Rule::name | Rule::path | Rule::path_of_field))
            && !mistake.expected.is_empty();
    if is_reserved(found) && takes_only_name && !mistake.first {
        let message = format!("`{found}` is a word of the language and can't be a name");
        return Some(finding("E0030", mistake.found, message, Some("take another name".to_string())));
    }
    None
}

fn open_bracket(mistake: &Mistake<'_>) -> Option<Finding> {
    let takes = |rule| mistake.expected.contains(&rule);
    let in_list = takes(Rule::rbracket) || takes(Rule::id) || (takes(Rule::list) && takes(Rule::element));
    let found = mistake.found.text(mistake.source);
    if !in_list || !(mistake.begins_line || matches!(found, "}" | "{" | "")) {
        return None;
    }
    let message = format!("a list is not closed before {}", shown_or_end(found));
    Some(finding("E0029", mistake.found, message, Some("close it with `]`".to_string())))
}

fn unexpected(mistake: &Mistake<'_>) -> Finding {
    let found = mistake.found.text(mistake.source);
    if found == "}" && mistake.place == Place::File && mistake.first {
        let help = Some("remove it, or look for the block that was closed too early".to_string());
        return finding("E0022", mistake.found, "this `}` closes nothing".to_string(), help);
    }
    if mistake.first && matches!(found, "!" | "(") {
        let help = Some(format!("give the requirement a label: `name: {found}…`"));
        return finding("E0020", mistake.found, format!("a requirement can't begin with `{found}`"), help);
    }
    let mut words: Vec<&str> = Vec::new();
    if mistake.first {
        words.push(mistake.place.item_words());
    } else {
        // Each of these alone stands for itself, both together for all the kinds of values.
        let takes = |rule| mistake.expected.contains(&rule);
        if takes(Rule::string) && (takes(Rule::list) || takes(Rule::lbracket)) {
            words.push("a value");
        }
        let is_value = !words.is_empty();
        for rule in mistake.expected.iter().filter(|rule| !is_value || !is_kind_of_value(**rule)) {
            match words_for(*rule) {
                Some(word) if !words.contains(&word) => words.push(word),
                _ => {}
            }
        }
        words.truncate(ALTERNATIVES_MAX);
    }
    let message = match joined(&words) {
        Some(expected) => format!("expected {expected}, found {}", shown_or_end(found)),
        None => format!("{} can't stand here", shown_or_end(found)),
    };
    finding("E0020", mistake.found, message, None)
}

fn joined(words: &[&str]) -> Option<String> {
    let (last, others) = words.split_last()?;
    Some(if others.is_empty() { (*last).to_string() } else { format!("{} or {last}", others.join(", ")) })
}

fn shown_or_end(text: &str) -> String {
    if text.is_empty() { "the end of the file".to_string() } else { shown(text) }
}

fn shown(text: &str) -> String {
    let mut end = text.len().min(SHOWN_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() { "…" } else { "" };
    format!("`{}{cut}`", text.get(..end).unwrap_or(""))
}

/// `keyUsage` and `key_usage` as `key-usage`.
fn to_kebab(text: &str) -> String {
    let mut kebab = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        if c == '_' || (c.is_ascii_uppercase() && was_lower) {
            kebab.push('-');
        }
        if c != '_' {
            kebab.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    kebab
}

fn is_kind_of_value(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::any
            | Rule::date
            | Rule::duration
            | Rule::int
            | Rule::lbracket
            | Rule::list
            | Rule::oid
            | Rule::path
            | Rule::reserved_word
            | Rule::string
            | Rule::unknown
    )
}

/// What the language calls the text of a rule; `None` for what a message need not name.
fn words_for(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::name | Rule::word | Rule::kebab => "a name",
        Rule::path | Rule::path_of_fact | Rule::path_of_field => "a path of names",
        Rule::string => "a string in quotes",
        Rule::int => "a number",
        Rule::date => "a date as 2027-03-15",
        Rule::oid => "an object identifier",
        Rule::duration => "a duration as `47d`",
        Rule::list | Rule::id_list | Rule::lbracket => "a list `[…]`",
        Rule::id => "an id",
        Rule::any | Rule::unknown | Rule::reserved_word | Rule::element => "a value",
        Rule::record_field => "`field = value`",
        Rule::lbrace => "`{`",
        Rule::rbrace => "`}`",
        Rule::rbracket => "`]`",
        Rule::lparen => "`(`",
        Rule::rparen => "`)`",
        Rule::comma => "`,`",
        Rule::colon | Rule::label => "`:`",
        Rule::assign => "`=`",
        Rule::rel => "a relation (`==`, `in`, …)",
        Rule::cond
        | Rule::conj
        | Rule::atom
        | Rule::cond_plain
        | Rule::conj_plain
        | Rule::paren
        | Rule::not => "a condition",
        Rule::require => "a requirement",
        Rule::grade => "`@`",
        Rule::cites | Rule::kw_cites => "`cites`",
        Rule::bar | Rule::row_end => "`|`",
        Rule::kw_policy => "`policy`",
        Rule::kw_edition => "`edition`",
        Rule::kw_of => "`of`",
        Rule::kw_for => "`for`",
        Rule::kw_from => "`from`",
        Rule::kw_spki => "`spki`",
        Rule::kw_purpose => "`purpose`",
        Rule::kw_advice => "`advice`",
        Rule::kw_refines => "`refines`",
        Rule::permit | Rule::kw_permit => "`permit`",
        Rule::refuse | Rule::kw_refuse => "`refuse`",
        Rule::warn | Rule::kw_warn => "`warn`",
        Rule::given => "`fact = value`",
        Rule::table_head | Rule::row => "a row",
        Rule::kw_at => "`at`",
        Rule::kw_with => "`with`",
        Rule::kw_expect => "`expect`",
        _ => return None,
    })
}
