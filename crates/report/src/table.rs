//! What a person reads at once at the end of `run`: how fast, and at what cost.

mod grid;
mod lines;

use std::fmt::Write as _;

use crate::{Row, Value};
use grid::{Grid, heading, label};
use lines::{Line, Settings, lines};

/// How a table may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the best values are bold (ANSI escape sequences) instead of marked with `*`.
    pub colour: bool,
}

/// Two tables, one of delivery and one of cost, and where anything went wrong on purpose a third of
/// what that came to: a line for each transport at each setting.
///
/// A setting that varies between the rows gets a column. Several runs of the same become one line:
/// the median of those that are valid, with the range of p99; `max` and `missing` are the highest
/// of them. Runs that are invalid are left out where there are valid ones beside them, never called
/// best, and explained below. What was not measured is `–`. Empty without rows.
pub fn table(rows: &[Row], style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = Settings::varying(rows);
    let lines = lines(rows, &settings);
    let repeated = lines.iter().any(|line| line.runs.len() > 1);
    let faulty = rows.iter().any(|row| row.text("faults").is_some());
    let parts = [("Delivery, from due to read", DELIVERY), ("Cost", COST)];
    let parts = parts.into_iter().chain(faulty.then_some(("Faults", FAULTS)));
    let grids: Vec<(&str, Grid)> = parts
        .map(|(title, shown)| {
            let shown: Vec<&Shown> =
                shown.iter().filter(|shown| repeated || shown.take != Take::Range).collect();
            (title, Grid::new(&settings, &lines, &shown))
        })
        .collect();
    let mut text = String::new();
    for (title, grid) in &grids {
        let _ = writeln!(text, "{title}");
        text.push_str(&grid.render(style));
        text.push('\n');
    }
    text.push_str(&legend(grids.iter().map(|(_, grid)| grid), &settings, style));
    text.push_str(&notes(&lines, &settings));
    text
}

/// A column of a table.
struct Shown {
    column: &'static str,
    /// Its name over one or two lines, and its unit.
    heading: [&'static str; 3],
    /// What the value is divided by to be in that unit.
    divisor: f64,
    take: Take,
}

/// What is not there. Never a 0.
const ABSENT: &str = "–";

/// What stands for several runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// The median of a quantity, to three significant digits.
    Median,
    /// The median of a count.
    MedianCount,
    /// The highest of a quantity.
    Highest,
    /// The highest of a count, over the invalid runs too: a loss is not left out.
    HighestCount,
    /// The lowest of a share, over the invalid runs too, in percent; never rounded up to 100.
    LowestShare,
    /// From the lowest to the highest.
    Range,
}

const fn shown(
    column: &'static str,
    heading: [&'static str; 3],
    divisor: f64,
    take: Take,
) -> Shown {
    Shown { column, heading, divisor, take }
}

const DELIVERY: &[Shown] = &[
    shown("delivery_p50_us", ["", "p50", "ms"], 1e3, Take::Median),
    shown("delivery_p99_us", ["", "p99", "ms"], 1e3, Take::Median),
    shown("delivery_p99_us", ["p99", "range", "ms"], 1e3, Take::Range),
    shown("delivery_max_us", ["", "max", "ms"], 1e3, Take::Highest),
    shown("missing", ["", "missing", ""], 1.0, Take::HighestCount),
];

const COST: &[Shown] = &[
    shown("requests", ["", "requests", ""], 1.0, Take::MedianCount),
    shown("empty_responses", ["empty", "answers", ""], 1.0, Take::MedianCount),
    shown("connections_opened", ["", "connections", ""], 1.0, Take::MedianCount),
    shown("bytes_per_message", ["bytes per", "message", "B"], 1.0, Take::Median),
    shown("server_cpu_us_per_message", ["server CPU", "per message", "µs"], 1.0, Take::Median),
    shown(
        "server_rss_per_subscriber_bytes",
        ["server memory", "per subscriber", "KiB"],
        1_024.0,
        Take::Median,
    ),
];

const FAULTS: &[Shown] = &[
    shown("delivered_ratio", ["", "delivered", "%"], 0.01, Take::LowestShare),
    shown("missed_signalled", ["missed,", "signalled", ""], 1.0, Take::HighestCount),
    shown("missed_silently", ["missed in", "silence", ""], 1.0, Take::HighestCount),
    shown("duplicate", ["", "repeated", ""], 1.0, Take::HighestCount),
    shown("back_99_ms", ["99 %", "back", "s"], 1e3, Take::Highest),
    shown("reconnects_peak_per_s", ["peak of", "reconnects", "1/s"], 1.0, Take::HighestCount),
];

/// What the signs in the tables mean; only of those that are in them.
fn legend<'a>(
    mut grids: impl Iterator<Item = &'a Grid> + Clone,
    settings: &Settings,
    style: Style,
) -> String {
    let mut signs = Vec::new();
    if grids.clone().any(|grid| grid.has(|cell| cell.best)) {
        let mark = if style.colour { "bold" } else { "*" };
        let of_its_setting = if settings.shared.is_empty() { "" } else { " of its setting" };
        signs.push(format!("{mark}  best{of_its_setting}"));
    }
    if grids.any(|grid| grid.has(|cell| cell.text == ABSENT)) {
        signs.push(format!("{ABSENT}  not measured, or no such thing here"));
    }
    if signs.is_empty() { String::new() } else { signs.join("    ") + "\n" }
}

