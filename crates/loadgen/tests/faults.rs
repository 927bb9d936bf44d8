//! Every transport against every habit of a proxy, and crowds that are cut off.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::{Bench, PATIENCE, target, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use wirebench_link::Misbehaviour;
use wirebench_loadgen::{
    ControlClient, Drive, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    drive, run_subscriber, subscribe,
};
use wirebench_measure::{Event, Measurement, Missed};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{After, Seq, Transport};
use wirebench_scenario::{Faults, Http, Link, Reconnect, Run, Timing};
use wirebench_server::{Feed, Limits, Server};

/// What a life through a proxy came to.
#[derive(Debug, Default)]
struct Life {
    seen: Vec<Seq>,
    interrupted: u64,
    opened: u64,
    refused: Option<SubscribeError>,
}

/// A proxy before a server, until the guard is dropped.
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

/// Lives from the start of the feed until `done` says so, or the server refuses for good.
async fn live_through(
    transport: Transport,
    target: &Target,
    mut done: impl FnMut(&Life) -> bool,
) -> Life {
    let client = support::client();
    let settings = SubscriberSettings {
        interval: Duration::from_millis(5),
        hold: Duration::from_millis(500),
        ..SubscriberSettings::default()
    };
    let subscriber =
        Subscriber { transport, client: &client, target, settings, seed: 7, cut: None };
    let (mut life, over) = (Life::default(), CancellationToken::new());
    let living = run_subscriber(&subscriber, After::Start, |sight| {
        match sight {
            SubscriberEvent::Event(Event::Received { cursor, .. }) => life.seen.push(cursor.seq),
            SubscriberEvent::Event(Event::Gap { gap, .. }) => panic!("{transport}: {gap:?}"),
            SubscriberEvent::Event(_) => {}
            SubscriberEvent::Interrupted { .. } => life.interrupted += 1,
        }
        if done(&life) {
            over.cancel();
        }
    });
    let what = format_args!("{transport}: its life through a proxy");
    let refused = within(PATIENCE, what, over.run_until_cancelled(living)).await;
    Life { refused, opened: client.dialer().counts().opened, ..life }
}

/// The habits that let every transport through, each in its own time.
const HARMLESS: [Misbehaviour; 4] = [
    Misbehaviour::IdleCut { idle: Duration::from_millis(50) },
    Misbehaviour::StripUpgrade,
    Misbehaviour::CloseAfterResponse,
    Misbehaviour::Slow { delay: Duration::from_millis(10), bandwidth: Some(100_000) },
];

#[tokio::test]
async fn every_message_arrives_once_and_in_order_through_every_habit() {
    let pairs = HARMLESS.into_iter().flat_map(|habit| Transport::ALL.map(|each| (each, habit)));
    let pairs = pairs.filter(|pair| *pair != (Transport::WebSocket, Misbehaviour::StripUpgrade));
    let polls = Transport::ALL.into_iter().filter(|transport| transport.polls());
    let buffered = polls.map(|transport| (transport, Misbehaviour::Buffering));
    join_all(pairs.chain(buffered).chain([(Transport::WebSocket, Misbehaviour::Buffering)]).map(
        async |(transport, habit)| {
            let bench = Bench::start(1000);
            let (target, _proxy) = proxy(bench.address, habit);
            bench.publish_numbers(1);
            let life = live_through(transport, &target, |life| {
                if life.seen.len() as u64 == bench.feed.published() && life.seen.len() < 40 {
                    bench.publish_numbers(3);
                }
                life.seen.len() == 40
            })
            .await;
            assert_eq!(life.seen, (1..=40).collect::<Vec<_>>(), "{transport} {habit:?}");
            let closes = habit == Misbehaviour::CloseAfterResponse && transport.polls();
            // A machine that stands still for 50 ms is idle, too.
            if !matches!(habit, Misbehaviour::IdleCut { .. }) {
                assert_eq!(life.opened > 3, closes, "{transport} {habit:?}: {life:?}");
                assert_eq!(life.interrupted, 0, "{transport} {habit:?}: {life:?}");
            }
        },
    ))
    .await;
}

#[tokio::test]
async fn a_socket_without_its_upgrade_is_refused_with_the_reason() {
    let bench = Bench::start(10);
    let (target, _proxy) = proxy(bench.address, Misbehaviour::StripUpgrade);
    let life = live_through(Transport::WebSocket, &target, |_| false).await;
    let Some(SubscribeError::Refused { status, .. }) = life.refused else { panic!("{life:?}") };
    assert_eq!(status, 426);
}

