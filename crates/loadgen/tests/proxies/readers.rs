//! Subscribers behind a proxy, and what they observe.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::io::BufReader;
use tokio::net::TcpSocket;
use wirebench_loadgen::{
    HttpClient, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    run_subscriber, subscribe,
};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Seq, Transport};

use crate::support::http::{Head, RawHttp};
use crate::support::{Bench, TIMEOUT, client, frames, target, within};

/// How long a test waits to check that nothing arrives.
const SILENCE: Duration = Duration::from_millis(400);

/// One subscription.
pub(crate) struct ProxiedReader<'a> {
    transport: Transport,
    events: BoxStream<'a, Result<Event, SubscribeError>>,
}

impl<'a> ProxiedReader<'a> {
    pub(crate) fn new(
        transport: Transport,
        client: &'a HttpClient,
        target: &'a Target,
        after: After,
    ) -> Self {
        Self::of(transport, client, target, after, &settings())
    }

    /// The same, with these settings.
    pub(crate) fn of(
        transport: Transport,
        client: &'a HttpClient,
        target: &'a Target,
        after: After,
        settings: &SubscriberSettings,
    ) -> Self {
        Self { transport, events: subscribe(transport, client, target, after, settings) }
    }

    /// Returns the next event that changes what the subscriber knows, or why there is none. `None`
    /// is the proper end.
    pub(crate) async fn news(&mut self) -> Result<Option<Event>, SubscribeError> {
        let transport = self.transport;
        within(TIMEOUT, format_args!("{transport}: an event"), async {
            loop {
                match self.events.next().await.transpose()? {
                    Some(
                        Event::Request { .. }
                        | Event::Empty { .. }
                        | Event::Closing
                        | Event::Retry { .. },
                    ) => {}
                    event => return Ok(event),
                }
            }
        })
        .await
    }

    /// Waits until it is subscribed. Returns where.
    pub(crate) async fn connected(&mut self) -> Cursor {
        match self.news().await {
            Ok(Some(Event::Connected { cursor, .. })) => cursor,
            other => panic!("{} began with {other:?}", self.transport),
        }
    }

    /// Returns the cursor of the next message.
    pub(crate) async fn message(&mut self) -> Cursor {
        match self.news().await {
            Ok(Some(Event::Received { cursor, .. })) => cursor,
            other => panic!("{} had {other:?} instead of a message", self.transport),
        }
    }

    /// Returns true if no such event arrives for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(SILENCE, self.news()).await.is_err()
    }

    /// Returns the status with which the subscription is refused, and whether that is permanent.
    pub(crate) async fn refusal(&mut self) -> (u16, bool) {
        match self.news().await {
            Err(error @ SubscribeError::Refused { status, .. }) => {
                (status.as_u16(), error.is_permanent())
            }
            other => panic!("{} had {other:?} instead of a refusal", self.transport),
        }
    }
}

/// Short polls in quick succession, and held polls that last longer than any test.
pub(crate) fn settings() -> SubscriberSettings {
    let (interval, hold) = (Duration::from_millis(5), Duration::from_mins(1));
    SubscriberSettings { interval, hold, ..SubscriberSettings::default() }
}

/// Returns the status with which a subscription is refused, and whether that is permanent.
pub(crate) async fn refusal(transport: Transport, address: SocketAddr) -> (u16, bool) {
    let (client, target) = (client(), target(address));
    ProxiedReader::new(transport, &client, &target, After::Newest).refusal().await
}

/// Publishes messages, each after the one before has been delivered through the proxy at `address`.
/// Returns how long the fastest took.
pub(crate) async fn one_by_one(
    bench: &Bench,
    address: SocketAddr,
    transport: Transport,
    messages: u64,
) -> Duration {
    let (client, target) = (client(), target(address));
    let mut reader = ProxiedReader::new(transport, &client, &target, After::Newest);
    reader.connected().await;
    let mut fastest = Duration::MAX;
    for _ in 0..messages {
        let began = Instant::now();
        let cursor = bench.publish("\"a message\"");
        assert_eq!(reader.message().await, cursor, "{transport}");
        fastest = fastest.min(began.elapsed());
    }
    fastest
}

