//! What every transport guarantees, checked over each of them through real sockets.

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::BoxStream;
use support::http::RawHttp;
use support::http_variant::{HttpVariant, cases};
use support::proxy::TestProxy;
use support::{Bench, TIMEOUT, connections_to_subscribe, frames, raw_transport, until, within};
use tokio::task::coop::consume_budget;
use wirebench_loadgen::{
    HttpClient, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    run_subscriber, subscribe,
};
use wirebench_measure::{Event, ReceivedPayload};
use wirebench_protocol::{
    After, Cursor, Delivery, Gap, Message, Seq, ShortPollingMode, SocketIoMode, Transport,
    seal_payload,
};
use wirebench_scenario::ConnectionSharing;

/// One subscription, and what it is called in a failure.
struct Reader<'a> {
    transport: Transport,
    variant: HttpVariant,
    events: BoxStream<'a, Result<Event, SubscribeError>>,
}

impl<'a> Reader<'a> {
    fn new(
        transport: Transport,
        variant: HttpVariant,
        client: &'a HttpClient,
        target: &'a Target,
        after: After,
    ) -> Self {
        let events = subscribe(transport, client, target, after, &settings());
        Self { transport, variant, events }
    }

    fn who(&self) -> String {
        format!("{} over {}", self.transport, self.variant)
    }

    /// Returns the next event of any kind. An error fails the test.
    async fn event(&mut self, what: &str) -> Option<Event> {
        let transport = self.who();
        let next = within(TIMEOUT, format_args!("{transport}: {what}"), self.events.next()).await;
        next.transpose()
            .unwrap_or_else(|error| panic!("{transport}: {error} instead of {what}: {error:?}"))
    }

    /// Returns the next event that changes what the subscriber knows.
    async fn news(&mut self, what: &str) -> Event {
        loop {
            match self.event(what).await {
                Some(
                    Event::Request { .. }
                    | Event::Empty { .. }
                    | Event::Closing
                    | Event::Retry { .. },
                ) => {}
                Some(event) => return event,
                None => panic!("{} ended before {what}", self.who()),
            }
        }
    }

    /// Waits until it is subscribed. Returns where.
    async fn connected(&mut self) -> Cursor {
        match self.news("the subscription").await {
            Event::Connected { cursor, .. } => cursor,
            event => panic!("{} began with {event:?}", self.who()),
        }
    }

    /// Returns the cursor of the next message.
    async fn message(&mut self) -> Cursor {
        match self.news("a message").await {
            Event::Received { cursor, .. } => cursor,
            event => panic!("{} had {event:?} instead of a message", self.who()),
        }
    }

    /// Checks that the next messages are exactly these.
    async fn messages(&mut self, expected: impl IntoIterator<Item = Seq>) {
        for seq in expected {
            assert_eq!(self.message().await.seq, seq, "{}", self.who());
        }
    }

    /// Returns the gap that comes next, and where the subscription continues.
    async fn gap(&mut self) -> (Gap, Seq) {
        match self.news("a gap").await {
            Event::Gap { gap, cursor } => (gap, cursor.seq),
            event => panic!("{} had {event:?} instead of a gap", self.who()),
        }
    }

    /// Checks that the subscription ends properly, without more messages.
    async fn end(&mut self) {
        while let Some(event) = self.event("the end").await {
            let quiet = matches!(
                event,
                Event::Request { .. } | Event::Empty { .. } | Event::Closing | Event::Retry { .. }
            );
            assert!(quiet, "{} had {event:?} instead of its end", self.who());
        }
    }

    /// Checks that no more messages come, and that the next poll ends the session: it is told that
    /// the session is unknown, or it finds that the server has closed the connection that the
    /// session posted over, and listens no more.
    async fn end_of_session(&mut self) {
        let error = loop {
            match within(TIMEOUT, "the end of the session", self.events.next()).await {
                Some(Ok(Event::Request { .. } | Event::Empty { .. })) => {}
                Some(Err(error)) => break error,
                next => panic!("{} had {next:?} instead of the end of its session", self.who()),
            }
        };
        let expected = matches!(
            error,
            SubscribeError::SessionEnded { .. }
                | SubscribeError::Broken { .. }
                | SubscribeError::Connect { .. }
        );
        assert!(expected && !error.is_permanent(), "{error}");
    }
}

fn settings() -> SubscriberSettings {
    SubscriberSettings { interval: Duration::from_millis(5), ..SubscriberSettings::default() }
}

