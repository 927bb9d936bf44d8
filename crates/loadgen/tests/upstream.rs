//! What subscribers send: acknowledged, heard by everybody once, and published once, whatever
//! happens to their connections.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::http_variant::HttpVariant;
use support::proxy::TestProxy;
use support::runs::{small_run, small_timing};
use support::{Bench, TIMEOUT, connections_to_subscribe, within};
use tokio_util::sync::CancellationToken;
use wirebench_link::{Misbehaviour, proxy};
use wirebench_loadgen::{
    ControlClient, Drive, HttpClient, Outbox, Subscriber, SubscriberEvent, SubscriberSettings,
    Target, drive, run_subscriber,
};
use wirebench_measure::{
    AddressedCount, Event, Invalid, Measurement, MessageOrigin, Origin, UpstreamEvent,
    UpstreamRecord,
};
use wirebench_protocol::control::Payload;
use wirebench_protocol::{After, SocketIoMode, Timestamp, Transport, Uplink};
use wirebench_scenario::{
    Audience, ConnectionSharing, Cuts, Faults, LinkSettings, Run, SentPayload, Timing, Upstream,
};
use wirebench_server::ControlApi;

const SUBSCRIBERS: u64 = 6;

/// A transport, and what carries its session if it is Socket.IO.
type Way = (Transport, Option<SocketIoMode>);

/// Returns every transport, Socket.IO in every mode.
fn ways() -> Vec<Way> {
    let modes = |transport| match transport {
        Transport::ShortPolling
        | Transport::LongPolling
        | Transport::Sse
        | Transport::WebSocket => vec![None],
        Transport::SocketIo => SocketIoMode::ALL.map(Some).to_vec(),
    };
    let of = |transport| modes(transport).into_iter().map(move |mode| (transport, mode));
    Transport::ALL.into_iter().flat_map(of).collect()
}

fn name((transport, mode): Way) -> String {
    mode.map_or_else(|| transport.to_string(), |mode| format!("{transport} {mode}"))
}

fn chat(way: Way) -> Run {
    let (transport, socket_io_mode) = way;
    Run {
        id: name(way),
        subscribers: 6,
        rate: 0.0,
        // So long that a machine that does something else for a second publishes enough.
        timing: small_timing(Duration::from_secs(4)),
        http: HttpVariant::default().0,
        socket_io_mode,
        upstream: Some(Upstream {
            rate: 10.0,
            to: Audience::Everyone,
            payload: SentPayload::json(100),
        }),
        ..small_run(transport)
    }
}

/// Drives a run against a server of this project.
async fn measure(run: &Run, bench: &Bench) -> Measurement {
    measure_by_way_of(None, run, bench).await
}

