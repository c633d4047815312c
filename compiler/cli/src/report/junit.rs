//! Test suites as JUnit XML, as Jenkins, GitLab and GitHub read it.
use crate::output::Page;

/// A suite: one policy file.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    /// Its name: the file.
    pub(crate) name: String,
    /// Its cases.
    pub(crate) cases: Vec<Case>,
    /// Figures beside the cases.
    pub(crate) properties: Vec<(String, String)>,
}

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) file: String,
    /// Line, from 1.
    pub(crate) line: usize,
    /// What went wrong: a sentence and its details.
    pub(crate) failure: Option<(String, String)>,
}

/// Adds the suites as one document.
pub(crate) fn document(page: &mut Page, suites: &[Suite]) {
    let cases: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failed: usize = suites.iter().map(failures).sum();
    page.line(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    page.line(format_args!(r#"<testsuites name="pkic" tests="{cases}" failures="{failed}" errors="0">"#));
    for suite in suites {
        page.line(format_args!(
            r#"  <testsuite name="{}" tests="{}" failures="{}" errors="0" skipped="0">"#,
            escape(&suite.name),
            suite.cases.len(),
            failures(suite)
        ));
        if !suite.properties.is_empty() {
            page.line("    <properties>");
            for (name, value) in &suite.properties {
                page.line(format_args!(
                    r#"      <property name="{}" value="{}"/>"#,
                    escape(name),
                    escape(value)
                ));
            }
            page.line("    </properties>");
        }
        suite.cases.iter().for_each(|case| test_case(page, suite, case));
        page.line("  </testsuite>");
    }
    page.line("</testsuites>");
}

fn failures(suite: &Suite) -> usize {
    suite.cases.iter().filter(|case| case.failure.is_some()).count()
}

fn test_case(page: &mut Page, suite: &Suite, case: &Case) {
    let head = format!(
        r#"    <testcase name="{}" classname="{}" file="{}" line="{}""#,
        escape(&case.name),
        escape(&suite.name),
        escape(&case.file),
        case.line
    );
    match &case.failure {
        None => page.line(format_args!("{head}/>")),
        Some((message, details)) => {
            page.line(format_args!("{head}>"));
            page.line(format_args!(
                r#"      <failure message="{}">{}</failure>"#,
                escape(message),
                escape(details)
            ));
            page.line("    </testcase>");
        }
    }
}

/// Text as an attribute value or content: the five special characters as entities, line ends as references (an
/// attribute would lose them), and characters that XML 1.0 has no place for as U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_document() {
        let case = Case {
            name: "a \"quoted\" <name> & 'more'\u{1b}".to_owned(),
            file: "x.pki".to_owned(),
            line: 3,
            failure: Some(("]]> \n".to_owned(), "</failure>".to_owned())),
        };
        let suite = Suite { name: "x.pki".to_owned(), cases: vec![case], properties: Vec::new() };
        let mut page = Page::default();
        document(&mut page, &[suite]);
        let text = page.into_text();
        assert!(text.contains(r#"name="a &quot;quoted&quot; &lt;name&gt; &amp; &apos;more&apos;"#), "{text}");
        assert!(text.contains(r#"<failure message="]]&gt; &#10;">&lt;/failure&gt;</failure>"#), "{text}");
        assert!(text.contains(r#"tests="1" failures="1""#) && !text.contains('\u{1b}'));
    }
}