#[tokio::test]
async fn every_message_arrives_once_and_in_order() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 1000), variant.client());
        let target = bench.target();
        let mut reader = Reader::new(transport, variant, &client, &target, After::Newest);
        assert_eq!(reader.connected().await, bench.cursor(0), "{transport} over {variant}");
        let publishing = async {
            for burst in (1..=20).cycle().take(60) {
                bench.publish_numbers(burst);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(publishing, reader.messages(1..=630));
        assert_eq!(bench.feed.published(), 630);
        // A repeated message would arrive before this one.
        bench.publish("\"last\"");
        reader.messages([631]).await;
    }
}

#[tokio::test]
async fn in_each_mode_short_polling_brings_every_message_once_and_in_order() {
    let variant = HttpVariant::default();
    for mode in ShortPollingMode::ALL {
        let (bench, client) = (Bench::start(1000), variant.client());
        bench.publish_numbers(5);
        let target = bench.target();
        let settings = SubscriberSettings { short_polling_mode: mode, ..settings() };
        let reader = |after| {
            let transport = Transport::ShortPolling;
            let events = subscribe(transport, &client, &target, after, &settings);
            Reader { transport, variant, events }
        };
        let mut newest = reader(After::Newest);
        assert_eq!(newest.connected().await, bench.cursor(5), "{mode}");
        let publishing = async {
            for burst in (1..=5).cycle().take(20) {
                bench.publish_numbers(burst);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(publishing, newest.messages(6..=65));
        // A repeated message would arrive before this one.
        bench.publish("\"last\"");
        newest.messages([66]).await;
        for (after, expected) in [(After::Start, 0), (After::Cursor(bench.cursor(40)), 40)] {
            let mut reader = reader(after);
            assert_eq!(reader.connected().await.seq, expected, "{mode} after {after}");
            reader.messages(expected + 1..=66).await;
        }
    }
}

#[tokio::test]
async fn without_a_cursor_only_new_messages_arrive() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 100), variant.client());
        bench.publish_numbers(5);
        let target = bench.target();
        let mut reader = Reader::new(transport, variant, &client, &target, After::Newest);
        assert_eq!(reader.connected().await, bench.cursor(5), "{transport} over {variant}");
        bench.publish_numbers(1);
        reader.messages([6]).await;
    }
}

#[tokio::test]
async fn a_late_subscriber_continues_after_its_cursor() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 100), variant.client());
        bench.publish_numbers(10);
        let target = bench.target();
        for seen in [0, 1, 9, 10] {
            let after = After::Cursor(bench.cursor(seen));
            let mut reader = Reader::new(transport, variant, &client, &target, after);
            assert_eq!(reader.connected().await.seq, seen, "{transport} over {variant}");
            let newest = bench.feed.published();
            reader.messages(seen + 1..=newest).await;
            bench.publish_numbers(1);
            reader.messages([newest + 1]).await;
        }
    }
}

#[tokio::test]
async fn from_the_start_means_from_the_oldest_message_in_the_window() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 4), variant.client());
        let target = bench.target();
        for (published, expected) in [(3, 1..=3), (6, 6..=9)] {
            bench.publish_numbers(published);
            let mut reader = Reader::new(transport, variant, &client, &target, After::Start);
            assert_eq!(
                reader.connected().await.seq,
                expected.start() - 1,
                "{transport} over {variant}"
            );
            reader.messages(expected).await;
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_resumes_before_the_window_is_told_how_much_it_missed() {
    for (transport, variant) in cases() {
        for (seen, missed) in [(0, 7), (2, 5), (6, 1)] {
            let (bench, client) = (Bench::speaking(variant, 5), variant.client());
            bench.publish_numbers(12);
            let target = bench.target();
            let after = After::Cursor(bench.cursor(seen));
            let mut reader = Reader::new(transport, variant, &client, &target, after);
            reader.connected().await;
            assert_eq!(
                reader.gap().await,
                (Gap::Missed(missed), 7),
                "{transport} over {variant} after {seen}"
            );
            reader.messages(8..=12).await;
            bench.publish_numbers(1);
            // The gap is reported only once.
            reader.messages([13]).await;
        }
        // The edge case: the next message is the oldest one in the window.
        let (bench, client) = (Bench::speaking(variant, 5), variant.client());
        bench.publish_numbers(12);
        let target = bench.target();
        let mut reader =
            Reader::new(transport, variant, &client, &target, After::Cursor(bench.cursor(7)));
        reader.connected().await;
        reader.messages(8..=12).await;
    }
}

/// One thread runs everything here, so nobody reads while the window moves past the subscriber.
#[tokio::test]
async fn a_subscriber_that_falls_out_of_the_window_is_told_how_much_it_missed() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 5), variant.client());
        let target = bench.target();
        let mut reader = Reader::new(transport, variant, &client, &target, After::Newest);
        reader.connected().await;
        bench.publish_numbers(12);
        assert_eq!(reader.gap().await, (Gap::Missed(7), 7), "{transport} over {variant}");
        reader.messages(8..=12).await;
        bench.publish_numbers(2);
        reader.messages(13..=14).await;
        bench.publish_numbers(6);
        assert_eq!(reader.gap().await, (Gap::Missed(1), 15), "{transport} over {variant}");
        reader.messages(16..=20).await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_epoch_of_the_feed_is_answered_with_a_reset() {
    for (transport, variant) in cases() {
        // The second is a position that this epoch has reached, too: only the epoch tells them
        // apart.
        for (published, seen, left) in [(3, 40, 1..4), (9, 2, 6..10), (0, 2, 1..1)] {
            let (former, bench, client) =
                (Bench::start(4), Bench::speaking(variant, 4), variant.client());
            bench.publish_numbers(published);
            let target = bench.target();
            let after = After::Cursor(former.cursor(seen));
            let mut reader = Reader::new(transport, variant, &client, &target, after);
            reader.connected().await;
            assert_eq!(
                reader.gap().await,
                (Gap::Reset, left.start - 1),
                "{transport} over {variant}"
            );
            reader.messages(left).await;
            bench.publish_numbers(1);
            assert_eq!(
                reader.message().await,
                bench.cursor(published + 1),
                "{transport} over {variant}"
            );
        }
    }
}

