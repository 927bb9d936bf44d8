//! What theory predicts for each run, to show beside what was measured.

use std::time::Duration;

use serde::Serialize;
use wirebench_measure::theory::{Conditions, Prediction, predict};
use wirebench_protocol::control::Pace;
use wirebench_protocol::{Delivery, SocketIoMode, Transport};
use wirebench_scenario::{Audience, FeedTimers};

use crate::numbers::median;
use crate::row::Row;
use crate::settings::agree_in_shared_settings;
use crate::value::Value;

/// A prediction in the units of `runs.csv`, and the delay it was made from.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Predicted {
    /// The one-way delay.
    delay_us: f64,
    /// The push transport whose median delivery, the smallest at the same setting, is that delay;
    /// `None` if it is the nominal delay of the link.
    delay_of: Option<&'static str>,
    mean_us: Option<f64>,
    p95_us: Option<f64>,
    max_us: Option<f64>,
    requests_per_message: Option<f64>,
    empty_ratio: Option<f64>,
    delivered_ratio: Option<f64>,
}

/// Returns the prediction for `row`, which is one of `rows`; `None` if no law applies.
pub(super) fn predicted(row: &Row, rows: &[Row]) -> Option<Predicted> {
    let (delivery, mode) = (row.delivery()?, row.socket_io_mode());
    // No law includes faults, nor polls that acknowledgements end too.
    let sends = row.number("upstream_sent").is_some();
    if row.text("faults").is_some() || (sends && mode == Some(SocketIoMode::Polling)) {
        return None;
    }
    let nominal = micros(row.number("link_delay_us")?)?;
    // The laws do not include jitter. The median of a push transport on the same link includes it.
    let (delay, delay_of) = if delivery.asks() {
        measured_delay(row, rows).map_or((nominal, None), |(delay, of)| (delay, Some(of)))
    } else if nominal.is_zero() && push_timer(row).is_none() {
        // A delay of 0 predicts nothing.
        return None;
    } else {
        (nominal, None)
    };
    let (rate, pace) = published(row)?;
    let setting = Conditions {
        delivery,
        rate,
        pace,
        delay,
        interval: row.number("poll_interval_us").and_then(micros),
        hold: row.number("hold_us").and_then(micros).or_else(|| mode?.hold()),
        cursor: !row.forgets_its_cursor(),
        push_timer: push_timer(row),
    };
    let prediction = predict(&setting);
    (prediction != Prediction::default()).then(|| Predicted {
        delay_us: in_micros(delay),
        delay_of,
        mean_us: prediction.delivery_mean.map(in_micros),
        p95_us: prediction.delivery_p95.map(in_micros),
        max_us: prediction.delivery_max.map(in_micros),
        requests_per_message: prediction.requests_per_message,
        empty_ratio: prediction.empty_ratio,
        delivered_ratio: prediction.delivered_ratio,
    })
}

/// Returns the period of the timer at whose ticks the server pushed; `None` if it had none.
fn push_timer(row: &Row) -> Option<Duration> {
    row.number("push_timer_us").and_then(micros).filter(|period| !period.is_zero())
}

/// Returns the smallest median delivery of a push transport at the same setting, over its valid
/// runs without a push timer, with the name of the transport.
fn measured_delay(row: &Row, rows: &[Row]) -> Option<(Duration, &'static str)> {
    nearest(Transport::ALL.into_iter().filter_map(|transport| {
        let medians = rows
            .iter()
            .filter(|other| other.is_valid() && other.transport() == Some(transport))
            .filter(|other| other.delivery() == Some(Delivery::Pushed))
            .filter(|other| push_timer(other).is_none())
            .filter(|other| agree_in_shared_settings(row, other))
            .filter_map(|other| other.number("delivery_p50_us"));
        Some((micros(median(medians.collect())?)?, transport.name()))
    }))
}

