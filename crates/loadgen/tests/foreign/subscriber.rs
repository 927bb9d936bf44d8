//! A subscriber of a target, and what it saw.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    ForeignFeed, HttpClient, Subscriber, SubscriberEvent, SubscriberSettings, Target, TargetError,
    TrustedCertificates, run_subscriber,
};
use wirebench_measure::{Event, WatchedMessage};
use wirebench_protocol::{After, Epoch, Gap, Seq, SocketIoMode, Timestamp, Transport};
use wirebench_scenario::{Reconnect, TargetFile};

use crate::support::{TIMEOUT, client, within};

/// The run of these tests.
pub(crate) const RUN: Epoch = Epoch(0x00c0_ffee);

/// Returns what is published as message `seq` of the run.
pub(crate) fn message(seq: Seq) -> String {
    message_of(RUN, seq)
}

/// The same for any run.
pub(crate) fn message_of(run: Epoch, seq: Seq) -> String {
    format!(r#"{{"run":"{:016x}","seq":{seq},"published_ns":1,"payload":"a"}}"#, run.0)
}

/// Returns a JSON string with this text in it.
pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Returns the target that the table of one transport describes, at a server at this address.
pub(crate) async fn try_target(
    address: SocketAddr,
    transport: Transport,
    table: &str,
) -> Result<Target, TargetError> {
    resolved(address, transport, &format!("publish.url = \"http://127.0.0.1:1/\"\n{table}")).await
}

/// Returns the same, of a feed that somebody else fills.
pub(crate) async fn watched_target(
    address: SocketAddr,
    transport: Transport,
    table: &str,
) -> Target {
    resolved(address, transport, &format!("publish = \"none\"\n{table}")).await.unwrap()
}

async fn resolved(
    address: SocketAddr,
    transport: Transport,
    text: &str,
) -> Result<Target, TargetError> {
    let text = format!("process.command = [\"serve\"]\n{text}");
    let file = TargetFile::parse("some-server", &text, Path::new("")).unwrap();
    let feed = ForeignFeed {
        file: Arc::new(file),
        transport,
        run: RUN,
        port: Some(address.port()),
        hold: Duration::from_millis(2_500),
    };
    // The servers of tests certify themselves.
    Target::of_foreign(feed, &TrustedCertificates::Any).await
}

pub(crate) async fn target(address: SocketAddr, transport: Transport, table: &str) -> Target {
    try_target(address, transport, table).await.unwrap()
}

/// What a subscriber saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The numbers of the messages, as they came.
    pub(crate) received: Vec<Seq>,
    /// The run of each, and when it was due.
    pub(crate) stamps: Vec<(Epoch, Timestamp)>,
    /// Messages that somebody else published.
    pub(crate) watched: Vec<WatchedMessage>,
    pub(crate) connected: usize,
    pub(crate) requests: usize,
    pub(crate) empty: usize,
    pub(crate) gaps: Vec<Gap>,
    /// The reason of each interruption. Empty: the server ended the subscription properly.
    pub(crate) interruptions: Vec<String>,
    /// The last interruption was the end.
    pub(crate) gave_up: bool,
}

/// Settings of a subscriber that reconnects and polls quickly.
pub(crate) fn settings() -> SubscriberSettings {
    let pause = Duration::from_millis(1);
    SubscriberSettings {
        interval: Duration::from_millis(5),
        reconnect: Reconnect::Same { first: pause, most: pause },
        socket_io_mode: SocketIoMode::WebSocket,
        ..SubscriberSettings::default()
    }
}

/// Runs a subscriber until `over` returns true, or until it gives up.
pub(crate) async fn watch(
    target: &Target,
    transport: Transport,
    settings: SubscriberSettings,
    over: impl Fn(&Seen) -> bool,
) -> Seen {
    watch_over(&client(), target, transport, settings, over).await
}

/// The same over this client.
pub(crate) async fn watch_over(
    client: &HttpClient,
    target: &Target,
    transport: Transport,
    settings: SubscriberSettings,
    over: impl Fn(&Seen) -> bool,
) -> Seen {
    let subscriber =
        Subscriber { transport, client, target, settings, seed: 7, cut: None, outbox: None };
    let (mut seen, done) = (Seen::default(), CancellationToken::new());
    let running = run_subscriber(&subscriber, After::Newest, |event| {
        seen.add(&event);
        if over(&seen) {
            done.cancel();
        }
    });
    let ended = async {
        tokio::select! {
            _ = running => true,
            () = done.cancelled() => false,
        }
    };
    let gave_up = within(TIMEOUT, format_args!("a subscriber over {transport}"), ended).await;
    Seen { gave_up, ..seen }
}

/// Returns the only error of a subscriber that never gets anywhere, with its causes.
pub(crate) async fn failure(target: &Target, transport: Transport) -> String {
    let seen = watch(target, transport, settings(), |seen| !seen.interruptions.is_empty()).await;
    assert!(seen.received.is_empty(), "{seen:?}");
    seen.interruptions.into_iter().next().unwrap()
}

impl Seen {
    fn add(&mut self, event: &SubscriberEvent<'_>) {
        match event {
            SubscriberEvent::Event(Event::Received { cursor, published_at, .. }) => {
                self.received.push(cursor.seq);
                self.stamps.push((cursor.epoch, *published_at));
            }
            SubscriberEvent::Event(Event::Watched(message)) => self.watched.push(message.clone()),
            SubscriberEvent::Event(Event::Connected { .. }) => self.connected += 1,
            SubscriberEvent::Event(Event::Request { .. }) => self.requests += 1,
            SubscriberEvent::Event(Event::Empty { .. }) => self.empty += 1,
            SubscriberEvent::Event(Event::Gap { gap, .. }) => self.gaps.push(*gap),
            SubscriberEvent::Event(_) => {}
            SubscriberEvent::Interrupted { why, .. } => {
                let why = why.map_or_else(String::new, ToString::to_string);
                self.interruptions.push(why);
            }
        }
    }
}