#[tokio::test]
async fn a_cursor_from_the_future_is_refused() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 4), variant.client());
        bench.publish_numbers(3);
        let target = bench.target();
        let after = After::Cursor(bench.cursor(4));
        let mut events = subscribe(transport, &client, &target, after, &settings());
        let error = within(TIMEOUT, format!("{transport} over {variant}: a refusal"), async {
            loop {
                match events.next().await {
                    Some(Ok(Event::Request { .. })) => {}
                    Some(Err(error)) => break error,
                    end => panic!("{transport} over {variant}: {end:?} instead of a refusal"),
                }
            }
        });
        let error = error.await;
        match &error {
            SubscribeError::Refused { status, .. } => {
                assert_eq!(status.as_u16(), 400, "{transport} over {variant}");
            }
            SubscribeError::NamespaceRefused { message, .. } => {
                let cursor = bench.cursor(4).to_string();
                assert!(message.contains(&cursor), "{transport} over {variant}: {message}");
            }
            _ => panic!("{transport} over {variant}: {error}"),
        }
        assert!(error.is_permanent(), "{transport} over {variant} would ask again and again");
    }
}

/// What a subscriber has observed: every message, and how often it was interrupted.
#[derive(Debug, Default)]
struct Observed {
    seen: Vec<Seq>,
    interrupted: u64,
}

/// Runs a subscriber until message `last` has arrived. `meanwhile` gets what it has observed so
/// far.
async fn run_until(
    transport: Transport,
    variant: HttpVariant,
    target: &Target,
    last: Seq,
    mut meanwhile: impl FnMut(&Observed),
) -> Observed {
    let client = variant.client();
    let settings = settings();
    let subscriber = Subscriber {
        transport,
        client: &client,
        target,
        settings,
        seed: 7,
        cut: None,
        outbox: None,
    };
    let mut observed = Observed::default();
    let (done, at_last) = tokio::sync::oneshot::channel();
    let mut done = Some(done);
    let running = run_subscriber(&subscriber, After::Start, |event| {
        match event {
            SubscriberEvent::Event(Event::Received { cursor, .. }) => {
                observed.seen.push(cursor.seq);
            }
            SubscriberEvent::Event(Event::Gap { gap, .. }) => panic!("{transport}: {gap:?}"),
            SubscriberEvent::Event(_) => return,
            SubscriberEvent::Interrupted { .. } => observed.interrupted += 1,
        }
        meanwhile(&observed);
        if observed.seen.last() == Some(&last) {
            let _ = done.take().map(|done| done.send(()));
        }
    });
    within(TIMEOUT, format_args!("{transport} over {variant}: message {last}"), async {
        tokio::select! {
            error = running => panic!("{transport} gave up: {error}"),
            _ = at_last => {}
        }
    })
    .await;
    observed
}

