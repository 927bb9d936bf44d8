//! Those who subscribe through a proxy, and what they find.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use wirebench_loadgen::{
    HttpClient, SubscribeError, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    run_subscriber, subscribe,
};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Seq, Transport};

use crate::support::http::{Head, Http};
use crate::support::{Bench, PATIENCE, client, frames, target, within};

/// How long it is looked whether something comes that is not to come.
const SILENCE: Duration = Duration::from_millis(400);

/// One subscription.
pub(crate) struct Reader<'a> {
    transport: Transport,
    events: BoxStream<'a, Result<Event, SubscribeError>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        transport: Transport,
        client: &'a HttpClient,
        target: &'a Target,
        after: After,
    ) -> Self {
        Self { transport, events: subscribe(transport, client, target, after, &settings()) }
    }

    /// The next event that says something, or why there is none; `None` at the proper end.
    pub(crate) async fn news(&mut self) -> Result<Option<Event>, SubscribeError> {
        let transport = self.transport;
        within(PATIENCE, format_args!("{transport}: an event"), async {
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

    /// Stands; where.
    pub(crate) async fn connected(&mut self) -> Cursor {
        match self.news().await {
            Ok(Some(Event::Connected { cursor, .. })) => cursor,
            other => panic!("{} began with {other:?}", self.transport),
        }
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Cursor {
        match self.news().await {
            Ok(Some(Event::Received { cursor, .. })) => cursor,
            other => panic!("{} had {other:?} instead of a message", self.transport),
        }
    }

    /// Whether nothing that says something comes for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(SILENCE, self.news()).await.is_err()
    }

    /// The status with which the subscription is refused, and whether it is for good.
    pub(crate) async fn refusal(&mut self) -> (u16, bool) {
        match self.news().await {
            Err(error @ SubscribeError::Refused { status, .. }) => {
                (status.as_u16(), error.is_permanent())
            }
            other => panic!("{} had {other:?} instead of a refusal", self.transport),
        }
    }
}

/// Short polls in quick succession, held polls that outlast any test.
pub(crate) fn settings() -> SubscriberSettings {
    let (interval, hold) = (Duration::from_millis(5), Duration::from_mins(1));
    SubscriberSettings { interval, hold, ..SubscriberSettings::default() }
}

/// The status with which a subscription to the newest messages is refused, and whether it is for good.
pub(crate) async fn refusal(transport: Transport, address: SocketAddr) -> (u16, bool) {
    let (client, target) = (client(), target(address));
    Reader::new(transport, &client, &target, After::Newest).refusal().await
}

/// Publishes messages, each only once the one before has been delivered through the proxy at `address`;
/// how long the fastest took.
pub(crate) async fn one_by_one(
    bench: &Bench,
    address: SocketAddr,
    transport: Transport,
    messages: u64,
) -> Duration {
    let (client, target) = (client(), target(address));
    let mut reader = Reader::new(transport, &client, &target, After::Newest);
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

/// What a subscriber has seen that resumes where it was interrupted.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) connected: u64,
    pub(crate) empty: u64,
    pub(crate) interrupted: u64,
    /// Answers to polls that said that their connection closes, which interrupts nobody.
    pub(crate) closing: u64,
    /// Connections, in the end.
    pub(crate) opened: u64,
    pub(crate) seen: Vec<Seq>,
}

/// Lives until `done`, which is shown the life after each event, and may do something about it.
pub(crate) async fn life(
    transport: Transport,
    address: SocketAddr,
    settings: SubscriberSettings,
    mut done: impl FnMut(&Life) -> bool,
) -> Life {
    let (client, target) = (client(), target(address));
    let subscriber =
        Subscriber { transport, client: &client, target: &target, settings, seed: 7, cut: None };
    let (over, at_last) = tokio::sync::oneshot::channel();
    let (mut life, mut over) = (Life::default(), Some(over));
    let living = run_subscriber(&subscriber, After::Newest, |sight| {
        if over.is_none() {
            return;
        }
        match sight {
            SubscriberEvent::Event(Event::Connected { .. }) => life.connected += 1,
            SubscriberEvent::Event(Event::Empty { .. }) => life.empty += 1,
            SubscriberEvent::Event(Event::Received { cursor, .. }) => life.seen.push(cursor.seq),
            SubscriberEvent::Event(Event::Gap { gap, .. }) => panic!("{transport}: {gap:?}"),
            SubscriberEvent::Event(Event::Closing) => life.closing += 1,
            SubscriberEvent::Event(Event::Request { .. } | Event::Retry { .. }) => {}
            SubscriberEvent::Interrupted { .. } => life.interrupted += 1,
        }
        if done(&life) {
            let _ = over.take().map(|over| over.send(()));
        }
    });
    let over = tokio::select! {
        error = living => panic!("{transport} gave up: {error}"),
        over = tokio::time::timeout(PATIENCE, at_last) => over,
    };
    assert!(over.is_ok(), "{transport}: waited {PATIENCE:?} in vain: {life:?}");
    Life { opened: client.dialer().counts().opened, ..life }
}

/// A stream as it crosses the socket.
pub(crate) async fn stream(address: SocketAddr, headers: &str) -> (Http, Head) {
    let mut http = Http::connect(address).await;
    ask(&mut http, "/feeds/bench/sse", headers).await;
    let head = within(PATIENCE, "the head of a stream", http.head()).await;
    (http, head)
}

/// Asks for a path with more headers, each with its line break.
pub(crate) async fn ask(http: &mut Http, path: &str, headers: &str) {
    http.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n").as_bytes()).await;
}

/// The next chunk; its bytes.
pub(crate) async fn chunk(http: &mut Http) -> Vec<u8> {
    within(PATIENCE, "a piece of a stream", http.chunk()).await
}

/// Whether no chunk begins for a while.
pub(crate) async fn is_silent(http: &mut Http) -> bool {
    use tokio::io::AsyncBufReadExt;

    tokio::time::timeout(SILENCE, http.socket.fill_buf()).await.is_err()
}

/// Stays for a while, for what is to be seen not to happen.
pub(crate) async fn stay() {
    tokio::time::sleep(SILENCE).await;
}

/// The head of the answer to a handshake of a program, which comes from no page.
pub(crate) async fn handshake(address: SocketAddr) -> Head {
    let mut http = Http::connect(address).await;
    http.send(frames::handshake("/feeds/bench/websocket").as_bytes()).await;
    within(PATIENCE, "an answer to a handshake", http.head()).await
}
