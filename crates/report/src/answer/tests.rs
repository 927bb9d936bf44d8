//! What the answer says of made-up runs.

use std::time::Duration;

use insta::assert_snapshot;
use wirebench_measure::{FaultOutcome, Invalid, Latency, Measurement, Missed};
use wirebench_protocol::{SocketIoMode, Transport};
use wirebench_scenario::{Figure, Run};

use super::*;
use crate::testing::{busy_neighbour, measurement, record, run};

/// What a made-up run measured.
#[derive(Clone, Copy)]
struct Made {
    transport: Transport,
    subscribers: usize,
    /// The 99th percentile of delivery.
    p99_ms: u64,
    /// Server CPU for each message.
    cpu_us: u64,
}

impl Made {
    const fn of(transport: Transport, p99_ms: u64, cpu_us: u64) -> Self {
        Self { transport, subscribers: 100, p99_ms, cpu_us }
    }

    const fn at(self, subscribers: usize) -> Self {
        Self { subscribers, ..self }
    }

    fn row(self) -> Row {
        self.changed(1, |_, _| {})
    }

    fn changed(self, repeat: u32, change: impl FnOnce(&mut Run, &mut Measurement)) -> Row {
        let Self { transport, subscribers, p99_ms, cpu_us } = self;
        let mut run =
            Run { transport, subscribers, repeat, hold: None, poll_cursor: None, ..run() };
        run.id = format!("{transport}-{subscribers}-{repeat}");
        let mut measured = measurement();
        measured.published = Some(2_000);
        measured.subscribed = subscribers as u64;
        measured.seen.received = 2_000 * subscribers as u64;
        measured.seen.delivery = Latency::new();
        for _ in 0..200 {
            measured.seen.delivery.record(Duration::from_millis(p99_ms));
        }
        if let Some(server) = &mut measured.server {
            server.cpu =
                Duration::from_micros(cpu_us) * 2_000 * u32::try_from(subscribers).unwrap();
        }
        change(&mut run, &mut measured);
        Row::of(&record(&run, &measured))
    }

    /// Returns `repeats` runs, each by 1 % slower than the one before.
    fn repeats(self, repeats: u32) -> Vec<Row> {
        let slower = |repeat: u32| Self {
            p99_ms: self.p99_ms * (100 + u64::from(repeat)) / 100,
            cpu_us: self.cpu_us * (100 + u64::from(repeat)) / 100,
            ..self
        };
        (1..=repeats).map(|repeat| slower(repeat).changed(repeat, |_, _| {})).collect()
    }
}

const SHORT: Made = Made::of(Transport::ShortPolling, 10_000, 400);
const SSE: Made = Made::of(Transport::Sse, 1_000, 100);
const SOCKET: Made = Made::of(Transport::WebSocket, 1_200, 200);

fn plain(rows: &[Row]) -> String {
    answer(rows, Question::default())
}

fn focused(rows: &[Row], focus: &[Figure]) -> String {
    answer(rows, Question { about: "", focus })
}

#[test]
fn a_clear_winner_is_named_with_its_lead() {
    let rows = [SHORT.repeats(5), SSE.repeats(5), SOCKET.repeats(5)].concat();
    assert_snapshot!(plain(&rows));
}

#[test]
fn transports_that_the_runs_cannot_tell_apart_share_the_place() {
    let near = Made { p99_ms: 1_005, cpu_us: 100, ..SOCKET };
    let rows = [SHORT.repeats(3), SSE.repeats(3), near.repeats(3)].concat();
    assert_snapshot!(plain(&rows));
}

#[test]
fn what_cannot_be_decided_is_said_so() {
    let near = Made { p99_ms: 1_005, cpu_us: 102, ..SOCKET };
    assert_snapshot!(plain(&[SSE.repeats(5), near.repeats(5)].concat()));
}

#[test]
fn one_run_of_each_says_so() {
    assert_snapshot!(plain(&[SHORT.row(), SSE.row(), SOCKET.row()]));
}

#[test]
fn one_transport_is_compared_with_nothing() {
    assert_snapshot!(plain(&SSE.repeats(3)));
    assert_snapshot!(plain(&[SSE.row()]));
}

#[test]
fn invalid_runs_are_counted_and_never_best() {
    let invalid = |made: Made, repeat| {
        made.changed(repeat, |_, measured| {
            measured.invalid = vec![Invalid::GeneratorBusy { ratio: 0.97 }];
        })
    };
    let fast = Made { p99_ms: 1, ..SOCKET };
    assert_snapshot!(plain(&[SHORT.row(), SSE.row(), invalid(fast, 1)]));
    assert_snapshot!(plain(&[SSE.repeats(2), vec![invalid(fast, 1), invalid(fast, 2)]].concat()));
    assert_snapshot!(plain(&[invalid(SSE, 1), invalid(fast, 1)]));
    assert_snapshot!(plain(&[invalid(SSE, 1)]));
}

#[test]
fn disturbed_runs_are_never_best_and_leave_the_question_open_if_they_lead() {
    let disturbed =
        |made: Made| made.changed(1, |_, measured| measured.other_load = busy_neighbour());
    let fast = Made { p99_ms: 500, cpu_us: 50, ..SOCKET };
    assert_snapshot!(plain(&[SHORT.row(), SSE.row(), disturbed(fast)]));
    assert_snapshot!(plain(&[SHORT.row(), SSE.row(), disturbed(SOCKET)]));
    assert_snapshot!(plain(&[disturbed(SSE), disturbed(SOCKET)]));
}

