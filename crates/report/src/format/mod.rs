//! The rows of a run for those who read them elsewhere: Markdown for a pull request, JSON for
//! programs, `.hgrm` for HdrHistogram's plotters.

mod hgrm;
mod json;
mod markdown;

pub use hgrm::hgrm;
pub use json::results_schema;
pub(crate) use json::{json_number, json_value};
pub(crate) use markdown::escaped;

use crate::{Row, Style, table};

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The tables of [`table()`], for a terminal.
    #[default]
    Text,
    /// The same tables, for a pull request.
    Markdown,
    /// Every value of every row, for programs: what [`results_schema`] describes.
    Json,
}

impl Format {
    /// The rows in this format. Only text has colours.
    pub fn write(self, rows: &[Row], style: Style) -> String {
        match self {
            Self::Text => table(rows, style),
            Self::Markdown => markdown::markdown(rows),
            Self::Json => json::json(rows),
        }
    }
}
