//! The client halves, against the server of this project, over plain sockets.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use support::http_variant::HttpVariant;
use support::socket_reads::Reads;
use support::{TIMEOUT, connections_to_subscribe};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target, run_subscriber,
    subscribe,
};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, SocketIoMode, Timestamp, Transport};
use wirebench_scenario::{Headers, LinkSettings};
use wirebench_server::{Feed, JsonPayload, Server};

async fn serve() -> (Feed, Target) {
    let feed = Feed::new(1000);
    let server = Server::new([("bench".to_owned(), feed.clone())]);
    let listener = wirebench_server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
    (feed, Target::resolve(&url).await.unwrap())
}

fn publish(feed: &Feed, json: &str) -> Cursor {
    let published = feed.publish(JsonPayload::from_json(json.as_bytes()).unwrap());
    published.at_once().unwrap().unwrap().cursor
}

fn settings() -> SubscriberSettings {
    SubscriberSettings { interval: Duration::from_millis(5), ..SubscriberSettings::default() }
}

type Events<'a> = futures::stream::BoxStream<'a, Result<Event, SubscribeError>>;

/// Returns the next event that is neither a request nor an empty answer.
async fn next(transport: Transport, events: &mut Events<'_>) -> Event {
    let next = async {
        loop {
            match events.next().await {
                Some(Ok(Event::Request { .. } | Event::Empty { .. } | Event::Retry { .. })) => {}
                Some(Ok(event)) => break event,
                end => panic!("{transport} ended with {end:?}"),
            }
        }
    };
    timeout(TIMEOUT, next).await.unwrap_or_else(|_| panic!("{transport} went silent"))
}

#[tokio::test]
async fn a_subscriber_is_subscribed_at_once_and_gets_what_is_published() {
    for (transport, headers) in
        Transport::ALL.into_iter().flat_map(|t| [(t, Headers::Browser), (t, Headers::Bare)])
    {
        let (feed, target) = serve().await;
        let client = support::client();
        let settings = SubscriberSettings { headers, ..settings() };
        let before = publish(&feed, "0");
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        let connected = next(transport, &mut events).await;
        assert!(
            matches!(connected, Event::Connected { cursor, .. } if cursor == before),
            "{transport}: {connected:?}"
        );
        for json in ["\"first\"", "{\"second\":[2]}"] {
            let published = publish(&feed, json);
            match next(transport, &mut events).await {
                Event::Received { cursor, published_at, received_at, payload_bytes, .. } => {
                    assert_eq!(cursor, published, "{transport}");
                    assert!(received_at >= published_at, "{transport}");
                    assert_eq!(payload_bytes, json.len(), "{transport}");
                }
                event => panic!("{transport}: {event:?}"),
            }
        }
        let connections = connections_to_subscribe(transport, SocketIoMode::default());
        assert_eq!(client.dialer().counts().attempted, connections, "{transport}");
    }
}

#[tokio::test]
async fn a_late_subscriber_continues_after_its_cursor() {
    for transport in Transport::ALL {
        let (feed, target) = serve().await;
        let cursors = ["1", "2", "3"].map(|json| publish(&feed, json));
        for (after, missed) in [(After::Cursor(cursors[0]), 1), (After::Start, 0)] {
            let client = support::client();
            let mut events = subscribe(transport, &client, &target, after, &settings());
            let connected = next(transport, &mut events).await;
            assert!(matches!(connected, Event::Connected { .. }), "{transport}: {connected:?}");
            for expected in &cursors[missed..] {
                let event = next(transport, &mut events).await;
                assert!(
                    matches!(event, Event::Received { cursor, .. } if cursor == *expected),
                    "{transport}: {event:?} instead of {expected}"
                );
            }
        }
    }
}

/// The second message is published only when the first has been read from the socket. A client that
/// stamps the first when it finds the second stamps it too late, however fast or slow the machine
/// is.
#[tokio::test]
async fn each_message_is_stamped_when_it_arrives_and_not_when_the_next_one_does() {
    // Larger than anything else that arrives, so that the test knows when it is read.
    const PAYLOAD: usize = 4000;
    for transport in Transport::ALL {
        for delay in [0, 10].map(Duration::from_millis) {
            let (feed, target) = serve().await;
            let client = HttpVariant::default()
                .client_over(LinkSettings { delay, ..LinkSettings::default() });
            let mut events = subscribe(transport, &client, &target, After::Newest, &settings());
            next(transport, &mut events).await;
            let (mut reads, mut stamps) = (Reads::new(client.dialer()), Vec::new());
            publish(&feed, &format!("\"{}\"", "x".repeat(PAYLOAD)));
            let mut take = |context: &mut Context<'_>| {
                while let Poll::Ready(event) = reads.note(|| events.poll_next_unpin(context)) {
                    let event = event.expect("a feed does not end").expect("nothing fails");
                    if let Event::Received { received_at, .. } = event {
                        stamps.push(received_at);
                    }
                }
                if reads.have(PAYLOAD as u64) { Poll::Ready(()) } else { Poll::Pending }
            };
            timeout(TIMEOUT, poll_fn(&mut take)).await.expect("the first message is read");
            let between = Timestamp::now();
            publish(&feed, "2");
            while stamps.len() < 2 {
                if let Event::Received { received_at, .. } = next(transport, &mut events).await {
                    stamps.push(received_at);
                }
            }
            assert!(stamps[0] <= between + delay, "{transport} over {delay:?}: too late");
            assert!(stamps[1] >= between + delay, "{transport} over {delay:?}: too early");
        }
    }
}

