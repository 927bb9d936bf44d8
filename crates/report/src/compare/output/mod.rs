//! A comparison as text, Markdown, JSON and CSV.

mod csv;
mod json;
mod markdown;
mod text;
mod words;

use super::comparison::Comparison;
use crate::text_layout::Style;

impl Comparison {
    /// Writes the comparison for a terminal or a plain file. Many differences besides the
    /// measurements are shortened to one line, unless `verbose`.
    pub fn to_text(&self, style: Style, verbose: bool) -> String {
        text::text(self, style, verbose)
    }

    /// Writes the comparison in Markdown, for a pull request.
    pub fn to_markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// Writes the comparison as one JSON object with a `schema_version`, for programs.
    pub fn to_json(&self) -> String {
        json::json(self)
    }

    /// Writes a CSV line for each setting and metric, for spreadsheets. Values are in the units of
    /// `runs.csv`.
    pub fn to_csv(&self) -> String {
        csv::csv(self)
    }
}
