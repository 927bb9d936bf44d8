//! The columns of the tables of the answer: those of the tables in the terminal, but for the columns
//! that need room. The page shows these as charts.

use serde::Serialize;

use crate::question::Question;
use crate::table::{Summary, TableColumn, TableLine, sections_of};

/// A table of the answer.
#[derive(Serialize)]
pub(super) struct AnswerTable {
    title: &'static str,
    columns: Vec<AnswerColumn>,
}

#[derive(Serialize)]
struct AnswerColumn {
    /// The column of `runs.csv`.
    name: &'static str,
    head: String,
    unit: &'static str,
    /// A value is divided by this to be in that unit.
    divisor: f64,
    summary: Summary,
}

/// Returns the tables that show these lines, in the order in which they answer the question.
pub(super) fn answer_tables(lines: &[TableLine<'_>], question: Question<'_>) -> Vec<AnswerTable> {
    let table = sections_of(lines, question).into_iter().map(|section| {
        let columns = section.columns.into_iter().filter(|column| !column.needs_room);
        AnswerTable { title: section.title, columns: columns.map(AnswerColumn::of).collect() }
    });
    table.collect()
}

impl AnswerColumn {
    fn of(column: &TableColumn) -> Self {
        Self {
            name: column.column,
            head: column.name_without_unit(),
            unit: column.unit(),
            divisor: column.divisor,
            summary: column.summary,
        }
    }
}
