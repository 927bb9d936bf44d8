//! Every transport through every misbehaving proxy, reconnect pauses, and crowds that are cut off.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::runs::{small_run, small_timing};
use support::{Bench, TIMEOUT, target, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use wirebench_link::Misbehaviour;
use wirebench_loadgen::{
    ControlClient, Drive, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    drive, run_subscriber, subscribe,
};
use wirebench_measure::{Event, Measurement, Missed};
use wirebench_protocol::{After, Seq, Transport};
use wirebench_scenario::{Faults, Reconnect, Run};
use wirebench_server::{Feed, Limits, Server};

/// What a subscriber has observed.
#[derive(Debug, Default)]
struct ObservedUnderFault {
    seen: Vec<Seq>,
    interrupted: u64,
    opened: u64,
    refused: Option<SubscribeError>,
}

/// Starts a proxy before a server. It runs until the guard is dropped.
fn proxy(upstream: SocketAddr, habit: Misbehaviour) -> (Target, DropGuard) {
    let listener = support::listen();
    let address = listener.local_addr().unwrap();
    let end = CancellationToken::new();
    let stop = end.clone();
    tokio::spawn(async move {
        wirebench_link::proxy(listener, upstream, habit, stop.cancelled()).await;
    });
    (target(address), end.drop_guard())
}

/// Runs a subscriber from the start of the feed until `done` returns true, or the server refuses
/// for good.
async fn run_until(
    transport: Transport,
    target: &Target,
    mut done: impl FnMut(&ObservedUnderFault) -> bool,
) -> ObservedUnderFault {
    let client = support::client();
    let settings = SubscriberSettings {
        interval: Duration::from_millis(5),
        hold: Duration::from_millis(500),
        ..SubscriberSettings::default()
    };
    let subscriber = Subscriber {
        transport,
        client: &client,
        target,
        settings,
        seed: 7,
        cut: None,
        outbox: None,
    };
    let (mut observed, over) = (ObservedUnderFault::default(), CancellationToken::new());
    let running = run_subscriber(&subscriber, After::Start, |event| {
        match event {
            SubscriberEvent::Event(Event::Received { cursor, .. }) => {
                observed.seen.push(cursor.seq);
            }
            SubscriberEvent::Event(Event::Gap { gap, .. }) => panic!("{transport}: {gap:?}"),
            SubscriberEvent::Event(_) => {}
            SubscriberEvent::Interrupted { .. } => observed.interrupted += 1,
        }
        if done(&observed) {
            over.cancel();
        }
    });
    let what = format_args!("{transport}: a subscriber behind a proxy");
    let refused = within(TIMEOUT, what, over.run_until_cancelled(running)).await;
    ObservedUnderFault { refused, opened: client.dialer().counts().opened, ..observed }
}

#[tokio::test]
async fn a_subscriber_whose_server_is_gone_goes_on_at_the_next_one_with_its_cursor() {
    join_all(Transport::ALL.map(async |transport| {
        let bench = Bench::start(1000);
        let harmless = Misbehaviour::IdleCut { idle: TIMEOUT };
        let (mut target, first) = proxy(bench.address, harmless);
        let (second, _second) = proxy(bench.address, harmless);
        target.others.push(second);
        let mut first = Some(first);
        bench.publish_numbers(3);
        let observed = run_until(transport, &target, |observed| {
            if observed.seen.len() == 3 && first.take().is_some() {
                bench.publish_numbers(3);
            }
            observed.seen.len() == 6
        })
        .await;
        assert_eq!(observed.seen, [1, 2, 3, 4, 5, 6], "{transport}");
        // It was interrupted, and the first server refused it.
        assert!(observed.interrupted >= 2, "{transport}: {observed:?}");
    }))
    .await;
}

/// The misbehaviours that let every transport through.
const HARMLESS: [Misbehaviour; 4] = [
    Misbehaviour::IdleCut { idle: Duration::from_millis(50) },
    Misbehaviour::StripUpgrade,
    Misbehaviour::CloseAfterResponse,
    Misbehaviour::Slow { delay: Duration::from_millis(10), bandwidth: Some(100_000) },
];

#[tokio::test]
async fn every_message_arrives_once_and_in_order_through_every_misbehaving_proxy() {
    let pairs = HARMLESS.into_iter().flat_map(|habit| Transport::ALL.map(|each| (each, habit)));
    let pairs = pairs.filter(|pair| *pair != (Transport::WebSocket, Misbehaviour::StripUpgrade));
    let polls = Transport::ALL.into_iter().filter(|transport| transport.polls());
    let buffered = polls.map(|transport| (transport, Misbehaviour::Buffering));
    join_all(pairs.chain(buffered).chain([(Transport::WebSocket, Misbehaviour::Buffering)]).map(
        async |(transport, habit)| {
            let bench = Bench::start(1000);
            let (target, _proxy) = proxy(bench.address, habit);
            bench.publish_numbers(1);
            let observed = run_until(transport, &target, |observed| {
                if observed.seen.len() as u64 == bench.feed.published() && observed.seen.len() < 40
                {
                    bench.publish_numbers(3);
                }
                observed.seen.len() == 40
            })
            .await;
            assert_eq!(observed.seen, (1..=40).collect::<Vec<_>>(), "{transport} {habit:?}");
            // A Socket.IO session begins with requests.
            let asks = transport.polls() || transport == Transport::SocketIo;
            let closes = habit == Misbehaviour::CloseAfterResponse && asks;
            // If the machine stalls for 50 ms, the connection is idle, too.
            if !matches!(habit, Misbehaviour::IdleCut { .. }) {
                assert_eq!(observed.opened > 3, closes, "{transport} {habit:?}: {observed:?}");
                assert_eq!(observed.interrupted, 0, "{transport} {habit:?}: {observed:?}");
            }
        },
    ))
    .await;
}

#[tokio::test]
async fn a_websocket_whose_upgrade_is_stripped_is_refused_with_426() {
    let bench = Bench::start(10);
    let (target, _proxy) = proxy(bench.address, Misbehaviour::StripUpgrade);
    let observed = run_until(Transport::WebSocket, &target, |_| false).await;
    let Some(SubscribeError::Refused { status, .. }) = observed.refused else {
        panic!("{observed:?}")
    };
    assert_eq!(status, 426);
}

#[tokio::test]
async fn what_a_buffering_proxy_holds_back_arrives_when_the_stream_ends() {
    let bench = Bench::start(1000);
    let (target, _proxy) = proxy(bench.address, Misbehaviour::Buffering);
    let text = format!("\"{}\"", "x".repeat(1_000));
    for _ in 0..40 {
        bench.publish(&text);
    }
    let mut first = 0;
    let observed = run_until(Transport::Sse, &target, |observed| {
        if !observed.seen.is_empty() && first == 0 {
            first = bench.feed.published();
            // The last messages do not fill a block of 16 KiB and would wait for more.
            bench.begin_stop();
        }
        observed.seen.len() == 40
    })
    .await;
    assert_eq!(observed.seen, (1..=40).collect::<Vec<_>>(), "{observed:?}");
}

/// Returns the limits with which `wirebench run` starts the server of a run with this policy.
fn limits_of_a_run(reconnect: Reconnect) -> Limits {
    let (retry, return_time) = (reconnect.announced(), Duration::ZERO);
    Limits { retry, return_time, ..Limits::default() }
}

/// Returns the first `count` pauses of a subscriber. Each subscription receives a message, and then
/// `end` ends it.
async fn pauses(
    transport: Transport,
    reconnect: Reconnect,
    bench: &Bench,
    count: usize,
    end: impl Fn(&Notify),
) -> Vec<Duration> {
    let (client, target) = (support::client(), bench.target());
    let (cut, over) = (Notify::new(), CancellationToken::new());
    let settings = SubscriberSettings {
        interval: Duration::from_millis(20),
        reconnect,
        ..SubscriberSettings::default()
    };
    let subscriber = Subscriber {
        transport,
        client: &client,
        target: &target,
        settings,
        seed: 7,
        cut: Some(&cut),
        outbox: None,
    };
    let mut pauses = Vec::new();
    bench.publish_numbers(1);
    let running = run_subscriber(&subscriber, After::Start, |event| match event {
        // What the server announces has arrived before the first message.
        SubscriberEvent::Event(Event::Received { .. }) => end(&cut),
        SubscriberEvent::Event(_) => {}
        SubscriberEvent::Interrupted { pause, .. } => {
            pauses.push(pause);
            bench.publish_numbers(1);
            if pauses.len() == count {
                over.cancel();
            }
        }
    });
    let what = format_args!("{transport}: {count} pauses");
    within(TIMEOUT, what, over.run_until_cancelled(running)).await;
    pauses
}

#[tokio::test]
async fn after_a_cut_the_pause_is_drawn_from_the_same_distribution_on_every_transport() {
    let (first, most) = (Duration::from_millis(40), Duration::from_secs(5));
    let policy = Reconnect::Same { first, most };
    let mut drawn = Vec::new();
    for transport in Transport::ALL {
        let bench = Bench::within(limits_of_a_run(policy), 1000);
        let pauses = pauses(transport, policy, &bench, 10, Notify::notify_waiters).await;
        assert!(pauses.iter().all(|pause| *pause <= first), "{transport}: {pauses:?}");
        drawn.push(pauses);
    }
    // With the same seed, the same distribution gives the same pauses.
    assert!(drawn.iter().all(|pauses| *pauses == drawn[0]), "{drawn:?}");
    assert!(drawn[0][0] != drawn[0][1], "the pauses differ from each other: {drawn:?}");
}

#[tokio::test]
async fn a_server_that_stops_makes_no_transport_wait_longer_than_the_others() {
    let policy = Reconnect::default();
    let first = policy.announced().unwrap();
    for transport in Transport::ALL {
        let bench = Bench::within(limits_of_a_run(policy), 1000);
        let pauses = pauses(transport, policy, &bench, 1, |_| bench.begin_stop()).await;
        assert!(pauses[0] <= first, "{transport}: {pauses:?}");
    }
}

#[tokio::test]
async fn a_retry_field_just_before_the_end_of_an_event_stream_counts() {
    let listener = support::listen();
    let target = target(listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
        let body = "retry: 100\nid: 7f3a09c2e1d4b586-16\n\nretry: 7000\n\n";
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length";
        let answer = format!("{head}: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    });
    let (client, settings) = (support::client(), SubscriberSettings::default());
    let events = subscribe(Transport::Sse, &client, &target, After::Newest, &settings);
    let events: Vec<_> = within(TIMEOUT, "the end of the stream", events.collect()).await;
    let told: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.unwrap() {
            Event::Retry { after } => Some(after.as_millis()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [100, 7_000]);
    drop(serving.await.unwrap());
}

fn run(transport: Transport, faults: Faults) -> Run {
    Run {
        id: "001".to_owned(),
        subscribers: 30,
        rate: 40.0,
        window: 1000,
        timing: small_timing(Duration::from_secs(5)),
        faults,
        ..small_run(transport)
    }
}

async fn measure(transport: Transport, faults: Faults) -> Measurement {
    let server = Server::new([("bench".to_owned(), Feed::new(1000))]);
    let server = server.with_limits(limits_of_a_run(Reconnect::default()));
    let (feeds, control) = (support::listen(), support::listen());
    let target = target(feeds.local_addr().unwrap());
    let api =
        ControlClient::new(&format!("http://{}", control.local_addr().unwrap()), support::TOKEN);
    let stop = CancellationToken::new();
    let end = stop.clone();
    tokio::spawn(async move {
        let serving = wirebench_server::ControlApi::new(server.clone(), support::token());
        tokio::join!(
            end.run_until_cancelled(serving.serve(control)),
            server.serve(feeds, end.cancelled()),
        );
    });
    let run = run(transport, faults);
    let mut observe = |_| {};
    let driving = drive(Drive::new(&run, &target, &api, 1), &mut observe);
    let measured = within(2 * TIMEOUT, format_args!("{transport}: a run"), driving).await;
    stop.cancel();
    measured.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_connections_are_cut_nothing_is_lost_and_everybody_reconnects() {
    let faults = Faults { avalanche_after: Some(Duration::from_millis(400)), ..Faults::default() };
    join_all(Transport::ALL.map(async |transport| {
        let measured = measure(transport, faults).await;
        let outcome = measured.faults.unwrap();
        assert_eq!(outcome.missed, Missed::default(), "{transport}: {measured:?}");
        assert_eq!(measured.delivered_ratio(), Some(1.0), "{transport}");
        assert_eq!(measured.seen.duplicate, 0, "{transport}");
        assert_eq!(measured.traffic.reconnects, 30, "{transport}");
        assert_eq!(measured.seen.reconnects.count(), 30, "{transport}");
        assert!(outcome.back_99.is_some(), "{transport}: {outcome:?}");
        assert!(outcome.reconnects_peak_per_s <= Some(30), "{transport}: {outcome:?}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_stops_reading_gets_everything_later_and_counts_without_delays() {
    join_all(Transport::ALL.map(async |transport| {
        let measured = measure(transport, Faults { stalled_share: 0.2, ..Faults::default() }).await;
        let published = measured.published.unwrap();
        assert_eq!(measured.faults.unwrap().missed, Missed::default(), "{transport}");
        assert_eq!(measured.seen.without_delay, published * 6, "{transport}: a fifth of 30");
        assert_eq!(measured.seen.delivery.len(), published * 24, "{transport}");
    }))
    .await;
}
