//! What the tables show of made-up runs.

use std::time::Duration;

use insta::assert_snapshot;
use wirebench_measure::{FaultOutcome, Invalid, Latency, Measurement, Missed, Traffic};
use wirebench_protocol::{Delivery, Transport};
use wirebench_scenario::{Audience, FeedTimers, Run, SentPayload, Upstream};

use super::columns::{COST, DELIVERY, FAULTS, PUBLISHED, UPSTREAM, UPSTREAM_COST, WITHOUT_CURSOR};
use super::*;
use crate::columns::run_column;
use crate::testing::{busy_neighbour, measurement, record, run, sent_and_received, store_cost};
use crate::text_layout::display_width;

fn table(rows: &[Row], style: Style) -> String {
    super::table(rows, Question::default(), style)
}

const PLAIN: Style = Style { colour: false, width: 120 };

/// Returns a run of a transport whose delays are `micros` and 2 · `micros`.
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
    let polls = transport.delivery() == Delivery::Polled;
    let holds = transport.delivery() == Delivery::Held;
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
    assert_snapshot!(table(&one_of_each(), Style { colour: true, ..PLAIN }).replace('\u{1b}', "␛"));
}

/// Returns the transports that share the first place in a column.
fn leaders(rows: &[Row], column: &str) -> Vec<String> {
    let mut leaders: Vec<String> = rows
        .iter()
        .zip(first_places(rows, Question::default()).of_rows)
        .filter(|(_, columns)| columns.contains(&column))
        .filter_map(|(row, _)| row.text("transport").map(str::to_owned))
        .collect();
    leaders.sort();
    leaders.dedup();
    leaders
}

/// Returns runs of two transports with these median delays, in milliseconds.
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

/// The measured lead moves by up to a tenth between two runs of the same.
#[test]
fn a_ratio_that_moves_by_a_tenth_never_changes_the_lone_leader_to_the_other() {
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
fn few_repeats_that_overlap_share_the_place_however_far_apart_their_medians_are() {
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
fn polls_without_a_cursor_say_what_they_lost_and_are_never_best() {
    let of = |cursor, lost| {
        row_of(Transport::LongPolling, 100, 1, 26_000, |run, measured| {
            run.poll_cursor = Some(cursor);
            measured.missed_without_cursor =
                (!cursor).then_some(Missed { signalled: 0, silently: lost });
            measured.seen.received -= lost;
        })
    };
    let text = table(&[of(true, 0), of(false, 300)], PLAIN);
    assert_snapshot!(text);
    let others = [(Transport::Sse, 27_000), (Transport::WebSocket, 40_000)]
        .map(|(transport, micros)| row(transport, 100, 1, micros));
    let rows = [&others[..], &[of(false, 300)]].concat();
    assert_eq!(leaders(&rows, "delivery_p50_us"), ["sse"]);
    assert!(!table(&[of(true, 0)], PLAIN).contains("cursor"), "it is told only of those without");
}

#[test]
fn timers_of_each_connection_show_how_much_is_published() {
    let of = |timers, published| {
        row_of(Transport::Sse, 100, 1, 26_000, |run, measured| {
            (run.timers, measured.published) = (timers, Some(published));
        })
    };
    let one = of(FeedTimers::One, 10);
    assert!(!table(std::slice::from_ref(&one), PLAIN).contains("Published"));
    let text = table(&[one, of(FeedTimers::PerConnection, 1_000)], PLAIN);
    assert!(text.contains("Published") && text.contains("100000"), "{text}");
}

#[test]
fn what_the_database_did_has_a_table_where_there_is_one() {
    let of =
        |transport, store| row_of(transport, 3, 1, 26_000, |_, measured| measured.store = store);
    let without = of(Transport::Sse, None);
    assert!(!table(std::slice::from_ref(&without), PLAIN).contains("database"));
    assert_snapshot!(table(&[without, of(Transport::ShortPolling, Some(store_cost()))], PLAIN));
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
            for (transport, micros) in [(Transport::Sse, 26_200), (Transport::WebSocket, 26_150)] {
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
fn a_setting_of_one_transport_does_not_separate_it_from_the_others() {
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
fn a_value_that_was_not_measured_is_a_dash() {
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

/// Returns runs with faults in a sweep of four settings, with repeats: these make the widest
/// tables.
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
fn what_subscribers_sent_has_a_table_of_its_own() {
    let chat = |transport: Transport| {
        row_of(transport, 3, 1, 50_000, |run, measured| {
            let to = Audience::Everyone;
            run.upstream = Some(Upstream { rate: 0.5, to, payload: SentPayload::json(64) });
            measured.seen.upstream = sent_and_received().upstream;
            measured.seen.upstream.refused = u64::from(transport.polls());
        })
    };
    assert_snapshot!(table(&Transport::ALL.map(chat), PLAIN));
}

#[test]
fn a_table_fits_the_terminal_and_leaves_no_column_out_that_does_not_need_room() {
    for rows in [one_of_each(), a_sweep(), the_widest()] {
        let sections = sections_of(&lines(&rows, &VaryingSettings::of(&rows)), Question::default());
        for width in [60, 80, 120] {
            let text = table(&rows, Style { colour: false, width });
            for line in text.lines() {
                let columns = display_width(line);
                assert!(columns <= width, "{columns} columns: {line}");
            }
            // The last word of a heading stands above the others of its kind.
            let columns = sections.iter().flat_map(|section| &section.columns);
            for column in columns.filter(|column| !column.needs_room) {
                let word = column.heading[2];
                assert!(text.contains(word), "{width} columns without {word}: {text}");
            }
        }
    }
}

#[test]
fn the_cost_in_multiples_of_the_floor_is_shown_where_there_is_room() {
    let [wide, narrow] =
        [120, 80].map(|width| table(&one_of_each(), Style { colour: false, width }));
    assert!(wide.contains("× floor"), "{wide}");
    assert!(!narrow.contains("× floor") && !narrow.contains("continued"), "{narrow}");
}

#[test]
fn a_table_in_sixty_columns_looks_like_this() {
    assert_snapshot!(table(&a_sweep(), Style { colour: false, width: 60 }));
}

#[test]
fn every_column_shown_is_a_column_of_the_file() {
    for shown in DELIVERY
        .iter()
        .chain(COST)
        .chain(UPSTREAM)
        .chain(UPSTREAM_COST)
        .chain(FAULTS)
        .chain(WITHOUT_CURSOR)
        .chain(PUBLISHED)
    {
        assert!(run_column(shown.column).is_some(), "{}", shown.column);
    }
}
