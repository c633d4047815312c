//! Findings for a person at a terminal: source line, label, help, code.
use super::finding::{Finding, Place, Severity, Sources, count};
use crate::output::{Page, inert};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};
use std::fmt;

/// Whether the reader sees colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// A terminal.
    Ansi,
    /// A file, a pipe, or a person who wants none.
    None,
}

/// Adds each finding as a block.
pub(crate) fn findings(page: &mut Page, findings: &[Finding], sources: &Sources, colour: Colour) {
    let styles = match colour {
        Colour::Ansi => ThemeStyles::ansi(),
        Colour::None => ThemeStyles::none(),
    };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    for finding in findings {
        let mut text = String::new();
        if handler.render_report(&mut text, &Shown::of(finding, sources)).is_err() {
            // The handler fails on spans outside the text alone; the sentence is what matters then.
            text = format!("{} {}: {}", finding.severity.name(), finding.code, inert(&finding.message));
        }
        page.block(text.trim_start_matches('\n'));
        page.gap();
    }
}

/// `2 errors, 1 warning in 3 files`.
pub(crate) fn tally(findings: &[Finding], files: usize) -> String {
    let (errors, warnings) = count(findings);
    let found = match (errors, warnings) {
        (0, 0) => "no findings".to_owned(),
        (0, warnings) => number(warnings, "warning"),
        (errors, 0) => number(errors, "error"),
        (errors, warnings) => format!("{}, {}", number(errors, "error"), number(warnings, "warning")),
    };
    format!("{found} in {}", number(files, "file"))
}

/// `1 file`, `2 files`.
pub(crate) fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A finding as miette shows it.
#[derive(Debug)]
struct Shown {
    message: String,
    code: String,
    severity: miette::Severity,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<Named>,
    related: Vec<Shown>,
}

impl Shown {
    fn of(finding: &Finding, sources: &Sources) -> Shown {
        let file = finding.place.map(|place| place.file);
        let mut labels: Vec<LabeledSpan> = finding
            .place
            .map(|place| LabeledSpan::new_primary_with_span(finding.label.as_deref().map(inert), span(place)))
            .into_iter()
            .collect();
        let mut related = Vec::new();
        for other in &finding.related {
            match other.place {
                Some(place) if Some(place.file) == file => {
                    labels.push(LabeledSpan::new_with_span(Some(inert(&other.message)), span(place)));
                }
                place => related.push(Shown::note(&other.message, place, sources)),
            }
        }
        Shown {
            message: inert(&finding.message),
            code: finding.code.clone(),
            severity: match finding.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
                Severity::Advice => miette::Severity::Advice,
            },
            help: finding.help.as_deref().map(inert),
            labels,
            source: file.map(|file| Named::of(sources, file)),
            related,
        }
    }

    fn note(message: &str, place: Option<Place>, sources: &Sources) -> Shown {
        Shown {
            message: inert(message),
            code: String::new(),
            severity: miette::Severity::Advice,
            help: None,
            labels: place
                .map(|place| LabeledSpan::new_primary_with_span(None, span(place)))
                .into_iter()
                .collect(),
            source: place.map(|place| Named::of(sources, place.file)),
            related: Vec::new(),
        }
    }
}

fn span(place: Place) -> SourceSpan {
    (place.start, place.end.saturating_sub(place.start)).into()
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.code.is_empty()).then(|| Box::new(&self.code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|shown| shown as &dyn Diagnostic)))
    }
}

/// A text with its name, without characters that steer a terminal.
#[derive(Debug)]
struct Named {
    name: String,
    text: String,
}

impl Named {
    fn of(sources: &Sources, file: usize) -> Named {
        Named { name: inert(sources.name(file)), text: inert(sources.text(file)) }
    }
}

impl SourceCode for Named {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.as_str().read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}
