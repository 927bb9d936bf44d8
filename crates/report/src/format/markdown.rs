//! Rows as a Markdown table, for a pull request.

use std::fmt::Write as _;

use crate::answer::answer;
use crate::numbers::ABSENT;
use crate::question::Question;
use crate::row::Row;
use crate::settings::VaryingSettings;
use crate::table::{
    FirstPlace, TableColumn, TableLine, WITHOUT_CURSOR, compared, first_place, lines,
    near_the_best, sections_of,
};
use crate::text_layout::markdown_escaped as escaped;

/// Returns the answer, and a table with a line for each transport at each setting, with the columns of all the terminal's tables
/// and the same values in them. First places are bold. Invalid runs are below, with the reason.
pub(super) fn markdown(rows: &[Row], question: Question<'_>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = VaryingSettings::of(rows);
    let lines = lines(rows, &settings);
    let columns: Vec<&TableColumn> =
        sections_of(&lines, question).into_iter().flat_map(|section| section.columns).collect();
    let mut text = format!("{}\n\n| | runs |", escaped(&answer(rows, question)));
    for column in &columns {
        let _ = write!(text, " {} |", column.name());
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(columns.len() + 1));
    let mut bases = Vec::new();
    for group in compared(&lines) {
        let firsts: Vec<Option<FirstPlace>> =
            columns.iter().map(|column| first_place(group, column)).collect();
        bases.extend(firsts.iter().flatten().map(|first| first.basis));
        for (at, line) in group.iter().enumerate() {
            let runs = if line.is_usable() { line.runs.len() } else { 0 };
            let label = line.group.setting(&settings).to_string();
            let _ = write!(text, "| {} | {runs} |", escaped(&label));
            for (column, first) in columns.iter().zip(&firsts) {
                let is_best = first.as_ref().is_some_and(|first| first.shares[at]);
                let _ = write!(text, " {} |", cell(line, column, is_best));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    if !bases.is_empty() {
        let of_its_setting = if settings.shared.is_empty() { "" } else { " of its setting" };
        let near = near_the_best(bases.into_iter());
        let _ = writeln!(text, "Bold: best{of_its_setting}, {near}.");
    }
    text.push_str(&notes(rows));
    text
}

/// Returns the text of a cell. Values of invalid runs are not shown.
fn cell(line: &TableLine<'_>, column: &TableColumn, is_best: bool) -> String {
    match line.cell(column).filter(|_| line.is_usable()) {
        None => ABSENT.to_owned(),
        Some((_, text)) if is_best => format!("**{text}**"),
        Some((_, text)) => text,
    }
}

fn notes(rows: &[Row]) -> String {
    let mut text =
        String::from("Medians over the valid runs, unless the heading says otherwise.\n");
    if rows.iter().any(Row::forgets_its_cursor) {
        let _ = writeln!(text, "{WITHOUT_CURSOR}");
    }
    let id = |row: &Row| escaped(row.text("run_id").unwrap_or(ABSENT));
    for row in rows.iter().filter(|row| !row.is_valid()) {
        let _ = writeln!(text, "- ⚠ run {} left out: {}", id(row), escaped(row.invalid_reason()));
    }
    for row in rows.iter().filter(|row| row.is_valid()) {
        if let Some(disturbance) = row.disturbance() {
            let _ = writeln!(text, "- ⚠ run {} was disturbed: {}", id(row), escaped(disturbance));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use wirebench_measure::{Invalid, Measurement};
    use wirebench_protocol::Transport;
    use wirebench_scenario::Run;

    use super::*;
    use crate::table::table;
    use crate::testing::{busy_neighbour, measurement, record, run};
    use crate::text_layout::Style;

    fn markdown(rows: &[Row]) -> String {
        super::markdown(rows, Question::default())
    }

    #[test]
    fn a_disturbed_run_is_named_with_the_cause() {
        let disturbed = Measurement { other_load: busy_neighbour(), ..measurement() };
        let text = markdown(&[Row::of(&record(&run(), &disturbed))]);
        let note = "- ⚠ run long-polling-1 was disturbed: another process used 0.90 of 2 cores: \
                    pid 123, stress-ng\n";
        assert!(text.ends_with(note), "{text}");
    }

    #[test]
    fn a_table_with_an_invalid_run_looks_like_this() {
        let sse = Run { transport: Transport::Sse, hold: None, id: "sse-1".to_owned(), ..run() };
        let invalid = Measurement { invalid: vec![Invalid::Interrupted], ..measurement() };
        let rows = [
            Row::of(&record(&run(), &measurement())),
            Row::of(&record(&sse, &measurement())),
            Row::of(&record(&Run { id: "sse-2".to_owned(), ..sse.clone() }, &invalid)),
        ];
        assert_snapshot!(markdown(&rows));
    }

    #[test]
    fn without_rows_there_is_no_table() {
        assert_eq!(markdown(&[]), "");
    }

    #[test]
    fn max_and_missing_are_the_highest_of_all_runs_as_in_the_terminal() {
        let of = |repeat, slow| {
            let mut measured = measurement();
            measured.seen.delivery.record(std::time::Duration::from_millis(slow));
            Row::of(&record(&Run { repeat, ..run() }, &measured))
        };
        let rows = [of(1, 100), of(2, 200), of(3, 900)];
        let text = markdown(&rows);
        assert!(text.contains(" max of all runs, ms |"), "{text}");
        assert!(text.contains("| 900 |"), "{text}");
        let terminal = table(&rows, Question::default(), Style::default());
        assert!(terminal.contains("all runs") && terminal.contains("900"), "{terminal}");
    }
}