/// What a subscriber has observed that resumes where it was interrupted.
#[derive(Debug, Default)]
pub(crate) struct ObservedBehindProxy {
    pub(crate) connected: u64,
    pub(crate) empty: u64,
    pub(crate) interrupted: u64,
    /// Answers to polls that said that their connection closes. They interrupt nobody.
    pub(crate) closing: u64,
    /// Connections opened, over the whole time.
    pub(crate) opened: u64,
    pub(crate) seen: Vec<Seq>,
}

/// Runs a subscriber until `done` returns true. It is called after each event with what was
/// observed, and may act on it.
pub(crate) async fn run_until(
    transport: Transport,
    address: SocketAddr,
    settings: SubscriberSettings,
    mut done: impl FnMut(&ObservedBehindProxy) -> bool,
) -> ObservedBehindProxy {
    let (client, target) = (client(), target(address));
    let subscriber = Subscriber {
        transport,
        client: &client,
        target: &target,
        settings,
        seed: 7,
        cut: None,
        outbox: None,
    };
    let (over, at_last) = tokio::sync::oneshot::channel();
    let (mut observed, mut over) = (ObservedBehindProxy::default(), Some(over));
    let running = run_subscriber(&subscriber, After::Newest, |event| {
        if over.is_none() {
            return;
        }
        match event {
            SubscriberEvent::Event(Event::Connected { .. }) => observed.connected += 1,
            SubscriberEvent::Event(Event::Empty { .. }) => observed.empty += 1,
            SubscriberEvent::Event(Event::Received { cursor, .. }) => {
                observed.seen.push(cursor.seq);
            }
            SubscriberEvent::Event(
                event @ (Event::Gap { .. } | Event::Damaged { .. } | Event::Watched(_)),
            ) => {
                panic!("{transport}: {event:?}");
            }
            SubscriberEvent::Event(Event::Closing) => observed.closing += 1,
            SubscriberEvent::Event(
                Event::Request { .. } | Event::Retry { .. } | Event::Upstream(_),
            ) => {}
            SubscriberEvent::Interrupted { .. } => observed.interrupted += 1,
        }
        if done(&observed) {
            let _ = over.take().map(|over| over.send(()));
        }
    });
    let over = tokio::select! {
        error = running => panic!("{transport} gave up: {error}"),
        over = tokio::time::timeout(TIMEOUT, at_last) => over,
    };
    assert!(over.is_ok(), "{transport}: waited {TIMEOUT:?} in vain: {observed:?}");
    ObservedBehindProxy { opened: client.dialer().counts().opened, ..observed }
}

/// Opens a connection from this loopback address.
pub(crate) async fn connect_from(from: Ipv4Addr, address: SocketAddr) -> RawHttp {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    RawHttp { socket: BufReader::new(socket.connect(address).await.unwrap()) }
}

/// Opens an event stream by hand, to see what crosses the socket.
pub(crate) async fn stream(address: SocketAddr, headers: &str) -> (RawHttp, Head) {
    let mut http = RawHttp::connect(address).await;
    ask(&mut http, "/feeds/bench/sse", headers).await;
    let head = within(TIMEOUT, "the head of a stream", http.head()).await;
    (http, head)
}

/// Asks for a path with additional headers, each with its line break.
pub(crate) async fn ask(http: &mut RawHttp, path: &str, headers: &str) {
    http.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n").as_bytes()).await;
}

/// Returns the bytes of the next chunk.
pub(crate) async fn chunk(http: &mut RawHttp) -> Vec<u8> {
    within(TIMEOUT, "a piece of a stream", http.chunk()).await
}

/// Returns true if no chunk begins for a while.
pub(crate) async fn is_silent(http: &mut RawHttp) -> bool {
    use tokio::io::AsyncBufReadExt;

    tokio::time::timeout(SILENCE, http.socket.fill_buf()).await.is_err()
}

/// Waits for a while, to check that nothing happens.
pub(crate) async fn stay() {
    tokio::time::sleep(SILENCE).await;
}

/// Returns the head of the answer to a handshake that no page of a browser sent.
pub(crate) async fn handshake(address: SocketAddr) -> Head {
    let mut http = RawHttp::connect(address).await;
    http.send(frames::handshake("/feeds/bench/websocket").as_bytes()).await;
    within(TIMEOUT, "an answer to a handshake", http.head()).await
}