/// Returns the smallest delay: a transport can only add to the one-way delay, so the smallest is
/// the nearest to it. Of equal delays, the first by name is taken.
fn nearest(
    delays: impl Iterator<Item = (Duration, &'static str)>,
) -> Option<(Duration, &'static str)> {
    delays.min()
}

/// Returns how many messages a subscriber gets per second, and how they are spread over time. What
/// many people say at their own times comes independently of each other, and so does what many
/// timers publish.
fn published(row: &Row) -> Option<(f64, Pace)> {
    let (rate, pace) = (row.number("rate_per_s")?, pace(row.text("pace")?)?);
    let (rate, pace) = if row.text("timers") == Some(FeedTimers::PerConnection.name()) {
        (rate * row.number("subscribers")?, Pace::Poisson)
    } else {
        (rate, pace)
    };
    let to = row.text("upstream_to");
    let to = Audience::ALL.into_iter().find(|audience| Some(audience.name()) == to);
    let Some(to) = to.filter(|to| to.publishes()) else { return Some((rate, pace)) };
    let said = to.deliveries(row.number("subscribers")?) * row.number("upstream_rate_per_s")?;
    Some((rate + said, Pace::Poisson))
}

/// Reads back the value of the column `pace`.
fn pace(name: &str) -> Option<Pace> {
    match name {
        "steady" => Some(Pace::Steady),
        "exact" => Some(Pace::Exact),
        "poisson" => Some(Pace::Poisson),
        _ => name.strip_prefix("burst-")?.parse().ok().map(Pace::Burst),
    }
}

fn micros(micros: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(micros / 1e6).ok()
}

fn in_micros(duration: Duration) -> f64 {
    Value::micros(duration).number().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use wirebench_scenario::{Run, SentPayload, Upstream};

    use super::*;
    use crate::testing::{changed, measurement, record, run};

    fn row(change: impl FnOnce(&mut Run)) -> Row {
        let mut run = run();
        change(&mut run);
        Row::of(&record(&run, &measurement()))
    }

    fn sse(run: &mut Run) {
        (run.transport, run.hold) = (Transport::Sse, None);
    }

    #[test]
    fn polling_is_predicted_from_what_push_measured_at_the_same_setting() {
        let rows = [row(|_| {}), row(sse)];
        let polling = predicted(&rows[0], &rows).unwrap();
        assert_eq!(polling.delay_of, Some("sse"));
        assert!((polling.delay_us / 39_000.0 - 1.0).abs() < 0.01, "{polling:?}");
        let push = predicted(&rows[1], &rows).unwrap();
        assert_eq!((push.delay_of, push.delay_us), (None, 25_000.0));
    }

    #[test]
    fn of_several_push_transports_the_fastest_stands_for_the_delay_in_any_order() {
        let delays = [(27, "sse"), (26, "socket-io"), (28, "websocket")]
            .map(|(millis, name)| (Duration::from_millis(millis), name));
        let fastest = Some((Duration::from_millis(26), "socket-io"));
        assert_eq!(nearest(delays.into_iter()), fastest);
        assert_eq!(nearest(delays.into_iter().rev()), fastest);
    }

    #[test]
    fn of_equally_fast_push_transports_the_first_by_name_is_named_in_any_order() {
        let delays = ["websocket", "sse", "socket-io"].map(|name| (Duration::ZERO, name));
        let first = Some((Duration::ZERO, "socket-io"));
        assert_eq!(nearest(delays.into_iter()), first);
        assert_eq!(nearest(delays.into_iter().rev()), first);
    }

    #[test]
    fn a_faster_push_transport_at_the_same_setting_is_preferred_wherever_it_is_listed() {
        let delay =
            |row: &Row, micros| changed(row, &[("delivery_p50_us", Value::Decimal(micros))]);
        let of = |transport| row(|run| (run.transport, run.hold) = (transport, None));
        let (sse, websocket) = (of(Transport::Sse), of(Transport::WebSocket));
        for (sse_us, websocket_us, fastest) in
            [(26_000.0, 27_000.0, "sse"), (27_000.0, 26_000.0, "websocket")]
        {
            let rows = [row(|_| {}), delay(&sse, sse_us), delay(&websocket, websocket_us)];
            let polling = predicted(&rows[0], &rows).unwrap();
            assert_eq!((polling.delay_of, polling.delay_us), (Some(fastest), 26_000.0));
        }
    }

    #[test]
    fn without_push_at_the_same_setting_the_nominal_delay_is_used() {
        let rows = [
            row(|_| {}),
            row(|run| {
                sse(run);
                run.subscribers = 4;
            }),
        ];
        let polling = predicted(&rows[0], &rows).unwrap();
        assert_eq!((polling.delay_of, polling.delay_us), (None, 25_000.0));
    }

    #[test]
    fn push_over_a_link_without_delay_has_no_prediction() {
        let row = row(|run| {
            sse(run);
            run.link.delay = Duration::ZERO;
        });
        assert_eq!(predicted(&row, std::slice::from_ref(&row)), None);
    }

    #[test]
    fn polls_that_acknowledgements_end_too_have_no_prediction() {
        let predicted = |mode, sends: bool| {
            let payload = SentPayload::json(64);
            let upstream = Upstream { rate: 2.0, to: Audience::Everyone, payload };
            let row = row(|run| {
                (run.transport, run.hold) = (Transport::SocketIo, None);
                (run.socket_io_mode, run.upstream) = (Some(mode), sends.then_some(upstream));
            });
            predicted(&row, std::slice::from_ref(&row))
        };
        assert_eq!(predicted(SocketIoMode::Polling, true), None);
        assert!(predicted(SocketIoMode::Polling, false).is_some());
        assert!(predicted(SocketIoMode::WebSocket, true).is_some());
    }

    #[test]
    fn what_a_chat_publishes_counts_like_what_the_feed_publishes() {
        let upstream = |to| Some(Upstream { rate: 2.0, to, payload: SentPayload::json(64) });
        let published = |to| published(&row(|run| run.upstream = upstream(to)));
        assert_eq!(published(Audience::Everyone), Some((16.0, Pace::Poisson)), "3 people");
        assert_eq!(published(Audience::Others), Some((14.0, Pace::Poisson)), "the 2 others");
        assert_eq!(published(Audience::One), Some((12.0, Pace::Poisson)), "one of the 2");
        assert_eq!(published(Audience::Nobody), Some((10.0, Pace::Steady)));
    }

    #[test]
    fn what_each_timer_publishes_counts() {
        let published = published(&row(|run| run.timers = FeedTimers::PerConnection));
        assert_eq!(published, Some((30.0, Pace::Poisson)), "3 subscribers, 10/s each");
    }

    #[test]
    fn polls_without_a_cursor_have_a_predicted_loss_and_others_have_none() {
        let of = |cursor| {
            let row = row(|run| {
                (run.poll_cursor, run.pace) = (Some(cursor), Pace::Poisson);
            });
            predicted(&row, std::slice::from_ref(&row)).unwrap().delivered_ratio
        };
        let delivered = of(false).unwrap();
        assert!((delivered - 1.0 / 1.5).abs() < 1e-3, "10/s over 50 ms: {delivered}");
        assert_eq!(of(true), None);
    }

    #[test]
    fn a_push_timer_is_predicted_and_never_stands_for_the_delay_of_the_link() {
        let timed = |run: &mut Run| {
            sse(run);
            run.push_timer = Some(Duration::from_secs(1));
        };
        let rows = [row(|_| {}), row(timed)];
        let push = predicted(&rows[1], &rows).unwrap();
        assert_eq!((push.delay_us, push.mean_us), (25_000.0, Some(525_000.0)));
        assert_eq!(predicted(&rows[0], &rows).unwrap().delay_of, None);
        let no_timer = row(|run| {
            sse(run);
            run.push_timer = Some(Duration::ZERO);
        });
        let rows = [row(|_| {}), no_timer];
        assert_eq!(predicted(&rows[0], &rows).unwrap().delay_of, Some("sse"));
    }

    #[test]
    fn every_pace_reads_back() {
        for expected in [Pace::Steady, Pace::Exact, Pace::Poisson, Pace::Burst(25)] {
            let row = row(|run| run.pace = expected);
            assert_eq!(pace(row.text("pace").unwrap()), Some(expected));
        }
        assert_eq!(pace("waltz"), None);
    }
}
