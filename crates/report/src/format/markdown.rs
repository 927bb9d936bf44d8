//! Rows as a Markdown table, for a pull request.

use std::fmt::Write as _;

use crate::compare::units::ABSENT;
use crate::table::{
    FirstPlace, Line, Settings, Shown, first_place, in_words, lines, near_the_best, parts,
};
use crate::{Row, Value};

/// A line for each transport at each setting, with the columns of the terminal's tables in one, and
/// the same values in them. First places are bold. Invalid runs are below, with the reason.
pub(super) fn markdown(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = Settings::varying(rows);
    let lines = lines(rows, &settings);
    let columns: Vec<&Shown> = parts(&lines).into_iter().flat_map(|part| part.columns).collect();
    let mut text = String::from("| | runs |");
    for shown in &columns {
        let _ = write!(text, " {} |", shown.name());
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(columns.len() + 1));
    let mut bases = Vec::new();
    for group in lines.chunk_by(|a, b| a.shared == b.shared) {
        let firsts: Vec<Option<FirstPlace>> =
            columns.iter().map(|shown| first_place(group, shown)).collect();
        bases.extend(firsts.iter().flatten().map(|first| first.basis));
        for (at, line) in group.iter().enumerate() {
            let runs = if line.is_usable() { line.runs.len() } else { 0 };
            let _ = write!(text, "| {} | {runs} |", escaped(&label(line, &settings)));
            for (shown, first) in columns.iter().zip(&firsts) {
                let is_best = first.as_ref().is_some_and(|first| first.shares[at]);
                let _ = write!(text, " {} |", cell(line, shown, is_best));
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

/// What an invalid run measured is not shown, unless it is a loss.
fn cell(line: &Line<'_>, shown: &Shown, is_best: bool) -> String {
    if !line.is_usable() {
        return ABSENT.to_owned();
    }
    match line.cell(shown) {
        None => ABSENT.to_owned(),
        Some((_, text)) if is_best => format!("**{text}**"),
        Some((_, text)) => text,
    }
}

fn label(line: &Line<'_>, settings: &Settings) -> String {
    let values = settings.all().zip(line.shared.iter().chain(&line.own));
    let values = values.filter(|(_, value)| **value != Value::Blank);
    let words = values.map(|(column, value)| format!(", {}", in_words(column, value)));
    line.transport.to_owned() + &words.collect::<String>()
}

fn notes(rows: &[Row]) -> String {
    let mut text =
        String::from("Medians over the valid runs, where the heading says nothing else.\n");
    for row in rows.iter().filter(|row| !row.is_valid()) {
        let id = row.text("run_id").unwrap_or(ABSENT);
        let reason = row.text("invalid_reason").unwrap_or("no reason given");
        let _ = writeln!(text, "- ⚠ run {} left out: {}", escaped(id), escaped(reason));
    }
    for row in rows.iter().filter(|row| row.is_valid()) {
        if let Some(disturbance) = row.disturbance() {
            let id = escaped(row.text("run_id").unwrap_or(ABSENT));
            let _ = writeln!(text, "- ⚠ run {id} was disturbed: {}", escaped(disturbance));
        }
    }
    text
}

/// Text that is not to be taken for Markdown.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '|' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '`' => escaped.extend(['\\', sign]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use wirebench_measure::{Invalid, Measurement};
    use wirebench_protocol::Transport;
    use wirebench_scenario::Run;

    use super::*;
    use crate::testing::{busy_neighbour, measurement, record, run};

    #[test]
    fn a_disturbed_run_is_named_with_the_cause() {
        let disturbed = Measurement { other_load: busy_neighbour(), ..measurement() };
        let text = markdown(&[Row::of(&record(&run(), &disturbed))]);
        let note = "- ⚠ run long-polling-1 was disturbed: another process used 0.90 of 2 cores: pid 123, \
                    stress-ng\n";
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
    fn what_would_be_markdown_is_escaped() {
        assert_eq!(escaped("a|b *c*\n[d]"), "a\\|b \\*c\\* \\[d\\]");
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
        let terminal = crate::table(&rows, crate::Style::default());
        assert!(terminal.contains("all runs") && terminal.contains("900"), "{terminal}");
    }
}
