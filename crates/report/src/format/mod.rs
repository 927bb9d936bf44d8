//! The rows of a run in other formats: Markdown for a pull request, JSON for programs, `.hgrm` for
//! HdrHistogram's plotters.

mod hgrm;
mod json;
mod markdown;

pub use hgrm::hgrm;
pub use json::results_schema;

use crate::answer::question_and_answer;
use crate::question::Question;
use crate::row::Row;
use crate::table::table;
use crate::text_layout::Style;

/// The format in which rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The tables of [`table()`], then the question and its answer, for a terminal.
    #[default]
    Text,
    /// The same tables, for a pull request, below the answer.
    Markdown,
    /// Every value of every row, for programs, as [`results_schema`] describes.
    Json,
}

impl Format {
    /// Writes the rows in this format. Only text has colours.
    pub fn write(self, rows: &[Row], question: Question<'_>, style: Style) -> String {
        match self {
            Self::Text => {
                let mut text = table(rows, question, style);
                let answer = question_and_answer(rows, question, style);
                if !answer.is_empty() {
                    text.push('\n');
                    text.push_str(&answer);
                }
                text
            }
            Self::Markdown => markdown::markdown(rows, question),
            Self::Json => json::json(rows, question),
        }
    }
}
