//! The errors of a scenario or of a target: all problems at once, each with its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a scenario, or a target, could not be read.
///
/// The text of the error is complete: it has all places, causes and hints.
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
    },
    /// On the command line: the argument as it was given.
    Argument(String),
}

impl Place {
    /// Returns the place of the byte at `offset` in `text`.
    pub(crate) fn in_text(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::File {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn list(file: &Path, problems: &[Problem], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, Problem { place, message, hint }) in problems.iter().enumerate() {
        if index > 0 {
            writeln!(f)?;
        }
        match place {
            Place::File { line, column } => {
                write!(f, "{}:{line}:{column}: {message}", file.display())?;
            }
            Place::Argument(argument) => write!(f, "{argument}: {message}")?,
        }
        if let Some(hint) = hint {
            write!(f, "\n  hint: {hint}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nµ = 2\n";
        assert_eq!(Place::in_text(text, 0), Place::File { line: 1, column: 1 });
        assert_eq!(Place::in_text(text, 9), Place::File { line: 2, column: 3 });
        assert_eq!(Place::in_text(text, text.len()), Place::File { line: 3, column: 1 });
        assert_eq!(Place::in_text(text, 999), Place::File { line: 3, column: 1 });
    }
}
