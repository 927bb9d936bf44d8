//! What a person reads at once at the end of `run`: how fast, and at what cost.

mod grid;
mod lines;
mod shown;
mod ties;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ptr;

use crate::Row;
use grid::Grid;
pub(crate) use grid::{in_words, length, wrapped};
pub(crate) use lines::{Line, Settings, lines};
pub(crate) use shown::{Shown, Summary, parts};
pub(crate) use ties::{Basis, FirstPlace, first_place};

/// How a table may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether what is to stand out is bold or coloured (ANSI escape sequences); first places are
    /// marked with `*` otherwise.
    pub colour: bool,
    /// How many columns a line may have, from 40 on. What is wider is broken up, never cut.
    pub width: usize,
}

impl Default for Style {
    /// No colours, 80 columns.
    fn default() -> Self {
        Self { colour: false, width: 80 }
    }
}

/// Two tables, one of delivery and one of cost, and where anything went wrong on purpose a third of
/// what that came to: a line for each transport at each setting.
///
/// A setting that varies between the rows gets a column. Several runs of the same become one line:
/// the median of those that are valid, with the range of p99; of `max` the highest, and of `missing`
/// the highest, invalid runs included, as their headings say.
///
/// Invalid runs are left out if there are valid ones beside them. Disturbed runs count. Neither is
/// ever called best, and both are explained below the table. Lines that the runs cannot tell from the
/// best share its mark. What was not measured is `–`. A table that is wider than `style` allows is
/// continued below. Returns an empty text for no rows.
pub fn table(rows: &[Row], style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let settings = Settings::varying(rows);
    let lines = lines(rows, &settings);
    let grids: Vec<Grid> = parts(&lines)
        .iter()
        .map(|part| Grid::new(part.title, &settings, &lines, &part.columns))
        .collect();
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

/// Where the transport of each row has or shares the first place at its setting.
pub(crate) struct FirstPlaces {
    /// For each row, the columns of the tables in which it does; none for an invalid run.
    pub(crate) of_rows: Vec<Vec<&'static str>>,
    /// How that was decided.
    pub(crate) bases: Vec<Basis>,
}

/// The first places in all tables of these rows.
pub(crate) fn first_places(rows: &[Row]) -> FirstPlaces {
    let settings = Settings::varying(rows);
    let lines = lines(rows, &settings);
    let place: HashMap<*const Row, usize> =
        rows.iter().enumerate().map(|(at, row)| (ptr::from_ref(row), at)).collect();
    let mut found = FirstPlaces { of_rows: vec![Vec::new(); rows.len()], bases: Vec::new() };
    for part in parts(&lines) {
        for group in lines.chunk_by(|a, b| a.shared == b.shared) {
            for shown in &part.columns {
                let Some(first) = first_place(group, shown) else { continue };
                found.bases.push(first.basis);
                let sharing = group.iter().zip(first.shares).filter(|(_, shares)| *shares);
                for row in sharing.flat_map(|(line, _)| &line.runs) {
                    found.of_rows[place[&ptr::from_ref(*row)]].push(shown.column);
                }
            }
        }
    }
    found
}

/// What is not there. Never a 0.
const ABSENT: &str = "–";

/// What the signs in the tables mean; only of those that are in them.
fn legend(grids: &[Grid], settings: &Settings, style: Style) -> Vec<String> {
    let mut signs = Vec::new();
    if grids.iter().any(|grid| grid.has(|cell| cell.best)) {
        let mark = if style.colour { "bold" } else { "*" };
        let of_its_setting = if settings.shared.is_empty() { "" } else { " of its setting" };
        let bases = grids.iter().flat_map(Grid::bases).copied();
        signs.push(format!("{mark}  best{of_its_setting}, {}", near_the_best(bases)));
    }
    if grids.iter().any(|grid| grid.has(|cell| cell.text == ABSENT)) {
        signs.push(format!("{ABSENT}  not measured, or no such thing here"));
    }
    signs
}

/// What, beside being the best, gets the mark of it: the end of a sentence.
pub(crate) fn near_the_best(bases: impl Iterator<Item = Basis>) -> String {
    let bases: BTreeSet<Basis> = bases.collect();
    let tested = bases.contains(&Basis::Tested);
    let share = "within 5 % (25 %: processor time, memory, coming back, the p99 of few messages; \
                 max: twice as long)";
    if bases.contains(&Basis::FewRuns) {
        let tested = if tested {
            "or not told from it by the runs (the test of `compare`); where \
             they are too few for it, "
        } else {
            "or "
        };
        return format!("{tested}{share}, or with runs that overlap the best's");
    }
    if bases.contains(&Basis::OneRun) {
        return format!("or too close for one run to tell: {share}");
    }
    "or not told from it by the runs (the test of `compare`)".to_owned()
}

/// What has to be known of the runs behind the lines.
fn notes(lines: &[Line<'_>], settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    let most = lines.iter().map(|line| line.runs.len()).max().unwrap_or(0);
    if most > 1 {
        let same = lines.iter().all(|line| line.runs.len() == most);
        let up_to = if same { "" } else { "up to " };
        notes.push(format!(
            "Medians of {up_to}{most} runs each, where the heading says nothing else."
        ));
    }
    for line in lines {
        for row in &line.invalid {
            notes.push(format!("!  {}, left out: {}", which(row, line, settings), reason(row)));
        }
        for row in line.runs.iter().filter(|row| !row.is_valid()) {
            notes.push(format!("!  {}, do not use: {}", which(row, line, settings), reason(row)));
        }
        for row in &line.runs {
            if let Some(disturbance) = row.disturbance() {
                notes.push(format!("~  {}, disturbed: {disturbance}", which(row, line, settings)));
            }
        }
    }
    notes
}

/// A run, in words that tell it from the others of the table.
fn which(row: &Row, line: &Line<'_>, settings: &Settings) -> String {
    let mut words = line.transport.to_owned();
    for (column, value) in settings.all().zip(line.shared.iter().chain(&line.own)) {
        if *value != crate::Value::Blank {
            let _ = write!(words, ", {}", in_words(column, value));
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
    use wirebench_measure::{FaultOutcome, Invalid, Latency, Measurement, Missed, Traffic};
    use wirebench_protocol::Transport;
    use wirebench_scenario::Run;

    use super::lines::OWN;
    use super::shown::{COST, DELIVERY, FAULTS};
    use super::*;
    use crate::COLUMNS;
    use crate::testing::{busy_neighbour, measurement, record, run};

    const PLAIN: Style = Style { colour: false, width: 120 };

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
        // As many as a 99th percentile takes.
        for micros in [micros, micros, 2 * micros].repeat(40) {
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
        assert_snapshot!(
            table(&one_of_each(), Style { colour: true, ..PLAIN }).replace('\u{1b}', "␛")
        );
    }

    /// The transports that share the first place in a column.
    fn leaders(rows: &[Row], column: &str) -> Vec<String> {
        let mut leaders: Vec<String> = rows
            .iter()
            .zip(first_places(rows).of_rows)
            .filter(|(_, columns)| columns.contains(&column))
            .filter_map(|(row, _)| row.text("transport").map(str::to_owned))
            .collect();
        leaders.sort();
        leaders.dedup();
        leaders
    }

    /// Runs of two transports with these median delays, in milliseconds.
    fn two(sse: &[u64], websocket: &[u64]) -> Vec<Row> {
        let rows = |transport, millis: &[u64]| -> Vec<Row> {
            (1..).zip(millis).map(|(at, millis)| row(transport, 100, at, millis * 1_000)).collect()
        };
        [rows(Transport::Sse, sse), rows(Transport::WebSocket, websocket)].concat()
    }

    #[test]
    fn one_run_names_a_lone_leader_only_where_the_lead_exceeds_five_percent() {
        for (sse, websocket, expected) in [
            (100, 100, &[][..]),
            (104, 100, &["sse", "websocket"]),
            (100, 104, &["sse", "websocket"]),
            (107, 100, &["websocket"]),
            (100, 107, &["sse"]),
        ] {
            let rows = two(&[sse], &[websocket]);
            assert_eq!(leaders(&rows, "delivery_p50_us"), expected, "{sse} {websocket}");
        }
    }

    /// The lead that was measured moves by up to a tenth between two runs of the same.
    #[test]
    fn a_ratio_that_moves_by_a_tenth_never_changes_the_lone_leader_from_one_to_the_other() {
        for percent in 80..=125 {
            let alone = |sse| match leaders(&two(&[sse], &[1_000]), "delivery_p50_us").as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            };
            let (before, after) = (alone(percent * 10), alone(percent * 11));
            if let (Some(before), Some(after)) = (before, after) {
                assert_eq!(before, after, "{percent} %");
            }
        }
    }

    #[test]
    fn processor_time_and_the_longest_delivery_need_a_larger_lead() {
        for (sse, column, expected) in [
            (120, "server_cpu_us_per_message", &["sse", "websocket"][..]),
            (130, "server_cpu_us_per_message", &["websocket"]),
            (190, "delivery_max_us", &["sse", "websocket"]),
            (210, "delivery_max_us", &["websocket"]),
        ] {
            assert_eq!(leaders(&two(&[sse], &[100]), column), expected, "{sse} {column}");
        }
    }

    #[test]
    fn few_repeats_that_overlap_share_the_place_however_far_apart_their_medians() {
        let apart = two(&[100, 101, 102], &[110, 111, 112]);
        assert_eq!(leaders(&apart, "delivery_p50_us"), ["sse"]);
        let overlapping = two(&[100, 101, 111], &[110, 120, 130]);
        assert_eq!(leaders(&overlapping, "delivery_p50_us"), ["sse", "websocket"]);
    }

    #[test]
    fn enough_repeats_are_told_apart_by_the_test_of_a_comparison() {
        let quiet = two(&[100, 101, 102, 103, 104], &[110, 111, 112, 113, 114]);
        assert_eq!(leaders(&quiet, "delivery_p50_us"), ["sse"]);
        let noisy = two(&[80, 100, 120, 90, 140], &[85, 110, 130, 100, 150]);
        assert_eq!(leaders(&noisy, "delivery_p50_us"), ["sse", "websocket"]);
        assert!(table(&quiet, PLAIN).contains("not told from it by the runs"));
    }

    #[test]
    fn nearly_all_is_not_as_good_as_all() {
        let of = |transport, missed| {
            row_of(transport, 100, 1, 26_000, |run, measured| {
                run.faults.stalled_share = 0.1;
                measured.faults = Some(FaultOutcome { wanted: 100, ..outcome() });
                measured.seen.received -= missed;
            })
        };
        let rows = [of(Transport::Sse, 0), of(Transport::WebSocket, 10)];
        assert_eq!(leaders(&rows, "delivered_ratio"), ["sse"]);
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
    fn disturbed_runs_count_are_explained_and_never_the_best() {
        let disturbed = |_: &mut Run, measured: &mut Measurement| {
            measured.other_load = busy_neighbour();
        };
        let rows = [
            row(Transport::ShortPolling, 100, 1, 525_000),
            row(Transport::Sse, 100, 1, 26_100),
            row(Transport::Sse, 100, 2, 26_200),
            row_of(Transport::WebSocket, 100, 1, 25_000, disturbed),
            row_of(Transport::WebSocket, 100, 2, 25_100, |_, _| {}),
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

    /// Runs with faults in a sweep of four settings, with repeats: the widest tables there are.
    fn the_widest() -> Vec<Row> {
        let mut rows = Vec::new();
        for (repeat, subscribers, delay, jitter, rate) in
            [(1, 10, 5, 0, 1.0), (2, 10, 5, 0, 1.0), (1, 10_000, 25, 10, 1_000.5)]
        {
            for transport in Transport::ALL {
                rows.push(row_of(transport, subscribers, repeat, 26_000, |run, measured| {
                    run.link.delay = Duration::from_millis(delay);
                    run.link.jitter = Duration::from_millis(jitter);
                    run.rate = rate;
                    run.faults.stalled_share = 0.1;
                    measured.faults = Some(outcome());
                }));
            }
        }
        rows
    }

    fn outcome() -> FaultOutcome {
        FaultOutcome {
            wanted: 10,
            missed: Missed { signalled: 12, silently: 0 },
            back_99: Some(Duration::from_millis(1_378)),
            reconnects_peak_per_s: Some(10_000),
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_leaves_no_column_out() {
        for rows in [one_of_each(), a_sweep(), the_widest()] {
            let shown = parts(&lines(&rows, &Settings::varying(&rows)));
            for width in [60, 80, 120] {
                let text = table(&rows, Style { colour: false, width });
                for line in text.lines() {
                    assert!(length(line) <= width, "{} columns: {line}", length(line));
                }
                // The last word of a heading stands above the others of its kind.
                for shown in shown.iter().flat_map(|part| &part.columns) {
                    let word = shown.heading[2];
                    assert!(text.contains(word), "{width} columns without {word}: {text}");
                }
            }
        }
    }

    #[test]
    fn a_table_in_sixty_columns_looks_like_this() {
        assert_snapshot!(table(&a_sweep(), Style { colour: false, width: 60 }));
    }

    #[test]
    fn every_column_shown_is_a_column_of_the_file() {
        for name in DELIVERY.iter().chain(COST).chain(FAULTS).map(|shown| shown.column).chain(OWN) {
            assert!(COLUMNS.iter().any(|column| column.name == name), "{name}");
        }
    }
}