#[tokio::test]
async fn a_connection_that_is_cut_resumes_without_loss_or_repeat() {
    // All at the same time: after each cut, an event stream waits for as long as the server asked
    // for.
    join_all(cases().map(async |(transport, variant)| {
        let bench = Bench::speaking(variant, 1000);
        let proxy = TestProxy::start(bench.address);
        bench.publish_numbers(1);
        let target = bench.target_by_way_of(proxy.address);
        let observed = run_until(transport, variant, &target, 60, |observed| {
            // The cuts alternate: before a message is published, and after.
            let next = observed.seen.len() as u64 + 1;
            if bench.feed.published() < next && next <= 60 {
                match next % 20 {
                    0 => proxy.cut(),
                    10 => {
                        bench.publish_numbers(1);
                        return proxy.cut();
                    }
                    _ => {}
                }
                bench.publish_numbers(1);
            }
        })
        .await;
        assert_eq!(observed.seen, (1..=60).collect::<Vec<_>>(), "{transport} over {variant}");
        let each = match variant.0.connections {
            ConnectionSharing::Own => connections_to_subscribe(transport, SocketIoMode::default()),
            ConnectionSharing::Shared => 1,
        };
        assert_eq!(
            (observed.interrupted, proxy.accepted()),
            (6, 7 * each),
            "{transport} over {variant}"
        );
    }))
    .await;
}

/// Each connection is cut after so many bytes, wherever that is: in a head, in the size of a chunk,
/// in the header of a frame, in the middle of a character. Small and large budgets alternate, so
/// that every few connections deliver something.
const BUDGETS: [u64; 16] =
    [1, 90, 260, 1400, 310, 700, 333, 2100, 421, 1900, 555, 1234, 602, 2500, 803, 3100];

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_message_resumes_without_loss_or_repeat() {
    // Several at a time: after each cut, an event stream waits for as long as the server asked for.
    let parts = BUDGETS.chunks(4).flat_map(|part| cases().map(move |case| (case, part)));
    join_all(parts.map(async |((transport, variant), budgets)| {
        let bench = Bench::speaking(variant, 1000);
        let publish = |count| {
            for _ in 0..count {
                let number = bench.feed.published() + 1;
                bench.publish(&format!("\"{number} 🦀é\""));
            }
        };
        publish(4);
        // Some TLS handshakes are cut, too.
        let more = if variant.0.tls { 1000 } else { 0 };
        let cuts = budgets.len() as u64;
        let budgets = budgets.iter().map(|budget| budget + more).collect();
        let proxy = TestProxy::cutting(bench.address, budgets);
        let target = bench.target_by_way_of(proxy.address);
        let observed = run_until(transport, variant, &target, 120, |observed| {
            if observed.seen.len() as u64 == bench.feed.published() && bench.feed.published() < 120
            {
                publish(4);
            }
        })
        .await;
        assert_eq!(observed.seen, (1..=120).collect::<Vec<_>>(), "{transport} over {variant}");
        let (interrupted, accepted) = (observed.interrupted, proxy.accepted());
        if transport == Transport::SocketIo {
            // Not every cut ends a session: one that loses the WebSocket while it upgrades stays
            // with its requests, and one whose requests are all answered may lose their connection.
            assert!(interrupted <= cuts && accepted > cuts, "{variant}: {interrupted}, {accepted}");
        } else {
            assert_eq!((interrupted, accepted), (cuts, cuts + 1), "{transport} over {variant}");
        }
    }))
    .await;
}

#[tokio::test]
async fn a_poll_that_finds_nothing_is_answered_empty_and_keeps_its_cursor() {
    for (transport, variant) in cases().filter(|(transport, _)| transport.polls()) {
        let (bench, client) = (Bench::speaking(variant, 10), variant.client());
        bench.publish_numbers(3);
        let (target, place) = (bench.target(), bench.cursor(3));
        let settings = SubscriberSettings { hold: Duration::from_millis(20), ..settings() };
        let events = subscribe(transport, &client, &target, After::Newest, &settings);
        let mut reader = Reader { transport, variant, events };
        reader.connected().await;
        let mut empty = 0;
        while empty < 10 {
            match reader.event("an empty answer").await {
                Some(Event::Request { .. }) => {}
                Some(Event::Empty { cursor, .. }) => {
                    assert_eq!(cursor, place, "{transport} over {variant}");
                    empty += 1;
                }
                event => panic!("{transport} over {variant}: {event:?}"),
            }
        }
        bench.publish_numbers(1);
        reader.messages([4]).await;
        assert_eq!(
            client.dialer().counts().attempted,
            1,
            "{transport} over {variant} keeps its connection"
        );
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_every_subscription_properly_and_at_once() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 10), variant.client());
        let target = bench.target();
        // The connection of a short poll stays open until the next poll was answered.
        let interval = Duration::from_secs(1);
        let settings = SubscriberSettings {
            interval,
            phase: interval / 2,
            // In a session that upgrades, the number of requests would not say what is open.
            socket_io_mode: SocketIoMode::WebSocket,
            ..SubscriberSettings::default()
        };
        let reader = |_| {
            let events = subscribe(transport, &client, &target, After::Newest, &settings);
            Reader { transport, variant, events }
        };
        let mut readers: Vec<_> = (0..20).map(reader).collect();
        join_all(readers.iter_mut().map(Reader::connected)).await;
        let ending = join_all(readers.iter_mut().map(Reader::end));
        let stopping = async {
            // After its first poll, a long poll is held.
            let requests = if transport.delivery() == Delivery::Held { 40 } else { 20 };
            let what = format!("{transport} over {variant}: {requests} requests");
            until(what, || bench.server.requests() == requests).await;
            // Less than the five seconds after which it would stop waiting for connections that
            // hang.
            bench
                .stop(
                    Duration::from_secs(4),
                    format!("{transport} over {variant}: the server's end"),
                )
                .await;
        };
        tokio::join!(ending, stopping);
        let shared = variant.0.connections == ConnectionSharing::Shared;
        assert_eq!(
            client.dialer().counts().opened,
            if shared { 1 } else { 20 },
            "{transport} over {variant}"
        );
    }
}

