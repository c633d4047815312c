//! What a command has to say, and the one place where it is written.
use crate::failure::{Exit, Failure};
use std::fmt::Display;
use std::io::{self, Write};

/// Text under construction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

/// Columns that running text is wrapped at.
const WIDTH: usize = 100;

impl Page {
    /// Adds a line.
    pub(crate) fn line(&mut self, text: impl Display) {
        self.text.push_str(&text.to_string());
        self.text.push('\n');
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Adds text that has its line ends already.
    pub(crate) fn block(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Adds `head` and running text after it, wrapped so that it stays right of `head`.
    pub(crate) fn hanging(&mut self, head: &str, text: &str) {
        let indent = head.chars().count();
        let mut column = indent;
        self.text.push_str(head);
        for (index, word) in text.split_whitespace().enumerate() {
            let width = word.chars().count();
            if index > 0 && column.saturating_add(width).saturating_add(1) > WIDTH {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent));
                column = indent;
            } else if index > 0 {
                self.text.push(' ');
                column = column.saturating_add(1);
            }
            self.text.push_str(word);
            column = column.saturating_add(width);
        }
        self.text.push('\n');
    }

    /// Adds rows of cells, each column as wide as its widest cell.
    pub(crate) fn table(&mut self, indent: &str, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let mut line = indent.to_owned();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width.saturating_sub(cell.chars().count()).saturating_add(2)));
            }
            self.line(line.trim_end());
        }
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// What a command answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) text: String,
    /// How it ended.
    pub(crate) exit: Exit,
}

impl Answer {
    /// An answer with a page of text.
    pub(crate) fn new(page: Page, exit: Exit) -> Answer {
        Answer { text: page.into_text(), exit }
    }

    /// An answer in JSON.
    pub(crate) fn json(value: &impl serde::Serialize, exit: Exit) -> Result<Answer, Failure> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))?;
        text.push('\n');
        Ok(Answer { text, exit })
    }
}

/// What a command ends with.
pub(crate) type Outcome = Result<Answer, Failure>;

/// Writes an outcome and gives the exit code. A reader that went away is no failure.
pub(crate) fn deliver(outcome: Outcome) -> Exit {
    match outcome {
        Ok(answer) => match write_all(io::stdout().lock(), &answer.text) {
            Ok(()) => answer.exit,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => answer.exit,
            Err(_) => Exit::Device,
        },
        Err(failure) => {
            let mut page = Page::default();
            page.block(failure.text());
            page.line(format_args!("error: {}", inert(&failure.to_string())));
            if let Some(help) = failure.help() {
                page.line(format_args!("help: {}", inert(help)));
            }
            // Where standard error cannot be written there is nobody left to tell; the exit code stands.
            let _ = write_all(io::stderr().lock(), &page.into_text());
            failure.exit()
        }
    }
}

fn write_all(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// The text without characters that steer a terminal or turn its reading order: others' text is shown, never obeyed.
///
/// Each such character becomes one of the same length in bytes, so that spans into the text stay right.
pub(crate) fn inert(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{0}'..='\u{1f}' | '\u{7f}' => '?',
            '\u{80}'..='\u{9f}' => '\u{b7}',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                '\u{fffd}'
            }
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_lengths_stay() {
        for text in ["a\u{1b}[31mb", "x\u{9b}y", "\u{202e}abc\u{2066}", "tab\tend\nline", "\r"] {
            let shown = inert(text);
            assert_eq!(shown.len(), text.len(), "{text:?}");
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{shown:?}");
        }
        assert_eq!(inert("plain ünï\n"), "plain ünï\n");
    }

    #[test]
    fn running_text_stays_right_of_its_head() {
        let mut page = Page::default();
        page.hanging("  help: ", &"word ".repeat(40));
        let text = page.into_text();
        assert!(text.lines().count() > 1);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")), "{text}");
    }
}
