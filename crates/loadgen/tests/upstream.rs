//! What subscribers send: acknowledged, heard by everybody once, and published once, whatever
//! happens to their connections.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::http_variant::{HttpVariant, cases};
use support::proxy::TestProxy;
use support::{Bench, TIMEOUT, within};
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    ControlClient, Drive, Outbox, Subscriber, SubscriberEvent, SubscriberSettings, drive,
    run_subscriber,
};
use wirebench_measure::{
    AddressedCount, Event, Invalid, Measurement, UpstreamEvent, UpstreamRecord,
};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{After, Timestamp, Transport, Uplink};
use wirebench_scenario::{
    Audience, ConnectionSharing, Cuts, Faults, LinkSettings, Reconnect, Run, SentPayload, Timing,
    Upstream,
};
use wirebench_server::ControlApi;

const SUBSCRIBERS: u64 = 6;

fn chat(transport: Transport) -> Run {
    Run {
        id: transport.name().to_owned(),
        repeat: 1,
        transport,
        subscribers: 6,
        ramp: Duration::from_millis(50),
        rate: 0.0,
        pace: Pace::Steady,
        payload: Payload::Bytes(64),
        window: 10_000,
        timing: Timing {
            warm_up: Duration::from_millis(300),
            measure: Duration::from_millis(1500),
            drain: Duration::from_mins(1),
            repeat: 1,
        },
        link: LinkSettings::default(),
        http: HttpVariant::default().0,
        interval: transport.polls().then_some(Duration::from_millis(50)),
        hold: transport.polls().then_some(Duration::from_secs(5)),
        socket_io_mode: None,
        upstream: Some(Upstream {
            rate: 10.0,
            to: Audience::Everyone,
            payload: SentPayload::json(100),
        }),
        reconnect: Reconnect::default(),
        faults: Faults::default(),
        seed: 7,
    }
}

/// Drives a run against a server of this project.
/// Returns the transports over which the load generator can send.
fn able_to_send() -> impl Iterator<Item = Transport> {
    Transport::ALL.into_iter().filter(|transport| transport.uplink().is_some())
}