#[tokio::test]
async fn what_was_published_before_the_server_stopped_still_arrives() {
    // Short polling may not ask again.
    for (transport, variant) in
        cases().filter(|(transport, _)| transport.delivery() != Delivery::Polled)
    {
        let (bench, client) = (Bench::speaking(variant, 10), variant.client());
        let target = bench.target();
        // In a session that upgrades, the number of requests would not say what is open.
        let settings = SubscriberSettings { socket_io_mode: SocketIoMode::WebSocket, ..settings() };
        let events = subscribe(transport, &client, &target, After::Newest, &settings);
        let mut reader = Reader { transport, variant, events };
        reader.connected().await;
        let reading = async {
            reader.messages(1..=3).await;
            reader.end().await;
        };
        let ending = async {
            let requests = match transport {
                // After its first poll, a long poll is held.
                Transport::LongPolling => 2,
                Transport::ShortPolling
                | Transport::Sse
                | Transport::WebSocket
                | Transport::SocketIo => 1,
            };
            let what = format!("{transport} over {variant}: {requests} requests");
            until(what, || bench.server.requests() >= requests).await;
            bench.publish_numbers(3);
            bench.begin_stop();
        };
        tokio::join!(reading, ending);
    }
}

#[tokio::test]
async fn a_socket_io_session_delivers_everything_that_was_published_before_the_server_stops() {
    for mode in SocketIoMode::ALL {
        let (bench, client) = (Bench::start(10), HttpVariant::default().client());
        let target = bench.target();
        let settings = SubscriberSettings { socket_io_mode: mode, ..settings() };
        let transport = Transport::SocketIo;
        let events = subscribe(transport, &client, &target, After::Newest, &settings);
        let mut reader = Reader { transport, variant: HttpVariant::default(), events };
        reader.connected().await;
        let reading = async {
            reader.messages(1..=3).await;
            if mode == SocketIoMode::Polling {
                reader.end_of_session().await;
            } else {
                reader.end().await;
            }
        };
        let ending = async {
            // A session that polls has one connection to post over. One that upgrades closes the
            // connections of its requests.
            let connections = if mode == SocketIoMode::Polling { 2 } else { 1 };
            let what = format_args!("{mode}: {connections} connections");
            until(what, || bench.server.connections() == connections).await;
            bench.publish_numbers(3);
            bench.begin_stop();
        };
        within(TIMEOUT, mode, async { tokio::join!(reading, ending) }).await;
    }
}

/// A poll for the whole feed has no cursor that the server could compare.
#[tokio::test]
async fn in_each_mode_short_polling_learns_of_a_feed_that_began_anew() {
    for mode in ShortPollingMode::ALL {
        let (bench, client) = (Bench::start(100), HttpVariant::default().client());
        let before = bench.cursor(0);
        bench.stop(TIMEOUT, mode).await;
        for messages in [0, 3] {
            let bench = Bench::start(100);
            bench.publish_numbers(messages);
            let target = bench.target();
            let settings = SubscriberSettings { short_polling_mode: mode, ..settings() };
            let (transport, after) = (Transport::ShortPolling, After::Cursor(before));
            let events = subscribe(transport, &client, &target, after, &settings);
            let mut reader = Reader { transport, variant: HttpVariant::default(), events };
            assert_eq!(reader.connected().await, bench.cursor(0), "{mode}");
            assert_eq!(reader.gap().await, (Gap::Reset, 0), "{mode}");
            bench.publish_numbers(1);
            reader.messages(1..=messages + 1).await;
        }
    }
}

