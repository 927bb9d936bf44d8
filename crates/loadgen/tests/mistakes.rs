//! Mistakes that tutorials teach, made for real over every transport that each of them concerns.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::time::Duration;

use futures::StreamExt;
use support::runs::{small_run, small_timing};
use support::{Bench, TIMEOUT, client, within};
use wirebench_loadgen::{ControlClient, Drive, SubscriberSettings, drive, subscribe};
use wirebench_measure::{Event, Invalid, Measurement};
use wirebench_protocol::control::Pace;
use wirebench_protocol::{After, Delivery, ShortPollingMode, Transport};
use wirebench_scenario::{Cuts, Faults, FeedTimers, LinkSettings, Run};
use wirebench_server::ControlApi;

const SUBSCRIBERS: u64 = 8;

/// Returns the transports that deliver messages in this way.
fn transports(delivery: Delivery) -> impl Iterator<Item = Transport> {
    Transport::ALL.into_iter().filter(move |transport| transport.delivery() == delivery)
}

fn run(transport: Transport) -> Run {
    Run {
        id: transport.name().replace('.', "-"),
        timing: small_timing(Duration::from_secs(2)),
        ..small_run(transport)
    }
}

/// Drives a run against a server of this project.
async fn measure(run: &Run) -> Measurement {
    let (bench, listener) = (Bench::start(10_000), support::listen());
    let control = format!("http://{}", listener.local_addr().unwrap());
    let control = ControlClient::new(&control, support::TOKEN);
    let serving = ControlApi::new(bench.server.clone(), support::token());
    let serving = tokio::spawn(async move { serving.serve(listener).await });
    let target = bench.target();
    let what = format!("{}: a measurement", run.id);
    let driving = Drive::new(run, &target, &control, 1);
    let measured = within(TIMEOUT, &what, drive(driving, &mut |_| {})).await;
    serving.abort();
    measured.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_for_each_connection_publishes_to_everybody_as_often_as_there_are_connections() {
    for transport in Transport::ALL {
        let one = measure(&run(transport)).await;
        let many = measure(&Run { timers: FeedTimers::PerConnection, ..run(transport) }).await;
        for measured in [&one, &many] {
            assert_eq!(measured.missing(), Some(0), "{transport}: {:?}", measured.invalid);
        }
        // Two seconds of 10/s, and at most one message more for each timer. A publisher that the
        // machine held up when the window closed has published less: `publishing/timers.rs` counts
        // what is due.
        let (one, many) = (one.published.unwrap(), many.published.unwrap());
        let most = 21;
        assert!(one <= most, "{transport}: {one}");
        assert!(many > 2 * most && many <= most * SUBSCRIBERS, "{transport}: {many}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_without_a_cursor_lose_messages_in_a_run_that_is_valid() {
    for transport in transports(Delivery::Held) {
        // Some three messages for each turnaround of 60 ms.
        let link = LinkSettings { delay: Duration::from_millis(30), jitter: Duration::ZERO };
        let feed = Run { rate: 50.0, pace: Pace::Poisson, link, ..run(transport) };
        let with = Run { poll_cursor: Some(true), ..feed.clone() };
        let mut without = Run { poll_cursor: Some(false), ..feed };
        // Nobody ever has everything: the drain lasts to its end.
        without.timing.drain = Duration::from_millis(500);
        let measured = measure(&with).await;
        assert_eq!((measured.missing(), measured.delivered_ratio()), (Some(0), None));

        let measured = measure(&without).await;
        let missing = measured.missing().unwrap();
        let missed = measured.missed_without_cursor.unwrap();
        assert_eq!((missed.silently, missed.signalled), (missing, 0), "{transport}");
        assert_eq!(measured.seen.duplicate, 0, "{transport}");
        // A busy machine may make the load generator late, which is another reason.
        let lost =
            |reason: &&Invalid| matches!(reason, Invalid::Missing { .. } | Invalid::Silent { .. });
        assert_eq!(measured.invalid.iter().find(lost), None, "{transport}");
        // 1/(1 + 50/s · 60 ms) = 0.25 on average over many feeds; less on a busy machine, where
        // turnarounds take longer.
        let delivered = measured.delivered_ratio().unwrap();
        assert!(delivered > 0.0 && delivered < 0.5, "{transport}: {delivered}");
    }
}

/// The connections are cut again and again, so that subscribers resume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_for_the_whole_feed_carry_every_message_again_and_count_it_once() {
    for transport in transports(Delivery::Polled) {
        let cuts = Some(Cuts { every: Duration::from_millis(300), share: 0.5 });
        let faults = Faults { cuts, ..Faults::default() };
        let in_mode = |mode| Run { short_polling_mode: Some(mode), faults, ..run(transport) };
        let after_a_cursor = measure(&in_mode(ShortPollingMode::Cursor)).await;
        let whole = measure(&in_mode(ShortPollingMode::Whole)).await;
        for measured in [&after_a_cursor, &whole] {
            let missed = measured.missed().unwrap();
            assert_eq!((measured.missing(), missed.silently), (Some(0), 0), "{transport}");
            assert_eq!((measured.seen.duplicate, measured.seen.out_of_order), (0, 0));
            assert!(measured.traffic.reconnects > 0, "{transport}");
            // Polls twice as often as there are messages find nothing new, whatever they carry.
            assert!(measured.seen.empty > 0, "{transport}");
        }
        // By the middle of the window, each poll carries some 13 messages.
        let received = |measured: &Measurement| {
            u32::try_from(measured.traffic.bytes_down / measured.seen.received).unwrap()
        };
        let [cursor, whole] = [received(&after_a_cursor), received(&whole)];
        assert!(whole > 2 * cursor, "{transport}: {whole} and {cursor} bytes for each message");
    }
}

#[tokio::test]
async fn a_message_between_two_polls_is_lost_only_without_a_cursor() {
    for transport in transports(Delivery::Held) {
        for poll_cursor in [true, false] {
            let what = format!("{transport}, cursor {poll_cursor}");
            let (bench, client) = (Bench::start(100), client());
            let settings = SubscriberSettings { poll_cursor, ..SubscriberSettings::default() };
            let target = bench.target();
            let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
            let mut next_seq = async || {
                loop {
                    let event = within(TIMEOUT, &what, events.next()).await;
                    match event.unwrap().unwrap() {
                        Event::Received { cursor, .. } => return Some(cursor.seq),
                        Event::Empty { .. } => return None,
                        _ => {}
                    }
                }
            };
            assert_eq!(next_seq().await, None, "{what}: the first answer");
            let received = async {
                let first = next_seq().await;
                // No poll is on its way: the stream asks when its next event is awaited.
                let between = bench.publish("\"between\"").seq;
                let publishing = async {
                    loop {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        bench.publish("\"later\"");
                    }
                };
                tokio::select! {
                    second = next_seq() => (first, between, second.unwrap()),
                    () = publishing => unreachable!("it publishes for ever"),
                }
            };
            let published = async {
                // Until the held poll is there, a poll without a cursor does not find it.
                loop {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    bench.publish("\"first\"");
                }
            };
            let (first, between, second) = tokio::select! {
                received = received => received,
                () = published => unreachable!("it publishes for ever"),
            };
            assert!(first.unwrap() < between, "{what}");
            if poll_cursor {
                assert!(second <= between, "{what}: {second}, {between}");
            } else {
                assert!(second > between, "{what}: {second}, {between}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_timer_adds_half_its_period_and_loses_nothing() {
    let period = Duration::from_millis(400);
    for transport in transports(Delivery::Pushed) {
        let timed = Run { push_timer: Some(period), rate: 50.0, ..run(transport) };
        let measured = measure(&timed).await;
        assert_eq!(measured.missing(), Some(0), "{transport}: {:?}", measured.invalid);
        let seen = &measured.seen;
        assert_eq!((seen.duplicate, seen.out_of_order, seen.gaps), (0, 0, 0), "{transport}");
        // A busy machine only adds to the delay.
        let mean = seen.delivery.mean().unwrap();
        assert!(mean > period.mul_f64(0.45), "{transport}: {mean:?}");
        let least = seen.delivery.min().unwrap();
        assert!(least < period / 4, "{transport}: {least:?}");
    }
}

#[tokio::test]
async fn a_push_timer_that_the_server_does_not_have_is_refused() {
    for transport in transports(Delivery::Pushed) {
        let (bench, client) = (Bench::start(100), client());
        let push_timer = Duration::from_secs(61);
        let settings = SubscriberSettings { push_timer, ..SubscriberSettings::default() };
        let target = bench.target();
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        let refused = loop {
            match within(TIMEOUT, transport, events.next()).await.unwrap() {
                Ok(Event::Connected { .. }) => panic!("{transport}: it is subscribed"),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert!(refused.contains("`every=61` is out of range"), "{transport}: {refused}");
    }
}
