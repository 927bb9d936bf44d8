//! A run: one transport under one combination of the values of a scenario.

use std::sync::Arc;
use std::time::Duration;

use wirebench_protocol::control::{Pace, Payload};
use wirebench_protocol::{Delivery, HttpStack, ShortPollingMode, SocketIoMode, Transport, Uplink};

use crate::{
    Faults, FeedStore, FeedTimers, HttpSettings, LinkSettings, Reconnect, TargetFile, Timing,
    Upstream,
};

/// One transport under one combination of settings in one repeat. A row of `runs.csv` measures a
/// run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The number of the run and its transport, as in `001-sse`: unique within the results folder.
    /// It consists of `a` to `z`, digits and `-`, since it tags histograms.
    pub id: String,
    /// The number of the repeat, from 1.
    pub repeat: u32,
    /// The transport that is measured.
    pub transport: Transport,
    /// The server that is measured. `None`: our own.
    pub target: Option<Arc<TargetFile>>,
    /// The number of subscribers.
    pub subscribers: usize,
    /// The time over which they connect.
    pub ramp: Duration,
    /// Messages per second of each timer of the feed's publisher; 0: it has none, or somebody else
    /// publishes.
    pub rate: f64,
    /// How many timers publish.
    pub timers: FeedTimers,
    /// How the messages are spread over time.
    pub pace: Pace,
    /// What each message carries.
    pub payload: Payload,
    /// Messages that the feed keeps in memory.
    pub window: usize,
    /// Where the server keeps the feed.
    pub store: FeedStore,
    /// Who reads requests and writes answers at the server. `None` over HTTP/2, where it is always
    /// hyper, and at other servers than our own.
    pub http_stack: Option<HttpStack>,
    /// How many servers share the feed, and the subscribers among them.
    pub instances: usize,
    /// How many NATS servers the run starts for them. `None` with one server, and if NATS is there
    /// already.
    pub backbone_servers: Option<usize>,
    /// The parts of the run.
    pub timing: Timing,
    /// The emulated network.
    pub link: LinkSettings,
    /// How the subscribers speak HTTP.
    pub http: HttpSettings,
    /// The time from the start of a poll to the start of the next. `None` unless the transport is
    /// polled.
    pub interval: Option<Duration>,
    /// What each poll asks for. `None` unless the transport is polled.
    pub short_polling_mode: Option<ShortPollingMode>,
    /// How long the server holds a poll that finds nothing. `None` unless the transport is held.
    pub hold: Option<Duration>,
    /// Whether each poll carries the cursor of the last answer. `None` unless the transport is
    /// held.
    pub poll_cursor: Option<bool>,
    /// The period of the timer at which the server pushes to a connection; 0: none, each message is
    /// pushed when it is published. `None` unless messages are pushed.
    pub push_timer: Option<Duration>,
    /// What carries the session. `None` unless the transport is Socket.IO.
    pub socket_io_mode: Option<SocketIoMode>,
    /// What each subscriber sends. `None`: nothing.
    pub upstream: Option<Upstream>,
    /// Probes per second that each agent publishes; 0: none. A run without agents has none.
    pub probe_rate: f64,
    /// How soon subscribers come back.
    pub reconnect: Reconnect,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Seeds everything random in the run: publish times, payloads, phases, jitter. All transports
    /// under the same settings in the same repeat have the same seed, so that they carry the same
    /// feed.
    pub seed: u64,
}

impl Run {
    /// Returns how messages reach the subscribers. Over Socket.IO, the mode decides.
    pub fn delivery(&self) -> Delivery {
        self.transport.delivery_in(self.socket_io_mode)
    }

    /// Returns how the subscribers send, if they do. Over Socket.IO, the mode decides.
    pub fn uplink(&self) -> Uplink {
        self.transport.uplink_in(self.socket_io_mode)
    }

    /// Returns true if somebody else fills the feed of the target. What `[feed]` says of messages does
    /// not hold for it.
    pub fn is_watched(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_watched())
    }

    /// Returns the number of timers that publish to the feed, each at the rate of the run.
    pub fn publishing_timers(&self) -> usize {
        match self.timers {
            FeedTimers::One => 1,
            FeedTimers::PerConnection => self.subscribers,
        }
    }

    /// Returns true if the subscribers poll without a cursor: they miss what is published between
    /// two polls and are not told, and this is what the run measures.
    pub fn forgets_its_cursor(&self) -> bool {
        self.poll_cursor == Some(false)
    }

    /// Returns true if the polls of the subscribers bring acknowledgements of what they send, beside
    /// the messages of the feed.
    pub fn polls_acknowledge(&self) -> bool {
        self.upstream.is_some() && self.socket_io_mode == Some(SocketIoMode::Polling)
    }

    /// Returns how long the server holds a request that finds nothing: for the hold time of long
    /// polling, and until the next heartbeat of Socket.IO. `None` unless requests are held.
    pub fn longest_hold(&self) -> Option<Duration> {
        self.hold.or_else(|| self.socket_io_mode?.hold())
    }
}
