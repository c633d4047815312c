//! Rows of requirements: the rule, how well it wants to know its facts, when it holds, where it comes from.
use super::markdown::{code, plain};
use crate::commands::mandates::window;
use pkic_compiler::survey::{Clause, Demand, Line, LineKind};
use pkic_ir::Strength;
use pkic_vocab::BasisSet;
use pkic_vocab::time::format_span;

/// Heads of the columns of [`rows`].
pub(super) const COLUMNS: [&str; 6] =
    ["RFC 3647", "requirement", "rule", "known at least", "holds", "clause"];

/// Prefixes of facts, and the section of RFC 3647 that speaks of them; the longest that fits counts.
const SECTIONS: [(&str, &str); 16] = [
    ("authority.", "4.3"),
    ("certificate.", "7.1"),
    ("certificate.not-after", "6.3.2"),
    ("certificate.not-before", "6.3.2"),
    ("certificate.validity", "6.3.2"),
    ("companion.", "4.3"),
    ("evidence.", "6.2"),
    ("key.", "6.2"),
    ("key.algorithm", "6.1"),
    ("key.origin", "6.1"),
    ("module.", "6.2"),
    ("node.", "6.5"),
    ("platform.", "6.5"),
    ("predecessor.", "4.7"),
    ("request.", "4.2"),
    ("witness.", "8"),
];

/// The section of RFC 3647 for a line: that of the first fact in it.
pub(super) fn section(line: &Line) -> &'static str {
    match line.kind {
        LineKind::Approval => return "5.2.2",
        LineKind::Obligation => return "4.3",
        LineKind::OneOf => {
            return line.ways.iter().flat_map(|way| &way.lines).map(section).next().unwrap_or("");
        }
        LineKind::Requirement => {}
    }
    let words = line.text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    words.map(section_of).find(|section| !section.is_empty()).unwrap_or("")
}

fn section_of(path: &str) -> &'static str {
    let fitting = SECTIONS.iter().filter(|(prefix, _)| path.starts_with(prefix));
    fitting.max_by_key(|(prefix, _)| prefix.len()).map_or("", |(_, section)| section)
}

/// The rows of a line: its own, and one for each line of its ways.
pub(super) fn rows(line: &Line, id: &str) -> Vec<Vec<String>> {
    let mut rule = code(&line.text);
    for condition in &line.when {
        rule.push_str(&format!("<br>unless {} is known to be false", code(condition)));
    }
    if let Some(doc) = &line.doc {
        rule.push_str(&format!("<br>{}", plain(doc)));
    }
    let mut rows = vec![vec![
        section(line).to_owned(),
        code(id),
        rule,
        line.demands.iter().map(known).map(|known| plain(&known)).collect::<Vec<_>>().join("<br>"),
        holds(line),
        line.cites.as_ref().map(|cites| plain(&cites.sentence())).unwrap_or_default(),
    ]];
    for way in &line.ways {
        let name = format!("{id}.{}", way.name);
        let mut doc = way.doc.as_deref();
        for inner in &way.lines {
            let mut of_inner = rows_of_way(inner, &name);
            if let (Some(doc), Some(rule)) = (doc.take(), of_inner.first_mut().and_then(|row| row.get_mut(2)))
            {
                rule.push_str(&format!("<br>way: {}", plain(doc)));
            }
            rows.extend(of_inner);
        }
    }
    rows
}

fn rows_of_way(line: &Line, way: &str) -> Vec<Vec<String>> {
    rows(line, &format!("{way}: {}", line.id))
}

/// When a line holds.
pub(super) fn holds(line: &Line) -> String {
    let window = window(line);
    if window.is_empty() { "always".to_owned() } else { window }
}

/// `key.storage @ attested (its floor)`.
pub(crate) fn known(demand: &Demand) -> String {
    let floor = if demand.is_floor { " (its floor)" } else { "" };
    let basis = if BasisSet::ANY.within(demand.basis) {
        String::new()
    } else {
        format!(" by {}", demand.basis.names().collect::<Vec<_>>().join(" or "))
    };
    let age = match demand.within_s {
        Some(age) => format!(", from evidence at most {} old", format_span(age)),
        None => String::new(),
    };
    let def = demand.path.fact.def();
    let path = match &demand.path.name {
        Some(name) => def.path.replace('*', name),
        None => def.path.to_owned(),
    };
    format!("{path} @ {}{floor}{basis}{age}", demand.grade.name())
}

/// What becomes of a request that does not satisfy a line.
pub(crate) const fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Must => "SHALL: not satisfied or not known, it refuses",
        Strength::Should => "SHOULD: not satisfied or not known, it warns",
    }
}

/// The source of a clause in the table of sources.
pub(super) fn source_row(clause: &pkic_compiler::survey::Source) -> Vec<String> {
    vec![
        code(&clause.name),
        plain(&clause.title),
        plain(&clause.edition),
        clause.status.as_deref().map(plain).unwrap_or_default(),
        if clause.unverified { "unverified: clauses not read against the document" } else { "verified" }
            .to_owned(),
    ]
}

/// A named value in the table of values; its name is written as rules of its policy write it.
pub(super) fn value_row(value: &pkic_compiler::survey::NamedValue) -> Vec<String> {
    let name = value.name.rsplit_once('.').map_or(value.name.as_str(), |(_, name)| name);
    vec![code(name), plain(&value.type_name), code(&value.value)]
}

/// The clauses of a line and of everything in its ways.
pub(super) fn clauses(line: &Line) -> impl Iterator<Item = &Clause> {
    line.with_inner().into_iter().filter_map(|line| line.cites.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_go_by_the_longest_prefix() {
        assert_eq!(section_of("certificate.validity"), "6.3.2");
        assert_eq!(section_of("certificate.key-usage"), "7.1");
        assert_eq!(section_of("key.storage"), "6.2");
        assert_eq!(section_of("monkey.storage"), "");
    }
}
