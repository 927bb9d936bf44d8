//! What each mode costs, exactly: requests, connections, and the bytes of messages and heartbeats.
//! These numbers follow from the protocols. The server is that of this project.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use wirebench_loadgen::{
    DEFAULT_FEED, HttpClient, SubscribeError, SubscriberSettings, Target, subscribe,
};
use wirebench_measure::Event;
use wirebench_measure::theory::framing_bytes;
use wirebench_protocol::{After, SocketIoMode, Transport};
use wirebench_server::JsonPayload;

use crate::support::paused_server::PausedServer;
use crate::support::{TIMEOUT, client, connections_to_subscribe, target, within};

/// How often the server pings.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// A subscriber of a server whose clock moves only when a test moves it.
struct CountedSubscriber<'a> {
    mode: SocketIoMode,
    server: &'a PausedServer,
    client: &'a HttpClient,
    events: BoxStream<'a, Result<Event, SubscribeError>>,
    requests: u64,
    empty: u64,
    received: u64,
}

/// What has been counted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    requests: u64,
    empty: u64,
    up: u64,
    down: u64,
}

impl<'a> CountedSubscriber<'a> {
    /// Subscribes. Returns once the session is where it stays.
    async fn start(
        mode: SocketIoMode,
        server: &'a PausedServer,
        client: &'a HttpClient,
        target: &'a Target,
    ) -> Self {
        let settings = SubscriberSettings { socket_io_mode: mode, ..SubscriberSettings::default() };
        let events = subscribe(Transport::SocketIo, client, target, After::Newest, &settings);
        let mut subscriber =
            Self { mode, server, client, events, requests: 0, empty: 0, received: 0 };
        while !matches!(subscriber.next().await, Event::Connected { .. }) {}
        if mode == SocketIoMode::Upgrade {
            // The connections of the requests are closed when the WebSocket has taken over. Until
            // then the server waits for its clock.
            subscriber
                .until("the upgrade", |subscriber| {
                    subscriber.server.advance(Duration::from_millis(1));
                    subscriber.client.dialer().counts().open == 1
                })
                .await;
        }
        subscriber
    }

    async fn next(&mut self) -> Event {
        let what = format_args!("{}: an event", self.mode);
        let event = within(TIMEOUT, what, self.events.next()).await.unwrap().unwrap();
        match event {
            Event::Request { .. } => self.requests += 1,
            Event::Empty { .. } => self.empty += 1,
            Event::Received { .. } => self.received += 1,
            _ => {}
        }
        event
    }

    /// Lets the session go on until `holds` returns true.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let what = format!("{}: {what}", self.mode);
        within(TIMEOUT, &what, async {
            while !holds(self) {
                // The stream is left alone for a moment, in which nothing may arrive.
                let _ = tokio::time::timeout(Duration::from_millis(1), self.next()).await;
            }
        })
        .await;
    }

    /// Publishes a message, and waits until it has arrived. Returns the length of its object.
    async fn deliver(&mut self, payload: &str) -> usize {
        let published = JsonPayload::from_json(payload.as_bytes()).unwrap();
        self.server.feed.publish(&published);
        let received = self.received + 1;
        self.until("a message", |subscriber| subscriber.received == received).await;
        let entries = self.server.feed.read(self.server.feed.locate(After::Start).unwrap()).entries;
        let entry = entries.last().unwrap();
        entry.json.len()
    }

    fn counted(&self) -> Counted {
        let counts = self.client.dialer().counts();
        let (requests, empty) = (self.requests, self.empty);
        Counted { requests, empty, up: counts.bytes_up, down: counts.bytes_down }
    }
}

impl Counted {
    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            empty: self.empty - before.empty,
            up: self.up - before.up,
            down: self.down - before.down,
        }
    }
}

/// Runs a test with one subscriber in each mode.
async fn in_each_mode(test: impl AsyncFn(CountedSubscriber<'_>)) {
    for mode in SocketIoMode::ALL {
        let (server, client) = (PausedServer::start(100), client());
        let target = target(server.address);
        test(CountedSubscriber::start(mode, &server, &client, &target).await).await;
    }
}

/// The requests: the handshake, the `POST` of the packet that connects, and a `GET` for its answer,
/// and for the hello unless that comes together with it. While a session upgrades, each further `GET`
/// is answered at once with the packet `noop`: how many there are depends on how long that takes.
#[tokio::test]
async fn a_session_begins_with_the_requests_and_connections_of_its_mode() {
    in_each_mode(async |subscriber| {
        let mode = subscriber.mode;
        let expected = match mode {
            SocketIoMode::WebSocket => 0..=0,
            SocketIoMode::Polling => 3..=4,
            SocketIoMode::Upgrade => 3..=u64::MAX,
        };
        assert!(expected.contains(&subscriber.requests), "{mode}: {}", subscriber.requests);
        let counts = subscriber.client.dialer().counts();
        let opened = connections_to_subscribe(Transport::SocketIo, mode);
        assert_eq!((counts.attempted, counts.opened), (opened, opened), "{mode}");
        let stay = if mode == SocketIoMode::Polling { 2 } else { 1 };
        assert_eq!(counts.open, stay, "{mode}");
    })
    .await;
}

/// Over requests, each message that comes alone is the answer to one `GET`. Over a WebSocket it is
/// one frame, with the packet around the message object.
#[tokio::test]
async fn a_message_costs_one_request_or_one_frame() {
    in_each_mode(async |mut subscriber| {
        let mode = subscriber.mode;
        subscriber.deliver("0").await;
        for payload in ["1".to_owned(), "2".repeat(200), "3".repeat(70_000)] {
            let before = subscriber.counted();
            let object = subscriber.deliver(&payload).await;
            let cost = subscriber.counted().since(before);
            if mode == SocketIoMode::Polling {
                assert_eq!((cost.requests, cost.empty), (1, 0), "{mode}");
                continue;
            }
            let around = framing_bytes(
                Transport::SocketIo,
                mode,
                DEFAULT_FEED,
                subscriber.server.feed.published(),
                object,
            );
            let down = (object + around) as u64;
            let frame = Counted { requests: 0, empty: 0, up: 0, down };
            assert_eq!(cost, frame, "{mode}: {object} bytes");
        }
    })
    .await;
}

/// A ping is an answer to a `GET`, and its pong is a `POST`. Over a WebSocket both are frames of one
/// byte, the second with a mask of four.
#[tokio::test]
async fn a_heartbeat_costs_two_requests_or_ten_bytes() {
    in_each_mode(async |mut subscriber| {
        let mode = subscriber.mode;
        for _ in 0..3 {
            subscriber.deliver("0").await;
            let before = subscriber.counted();
            subscriber.server.advance(PING_INTERVAL);
            if mode == SocketIoMode::Polling {
                let empty = before.empty + 1;
                subscriber.until("a ping", |subscriber| subscriber.empty == empty).await;
                // The `GET` that the ping answers was sent after the message before it. That of the
                // next message comes after the ping, and the `POST` between them.
                subscriber.deliver("0").await;
                let cost = subscriber.counted().since(before);
                assert_eq!((cost.requests, cost.empty), (3, 1), "{mode}");
                assert_eq!(subscriber.client.dialer().counts().opened, 2, "{mode}");
                continue;
            }
            let up = before.up + 7;
            subscriber.until("a pong", |subscriber| subscriber.counted().up >= up).await;
            let cost = subscriber.counted().since(before);
            assert_eq!(cost, Counted { requests: 0, empty: 0, up: 7, down: 3 }, "{mode}");
        }
    })
    .await;
}