#[tokio::test]
async fn a_missing_feed_is_reported() {
    for transport in Transport::ALL {
        let (_feed, mut target) = serve().await;
        "nowhere".clone_into(&mut target.feed);
        let client = support::client();
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings());
        let error = loop {
            match timeout(TIMEOUT, events.next()).await.unwrap() {
                Some(Ok(Event::Request { .. })) => {}
                Some(Err(error)) => break error,
                end => panic!("{transport}: {end:?}"),
            }
        };
        assert!(error.is_permanent(), "{transport}: {error}");
        let text = error.to_string();
        let reason = match transport {
            Transport::ShortPolling
            | Transport::LongPolling
            | Transport::Sse
            | Transport::WebSocket => "404",
            Transport::SocketIo => "Invalid namespace",
        };
        assert!(text.contains(reason) && text.contains("nowhere"), "{transport}: {text}");
        assert!(events.next().await.is_none(), "{transport} continues after an error");
    }
}

#[tokio::test]
async fn a_subscriber_survives_a_restart_and_is_told_that_the_feed_was_reset() {
    for transport in Transport::ALL {
        let (first, second) = (Feed::new(10), Feed::new(10));
        // Bound for as long as the test runs, so that nobody else gets the port while no server
        // listens.
        let port = TcpSocket::new_v4().unwrap();
        port.set_reuseaddr(true).unwrap();
        port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = port.local_addr().unwrap();
        let listener = wirebench_server::listen(address).unwrap();
        let end = CancellationToken::new();
        let servers = async {
            let server = |feed: &Feed| Server::new([("bench".to_owned(), feed.clone())]);
            server(&first).serve(listener, end.cancelled()).await;
            let listener = wirebench_server::listen(address).unwrap();
            server(&second).serve(listener, std::future::pending()).await;
        };
        let target = Target::resolve(&format!("http://{address}")).await.unwrap();
        let client = support::client();
        let subscriber = Subscriber {
            transport,
            client: &client,
            target: &target,
            settings: settings(),
            seed: 1,
            cut: None,
            outbox: None,
        };
        let (mut seen, done) = (Vec::new(), CancellationToken::new());
        let observed = run_subscriber(&subscriber, After::Newest, |event| {
            let SubscriberEvent::Event(event) = event else { return };
            match event {
                Event::Connected { .. } if seen.is_empty() => drop(publish(&first, "1")),
                Event::Connected { .. } => {}
                Event::Received { cursor, .. } if seen.is_empty() => {
                    assert_eq!(cursor.seq, 1);
                    end.cancel();
                }
                Event::Gap { gap, .. } => {
                    assert_eq!(*gap, Gap::Reset, "{transport}");
                    publish(&second, "2");
                }
                Event::Received { .. } => done.cancel(),
                Event::Request { .. }
                | Event::Empty { .. }
                | Event::Closing
                | Event::Retry { .. }
                | Event::Damaged { .. }
                | Event::Watched(_)
                | Event::Upstream(_) => return,
            }
            seen.push(event.clone());
        });
        tokio::select! {
            () = servers => unreachable!("the second server is not stopped"),
            error = observed => panic!("{transport}: {error}"),
            () = done.cancelled() => {}
            () = tokio::time::sleep(TIMEOUT) => {
                panic!("{transport} did not resume: {:?}", client.dialer().counts())
            }
        }
    }
}

/// A quiet feed is not a silent server: comments and pings keep a stream open, and the deadline of
/// the opening ends with the opening.
#[tokio::test]
async fn a_stream_may_be_idle_for_longer_than_its_opening_may_take() {
    for (transport, silence) in [(Transport::Sse, 45), (Transport::WebSocket, 60)] {
        let (_feed, target) = serve().await;
        let client = support::client();
        let settings = settings();
        let mut events = subscribe(transport, &client, &target, After::Newest, &settings);
        assert!(matches!(next(transport, &mut events).await, Event::Connected { .. }));
        // Nothing arrives any more: the clock advances, and the tasks of the server do not run.
        tokio::time::pause();
        while let Some(event) = events.next().now_or_never() {
            assert!(matches!(event, Some(Ok(Event::Retry { .. }))), "{transport}: {event:?}");
        }
        tokio::time::advance(Duration::from_secs(silence - 1)).await;
        let early = events.next().now_or_never();
        assert!(!matches!(early, Some(Some(Err(_)))), "{transport} gave up early: {early:?}");
        tokio::time::resume();
    }
}
