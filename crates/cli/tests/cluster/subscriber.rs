//! Subscribers over every transport that reconnect through a proxy, and remember what they got.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::{
    DEFAULT_FEED, Dialer, HttpClient, Subscriber, SubscriberEvent, SubscriberSettings, Target,
    run_subscriber,
};
use wirebench_measure::{Event, ReceivedPayload};
use wirebench_protocol::{After, Cursor, SocketIoMode, Transport};
use wirebench_scenario::{HttpSettings, LinkSettings, Reconnect};

use crate::support::within;

/// A transport, and what carries its sessions if it has some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) transport: Transport,
    pub(crate) mode: SocketIoMode,
}

impl Kind {
    /// Returns every transport, and Socket.IO in each of its modes.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Transport::ALL.into_iter().flat_map(|transport| {
            let modes = match transport {
                Transport::SocketIo => SocketIoMode::ALL.to_vec(),
                _ => vec![SocketIoMode::default()],
            };
            modes.into_iter().map(move |mode| Self { transport, mode })
        })
    }

    /// Returns true if several requests belong to one session, which one server has.
    pub(crate) fn needs_sticky_sessions(self) -> bool {
        self.transport == Transport::SocketIo && self.mode != SocketIoMode::WebSocket
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, mode } = self;
        match transport {
            Transport::SocketIo => write!(f, "{transport} ({mode})"),
            _ => write!(f, "{transport}"),
        }
    }
}

/// What a subscriber has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The number and the payload of each message, as they came.
    pub(crate) received: Vec<(u64, String)>,
    /// Where it was when its subscription broke: the cursors with which it came back.
    pub(crate) came_back_at: HashSet<Cursor>,
    pub(crate) interruptions: u64,
}

/// A subscriber that runs in a task of its own, from the beginning of the feed.
pub(crate) struct RunningSubscriber {
    pub(crate) kind: Kind,
    newest: watch::Receiver<u64>,
    stop: CancellationToken,
    task: JoinHandle<Seen>,
}

impl RunningSubscriber {
    pub(crate) fn start(kind: Kind, proxy: SocketAddr) -> Self {
        let (told, newest) = watch::channel(0);
        let stop = CancellationToken::new();
        let task = tokio::spawn(follow(kind, proxy, told, stop.clone()));
        Self { kind, newest, stop, task }
    }

    /// Waits until it has received the message with this number, and ends it.
    pub(crate) async fn finish(mut self, newest: u64) -> Seen {
        let Self { kind, .. } = self;
        let all = self.newest.wait_for(|received| *received >= newest);
        // An error: the task has ended, and says why below.
        let _ = within(&format!("{kind}: message {newest}"), all).await;
        self.stop.cancel();
        within("the end of a subscriber", self.task).await.unwrap()
    }
}

async fn follow(
    kind: Kind,
    proxy: SocketAddr,
    newest: watch::Sender<u64>,
    stop: CancellationToken,
) -> Seen {
    let client = HttpClient::new(Dialer::new(LinkSettings::default(), 1), HttpSettings::default());
    let target = target(proxy);
    let subscriber = Subscriber {
        transport: kind.transport,
        client: &client,
        target: &target,
        settings: settings(kind.mode),
        seed: 7,
        cut: None,
        outbox: None,
    };
    let mut seen = Seen::default();
    let mut cursor = None;
    let running = run_subscriber(&subscriber, After::Start, |event| match event {
        SubscriberEvent::Event(Event::Received { cursor: at, payload, .. }) => {
            let Some(ReceivedPayload::Json(payload)) = payload else { panic!("{payload:?}") };
            seen.received.push((at.seq, serde_json::from_str(payload).unwrap()));
            cursor = Some(*at);
            newest.send_replace(at.seq);
        }
        SubscriberEvent::Event(event @ (Event::Gap { .. } | Event::Damaged { .. })) => {
            panic!("{kind} after {cursor:?}: {event:?}");
        }
        SubscriberEvent::Event(_) => {}
        SubscriberEvent::Interrupted { .. } => {
            seen.interruptions += 1;
            seen.came_back_at.extend(cursor);
        }
    });
    if let Some(error) = stop.run_until_cancelled(running).await {
        panic!("{kind} gave up: {error}");
    }
    seen
}

pub(crate) fn target(address: SocketAddr) -> Target {
    let (authority, feed) = (address.to_string(), DEFAULT_FEED.to_owned());
    Target { authority, address, feed, tls: None, foreign: None }
}

pub(crate) fn settings(mode: SocketIoMode) -> SubscriberSettings {
    SubscriberSettings {
        interval: Duration::from_millis(20),
        socket_io_mode: mode,
        reconnect: Reconnect::Same {
            first: Duration::from_millis(20),
            most: Duration::from_millis(200),
        },
        payloads: true,
        ..SubscriberSettings::default()
    }
}