#[tokio::test]
async fn a_held_poll_is_answered_when_the_server_stops() {
    let bench = Bench::start(10);
    bench.publish_numbers(2);
    let mut http = RawHttp::connect(bench.address).await;
    http.get("/feeds/bench/long-polling?hold=60").await;
    until("long-polling: a held poll", || bench.server.requests() == 1).await;
    bench.begin_stop();
    let (head, _) = within(TIMEOUT, "long-polling: an answer", http.answer()).await;
    assert_eq!(head.status, 204, "{}", head.text);
    assert_eq!(head.header("feed-cursor"), Some(&*bench.cursor(2).to_string()));
    assert_eq!(head.header("connection"), Some("close"), "{}", head.text);
    assert_eq!(within(TIMEOUT, "long-polling: the end", http.rest()).await, Some(Vec::new()));
    bench.stop(Duration::from_secs(4), "long-polling: the server's end").await;
}

/// Connections that cannot be ended properly: one without a request, one in the middle of its
/// request, and streams that nobody reads.
#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_connections_that_hang() {
    let bench = Bench::start(10);
    let mut held = Vec::new();
    for beginning in ["", "GET /feeds/bench/sse HT"] {
        let mut http = RawHttp::connect(bench.address).await;
        http.send(beginning.as_bytes()).await;
        held.push(http);
    }
    for request in [
        format!("GET {} HTTP/1.1\r\nhost: test\r\n\r\n", Transport::Sse.path("bench")),
        frames::handshake(&Transport::WebSocket.path("bench")),
    ] {
        let mut http = RawHttp::connect(bench.address).await;
        http.send(request.as_bytes()).await;
        http.head().await;
        held.push(http);
    }
    until("four connections", || bench.server.connections() == 4).await;
    // More than the buffers of two sockets hold.
    let large = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    for _ in 0..16 {
        bench.publish(&large);
        tokio::task::yield_now().await;
    }
    bench.stop(Duration::from_secs(15), "the server's end").await;
}

/// Returns payloads that a transport could easily change: what is posted, and what must be
/// delivered. White space around the value is removed; a line break between its tokens becomes a
/// space.
fn payloads() -> Vec<(Vec<u8>, Vec<u8>)> {
    let as_they_are = [
        r#""""#,
        r#""a\r\nb\rc\nd\u000d\u000ae""#,
        r#""\u0000 \u2028 \u2029 \ufeff \ud83e\udd80""#,
        "\"\u{2028}\u{2029}\u{feff}\u{85}\u{7f}\"",
        "\"🦀 \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} é e\u{301}\"",
        r#"" \ud800 ""#,
        r#""\/ \\ \" data: id: : ""#,
        "0",
        "-0.10e+05",
        "123456789012345678901234567890.123456789",
        "null",
        "[]",
        "{}",
        r#"{"a":{"b":[1,[2,[3,{"c":[]}]]],"a":1},"a":2}"#,
        "[ 1 ,\t2 ]",
        r#"{"seq":99,"published_ns":1,"payload":{"cursor":"start"}}"#,
    ];
    let mut payloads: Vec<_> = as_they_are
        .map(|json| (json.as_bytes().to_vec(), json.as_bytes().to_vec()))
        .into_iter()
        .collect();
    payloads.extend([
        (b"{\r\n\"a\":\n1,\r\"b\":2}".to_vec(), b"{  \"a\": 1, \"b\":2}".to_vec()),
        (b" \r\n\t[\n\n]\r\n".to_vec(), b"[  ]".to_vec()),
    ]);
    for (unit, count) in [("\u{ff}", 64), ("\u{10ffff}", 64), ("é", 40_000), ("x", (1 << 20) - 2)]
    {
        let json = format!("\"{}\"", unit.repeat(count)).into_bytes();
        payloads.push((json.clone(), json));
    }
    payloads
}

#[tokio::test]
async fn payloads_are_the_same_bytes_on_every_transport() {
    let bench = Bench::start(100);
    let mut publisher = RawHttp::connect(bench.address).await;
    let mut readers = Vec::new();
    for transport in Transport::ALL {
        let http = raw_transport::open(transport, bench.address).await;
        readers.push((transport, http, Vec::new()));
    }
    for (posted, expected) in payloads() {
        let shown = String::from_utf8_lossy(&posted).chars().take(60).collect::<String>();
        let after = bench.cursor(bench.feed.published());
        let publishing = publisher.post("/feeds/bench/messages", &posted);
        let status = within(TIMEOUT, format_args!("publishing {shown}"), publishing).await;
        assert_eq!(status, 201, "publishing {shown}");
        let mut first: Option<Vec<u8>> = None;
        for (transport, http, rest) in &mut readers {
            let what = format!("{transport}: {shown}");
            let message = raw_transport::next(*transport, http, rest, after);
            let message = within(TIMEOUT, &what, message).await;
            let parsed: Message<'_> = serde_json::from_slice(&message).unwrap();
            assert_eq!(parsed.seq, after.seq + 1, "{what}");
            assert!(parsed.payload.as_str().as_bytes() == expected, "{what}: payload changed");
            let first = first.get_or_insert_with(|| message.clone());
            assert!(*first == message, "{what}: another message than on the first transport");
        }
    }
}