/// The same, with a proxy before the control API if one is named.
async fn measure_by_way_of(
    misbehaviour: Option<Misbehaviour>,
    run: &Run,
    bench: &Bench,
) -> Measurement {
    let (listener, proxied) = (support::listen(), support::listen());
    let address = listener.local_addr().unwrap();
    let asked = if misbehaviour.is_some() { proxied.local_addr().unwrap() } else { address };
    let control = ControlClient::new(&format!("http://{asked}"), support::TOKEN);
    let serving = ControlApi::new(bench.server.clone(), support::token());
    let serving = tokio::spawn(async move {
        let relaying = async {
            match misbehaviour {
                Some(misbehaviour) => proxy(proxied, address, misbehaviour, pending()).await,
                None => pending().await,
            }
        };
        tokio::join!(serving.serve(listener), relaying);
    });
    let target = bench.target();
    let two_workers = Drive::new(run, &target, &control, 2);
    let mut observe = |_| {};
    let what = format!("{}: a measurement", run.id);
    let measured = within(TIMEOUT, &what, drive(two_workers, &mut observe)).await;
    serving.abort();
    measured.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Returns the payloads in the feed, in its order.
fn payloads(bench: &Bench) -> Vec<String> {
    let mut batch = bench.feed.read(bench.feed.locate(After::Start).unwrap());
    let mut payloads = Vec::new();
    while !batch.is_empty() {
        for entry in &batch.entries {
            let message: serde_json::Value = serde_json::from_slice(&entry.json).unwrap();
            let payload = message.get("payload").unwrap_or(&message["payload_base64"]);
            payloads.push(payload.as_str().unwrap().to_owned());
        }
        batch = bench.feed.read(batch.cursor);
    }
    payloads
}

/// Returns how often the feed has each payload.
fn published(bench: &Bench) -> BTreeMap<String, u32> {
    let mut times = BTreeMap::new();
    for payload in payloads(bench) {
        *times.entry(payload).or_default() += 1;
    }
    times
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
    let counts = (measured.published, measured.subscribed, seen.received, &measured.invalid);
    assert_eq!((measured.missing(), seen.duplicate), (Some(0), 0), "{what}: {counts:?}");
    assert_eq!(measured.expected(), measured.published.map(|all| all * SUBSCRIBERS), "{what}");
    let published = published(bench);
    assert!(published.values().all(|times| *times == 1), "{what}: {published:?}");
    assert_eq!(seen.payload_bytes, seen.received * 100, "{what}: bytes before Base64");
}

/// Checks how the messages crossed the network.
fn check_crossed(what: &str, run: &Run, sent: &UpstreamRecord) {
    let shared = run.http.connections == ConnectionSharing::Shared;
    let second = match run.uplink() {
        Uplink::SecondConnection if !shared => SUBSCRIBERS,
        Uplink::OwnConnection | Uplink::SecondConnection | Uplink::Frame => 0,
    };
    assert_eq!(sent.second_connections, second, "{what}");
    assert_eq!(sent.repeated, 0, "{what}");
    let requests = sent.requests_per_message().unwrap();
    let bytes = sent.bytes_per_message();
    match run.socket_io_mode {
        // Messages that wait for the answer to a request share the next one.
        Some(SocketIoMode::Polling) => {
            assert!((0.2..=1.0).contains(&requests), "{what}: {sent:?}");
        }
        // The first messages may be sent before the upgrade.
        Some(SocketIoMode::Upgrade) => return assert!(requests < 0.5, "{what}: {sent:?}"),
        Some(SocketIoMode::WebSocket) | None => {
            let expected = if run.uplink() == Uplink::Frame { 0 } else { sent.sent };
            assert_eq!(sent.requests, expected, "{what}: {sent:?}");
        }
    }
    match run.uplink() {
        Uplink::Frame if run.http.version == 2 => assert_eq!(bytes, None, "{what}"),
        // The frame with its mask, and the answer. Bytes are two frames over Socket.IO.
        Uplink::Frame => assert!((150.0..400.0).contains(&bytes.unwrap()), "{what}: {bytes:?}"),
        _ if shared => assert_eq!(bytes, None, "{what}"),
        _ => assert!((200.0..2_000.0).contains(&bytes.unwrap()), "{what}: {bytes:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_chat_everybody_has_each_message_once_over_every_transport_and_kind_of_http() {
    for variant in HttpVariant::all() {
        join_all(ways().into_iter().map(|way| chat_over(way, variant))).await;
    }
}

async fn chat_over(way: Way, variant: HttpVariant) {
    let run = Run { http: variant.0, ..chat(way) };
    let what = format!("{}, {variant}", name(way));
    let bench = Bench::speaking(variant, 10_000);
    let measured = measure(&run, &bench).await;
    check_delivered(&what, &measured, &bench);
    let sent = &measured.seen.upstream;
    check_crossed(&what, &run, sent);
    let requests = measured.seen.requests;
    match run.uplink() {
        // One that was due in the window may have been sent after it.
        Uplink::OwnConnection | Uplink::SecondConnection => assert!(requests > 0, "{what}"),
        Uplink::Frame if run.socket_io_mode == Some(SocketIoMode::Upgrade) => {}
        Uplink::Frame => assert_eq!(requests, 0, "{what}"),
    }
    if variant == HttpVariant::default() {
        let (transport, mode) = way;
        let each = connections_to_subscribe(transport, mode.unwrap_or_default());
        let opened = SUBSCRIBERS * each + sent.second_connections;
        let traffic = &measured.traffic;
        assert_eq!(traffic.opened, opened, "{what}");
        assert_eq!(run.connections(2) as u64, opened, "{what}: as planned");
        if mode == Some(SocketIoMode::Upgrade) {
            assert!((SUBSCRIBERS..=opened).contains(&traffic.peak), "{what}: {}", traffic.peak);
        } else {
            assert_eq!(traffic.peak, opened, "{what}");
        }
    }
}

/// The server hears of everything a tenth of a second late, as it may on a busy machine, and there is
/// no warm-up before the window. If the subscribers began to send before the server counts, more
/// would be received than was expected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_at_the_very_beginning_of_the_window_is_counted_at_both_ends() {
    let (bench, usual) = (Bench::start(10_000), chat((Transport::WebSocket, None)));
    let timing =
        Timing { warm_up: Duration::ZERO, measure: Duration::from_secs(1), ..usual.timing };
    let payload = SentPayload::json(64);
    let upstream = Upstream { rate: 50.0, to: Audience::Everyone, payload };
    let run = Run { timing, upstream: Some(upstream), ..usual };
    let late = Misbehaviour::Slow { delay: Duration::from_millis(100), bandwidth: None };
    let measured = measure_by_way_of(Some(late), &run, &bench).await;
    assert!(measured.published > Some(0), "{measured:?}");
    assert_eq!(measured.missing(), Some(0), "{measured:?}");
}

/// Every message arrives at all but its sender, or at one other subscriber. None arrives anywhere
/// else. The publisher of the feed still reaches everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_others_or_to_one_arrives_there_and_nowhere_else() {
    for (to, at_others) in [(Audience::Others, SUBSCRIBERS - 1), (Audience::One, 1)] {
        join_all(ways().into_iter().map(async |way| {
            let what = format!("{} over {}", to.name(), name(way));
            let payload = match to {
                Audience::One => SentPayload::binary(100),
                Audience::Others | Audience::Everyone | Audience::Nobody => SentPayload::json(100),
            };
            let upstream = Upstream { rate: 10.0, to, payload };
            let run = Run { rate: 20.0, upstream: Some(upstream), ..chat(way) };
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
    let run = Run { upstream: Some(upstream), ..chat((Transport::Sse, None)) };
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
    join_all(ways().into_iter().map(async |way| {
        let what = name(way);
        let payload = SentPayload::binary(100);
        let to_everyone = Upstream { rate: 10.0, to: Audience::Everyone, payload };
        let run = Run { upstream: Some(to_everyone), ..chat(way) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        check_delivered(&what, &measured, &bench);
        check_crossed(&what, &run, &measured.seen.upstream);
        // 100 bytes in Base64.
        let published = published(&bench);
        assert!(published.keys().all(|text| text.len() == 136), "{what}: {published:?}");

        let to_nobody = Upstream { to: Audience::Nobody, ..to_everyone };
        let payload = Payload::Binary(100);
        let run = Run { rate: 20.0, payload, upstream: Some(to_nobody), ..chat(way) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.sent > 10, "{what}: {sent:?}");
        assert_eq!((sent.acknowledged, sent.echoes), (sent.sent, 0), "{what}");
        assert_eq!(measured.missing(), Some(0), "{what}");
        check_crossed(&what, &run, sent);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_message_makes_a_run_invalid() {
    join_all(ways().into_iter().map(async |way| {
        let what = name(way);
        let payload = Payload::Binary(100);
        let run = Run { rate: 50.0, payload, upstream: None, ..chat(way) };
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
        assert!(damaged >= SUBSCRIBERS, "{what}: {measured:?}");
        assert_eq!(measured.missing(), Some(damaged), "{what}");
        let reason = Invalid::Damaged { damaged, expected };
        assert!(measured.invalid.contains(&reason), "{what}: {:?}", measured.invalid);
        let is_missing = |reason: &Invalid| matches!(reason, Invalid::Missing { .. });
        assert!(!measured.invalid.iter().any(is_missing), "{what}: {:?}", measured.invalid);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_is_acknowledged_and_published_to_nobody() {
    join_all(ways().into_iter().map(async |way| {
        let what = name(way);
        let to_nobody =
            Upstream { rate: 10.0, to: Audience::Nobody, payload: SentPayload::json(64) };
        let run = Run { rate: 20.0, upstream: Some(to_nobody), ..chat(way) };
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.sent > 10, "{what}: {sent:?}");
        assert_eq!((sent.acknowledged, sent.ack.len()), (sent.sent, sent.sent), "{what}");
        assert_eq!((sent.echoes, sent.heard), (0, 0), "{what}");
        assert_eq!(measured.missing(), Some(0), "{what}");
        check_crossed(&what, &run, sent);
        assert!(published(&bench).keys().all(|payload| !payload.starts_with("wb:")));
    }))
    .await;
}

/// With 20 ms each way there is always something that waits for its acknowledgement when a
/// connection is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_a_connection_that_was_cut_is_sent_again_and_published_once() {
    join_all(ways().into_iter().map(async |way| {
        let what = name(way);
        let cuts = Cuts { every: Duration::from_millis(150), share: 0.5 };
        let mut run = chat(way);
        run.faults = Faults { cuts: Some(cuts), ..Faults::default() };
        run.link = LinkSettings { delay: Duration::from_millis(20), jitter: Duration::ZERO };
        run.timing.measure = Duration::from_secs(4);
        let bench = Bench::start(10_000);
        let measured = measure(&run, &bench).await;
        check_delivered(&what, &measured, &bench);
        let sent = &measured.seen.upstream;
        assert!(sent.repeated > 0, "{what}: {sent:?}");
        let metrics = bench.server.metrics_text();
        let known = metrics.lines().find(|line| line.starts_with("wirebench_repeated_total"));
        assert_ne!(known, Some("wirebench_repeated_total 0"), "{what}: {sent:?}");
        assert!(measured.traffic.reconnects > 0, "{what}");
    }))
    .await;
}

/// The proxy cuts the first connection, the second, or the third, after every number of bytes of
/// the answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_an_answer_is_cut_each_message_is_published_and_acknowledged_once() {
    for way in ways() {
        let repeated = AtomicUsize::new(0);
        let cut_after = (1..2_000_u64).step_by(101);
        let not = u64::MAX;
        let cuts: Vec<_> = cut_after
            .flat_map(|bytes| {
                [vec![bytes], vec![not, bytes], vec![not, not, bytes], vec![bytes; 3]]
            })
            .collect();
        for cuts in cuts.chunks(20) {
            join_all(cuts.iter().map(|budgets| cut(way, budgets, &repeated))).await;
        }
        let (repeated, what) = (repeated.into_inner(), name(way));
        assert!(repeated > 5, "{what}: only {repeated} messages were on a connection cut");
    }
}

/// Sends four messages over connections that are cut after so many bytes.
async fn cut(way: Way, budgets: &[u64], repeated: &AtomicUsize) {
    const MESSAGES: usize = 4;
    let what = format!("{}, cut after {budgets:?}", name(way));
    let bench = Bench::start(1_000);
    let proxy = TestProxy::cutting(bench.address, budgets.to_vec());
    let (target, client) = (bench.target_by_way_of(proxy.address), support::client());
    let outbox = chatting(64);
    (0..MESSAGES).for_each(|_| outbox.push(Timestamp::now()));
    let (mut acknowledged, mut own) = (0, 0);
    send(way, &client, &target, &outbox, &what, |event| {
        match event {
            Event::Received { origin, .. } => {
                own += usize::from(matches!(
                    origin,
                    Some(MessageOrigin::Subscriber(Origin { own: true, .. }))
                ));
            }
            Event::Upstream(UpstreamEvent::Acknowledged { .. }) => acknowledged += 1,
            Event::Upstream(UpstreamEvent::Sent { again: true, .. }) => {
                repeated.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        acknowledged >= MESSAGES && own >= MESSAGES
    })
    .await;
    assert_eq!((acknowledged, own), (MESSAGES, MESSAGES), "{what}");
    assert_eq!(published(&bench).values().sum::<u32>(), 4, "{what}");
}

/// Returns an empty outbox of a subscriber of a chat.
fn chatting(bytes: usize) -> Outbox {
    let payload = SentPayload::json(bytes);
    Outbox::new(Upstream { rate: 1.0, to: Audience::Everyone, payload }, 3, 4)
}

/// Runs a subscriber from the start of the feed until `over` returns true.
async fn send(
    (transport, mode): Way,
    client: &HttpClient,
    target: &Target,
    outbox: &Outbox,
    what: &str,
    mut over: impl FnMut(&Event) -> bool,
) {
    let settings = SubscriberSettings {
        interval: Duration::from_millis(20),
        socket_io_mode: mode.unwrap_or_default(),
        number: 3,
        sends: true,
        ..SubscriberSettings::default()
    };
    let outbox = Some(outbox);
    let subscriber = Subscriber { transport, client, target, settings, seed: 7, cut: None, outbox };
    let done = CancellationToken::new();
    let running = run_subscriber(&subscriber, After::Start, |event| {
        if let SubscriberEvent::Event(event) = event
            && over(event)
        {
            done.cancel();
        }
    });
    within(TIMEOUT, what, done.run_until_cancelled(running)).await;
}

/// Returns the numbers of the messages in the feed, in its order.
fn numbers(bench: &Bench) -> Vec<u64> {
    let number = |payload: String| payload.split(':').nth(2).unwrap().parse().unwrap();
    payloads(bench).into_iter().map(number).collect()
}

/// 25 ms each way leave a round trip between the subscription and the upgrade, in which the first
/// messages are posted. Three are always under way.
#[tokio::test]
async fn nothing_that_is_sent_is_lost_repeated_or_swapped_across_the_upgrade() {
    const MESSAGES: u64 = 40;
    let (bench, outbox) = (Bench::start(1_000), chatting(64));
    let link = LinkSettings { delay: Duration::from_millis(25), jitter: Duration::ZERO };
    let client = HttpVariant::default().client_over(link);
    let way = (Transport::SocketIo, Some(SocketIoMode::Upgrade));
    let (mut pushed, mut acknowledged, mut own, mut requests) = (0, 0, 0, 0);
    let mut last_is_frame = false;
    send(way, &client, &bench.target(), &outbox, "the last message", |event| {
        let more = match event {
            Event::Connected { .. } => 3,
            Event::Upstream(UpstreamEvent::Sent { request, again, .. }) => {
                assert!(!again);
                requests += u64::from(*request);
                last_is_frame = !request;
                0
            }
            Event::Upstream(UpstreamEvent::Acknowledged { bytes, .. }) => {
                assert!(bytes.is_some());
                acknowledged += 1;
                1
            }
            Event::Received { .. } => {
                own += 1;
                0
            }
            _ => 0,
        };
        let more = more.min(MESSAGES - pushed);
        (0..more).for_each(|_| outbox.push(Timestamp::now()));
        pushed += more;
        acknowledged == MESSAGES && own == MESSAGES
    })
    .await;
    assert!(numbers(&bench).into_iter().eq(1..=MESSAGES), "{:?}", numbers(&bench));
    assert!((1..10).contains(&requests) && last_is_frame, "{requests} requests");
}

/// Each body holds at most the million bytes that the server allows.
#[tokio::test]
async fn messages_that_wait_share_requests_as_far_as_they_fit() {
    let (bench, outbox, client) = (Bench::start(1_000), chatting(65_536), support::client());
    (0..20).for_each(|_| outbox.push(Timestamp::now()));
    let way = (Transport::SocketIo, Some(SocketIoMode::Polling));
    let (mut requests, mut bytes_of_all, mut acknowledged) = (0, 0, 0);
    send(way, &client, &bench.target(), &outbox, "every acknowledgement", |event| {
        match event {
            Event::Upstream(UpstreamEvent::Sent { request, .. }) => requests += u64::from(*request),
            Event::Upstream(UpstreamEvent::Acknowledged { bytes, .. }) => {
                acknowledged += 1;
                bytes_of_all += bytes.unwrap();
            }
            _ => {}
        }
        acknowledged == 20
    })
    .await;
    assert!(numbers(&bench).into_iter().eq(1..=20));
    assert_eq!(requests, 2);
    let payloads = 20 * 65_536;
    assert!((payloads..payloads + 20 * 400).contains(&bytes_of_all), "{bytes_of_all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_refused_make_a_run_invalid() {
    join_all(ways().into_iter().map(async |way| {
        let what = name(way);
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
        let measured = measure(&chat(way), &bench).await;
        let sent = &measured.seen.upstream;
        assert!(sent.refused > 0 && sent.acknowledged > 0, "{what}: {sent:?}");
        assert_eq!(sent.unacknowledged(), 0, "{what}");
        let reason = Invalid::NotAcknowledged { failed: sent.refused, sent: sent.sent };
        assert!(measured.invalid.contains(&reason), "{what}: {:?}", measured.invalid);
    }))
    .await;
}
