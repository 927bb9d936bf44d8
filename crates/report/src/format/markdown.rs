//! Rows as a Markdown table, for a pull request.

use std::fmt::Write as _;

use crate::compare::units::{ABSENT, Shown};
use crate::compare::{Side, median, settings};
use crate::{COLUMNS, Row, RunColumn};

/// The columns of the terminal's tables, in one.
const SHOWN: [&str; 9] = [
    "delivery_p50_us",
    "delivery_p99_us",
    "delivery_max_us",
    "missing",
    "requests",
    "connections_opened",
    "bytes_per_message",
    "server_cpu_us_per_message",
    "server_rss_per_subscriber_bytes",
];

/// A line for each transport at each setting: medians over its valid runs. Invalid runs are below,
/// with the reason.
pub(super) fn markdown(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let column = |name| COLUMNS.iter().find(|column| column.name == name);
    let columns: Vec<&RunColumn> = SHOWN.into_iter().filter_map(column).collect();
    let side = Side::of_rows("", rows.to_vec());
    let mut text = String::from("| | runs |");
    for column in &columns {
        let Shown { name, unit, .. } = Shown::of(column);
        let comma = if unit.is_empty() { "" } else { ", " };
        let _ = write!(text, " {name}{comma}{unit} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(columns.len() + 1));
    for (setting, runs) in settings(&side) {
        let valid: Vec<&Row> = runs.into_iter().filter(|row| row.is_valid()).collect();
        let _ = write!(text, "| {} | {} |", escaped(&setting.to_string()), valid.len());
        for column in &columns {
            let values = valid.iter().filter_map(|row| row.number(column.name)).collect();
            let number = |value| Shown::of(column).number(value);
            let _ = write!(text, " {} |", median(values).map_or(ABSENT.to_owned(), number));
        }
        text.push('\n');
    }
    text.push_str(&notes(rows));
    text
}

fn notes(rows: &[Row]) -> String {
    let mut text = String::from("\nMedians over the valid runs.\n");
    for row in rows.iter().filter(|row| !row.is_valid()) {
        let id = row.text("run_id").unwrap_or(ABSENT);
        let reason = row.text("invalid_reason").unwrap_or("no reason given");
        let _ = writeln!(text, "- ⚠ run {} left out: {}", escaped(id), escaped(reason));
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
    use crate::testing::{measurement, record, run};

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
    fn every_column_shown_is_a_column_of_the_file() {
        for name in SHOWN {
            assert!(COLUMNS.iter().any(|column| column.name == name), "{name}");
        }
    }
}