/// Returns payloads of bytes: every value of a byte, none, and those around which the length of
/// something changes: a WebSocket frame (its payload has a head of up to 60 bytes), the padding of
/// Base64, a message at its greatest.
fn binary_payloads() -> Vec<Vec<u8>> {
    let sizes = (0..6).chain(60..130).chain(65_470..65_540).chain([1 << 20]);
    let counting = |size: usize| (0..=255_u8).cycle().take(size).collect();
    sizes.map(counting).chain([b"\n\r\n\x1e\0".to_vec(), vec![0xff; 300]]).collect()
}

#[tokio::test]
async fn bytes_are_the_same_on_every_transport() {
    let bench = Bench::start(100);
    let mut readers = Vec::new();
    for transport in Transport::ALL {
        let http = raw_transport::open(transport, bench.address).await;
        readers.push((transport, http, Vec::new()));
    }
    for payload in binary_payloads() {
        let after = bench.cursor(bench.feed.published());
        bench.publish_bytes(&payload);
        let mut first: Option<Vec<u8>> = None;
        for (transport, http, rest) in &mut readers {
            let what = format!("{transport}: {} bytes", payload.len());
            let message = raw_transport::next_binary(*transport, http, rest, after);
            let (head, found) = within(TIMEOUT, &what, message).await;
            assert!(found == payload, "{what}: payload changed");
            let first = first.get_or_insert_with(|| head.clone());
            assert!(*first == head, "{what}: another head than on the first transport");
        }
    }
}

#[tokio::test]
async fn subscribers_receive_bytes_as_they_were_published() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 1000), variant.client());
        let target = bench.target();
        let settings = SubscriberSettings { payloads: true, ..settings() };
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        let payloads = binary_payloads();
        let mut expected = payloads.iter();
        let receiving = async {
            while let Some(event) = events.next().await {
                match event.unwrap() {
                    Event::Connected { .. } => {
                        for payload in &payloads {
                            bench.publish_bytes(payload);
                        }
                    }
                    Event::Received { payload, payload_bytes, .. } => {
                        let expected = expected.next().unwrap();
                        assert_eq!(payload_bytes, expected.len(), "{transport} over {variant}");
                        let same = payload == Some(ReceivedPayload::Binary(expected[..].into()));
                        assert!(same, "{transport} over {variant}: {payload_bytes} bytes changed");
                        if expected.len() == 300 {
                            break;
                        }
                    }
                    event => assert!(
                        !matches!(event, Event::Damaged { .. } | Event::Gap { .. }),
                        "{transport} over {variant}: {event:?}"
                    ),
                }
            }
        };
        within(TIMEOUT, format_args!("{transport} over {variant}"), receiving).await;
        assert_eq!(expected.next(), None, "{transport} over {variant}");
    }
}

#[tokio::test]
async fn a_damaged_message_is_found_on_every_transport_and_the_next_one_arrives() {
    for transport in Transport::ALL {
        let bench = Bench::start(10);
        let (client, target) = (support::client(), bench.target());
        let settings = SubscriberSettings { sealed: true, ..settings() };
        let mut events = subscribe(transport, &client, &target, After::Start, &settings);
        let mut sealed: Vec<u8> = (0..100).collect();
        seal_payload(&mut sealed);
        let mut damaged = sealed.clone();
        damaged[50] ^= 1;
        for payload in [&sealed[..], &damaged, b"abc", &sealed] {
            bench.publish_bytes(payload);
        }
        let mut found = Vec::new();
        while found.len() < 4 {
            match within(TIMEOUT, transport, events.next()).await.unwrap().unwrap() {
                Event::Received { cursor, .. } => found.push((cursor.seq, true)),
                Event::Damaged { cursor, .. } => found.push((cursor.seq, false)),
                _ => {}
            }
        }
        assert_eq!(found, [(1, true), (2, false), (3, false), (4, true)], "{transport}");
    }
}