async fn measure(run: &Run, bench: &Bench) -> Measurement {
    let listener = support::listen();
    let control = format!("http://{}", listener.local_addr().unwrap());
    let control = ControlClient::new(&control, support::TOKEN);
    let serving = ControlApi::new(bench.server.clone(), support::token());
    let serving = tokio::spawn(async move { serving.serve(listener).await });
    let target = bench.target();
    let two_workers = Drive { workers: 2, ..Drive::new(run, &target, &control) };
    let mut observe = |_| {};
    let what = format!("{}: a measurement", run.id);
    let measured = within(TIMEOUT, &what, drive(two_workers, &mut observe)).await;
    serving.abort();
    measured.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Returns how often the feed has each payload.
fn published(bench: &Bench) -> BTreeMap<String, u32> {
    let start = bench.feed.locate(After::Start).unwrap();
    let mut payloads = BTreeMap::new();
    for entry in bench.feed.read(start).entries {
        let message: serde_json::Value = serde_json::from_slice(&entry.json).unwrap();
        let payload = message.get("payload").unwrap_or(&message["payload_base64"]);
        *payloads.entry(payload.as_str().unwrap().to_owned()).or_default() += 1;
    }
    payloads
}

/// Checks that every message was acknowledged, and that everybody has each of them once.
fn check_delivered(what: &str, measured: &Measurement, bench: &Bench) {
    let seen = &measured.seen;
    let sent = &seen.upstream;
    assert!(sent.sent > 10, "{what}: {sent:?}");
    assert_eq!((sent.acknowledged, sent.refused), (sent.sent, 0), "{what}");
    assert_eq!(sent.ack.len(), sent.sent, "{what}");
    assert_eq!((sent.echoes, sent.echo.len()), (sent.sent, sent.sent), "{what}");
    assert_eq!(sent.heard, sent.sent * (SUBSCRIBERS - 1), "{what}");
    assert_eq!(sent.others.len(), sent.heard, "{what}");
    assert_eq!((measured.missing(), seen.duplicate), (Some(0), 0), "{what}: {measured:?}");
    assert_eq!(measured.expected(), measured.published.map(|all| all * SUBSCRIBERS), "{what}");
    let published = published(bench);
    assert!(published.values().all(|times| *times == 1), "{what}: {published:?}");
    assert_eq!(seen.payload_bytes, seen.received * 100, "{what}: bytes before Base64");
}

/// Checks how the messages crossed the network.
fn check_crossed(what: &str, run: &Run, sent: &UpstreamRecord) {
    let shared = run.http.connections == ConnectionSharing::Shared;
    let uplink = run.transport.uplink().expect("it can send");
    let (requests, second) = match uplink {
        Uplink::OwnConnection => (1.0, 0),
        Uplink::SecondConnection if shared => (1.0, 0),
        Uplink::SecondConnection => (1.0, SUBSCRIBERS),
        Uplink::Frame => (0.0, 0),
    };
    assert_eq!(sent.requests_per_message(), Some(requests), "{what}: {sent:?}");
    assert_eq!(sent.second_connections, second, "{what}");
    assert_eq!(sent.repeated, 0, "{what}");
    let bytes = sent.bytes_per_message();
    match uplink {
        Uplink::Frame if run.http.version == 2 => assert_eq!(bytes, None, "{what}"),
        // The frame with its mask, and the answer.
        Uplink::Frame => assert!((150.0..300.0).contains(&bytes.unwrap()), "{what}: {bytes:?}"),
        _ if shared => assert_eq!(bytes, None, "{what}"),
        _ => assert!((200.0..2_000.0).contains(&bytes.unwrap()), "{what}: {bytes:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_chat_everybody_has_each_message_once_over_every_transport_and_kind_of_http() {
    let cases: Vec<_> = cases().filter(|(transport, _)| transport.uplink().is_some()).collect();
    for one_variant in cases.chunks(able_to_send().count()) {
        join_all(one_variant.iter().map(|(transport, variant)| chat_over(*transport, *variant)))
            .await;
    }
}

async fn chat_over(transport: Transport, variant: HttpVariant) {
    let run = Run { http: variant.0, ..chat(transport) };
    let what = format!("{transport} {variant:?}");
    let bench = Bench::speaking(variant, 10_000);
    let measured = measure(&run, &bench).await;
    check_delivered(&what, &measured, &bench);
    let sent = &measured.seen.upstream;
    check_crossed(&what, &run, sent);
    let requests = measured.seen.requests;
    match transport.uplink().expect("it can send") {
        // One that was due in the window may have been sent after it.
        Uplink::OwnConnection | Uplink::SecondConnection => assert!(requests > 0, "{what}"),
        Uplink::Frame => assert_eq!(requests, 0, "{what}"),
    }
    if variant == HttpVariant::default() {
        let opened = SUBSCRIBERS + sent.second_connections;
        assert_eq!((measured.traffic.opened, measured.traffic.peak), (opened, opened), "{what}");
        assert_eq!(run.connections(2) as u64, opened, "{what}: as planned");
    }
}

/// Every message arrives at all but its sender, or at one other subscriber. None arrives anywhere
/// else. The publisher of the feed still reaches everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_others_or_to_one_arrives_there_and_nowhere_else() {
    for (to, at_others) in [(Audience::Others, SUBSCRIBERS - 1), (Audience::One, 1)] {
        join_all(able_to_send().map(async |transport| {
            let what = format!("{} over {transport}", to.name());
            let payload = match to {
                Audience::One => SentPayload::binary(100),
                Audience::Others | Audience::Everyone | Audience::Nobody => SentPayload::json(100),
            };
            let upstream = Upstream { rate: 10.0, to, payload };
            let run = Run { rate: 20.0, upstream: Some(upstream), ..chat(transport) };
            let bench = Bench::start(10_000);
            let measured = measure(&run, &bench).await;
            // Only a machine that is busy with something else may spoil the delays.
            let busy = |reason: &Invalid| {
                matches!(reason, Invalid::GeneratorBusy { .. } | Invalid::GeneratorLate { .. })
            };
            assert!(measured.invalid.iter().all(busy), "{what}: {:?}", measured.invalid);
            let (seen, sent) = (&measured.seen, &measured.seen.upstream);
            assert!(sent.sent > 10, "{what}: {sent:?}");
            assert_eq!((sent.acknowledged, sent.ack.len()), (sent.sent, sent.sent), "{what}");
            assert_eq!((sent.echoes, sent.echo.len(), sent.misdelivered), (0, 0, 0), "{what}");
            assert_eq!(sent.heard, sent.sent * at_others, "{what}");
            assert_eq!(sent.others.len(), sent.heard, "{what}");
            let AddressedCount { except, only } = measured.addressed;
            let (addressed, other) = match to {
                Audience::One => (only, except),
                Audience::Others | Audience::Everyone | Audience::Nobody => (except, only),
            };
            assert!(addressed > 10 && other == 0, "{what}: {:?}", measured.addressed);
            let to_all = measured.published.unwrap() - addressed;
            assert!(to_all > 20, "{what}: {to_all}");
            let expected = to_all * SUBSCRIBERS + addressed * at_others;
            assert_eq!(measured.expected(), Some(expected), "{what}");
            assert_eq!((seen.received, seen.duplicate), (expected, 0), "{what}");
            assert_eq!((seen.out_of_order, seen.gaps), (0, 0), "{what}");
            check_crossed(&what, &run, sent);
        }))
        .await;
    }
}

/// A message reaches everybody, although its payload says that it is for one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_arrives_where_it_was_not_sent_makes_a_run_invalid() {
    let bench = Bench::start(10_000);
    let upstream = Upstream { rate: 10.0, to: Audience::One, payload: SentPayload::json(100) };
    let run = Run { upstream: Some(upstream), ..chat(Transport::Sse) };
    let misdelivered = async {
        let newest = bench.feed.locate(After::Newest).unwrap();
        bench.feed.follow_as("1".parse().ok(), newest).next().await.unwrap();
        bench.publish("\"wb:0:1:5:+2:x\"");
    };
    let (measured, ()) = tokio::join!(measure(&run, &bench), misdelivered);
    let misdelivered = SUBSCRIBERS - 1;
    assert_eq!(measured.seen.upstream.misdelivered, misdelivered);
    let reason = Invalid::Misdelivered { misdelivered };
    assert!(measured.invalid.contains(&reason), "{:?}", measured.invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_heard_and_acknowledged_like_json() {
    join_all(able_to_send().map(async |transport| {
        let payload = SentPayload::binary(100);
        let to_everyone = Upstream { rate: 10.0, to: Audience::Everyone, payload };
        let run = Run { upstream: Some(to_everyone), ..chat(transport) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        check_delivered(transport.name(), &measured, &bench);
        check_crossed(transport.name(), &run, &measured.seen.upstream);
        // 100 bytes in Base64.
        let published = published(&bench);
        assert!(published.keys().all(|text| text.len() == 136), "{transport}: {published:?}");

        let to_nobody = Upstream { to: Audience::Nobody, ..to_everyone };
        let payload = Payload::Binary(100);
        let run = Run { rate: 20.0, payload, upstream: Some(to_nobody), ..chat(transport) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.sent > 10, "{transport}: {sent:?}");
        assert_eq!((sent.acknowledged, sent.echoes), (sent.sent, 0), "{transport}");
        assert_eq!(measured.missing(), Some(0), "{transport}");
        check_crossed(transport.name(), &run, sent);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_message_makes_a_run_invalid() {
    join_all(Transport::ALL.map(async |transport| {
        let payload = Payload::Binary(100);
        let run = Run { rate: 50.0, payload, upstream: None, ..chat(transport) };
        let bench = Bench::start(10_000);
        let damaging = async {
            loop {
                bench.publish_bytes(&[0; 100]);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let measured = tokio::select! {
            measured = measure(&run, &bench) => measured,
            never = damaging => never,
        };
        let (damaged, expected) = (measured.seen.damaged, measured.expected());
        assert!(damaged >= SUBSCRIBERS, "{transport}: {measured:?}");
        assert_eq!(measured.missing(), Some(damaged), "{transport}");
        let reason = Invalid::Damaged { damaged, expected };
        assert!(measured.invalid.contains(&reason), "{transport}: {:?}", measured.invalid);
        let is_missing = |reason: &Invalid| matches!(reason, Invalid::Missing { .. });
        assert!(!measured.invalid.iter().any(is_missing), "{transport}: {:?}", measured.invalid);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_is_acknowledged_and_published_to_nobody() {
    join_all(able_to_send().map(async |transport| {
        let to_nobody =
            Upstream { rate: 10.0, to: Audience::Nobody, payload: SentPayload::json(64) };
        let run = Run { rate: 20.0, upstream: Some(to_nobody), ..chat(transport) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.sent > 10, "{transport}: {sent:?}");
        assert_eq!((sent.acknowledged, sent.ack.len()), (sent.sent, sent.sent), "{transport}");
        assert_eq!((sent.echoes, sent.heard), (0, 0), "{transport}");
        assert_eq!(measured.missing(), Some(0), "{transport}");
        check_crossed(transport.name(), &run, sent);
        assert!(published(&bench).keys().all(|payload| !payload.starts_with("wb:")));
    }))
    .await;
}

/// With 20 ms each way there is always something that waits for its acknowledgement when a
/// connection is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_a_connection_that_was_cut_is_sent_again_and_published_once() {
    join_all(able_to_send().map(async |transport| {
        let cuts = Cuts { every: Duration::from_millis(150), share: 0.5 };
        let mut run = chat(transport);
        run.faults = Faults { cuts: Some(cuts), ..Faults::default() };
        run.link = LinkSettings { delay: Duration::from_millis(20), jitter: Duration::ZERO };
        run.timing.measure = Duration::from_secs(4);
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        check_delivered(transport.name(), &measured, &bench);
        let sent = &measured.seen.upstream;
        assert!(sent.repeated > 0, "{transport}: {sent:?}");
        let metrics = bench.server.metrics_text();
        let known = metrics.lines().find(|line| line.starts_with("wirebench_repeated_total"));
        assert_ne!(known, Some("wirebench_repeated_total 0"), "{transport}: {sent:?}");
        assert!(measured.traffic.reconnects > 0, "{transport}");
    }))
    .await;
}

/// The proxy cuts the first connection, or the second, after every number of bytes of the answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_an_answer_is_cut_each_message_is_published_and_acknowledged_once() {
    const MESSAGES: usize = 4;
    for transport in able_to_send() {
        let repeated = AtomicUsize::new(0);
        let cut_after = (1..2_000_u64).step_by(101);
        let cuts = cut_after.flat_map(|bytes| [vec![bytes], vec![u64::MAX, bytes], vec![bytes; 2]]);
        let cuts: Vec<_> = cuts.collect();
        for cuts in cuts.chunks(20) {
            join_all(cuts.iter().map(async |budgets| {
                let what = format!("{transport}, cut after {budgets:?}");
                let bench = Bench::start(1_000);
                let proxy = TestProxy::cutting(bench.address, budgets.clone());
                let target = bench.target_by_way_of(proxy.address);
                let upstream =
                    Upstream { rate: 1.0, to: Audience::Everyone, payload: SentPayload::json(64) };
                let (outbox, client) = (Outbox::new(upstream, 3, 4), support::client());
                (0..MESSAGES).for_each(|_| outbox.push(Timestamp::now()));
                let settings = SubscriberSettings {
                    interval: Duration::from_millis(20),
                    sender: Some(3),
                    ..SubscriberSettings::default()
                };
                let subscriber = Subscriber {
                    transport,
                    client: &client,
                    target: &target,
                    settings,
                    seed: 7,
                    cut: None,
                    outbox: Some(&outbox),
                };
                let (mut acknowledged, mut own) = (0, 0);
                let over = CancellationToken::new();
                let running = run_subscriber(&subscriber, After::Start, |event| {
                    match event {
                        SubscriberEvent::Event(Event::Received { origin, .. }) => {
                            own += usize::from(origin.is_some_and(|origin| origin.own));
                        }
                        SubscriberEvent::Event(Event::Upstream(UpstreamEvent::Acknowledged {
                            ..
                        })) => acknowledged += 1,
                        SubscriberEvent::Event(Event::Upstream(UpstreamEvent::Sent {
                            again: true,
                            ..
                        })) => _ = repeated.fetch_add(1, Ordering::Relaxed),
                        _ => {}
                    }
                    if acknowledged >= MESSAGES && own >= MESSAGES {
                        over.cancel();
                    }
                });
                within(TIMEOUT, &what, over.run_until_cancelled(running)).await;
                assert_eq!((acknowledged, own), (MESSAGES, MESSAGES), "{what}");
                assert_eq!(published(&bench).values().sum::<u32>(), 4, "{what}");
            }))
            .await;
        }
        let repeated = repeated.into_inner();
        assert!(repeated > 5, "{transport}: only {repeated} messages were on a connection cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_refused_make_a_run_invalid() {
    join_all(able_to_send().map(async |transport| {
        let feed = wirebench_server::Feed::new(1_000);
        let hint = "say something else";
        let feed = feed.with_check(move |json| {
            let refused = json.windows(5).any(|piece| piece == b"wb:0:");
            if refused {
                Err(wirebench_server::Rejected::malformed("refused", hint))
            } else {
                Ok(())
            }
        });
        let bench = Bench::serve(feed);
        let measured = measure(&chat(transport), &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.refused > 0 && sent.acknowledged > 0, "{transport}: {sent:?}");
        assert_eq!(sent.unacknowledged(), 0, "{transport}");
        let reason = Invalid::NotAcknowledged { failed: sent.refused, sent: sent.sent };
        assert!(measured.invalid.contains(&reason), "{transport}: {:?}", measured.invalid);
    }))
    .await;
}
