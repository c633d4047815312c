//! Findings about policy texts, in the form that every report format starts from.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The policy does not hold.
    Error,
    /// The policy holds, and its author should look.
    Warning,
    /// For the author to know.
    Advice,
}

impl Severity {
    /// The word for it in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        }
    }
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index into [`Sources`].
    pub(crate) file: usize,
    /// First byte.
    pub(crate) start: usize,
    /// First byte behind it.
    pub(crate) end: usize,
}

/// A second place that a finding speaks of.
#[derive(Debug, Clone)]
pub(crate) struct Related {
    /// Where, unless it is about no text in particular.
    pub(crate) place: Option<Place>,
    /// What is there.
    pub(crate) message: String,
}

/// An edit that mends a finding and changes the meaning of nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Fix {
    /// What is replaced.
    pub(crate) place: Place,
    /// What stands there afterwards.
    pub(crate) text: String,
}

/// Something to say about a policy.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Its code: `E0101`.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
    /// Where, unless it is about no text in particular.
    pub(crate) place: Option<Place>,
    /// What to write under the place.
    pub(crate) label: Option<String>,
    /// How to mend it.
    pub(crate) help: Option<String>,
    /// Other places and remarks.
    pub(crate) related: Vec<Related>,
    /// A safe edit.
    pub(crate) fix: Option<Fix>,
}

/// A position as a person counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
}

/// A text that findings point into.
#[derive(Debug)]
struct SourceText {
    name: String,
    text: String,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

/// The texts that findings point into.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<SourceText>,
}

impl Sources {
    /// Adds a text under the name that reports give it.
    pub(crate) fn add(&mut self, name: String, text: String) {
        let after_breaks =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at.saturating_add(1));
        let lines = std::iter::once(0).chain(after_breaks).collect();
        self.files.push(SourceText { name, text, lines });
    }

    /// The name of a file.
    pub(crate) fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| &source.name)
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| &source.text)
    }

    /// The names of all files, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|source| source.name.as_str())
    }

    /// Where a byte of a file stands.
    pub(crate) fn position(&self, file: usize, offset: usize) -> Position {
        let Some(source) = self.files.get(file) else {
            return Position { line: 1, column: 1 };
        };
        let line = source.lines.partition_point(|start| *start <= offset).max(1);
        let start = source.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = source.text.get(start..offset.min(source.text.len())).unwrap_or("");
        Position { line, column: before.chars().count().saturating_add(1) }
    }

    /// First and last position of a place.
    pub(crate) fn range(&self, place: Place) -> (Position, Position) {
        (self.position(place.file, place.start), self.position(place.file, place.end.max(place.start)))
    }
}

/// How many findings are errors, and how many warnings.
pub(crate) fn count(findings: &[Finding]) -> (usize, usize) {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    (of(Severity::Error), of(Severity::Warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let mut sources = Sources::default();
        sources.add("a.pki".to_owned(), "one\nzwölf x\n".to_owned());
        assert_eq!(sources.position(0, 0), Position { line: 1, column: 1 });
        assert_eq!(sources.position(0, 4), Position { line: 2, column: 1 });
        let x = sources.text(0).find('x').unwrap();
        assert_eq!(sources.position(0, x), Position { line: 2, column: 7 });
        assert_eq!(sources.position(0, 500), Position { line: 3, column: 1 });
    }
}
