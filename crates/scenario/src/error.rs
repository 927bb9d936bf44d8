//! The errors of a scenario or of a target: all problems at once, each with its place.

use std::fmt::{self, Write};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Why a scenario, or a target, could not be read.
///
/// The text of the error is complete: it has all places, with the lines that they are in, causes and
/// hints. [`in_colour`](Self::in_colour) is the same text for a terminal.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be read. `cause` is part of the text, and therefore not a `source`.
    #[error("cannot read the {noun} `{}`: {cause}\n  hint: {hint}", file.display())]
    Read {
        /// What kind of file it was to be: `scenario` or `target`.
        noun: &'static str,
        /// The path as it was given.
        file: PathBuf,
        /// The error of the system.
        cause: io::Error,
        /// What to do about it.
        hint: String,
    },
    /// The file was read, but it is not a valid scenario or target.
    #[error(fmt = list)]
    Invalid {
        /// The path, or the name, under which the text was read.
        file: PathBuf,
        /// The text.
        text: String,
        /// At least one, sorted by place.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where the problem is.
    pub place: Place,
    /// What is right and what was found: a fragment without a full stop.
    pub message: String,
    /// What was probably meant, or what the choices are.
    pub hint: Option<String>,
}

/// The place of a problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file.
    File {
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// The bytes of the text that are wrong. Empty if that is no part of the file, but all of
        /// it.
        bytes: (usize, usize),
    },
    /// On the command line: the argument as it was given.
    Argument(String),
}

impl Place {
    /// The place of what is wrong with a file as a whole.
    pub(crate) const WHOLE_FILE: Self = Self::File { line: 1, column: 1, bytes: (0, 0) };

    /// Returns the place of a part of `text`.
    pub(crate) fn in_text(text: &str, bytes: Range<usize>) -> Self {
        let start = text.floor_char_boundary(bytes.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::File {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            bytes: (start, text.floor_char_boundary(bytes.end).max(start)),
        }
    }
}

impl FileError {
    /// Returns the text of the error with colours, as escape sequences.
    pub fn in_colour(&self) -> String {
        match self {
            Self::Read { .. } => self.to_string(),
            Self::Invalid { file, text, problems } => {
                listed(file, text, problems, &Renderer::styled())
            }
        }
    }
}

fn list(file: &Path, text: &str, problems: &[Problem], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&listed(file, text, problems, &Renderer::plain()))
}

fn listed(file: &Path, text: &str, problems: &[Problem], renderer: &Renderer) -> String {
    let problems = problems.iter().map(|Problem { place, message, hint }| {
        let mut lines = match place {
            Place::File { line, column, .. } => {
                format!("{}:{line}:{column}: {message}", file.display())
            }
            Place::Argument(argument) => format!("{argument}: {message}"),
        };
        if let Some(source) = source_line(text, place, renderer) {
            let _ = write!(lines, "\n{source}");
        }
        if let Some(hint) = hint {
            let _ = write!(lines, "\n  hint: {hint}");
        }
        lines
    });
    problems.collect::<Vec<_>>().join("\n")
}

/// Returns the line of a place, with a caret under each of its characters that is wrong. `None` if
/// the place is no part of the text.
fn source_line(text: &str, place: &Place, renderer: &Renderer) -> Option<String> {
    let Place::File { line, bytes: (start, end), .. } = *place else { return None };
    let line_start = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line_text = text[line_start..].lines().next().unwrap_or_default();
    // What is wrong may go on for many lines. Its first one is enough.
    let in_line = |byte: usize| (byte - line_start).min(line_text.len());
    let marked = in_line(start)..in_line(end);
    if *place == Place::WHOLE_FILE {
        return None;
    }
    let snippet = Snippet::source(line_text)
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(marked));
    Some(renderer.render(&[Group::with_level(Level::ERROR).element(snippet)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nµ = 2\n";
        let place = |line, column, bytes| Place::File { line, column, bytes };
        assert_eq!(Place::in_text(text, 0..1), place(1, 1, (0, 1)));
        assert_eq!(Place::in_text(text, 9..10), place(2, 3, (9, 10)));
        let end = text.len();
        assert_eq!(Place::in_text(text, end..end), place(3, 1, (end, end)));
        assert_eq!(Place::in_text(text, 999..1_000), place(3, 1, (end, end)));
    }
}
