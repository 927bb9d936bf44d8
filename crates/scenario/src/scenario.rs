//! A scenario as a value that cannot be wrong: what the rest of the program works with.

use std::time::Duration;

use wirebench_protocol::Transport;
use wirebench_protocol::control::{Pace, Payload};

use crate::{FaultLists, Faults, Reconnect, ReconnectLists};

/// A question put to several transports. Every list holds at least one value; the product of the lists
/// is what [`Scenario::runs`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What results are filed under: the file's name without its extension, unless the file gives another.
    pub name: String,
    /// The question, in a sentence.
    pub about: String,
    /// Which transports answer it, in the order of the file.
    pub transports: Vec<Transport>,
    /// Messages per second.
    pub rate: Vec<f64>,
    /// How the messages are spread over time.
    pub pace: Vec<Pace>,
    /// What each message carries.
    pub payload: Vec<Payload>,
    /// Messages that the feed keeps for those who come back.
    pub window: usize,
    /// How many subscribe at once.
    pub subscribers: Vec<usize>,
    /// The time over which the subscribers connect.
    pub ramp: Duration,
    /// The parts of a run, and how often it is repeated.
    pub timing: Timing,
    /// The emulated network: its delay, each way.
    pub delay: Vec<Duration>,
    /// The emulated network: its jitter.
    pub jitter: Vec<Duration>,
    /// The versions of HTTP that are spoken: 1 and 2.
    pub version: Vec<u8>,
    /// Whether connections are encrypted.
    pub tls: Vec<bool>,
    /// Which request headers go along.
    pub headers: Headers,
    /// Whose the connections are. Only version 2 shares any.
    pub connections: Vec<Connections>,
    /// From the start of one short poll to the start of the next.
    pub interval: Vec<Duration>,
    /// How long the server holds a long poll that finds nothing.
    pub hold: Vec<Duration>,
    /// How soon subscribers come back.
    pub reconnect: ReconnectLists,
    /// What goes wrong, on purpose.
    pub faults: FaultLists,
    /// Bounds that the results have to keep: first those for every transport, then those for each.
    pub thresholds: Vec<Threshold>,
}

/// One transport at one setting in one repeat: what a row of `runs.csv` measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Unique within the results folder, `001-sse`: its place among the runs, and its transport. Only
    /// `a` to `z`, digits and `-`, since it tags histograms.
    pub id: String,
    /// Which repetition this is, from 1.
    pub repeat: u32,
    /// The transport that is measured.
    pub transport: Transport,
    /// How many subscribe.
    pub subscribers: usize,
    /// The time over which they connect.
    pub ramp: Duration,
    /// Messages per second.
    pub rate: f64,
    /// How the messages are spread over time.
    pub pace: Pace,
    /// What each message carries.
    pub payload: Payload,
    /// Messages that the feed keeps.
    pub window: usize,
    /// The parts of the run.
    pub timing: Timing,
    /// The emulated network.
    pub link: Link,
    /// How the subscribers speak HTTP.
    pub http: Http,
    /// Short polling: start of poll to start of poll. `None` on the other transports.
    pub interval: Option<Duration>,
    /// Long polling: how long a poll is held. `None` on the other transports.
    pub hold: Option<Duration>,
    /// How soon subscribers come back.
    pub reconnect: Reconnect,
    /// What goes wrong, on purpose.
    pub faults: Faults,
    /// Seeds everything random in the run: publish times, payloads, phases, jitter. The same for all
    /// transports at the same setting in the same repeat, so that they carry the same feed.
    pub seed: u64,
}

/// The parts of a run: ramp (in the crowd), warm-up, measure, drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// After the ramp; published and delivered, not measured.
    pub warm_up: Duration,
    /// The measured window.
    pub measure: Duration,
    /// At most, for what is still on its way when the window closes.
    pub drain: Duration,
    /// How often every run is made.
    pub repeat: u32,
}

/// The emulated network between a subscriber and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Each way. A new connection pays its handshake round trip too.
    pub delay: Duration,
    /// Up to this much more, drawn for each segment; order is kept.
    pub jitter: Duration,
}

/// How the subscribers speak HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// 1 or 2.
    pub version: u8,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// Which request headers go along.
    pub headers: Headers,
    /// Whose the connections are.
    pub connections: Connections,
}

impl Default for Http {
    /// HTTP/1.1 in the clear, a browser's headers, a connection for each subscriber.
    fn default() -> Self {
        Self { version: 1, tls: false, headers: Headers::Browser, connections: Connections::Own }
    }
}

/// Whose connections the subscribers use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// Each subscriber has one of its own.
    #[default]
    Own,
    /// Many subscribers have a stream each on one: HTTP/2 only.
    Shared,
}

impl Connections {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Own, Self::Shared];

    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }
}

/// The request headers that a subscriber sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// What a browser sends.
    #[default]
    Browser,
    /// The least that a client can send.
    Bare,
}

impl Headers {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Browser, Self::Bare];

    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bare => "bare",
        }
    }
}

/// A bound on one column of `runs.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// For this transport only, or for each.
    pub transport: Option<Transport>,
    /// The column's name.
    pub column: String,
    /// How the measured value has to compare.
    pub comparison: Comparison,
    /// With this.
    pub bound: f64,
}

/// How a value has to compare with its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Less, Self::AtMost, Self::Equal, Self::AtLeast, Self::Greater];

    /// As it is written in a scenario file.
    pub const fn operator(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }

    /// Whether `value` keeps the bound.
    #[expect(clippy::float_cmp, reason = "`==` is for counts, which are exact")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => value == bound,
            Self::AtLeast => value >= bound,
            Self::Greater => value > bound,
        }
    }
}
