//! A loaded policy file: its typed view, and its places by line and column.
use core::ops::Range;
use pkic_ir::Origin;
use pkic_syntax::ast;

/// A policy file that the root uses, or the root itself.
pub(crate) struct Module<'t> {
    /// Index into the files that the caller gave.
    pub(crate) file: usize,
    /// The policy's name.
    pub(crate) name: String,
    /// The policy's version.
    pub(crate) version: String,
    /// Whether it is a lab policy.
    pub(crate) is_lab: bool,
    /// Its text.
    pub(crate) text: &'t str,
    /// Its typed view.
    pub(crate) ast: ast::File<'t>,
    /// Indices of the modules that its `use` declarations bring in.
    pub(crate) uses: Vec<usize>,
    /// Policies that it uses and that were not found.
    pub(crate) missing: Vec<String>,
    /// Where lines begin and which bytes continue a character.
    pub(crate) places: Places,
}

/// Byte offsets of a text, for finding lines and columns in logarithmic time.
pub(crate) struct Places {
    lines: Vec<u32>,
    continuations: Vec<u32>,
}

impl Places {
    /// Reads the text once.
    pub(crate) fn new(text: &str) -> Places {
        let mut lines = vec![0];
        let mut continuations = Vec::new();
        for (offset, byte) in (0u32..).zip(text.bytes()) {
            if byte == b'\n' {
                lines.push(offset.saturating_add(1));
            } else if byte & 0xc0 == 0x80 {
                continuations.push(offset);
            }
        }
        Places { lines, continuations }
    }

    /// Line and column, both from 1; the column counts characters.
    pub(crate) fn line_and_column(&self, offset: u32) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = |at: u32| self.continuations.partition_point(|byte| *byte < at);
        let continuations = before(offset).saturating_sub(before(start));
        let column = (offset.saturating_sub(start) as usize).saturating_sub(continuations);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (small(line), small(column.saturating_add(1)))
    }

    /// The byte at a line and column, the reverse of [`Places::line_and_column`].
    pub(crate) fn offset(&self, text: &str, line: u32, column: u32) -> Option<u32> {
        let start = *self.lines.get((line as usize).checked_sub(1)?)?;
        let rest = text.get(start as usize..)?;
        let (offset, _) = rest.char_indices().nth((column as usize).checked_sub(1)?)?;
        start.checked_add(u32::try_from(offset).ok()?)
    }
}

/// The bytes of a span.
pub(crate) fn range(span: ast::Span) -> Range<u32> {
    span.start..span.end
}

impl Module<'_> {
    /// The text of a span on one line, without comments and whatever its layout, strings as they are.
    pub(crate) fn one_line(&self, span: ast::Span) -> String {
        pkic_syntax::on_one_line(span.text(self.text))
    }

    /// Where a span begins, for the program; `module` is the index of this module.
    pub(crate) fn origin(&self, module: usize, span: ast::Span) -> Origin {
        let (line, column) = self.places.line_and_column(span.start);
        Origin { file: u32::try_from(module).unwrap_or(u32::MAX), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let places = Places::new("ab\nüüx\n");
        assert_eq!(places.line_and_column(0), (1, 1));
        assert_eq!(places.line_and_column(3), (2, 1));
        assert_eq!(places.line_and_column(7), (2, 3));
        assert_eq!(places.line_and_column(99), (3, 91));
    }
}
