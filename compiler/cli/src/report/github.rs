//! Findings as workflow commands: GitHub shows them on the lines of a change.
use super::finding::{Finding, Severity, Sources};
use crate::output::{Page, inert};

/// Adds one command per finding.
///
/// Source: GitHub Actions, workflow commands: `::error file=…,line=…::message`.
pub(crate) fn findings(page: &mut Page, findings: &[Finding], sources: &Sources) {
    for finding in findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "notice",
        };
        let mut properties = format!("title={}", property(&finding.code));
        if let Some(place) = finding.place {
            let (start, end) = sources.range(place);
            properties.push_str(&format!(",file={},line={}", property(sources.name(place.file)), start.line));
            if start.line == end.line {
                properties.push_str(&format!(",col={},endColumn={}", start.column, end.column));
            } else {
                properties.push_str(&format!(",endLine={}", end.line));
            }
        }
        let mut message = finding.message.clone();
        if let Some(help) = &finding.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        page.line(format_args!("::{command} {properties}::{}", data(&message)));
    }
}

fn data(text: &str) -> String {
    inert(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Place;
    use super::*;

    #[test]
    fn a_message_cannot_end_its_command() {
        let mut sources = Sources::default();
        sources.add("a,b:c.pki".to_owned(), "x\ny\n".to_owned());
        let finding = Finding {
            severity: Severity::Warning,
            code: "E0101".to_owned(),
            message: "first\n::error::second 100%".to_owned(),
            place: Some(Place { file: 0, start: 2, end: 3 }),
            label: None,
            help: None,
            related: Vec::new(),
            fix: None,
        };
        let mut page = Page::default();
        findings(&mut page, &[finding], &sources);
        assert_eq!(
            page.into_text(),
            "::warning title=E0101,file=a%2Cb%3Ac.pki,line=2,col=1,endColumn=2::first%0A::error::second 100%25\n"
        );
    }
}
