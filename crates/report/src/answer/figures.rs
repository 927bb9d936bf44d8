//! The figures that an answer is about.

use wirebench_scenario::Figure;

use crate::columns::{Better, run_column};
use crate::question::Question;
use crate::table::{TableColumn, TableLine, are_repeated, column_of, rows_of};

/// A figure, and the column of the tables that has it.
#[derive(Clone, Copy)]
pub(super) struct AskedFigure {
    pub(super) figure: Figure,
    pub(super) column: &'static TableColumn,
}

impl AskedFigure {
    /// Returns true if a lower value of the figure is better.
    pub(super) fn is_lower_better(self) -> bool {
        run_column(self.column.column).is_none_or(|column| column.better != Better::Higher)
    }

    /// Returns the word for its best value.
    pub(super) fn best_word(self) -> &'static str {
        if self.is_lower_better() { "lowest" } else { "highest" }
    }

    /// Returns the best of it in words: `lowest p99 of delivery`.
    pub(super) fn best_of(self) -> String {
        let figure = self.figure.in_words();
        format!("{} {}", self.best_word(), figure.strip_prefix("the ").unwrap_or(figure))
    }
}

/// The figures that answer the question and were measured, at least one.
pub(super) struct Figures(Vec<AskedFigure>);

impl Figures {
    /// Returns `None` if no run is valid. A figure that no valid run has is left out, unless none
    /// has any: then the first says so.
    pub(super) fn of(lines: &[TableLine<'_>], question: Question<'_>) -> Option<Self> {
        if !lines.iter().any(TableLine::is_usable) {
            return None;
        }
        let asked = question.figures(rows_of(lines)).into_iter().filter_map(|figure| {
            let column = column_of(figure, are_repeated(lines))?;
            Some(AskedFigure { figure, column })
        });
        let mut asked: Vec<AskedFigure> = asked.collect();
        let measured = |it: &AskedFigure| lines.iter().any(|line| line.cell(it.column).is_some());
        if asked.iter().any(measured) {
            asked.retain(measured);
        } else {
            asked.truncate(1);
        }
        (!asked.is_empty()).then_some(Self(asked))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = AskedFigure> {
        self.0.iter().copied()
    }
}