#[test]
fn a_sweep_is_answered_from_end_to_end() {
    let at = |made: Made, subscribers, p99_ms, cpu_us| {
        Made { p99_ms, cpu_us, ..made.at(subscribers) }.repeats(5)
    };
    let rows = [
        at(SHORT, 10, 10_000, 400),
        at(SHORT, 1_000, 10_100, 200),
        at(SSE, 10, 1_000, 100),
        at(SSE, 1_000, 3_000, 101),
        at(SOCKET, 10, 2_000, 200),
        at(SOCKET, 1_000, 2_500, 50),
    ];
    assert_snapshot!(plain(&rows.concat()));
}

#[test]
fn a_sweep_with_an_invalid_end_says_how_far_it_goes() {
    let mut rows = [SSE.at(10).repeats(5), SSE.at(100).repeats(5)].concat();
    rows.push(
        SSE.at(1_000).changed(1, |_, measured| measured.invalid = vec![Invalid::Interrupted]),
    );
    rows.extend([SOCKET.at(10).repeats(5), SOCKET.at(1_000).repeats(5)].concat());
    assert_snapshot!(plain(&rows));
}

#[test]
fn a_sweep_of_one_transport_and_of_a_setting_that_only_one_has() {
    let of = |made: Made, seconds: Option<u64>| {
        made.changed(1, |run, _| run.interval = seconds.map(Duration::from_secs))
    };
    let slower = Made { p99_ms: 100_000, cpu_us: 40, ..SHORT };
    let rows = [of(SHORT, Some(1)), of(slower, Some(10)), of(SSE, None)];
    assert_snapshot!(plain(&rows));
    assert_snapshot!(plain(&[SSE.at(10).row(), Made { p99_ms: 3_000, ..SSE.at(50) }.row()]));
}

#[test]
fn a_second_setting_is_read_at_its_last_value() {
    let mut rows = Vec::new();
    for delay in [5, 25] {
        for (subscribers, p99_ms) in [(10, 1_000), (20, 1_010), (1_000, 5_000 + delay)] {
            for made in [SSE, SOCKET] {
                let made = Made { p99_ms, ..made.at(subscribers) };
                rows.push(made.changed(1, |run, _| run.link.delay = Duration::from_millis(delay)));
            }
        }
    }
    assert_snapshot!(plain(&rows));
}

#[test]
fn settings_without_an_order_are_named_one_by_one_or_counted() {
    let with = |kind, made: Made| {
        made.changed(1, |run, _| {
            run.payload = if kind {
                wirebench_scenario::Payload::Binary(256)
            } else {
                wirebench_scenario::Payload::Bytes(256)
            }
        })
    };
    let rows = [with(false, SSE), with(false, SOCKET), with(true, SHORT), with(true, SOCKET)];
    assert_snapshot!(plain(&rows));
    let modes = SocketIoMode::ALL.map(|mode| {
        Made::of(Transport::SocketIo, 1_000, 100)
            .changed(1, |run, _| run.socket_io_mode = Some(mode))
    });
    assert_snapshot!(plain(&modes));
}

fn with_faults(made: Made, missed: u64, back: u64) -> Row {
    made.changed(1, |run, measured| {
        run.faults.avalanche_after = Some(Duration::from_secs(3));
        measured.seen.received -= missed;
        measured.faults = Some(FaultOutcome {
            wanted: made.subscribers as u64,
            missed: Missed { signalled: missed, silently: 0 },
            back_99: Some(Duration::from_millis(back)),
            reconnects_peak_per_s: Some(50),
        });
    })
}

#[test]
fn with_faults_it_says_what_was_delivered_and_how_soon_subscribers_were_back() {
    let rows =
        [with_faults(SHORT, 0, 1_000), with_faults(SSE, 0, 3_000), with_faults(SOCKET, 0, 1_050)];
    assert_snapshot!(plain(&rows));
    let rows = [with_faults(SSE, 0, 3_000), with_faults(SOCKET, 20_000, 1_000)];
    assert_snapshot!(plain(&rows));
}

#[test]
fn the_figures_that_a_scenario_names_answer_it() {
    let rows = [SHORT.repeats(3), SSE.repeats(3)].concat();
    assert_snapshot!(focused(&rows, &[Figure::ServerMemory, Figure::Missing, Figure::Bytes]));
    assert_snapshot!(focused(&rows, &[Figure::EchoP99]));
}

#[test]
fn without_rows_there_is_no_answer() {
    assert_eq!(plain(&[]), "");
}

#[test]
fn the_terminal_ends_with_the_question_and_the_answer() {
    let rows = [SHORT.row(), SSE.row()];
    let about = "What does a message cost over each transport, and how old\nis it?";
    let style = Style { colour: false, width: 60 };
    assert_snapshot!(question_and_answer(&rows, Question { about, focus: &[] }, style));
    assert!(question_and_answer(&rows, Question::default(), style).starts_with("Answer:   In one"));
    assert_eq!(question_and_answer(&[], Question { about, focus: &[] }, style), "");
}
