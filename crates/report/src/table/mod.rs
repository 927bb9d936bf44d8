//! The tables at the end of `run`: how soon messages arrive, and at what cost.

mod columns;
mod first_places;
mod grid;
mod lines;
#[cfg(test)]
mod tests;

use crate::numbers::ABSENT;
use crate::question::Question;
use crate::row::Row;
use crate::settings::VaryingSettings;
use crate::text_layout::{Style, wrapped};
pub(crate) use columns::{Summary, TableColumn, column_of};
pub(crate) use first_places::{
    Basis, FirstPlace, FirstPlaces, Ranking, first_place, first_places, near_the_best, ranking,
};
use grid::{Grid, RATIO};
pub(crate) use lines::{TableLine, are_repeated, compared, lines, rows_of, sections_of};

/// What the reader has to know about runs whose subscribers poll without a cursor.
pub(crate) const WITHOUT_CURSOR: &str = "Polls without a cursor lose what is published between two of them, and the subscriber does \
     not know. These runs measure that, so it does not make them invalid. Their delays and costs \
     are those of what arrived, and are never called best.";

/// Returns two tables, one of delivery and one of cost, and for runs with faults first a third of
/// their outcome. They have a line for each transport at each setting. Tables and columns with what
/// the question asks for come first; behind such a figure is its ratio to the best (`×`).
///
/// A setting that varies between the rows gets a column. Several runs of the same become one line:
/// the median of the valid ones, with the range of p99; of `max` the highest, and of `missing` the
/// highest including invalid runs, as their headings say.
///
/// Invalid runs are left out if there are valid ones beside them. Disturbed runs count. Neither is
/// ever called best, and both are explained below the table. Lines that the runs cannot tell from
/// the best share its mark. A value that was not measured is shown as `–`. A table that is wider
/// than `style` allows leaves out the cost in multiples of the floor, and is continued below if it
/// still is. Returns an empty text for no rows.
pub fn table(rows: &[Row], question: Question<'_>, style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = VaryingSettings::of(rows);
    let lines = lines(rows, &settings);
    let sections = sections_of(&lines, question);
    let grids: Vec<Grid> =
        sections.iter().map(|section| Grid::new(section, &settings, &lines)).collect();
    let mut text = String::new();
    for grid in &grids {
        text.push_str(&grid.render(style));
        text.push('\n');
    }
    for sentence in legend(&grids, &settings, style).into_iter().chain(notes(&lines, &settings)) {
        text.push_str(&wrapped(&sentence, style.width, "   "));
    }
    text
}

/// Explains the marks in the tables, but only those that occur in them.
fn legend(grids: &[Grid], settings: &VaryingSettings, style: Style) -> Vec<String> {
    let mut marks = Vec::new();
    if grids.iter().any(|grid| grid.has(|cell| cell.best)) {
        let mark = if style.colour { "bold" } else { "*" };
        let of_its_setting = if settings.shared.is_empty() { "" } else { " of its setting" };
        let bases = grids.iter().flat_map(Grid::bases).copied();
        marks.push(format!("{mark}  best{of_its_setting}, {}", near_the_best(bases)));
    }
    if grids.iter().any(Grid::has_ratios) {
        let of_its_setting = if settings.shared.is_empty() { "" } else { " of its setting" };
        marks.push(format!("{RATIO}  multiple of the best{of_its_setting}; 1.00: best, or tied"));
    }
    if grids.iter().any(|grid| grid.has(|cell| cell.text == ABSENT)) {
        marks.push(format!("{ABSENT}  not measured, or not applicable"));
    }
    marks
}

/// Returns what the reader has to know about the runs behind the lines.
fn notes(lines: &[TableLine<'_>], settings: &VaryingSettings) -> Vec<String> {
    let mut notes = Vec::new();
    let most = lines.iter().map(|line| line.runs.len()).max().unwrap_or(0);
    if most > 1 {
        let same = lines.iter().all(|line| line.runs.len() == most);
        let up_to = if same { "" } else { "up to " };
        notes.push(format!(
            "Medians of {up_to}{most} runs each, unless the heading says otherwise."
        ));
    }
    if lines.iter().any(TableLine::forgets_its_cursor) {
        notes.push(WITHOUT_CURSOR.to_owned());
    }
    for line in lines {
        let name = |row: &Row| run_name(row, line, settings);
        for row in &line.invalid {
            notes.push(format!("!  {}, left out: {}", name(row), row.invalid_reason()));
        }
        for row in line.runs.iter().filter(|row| !row.is_valid()) {
            notes.push(format!("!  {}, do not use: {}", name(row), row.invalid_reason()));
        }
        for row in &line.runs {
            if let Some(disturbance) = row.disturbance() {
                notes.push(format!("~  {}, disturbed: {disturbance}", name(row)));
            }
        }
    }
    notes
}

/// Names a run, so that it can be told from the others of the table.
fn run_name(row: &Row, line: &TableLine<'_>, settings: &VaryingSettings) -> String {
    let setting = line.group.setting(settings);
    match row.number("repeat") {
        Some(repeat) if line.group.runs.len() > 1 => format!("{setting}, repeat {repeat}"),
        _ => setting.to_string(),
    }
}
