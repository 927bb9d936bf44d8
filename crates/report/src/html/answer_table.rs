//! The columns of the tables of the answer: those of the tables in the terminal, but for the columns
//! that need room. The page shows these as charts.

use serde::Serialize;

use crate::table::{Additional, LARGE_CROWD, Summary, TableColumn, sections};

/// The tables of the answer. Which of them a page shows depends on the lines that it shows.
#[derive(Serialize)]
pub(super) struct AnswerTables {
    /// Where every line is one run.
    one_run: Vec<AnswerTable>,
    /// Where a line may be several runs.
    repeats: Vec<AnswerTable>,
    /// The number of subscribers from which on the page says how long they took to connect.
    large_crowd: u32,
}

#[derive(Serialize)]
struct AnswerTable {
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

impl AnswerTables {
    /// Returns the tables of delivery, of cost, of what subscribers sent and of its cost, of
    /// faults, of what many timers published, of what was lost without a cursor, of the work of the
    /// database, of hosts and their clocks, and of how the crowd connected, in this order.
    pub(super) fn new() -> Self {
        Self { one_run: tables(false), repeats: tables(true), large_crowd: LARGE_CROWD }
    }
}

const ALL: Additional = Additional {
    sent: true,
    faults: true,
    without_cursor: true,
    many_timers: true,
    store: true,
    hosts: true,
    large_crowd: true,
};

fn tables(repeated: bool) -> Vec<AnswerTable> {
    let sections = sections(repeated, ALL).into_iter();
    let table = sections.map(|section| {
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
