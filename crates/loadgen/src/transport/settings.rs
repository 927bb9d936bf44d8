//! How a subscriber behaves.

use std::time::Duration;

use wirebench_protocol::{ShortPollingMode, SocketIoMode, SubscriberName};
use wirebench_scenario::{Headers, Reconnect};

/// How a subscriber behaves. A transport ignores the fields that it has no use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct SubscriberSettings {
    /// Short polling: from the start of one poll to the start of the next. 0 polls again at once.
    pub interval: Duration,
    /// Short polling: from the first answer to the start of the regular polls. Less than
    /// `interval`, and different for every subscriber; otherwise all of them would poll at the same
    /// time.
    pub phase: Duration,
    /// Short polling: what each poll asks for.
    pub short_polling_mode: ShortPollingMode,
    /// Long polling: how long the server may hold a poll that finds nothing.
    pub hold: Duration,
    /// Long polling: the server holds the first poll of a connection like the others, because the
    /// subscriber is subscribed already. [`run_subscriber`](crate::run_subscriber) sets this for a
    /// connection that continues another.
    pub continues: bool,
    /// Long polling: each poll carries the cursor of the last answer. Without it, a poll asks for
    /// what is published from its arrival on.
    pub poll_cursor: bool,
    /// Transports that push: the period of the timer at whose ticks the server is asked to push. 0
    /// asks for nothing: each message is pushed when it is published.
    pub push_timer: Duration,
    /// Socket.IO: what carries the session.
    pub socket_io_mode: SocketIoMode,
    /// How long [`run_subscriber`](crate::run_subscriber) waits before it subscribes again.
    pub reconnect: Reconnect,
    /// Which request headers are sent.
    pub headers: Headers,
    /// The number of this subscriber in its crowd, from 0.
    pub number: u64,
    /// Subscribers send. Events then tell which message was sent by a subscriber, and by which.
    pub sends: bool,
    /// The number of this host among those whose agents publish probes. Events then tell which
    /// message is a probe that was published on this host. `None`: there are no probes.
    pub probe_host: Option<u64>,
    /// The number is the name of this subscriber, under which messages are addressed to it.
    pub named: bool,
    /// Binary payloads end with a checksum. A message with a wrong one is damaged.
    pub sealed: bool,
    /// Events carry the payloads, too. Needed to show messages, not to count them.
    pub payloads: bool,
}

impl SubscriberSettings {
    /// Returns the name under which the subscriber subscribes. `None`: none.
    pub(crate) fn subscriber_name(&self) -> Option<SubscriberName> {
        self.named.then(|| SubscriberName::from(self.number))
    }
}

impl Default for SubscriberSettings {
    /// Returns one poll a second without a phase, a hold of 25 s, polls of both kinds that carry
    /// their cursor, no push timer, a Socket.IO session that begins with requests and upgrades, the
    /// same pauses on every transport, the headers of a browser, nobody that sends, no probes, no checksums,
    /// and no payloads.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            phase: Duration::ZERO,
            short_polling_mode: ShortPollingMode::default(),
            hold: Duration::from_secs(25),
            continues: false,
            poll_cursor: true,
            push_timer: Duration::ZERO,
            socket_io_mode: SocketIoMode::default(),
            reconnect: Reconnect::default(),
            headers: Headers::Browser,
            number: 0,
            sends: false,
            probe_host: None,
            named: false,
            sealed: false,
            payloads: false,
        }
    }
}