/// What has to be known of the runs behind the lines.
fn notes(lines: &[Line<'_>], settings: &Settings) -> String {
    let mut text = String::new();
    let most = lines.iter().map(|line| line.runs.len()).max().unwrap_or(0);
    if most > 1 {
        let same = lines.iter().all(|line| line.runs.len() == most);
        let up_to = if same { "" } else { "up to " };
        let _ = writeln!(
            text,
            "Medians of {up_to}{most} runs each, with the range of p99; max and missing are the \
             highest of them."
        );
    }
    for line in lines {
        for row in &line.invalid {
            let _ = writeln!(text, "!  {}, left out: {}", which(row, line, settings), reason(row));
        }
        for row in line.runs.iter().filter(|row| !row.is_valid()) {
            let _ =
                writeln!(text, "!  {}, do not use: {}", which(row, line, settings), reason(row));
        }
    }
    text
}

/// A run, in words that tell it from the others of the table.
fn which(row: &Row, line: &Line<'_>, settings: &Settings) -> String {
    let mut words = line.transport.to_owned();
    for (column, value) in settings.all().zip(line.shared.iter().chain(&line.own)) {
        if *value != Value::Blank {
            let [above, name, unit] = heading(column);
            let parts = [above, name, label(column, value), unit];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let _ = write!(words, ", {}", parts.join(" "));
        }
    }
    match row.number("repeat") {
        Some(repeat) if line.runs.len() + line.invalid.len() > 1 => {
            format!("{words}, repeat {repeat}")
        }
        _ => words,
    }
}

fn reason(row: &Row) -> &str {
    row.text("invalid_reason").unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;
    use wirebench_measure::{Invalid, Latency, Measurement, Traffic};
    use wirebench_protocol::Transport;
    use wirebench_scenario::Run;

    use super::grid::length;
    use super::lines::OWN;
    use super::*;
    use crate::COLUMNS;
    use crate::testing::{measurement, record, run};

    const PLAIN: Style = Style { colour: false };

    /// A run of a transport whose delays are `micros` and 2 · `micros`, give or take nothing.
    fn row(transport: Transport, subscribers: usize, repeat: u32, micros: u64) -> Row {
        row_of(transport, subscribers, repeat, micros, |_, _| {})
    }

    fn row_of(
        transport: Transport,
        subscribers: usize,
        repeat: u32,
        micros: u64,
        change: impl FnOnce(&mut Run, &mut Measurement),
    ) -> Row {
        let polls = transport == Transport::ShortPolling;
        let holds = transport == Transport::LongPolling;
        let mut run = Run {
            transport,
            subscribers,
            repeat,
            interval: polls.then_some(Duration::from_secs(1)),
            hold: holds.then_some(Duration::from_secs(25)),
            ..run()
        };
        let count = subscribers as u64;
        let mut measured = measurement();
        measured.subscribed = count;
        measured.seen.received = 10 * count;
        measured.seen.payload_bytes = 2_560 * count;
        measured.seen.requests = if transport.polls() { 10 * count } else { 0 };
        measured.seen.empty = if polls { 9 * count } else { 0 };
        measured.seen.delivery = Latency::new();
        for micros in [micros, micros, 2 * micros] {
            measured.seen.delivery.record(Duration::from_micros(micros));
        }
        let bytes = if transport.polls() { 760 } else { 290 };
        measured.traffic = Traffic {
            attempted: count,
            opened: count,
            peak: count,
            bytes_down: 10 * count * bytes,
            ..Traffic::default()
        };
        if let Some(server) = &mut measured.server {
            server.cpu = Duration::from_micros(micros) / 10;
            server.rss_per_subscriber_bytes = (subscribers >= 100).then_some(13_000 + bytes);
        }
        change(&mut run, &mut measured);
        Row::of(&record(&run, &measured))
    }

    fn one_of_each() -> Vec<Row> {
        [Transport::WebSocket, Transport::ShortPolling, Transport::Sse, Transport::LongPolling]
            .into_iter()
            .zip([26_170, 525_000, 26_240, 27_400])
            .map(|(transport, micros)| row(transport, 1_000, 1, micros))
            .collect()
    }

    #[test]
    fn one_run_of_each_transport() {
        assert_snapshot!(table(&one_of_each(), PLAIN));
    }

    #[test]
    fn one_run_of_each_transport_in_colour() {
        assert_snapshot!(table(&one_of_each(), Style { colour: true }).replace('\u{1b}', "␛"));
    }

    fn a_sweep() -> Vec<Row> {
        let mut rows = Vec::new();
        for (repeat, drift) in (1..).zip([0, 400, 150]) {
            for subscribers in [10, 10_000] {
                let crowd = subscribers as u64 / 10;
                for (transport, micros) in
                    [(Transport::Sse, 26_200), (Transport::WebSocket, 26_150)]
                {
                    rows.push(row(transport, subscribers, repeat, micros + crowd + drift));
                }
            }
        }
        rows
    }

    #[test]
    fn a_sweep_with_repeats() {
        assert_snapshot!(table(&a_sweep(), PLAIN));
    }

    #[test]
    fn a_setting_of_one_transport_does_not_part_it_from_the_others() {
        let mut rows = vec![row(Transport::Sse, 100, 1, 26_000)];
        for seconds in [5, 1] {
            rows.push(row_of(Transport::ShortPolling, 100, 1, seconds * 500_000, |run, _| {
                run.interval = Some(Duration::from_secs(seconds));
            }));
        }
        assert_snapshot!(table(&rows, PLAIN));
    }

    #[test]
    fn invalid_runs_are_explained_and_never_the_best() {
        let missing = |_: &mut Run, measured: &mut Measurement| {
            measured.seen.received -= 2;
            measured.invalid = measured.judge(100);
        };
        let rows = [
            row(Transport::Sse, 100, 1, 26_000),
            row(Transport::Sse, 100, 2, 26_100),
            row_of(Transport::Sse, 100, 3, 900_000, missing),
            row_of(Transport::WebSocket, 100, 1, 11, |_, measured| {
                measured.invalid = vec![Invalid::GeneratorBusy { ratio: 0.97 }];
            }),
        ];
        assert_snapshot!(table(&rows, PLAIN));
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let rows = [row_of(Transport::Sse, 3, 1, 26_000, |_, measured| {
            measured.seen.delivery = Latency::new();
            measured.seen.received = 0;
            measured.published = None;
            measured.server = None;
        })];
        assert_snapshot!(table(&rows, PLAIN));
    }

    #[test]
    fn without_rows_there_is_no_table() {
        assert_eq!(table(&[], PLAIN), "");
    }

    #[test]
    fn a_table_fits_in_a_hundred_columns() {
        for rows in [one_of_each(), a_sweep()] {
            for line in table(&rows, PLAIN).lines() {
                assert!(length(line) <= 100, "{} columns: {line}", length(line));
            }
        }
    }

    #[test]
    fn every_column_shown_is_a_column_of_the_file() {
        for name in DELIVERY.iter().chain(COST).chain(FAULTS).map(|shown| shown.column).chain(OWN) {
            assert!(COLUMNS.iter().any(|column| column.name == name), "{name}");
        }
    }
}
