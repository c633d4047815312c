//! Findings for a person at a terminal: source line, label, help, code.
use super::finding::{Finding, Place, Severity, Sources, count};
use crate::output::{Page, inert};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};
use std::collections::BTreeMap;
use std::fmt;

/// Whether the reader sees colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// A terminal.
    Ansi,
    /// A file, a pipe, or a person who wants none.
    None,
}

/// Findings that are shown: nobody reads on, and machines take another format.
const SHOWN_MAX: usize = pkic_syntax::limits::FINDINGS_MAX;
/// Bytes that are marked of a long place, and shown around a place in a long line.
const LABEL_LEN_BYTES_MAX: usize = 4096;

/// Adds each finding as a block, up to a number that a person reads.
pub(crate) fn findings(page: &mut Page, findings: &[Finding], sources: &Sources, colour: Colour) {
    let styles = match colour {
        Colour::Ansi => ThemeStyles::ansi(),
        Colour::None => ThemeStyles::none(),
    };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let shown = || findings.iter().take(SHOWN_MAX);
    let places = shown().flat_map(|finding| {
        let related = finding.related.iter().filter_map(|other| other.place);
        finding.place.into_iter().chain(related)
    });
    let mut texts: Texts = BTreeMap::new();
    for place in places {
        texts.entry(place.file).or_insert_with(|| Named::of(sources, place.file));
    }
    for finding in shown() {
        let mut text = String::new();
        if handler.render_report(&mut text, &Shown::of(finding, &texts)).is_err() {
            // The handler fails on spans outside the text alone; the sentence is what matters then.
            text = format!("{} {}: {}", finding.severity.name(), finding.code, inert(&finding.message));
        }
        page.block(text.trim_start_matches('\n'));
        page.gap();
    }
    if let Some(more) = findings.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        page.line(format_args!("… and {}", number(more, "more finding")));
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
struct Shown<'t> {
    message: String,
    code: String,
    severity: miette::Severity,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<&'t Named>,
    related: Vec<Shown<'t>>,
}

impl<'t> Shown<'t> {
    fn of(finding: &Finding, texts: &'t Texts) -> Shown<'t> {
        let file = finding.place.map(|place| place.file);
        let span = |place: Place| span(place, texts);
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
                place => related.push(Shown::note(&other.message, place, texts)),
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
            source: file.and_then(|file| texts.get(&file)),
            related,
        }
    }

    fn note(message: &str, place: Option<Place>, texts: &'t Texts) -> Shown<'t> {
        Shown {
            message: inert(message),
            code: String::new(),
            severity: miette::Severity::Advice,
            help: None,
            labels: place
                .map(|place| LabeledSpan::new_primary_with_span(None, span(place, texts)))
                .into_iter()
                .collect(),
            source: place.and_then(|place| texts.get(&place.file)),
            related: Vec::new(),
        }
    }
}

/// The place as it is marked: of a long one the beginning.
fn span(place: Place, texts: &Texts) -> SourceSpan {
    let last = place.start.saturating_add(LABEL_LEN_BYTES_MAX);
    let cut = texts.get(&place.file).map_or(last, |named| named.text.floor_char_boundary(last));
    (place.start, place.end.min(cut).saturating_sub(place.start)).into()
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
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
        self.source.map(|source| source as &dyn SourceCode)
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

/// The texts that findings point into, by their number among the sources.
type Texts = BTreeMap<usize, Named>;

/// A text with its name, without characters that steer a terminal.
#[derive(Debug)]
struct Named {
    name: String,
    text: String,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

impl Named {
    fn of(sources: &Sources, file: usize) -> Named {
        let text = inert(sources.text(file));
        let after_breaks = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        let lines = std::iter::once(0).chain(after_breaks).collect();
        Named { name: inert(sources.name(file)), text, lines }
    }

    /// The line, from 0, that a byte stands in, and where that line begins.
    fn line(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        (line, self.lines.get(line).copied().unwrap_or(0))
    }
}

impl SourceCode for Named {
    /// Reads the lines around a span, and no others: miette would walk the text from its beginning for each label.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset().saturating_add(span.len()));
        let first = self.line(start).0.saturating_sub(context_lines_before.saturating_add(1));
        let last = self.line(end).0.saturating_add(context_lines_after).saturating_add(2);
        let low = self.lines.get(first).copied().unwrap_or(0);
        let high = self.lines.get(last).copied().unwrap_or(self.text.len());
        let around = LABEL_LEN_BYTES_MAX.saturating_mul(4);
        if end.saturating_sub(low) > around || high.saturating_sub(start) > around {
            return self.read_part(start, end, context_lines_before > 0);
        }
        let window = self.text.get(low..high).ok_or(MietteError::OutOfBounds)?;
        let inside = (start.saturating_sub(low), span.len()).into();
        let inner = window.read_span(&inside, context_lines_before, context_lines_after)?;
        let shown = (inner.span().offset().saturating_add(low), inner.span().len()).into();
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            shown,
            inner.line().saturating_add(first),
            inner.column(),
            inner.line_count(),
        )))
    }
}