#[tokio::test]
async fn two_polls_with_the_same_cursor_are_both_answered() {
    for path in ["/feeds/bench/short-polling", "/feeds/bench/long-polling"] {
        let bench = Bench::start(10);
        let after = bench.cursor(0);
        let mut polls = Vec::new();
        if path.ends_with("short-polling") {
            bench.publish_numbers(2);
        }
        for _ in 0..2 {
            let mut http = RawHttp::connect(bench.address).await;
            http.get(&format!("{path}?after={after}")).await;
            polls.push(http);
        }
        until(format_args!("{path}: two polls"), || bench.server.requests() == 2).await;
        // Both without a pause on one thread, so that a held poll finds both.
        bench.publish_numbers(2 - bench.feed.published());
        let answers = join_all(polls.iter_mut().map(RawHttp::answer));
        let answers = within(TIMEOUT, format_args!("{path}: both answers"), answers).await;
        assert_eq!(answers[0].1, answers[1].1, "{path}");
        for (head, body) in answers {
            assert_eq!(head.status, 200, "{path}: {}", head.text);
            assert!(body.ends_with(b"\"payload\":2}]}"), "{path}: {}", body.escape_ascii());
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_goes_away_loses_nothing_and_leaves_nothing_behind() {
    for (transport, variant) in cases() {
        let (bench, client) = (Bench::speaking(variant, 10), variant.client());
        let target = bench.target();
        let mut reader = Reader::new(transport, variant, &client, &target, After::Newest);
        let cursor = reader.connected().await;
        if transport.delivery() == Delivery::Held {
            while bench.server.requests() < 2 {
                // Sends the poll that is held, and goes away while it is.
                let _ = tokio::time::timeout(Duration::from_millis(5), reader.events.next()).await;
            }
        }
        drop(reader);
        until(format_args!("{transport} over {variant}: the server notices"), || {
            bench.server.connections() == 0
        })
        .await;
        bench.publish_numbers(3);
        let mut again = Reader::new(transport, variant, &client, &target, After::Cursor(cursor));
        assert_eq!(again.connected().await, cursor, "{transport} over {variant}");
        again.messages(1..=3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_transports_at_once_deliver_the_same_messages() {
    const MESSAGES: u64 = 3000;
    let (bench, client) = (Bench::start(10_000), support::client());
    let target = bench.target();
    let stories =
        Transport::ALL.into_iter().flat_map(|transport| [transport; 3]).map(|transport| {
            let (client, target) = (&client, &target);
            async move {
                let mut reader =
                    Reader::new(transport, HttpVariant::default(), client, target, After::Start);
                let mut story = Vec::new();
                while (story.len() as u64) < MESSAGES {
                    match reader.news("a message").await {
                        Event::Connected { .. } => {}
                        Event::Received { cursor, published_at, payload_bytes, .. } => {
                            story.push((cursor, published_at, payload_bytes));
                        }
                        event => panic!("{transport}: {event:?}"),
                    }
                }
                (transport, story)
            }
        });
    let feed = bench.feed.clone();
    let publisher = std::thread::spawn(move || {
        for number in 1..=MESSAGES {
            support::publish(&feed, &"9".repeat(1 + usize::try_from(number % 90).unwrap()));
        }
    });
    let stories = within(TIMEOUT, "all transports: every message", join_all(stories)).await;
    publisher.join().unwrap();
    let places: Vec<_> = stories[0].1.iter().map(|(cursor, ..)| cursor.seq).collect();
    assert_eq!(places, (1..=MESSAGES).collect::<Vec<_>>(), "{}", stories[0].0);
    for (transport, story) in &stories {
        assert!(
            *story == stories[0].1,
            "{transport} delivers other messages than {}",
            stories[0].0
        );
    }
}

/// Polls `future` with `left` of the operations that tokio grants a task in one turn (its
/// cooperative budget of 128). After that, every socket, timer and channel of tokio says `Pending`
/// until the next turn.
async fn in_short_turns<F: Future>(left: usize, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        for _ in left..128 {
            let _ = pin!(consume_budget()).poll(cx);
        }
        future.as_mut().poll(cx)
    })
    .await
}

#[tokio::test]
async fn a_subscriber_whose_turn_ends_at_any_point_is_neither_interrupted_nor_forgotten() {
    for (transport, variant) in cases() {
        for left in 1..=8 {
            let bench = Bench::speaking(variant, 10);
            bench.publish_numbers(3);
            let (client, target) = (variant.client(), bench.target());
            let mut reader = Reader::new(transport, variant, &client, &target, After::Start);
            let who = format!("{} in turns of {left}", reader.who());
            for seq in 1..=3 {
                loop {
                    let next = in_short_turns(left, reader.events.next());
                    match within(TIMEOUT, &who, next).await {
                        Some(Ok(Event::Received { cursor, .. })) => {
                            assert_eq!(cursor.seq, seq, "{who}");
                            break;
                        }
                        Some(Ok(_)) => {}
                        other => panic!("{who}: {other:?} instead of message {seq}"),
                    }
                }
            }
        }
    }
}