#[tokio::test]
async fn what_a_buffering_proxy_holds_back_of_a_stream_comes_when_the_stream_ends() {
    let bench = Bench::start(1000);
    let (target, _proxy) = proxy(bench.address, Misbehaviour::Buffering);
    let text = format!("\"{}\"", "x".repeat(1_000));
    for _ in 0..40 {
        bench.publish(&text);
    }
    let mut first = 0;
    let life = live_through(Transport::Sse, &target, |life| {
        if !life.seen.is_empty() && first == 0 {
            first = bench.feed.published();
            // Three more than the blocks of 16 KiB that are full: they would wait for the next.
            bench.begin_stop();
        }
        life.seen.len() == 40
    })
    .await;
    assert_eq!(life.seen, (1..=40).collect::<Vec<_>>(), "{life:?}");
}

/// What the server of a run with this policy says about reconnecting, as `wirebench run` starts it.
fn limits_of_a_run(reconnect: Reconnect) -> Limits {
    let (retry, return_time) = (reconnect.announced(), Duration::ZERO);
    Limits { retry, return_time, ..Limits::default() }
}

/// Returns the first `count` pauses of a subscriber. Each subscription receives a message, and then
/// `end` ends it; for as long as that goes on, the server stands.
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
    };
    let mut pauses = Vec::new();
    bench.publish_numbers(1);
    let living = run_subscriber(&subscriber, After::Start, |sight| match sight {
        // Whatever the server announces came before the first message.
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
    within(PATIENCE, what, over.run_until_cancelled(living)).await;
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
    // The same seed: from the same distribution come the very same pauses.
    assert!(drawn.iter().all(|pauses| *pauses == drawn[0]), "{drawn:?}");
    assert!(drawn[0][0] != drawn[0][1], "and not always the same one: {drawn:?}");
}

#[tokio::test]
async fn a_server_that_stops_sends_no_transport_away_for_longer_than_the_others() {
    let policy = Reconnect::default();
    let first = policy.announced().unwrap();
    for transport in Transport::ALL {
        let bench = Bench::within(limits_of_a_run(policy), 1000);
        let pauses = pauses(transport, policy, &bench, 1, |_| bench.begin_stop()).await;
        assert!(pauses[0] <= first, "{transport}: {pauses:?}");
    }
}

#[tokio::test]
async fn what_an_event_stream_says_about_reconnecting_just_before_it_ends_is_heard() {
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
    let events: Vec<_> = within(PATIENCE, "the end of the stream", events.collect()).await;
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
        repeat: 1,
        transport,
        subscribers: 30,
        ramp: Duration::from_millis(50),
        rate: 40.0,
        pace: Pace::Steady,
        payload: Payload::Bytes(64),
        window: 1000,
        timing: Timing {
            warm_up: Duration::from_millis(100),
            measure: Duration::from_secs(5),
            drain: Duration::from_mins(1),
            repeat: 1,
        },
        link: Link::default(),
        http: Http::default(),
        interval: transport.polls().then_some(Duration::from_millis(50)),
        hold: transport.polls().then_some(Duration::from_secs(5)),
        reconnect: Reconnect::default(),
        faults,
        seed: 7,
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
    let (mut observe, never) = (|_| {}, CancellationToken::new());
    let driving = drive(
        Drive { run: &run, target: &target, control: &api, workers: 1, stop: never, server: None },
        &mut observe,
    );
    let measured = within(2 * PATIENCE, format_args!("{transport}: a run"), driving).await;
    stop.cancel();
    measured.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_avalanche_loses_nothing_and_everybody_comes_back() {
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
async fn who_stops_reading_gets_everything_afterwards_and_counts_without_delays() {
    join_all(Transport::ALL.map(async |transport| {
        let measured = measure(transport, Faults { stalled_share: 0.2, ..Faults::default() }).await;
        let published = measured.published.unwrap();
        assert_eq!(measured.faults.unwrap().missed, Missed::default(), "{transport}");
        assert_eq!(measured.seen.without_delay, published * 6, "{transport}: a fifth of 30");
        assert_eq!(measured.seen.delivery.len(), published * 24, "{transport}");
    }))
    .await;
}