impl Named {
    /// A span in long lines, with a part of what stands around it.
    fn read_part(
        &self,
        start: usize,
        end: usize,
        has_context: bool,
    ) -> Result<Box<dyn SpanContents<'_> + '_>, MietteError> {
        const MARGIN: usize = 40;
        let margin = if has_context { MARGIN } else { 0 };
        let low = self.text.floor_char_boundary(start.saturating_sub(margin));
        let high = self.text.ceil_char_boundary(end.saturating_add(margin));
        let part = self.text.get(low..high).ok_or(MietteError::OutOfBounds)?;
        let (line, begin) = self.line(low);
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.clone(),
            part.as_bytes(),
            (low, part.len()).into(),
            line,
            low.saturating_sub(begin),
            part.matches('\n').count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, places: &[(usize, usize)]) -> String {
        let mut sources = Sources::default();
        sources.add("a.pki".to_owned(), text.to_owned());
        let finding = |(start, end): &(usize, usize)| Finding {
            severity: Severity::Error,
            code: "E0001".to_owned(),
            message: "wrong".to_owned(),
            place: Some(Place { file: 0, start: *start, end: *end }),
            label: Some("here".to_owned()),
            help: None,
            related: Vec::new(),
            fix: None,
        };
        let all: Vec<Finding> = places.iter().map(finding).collect();
        let mut page = Page::default();
        findings(&mut page, &all, &sources, Colour::None);
        page.into_text()
    }

    #[test]
    fn a_line_is_shown_with_its_number_and_its_neighbours() {
        let text: String = (1..=99).map(|line| format!("line{line}\n")).collect();
        let at = text.find("line50").unwrap();
        let page = shown(&text, &[(at.saturating_add(4), at.saturating_add(6))]);
        assert!(page.contains("a.pki:50:5"), "{page}");
        for line in ["49 │ line49", "50 │ line50", "51 │ line51"] {
            assert!(page.contains(line), "{page}");
        }
        assert!(!page.contains("line48") && !page.contains("line52"), "{page}");
        assert!(shown(&text, &[(text.len(), text.len())]).contains("wrong"));
    }

    #[test]
    fn of_long_lines_a_part_is_shown_and_of_many_findings_the_first() {
        let text = format!("é\n{}WRONG{}", "é".repeat(50_000), "é".repeat(50_000));
        let at = text.find("WRONG").unwrap();
        let page = shown(&text, &[(at, at.saturating_add(5)), (at, text.len())]);
        assert!(page.contains("WRONG") && page.contains("a.pki:2:"), "{page}");
        assert!(page.len() < 40_000, "{}", page.len());
        let page = shown(&text, &[(0, 2); SHOWN_MAX + 7]);
        assert_eq!(page.matches("E0001").count(), SHOWN_MAX);
        assert!(page.contains("… and 7 more findings"), "{page}");
        assert!(!shown(&text, &[(0, 2); SHOWN_MAX]).contains("more finding"));
    }
}
