//! The bodies of the server's control API, which the load generator uses besides the feed itself.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Seq, Timestamp};

/// Starts a paced publisher: `POST /feeds/{feed}/publisher`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Messages per second of each timer on average; above 0, finite.
    pub rate: f64,
    /// How the messages are spread over time.
    pub pace: Pace,
    /// What each message carries.
    pub payload: Payload,
    /// Seeds the pace and the payload, so that a run can be repeated.
    pub seed: u64,
    /// How many timers publish, each at this rate and with its own phase: 1 to 1,000,000. Absent
    /// means 1.
    #[serde(default = "one")]
    pub timers: usize,
    /// True if a message that the store of the feed does not acknowledge is published again until it
    /// does. Absent means false: such a message is not published.
    #[serde(default)]
    pub until_acknowledged: bool,
}

const fn one() -> usize {
    1
}

/// How messages are spread over time at a given mean rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Evenly, but each message up to 5 % of the interval early or late, so that polls cannot
    /// synchronise with the feed.
    Steady,
    /// Evenly, to the nanosecond.
    Exact,
    /// Independently of each other, with exponential times between messages.
    Poisson,
    /// This many messages at once, at the same mean rate.
    Burst(u32),
}

/// What each message carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// A JSON string of this many bytes, its quotes included; at least 2.
    Bytes(usize),
    /// Random bytes, this many, with a checksum at the end; at least [`MIN_BINARY_BYTES`].
    Binary(usize),
    /// The lines of a file, one JSON value on each, repeated in order.
    File(PathBuf),
}

/// The minimum size of a binary payload of a publisher, so that its bytes are random besides the
/// checksum.
pub const MIN_BINARY_BYTES: usize = 16;

/// The two kinds of payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// JSON.
    Json,
    /// Bytes.
    Binary,
}

impl PayloadKind {
    /// Returns the name in results: `json` or `binary`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

impl Payload {
    /// Returns what kind of payload it is.
    pub const fn kind(&self) -> PayloadKind {
        match self {
            Self::Bytes(_) | Self::File(_) => PayloadKind::Json,
            Self::Binary(_) => PayloadKind::Binary,
        }
    }
}

/// What a publisher did: the answer to `DELETE /feeds/{feed}/publisher`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PublisherReport {
    /// The number of messages published.
    pub published: u64,
    /// The number of those that entered the feed more than 5 ms after they were due.
    pub late: u64,
}

/// The part of a run whose messages count: `PUT /feeds/{feed}/window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountWindow {
    /// The first instant of the window.
    pub from_ns: Timestamp,
    /// The first instant after the window.
    pub to_ns: Timestamp,
}

/// What was counted in a window: the answer to `GET /feeds/{feed}/window`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct WindowReport {
    /// What was published to the feed.
    #[serde(flatten)]
    pub feed: WindowCount,
    /// What the store of the server did; `null` if it has none.
    #[serde(default)]
    pub store: Option<StoreReport>,
}

/// What the store of a server did in a window, for all feeds together. What happened counts at the
/// time at which it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct StoreReport {
    /// How much it did.
    #[serde(flatten)]
    pub counts: StoreCounts,
    /// How long the transactions took that have written messages: a time in nanoseconds, to three
    /// significant digits, and how many took it, from the shortest to the longest.
    pub commit_times_ns: Vec<(u64, u64)>,
}

/// What was published in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct WindowCount {
    /// The number of messages whose stamp lies in the window.
    pub published: u64,
    /// The first of these messages; `null` if there are none.
    pub first_seq: Option<Seq>,
    /// The last of these messages; `null` if there are none.
    pub last_seq: Option<Seq>,
    /// The number of these messages that are for all but the subscribers of one name.
    #[serde(default)]
    pub except: u64,
    /// The number of these messages that are only for the subscribers of one name.
    #[serde(default)]
    pub only: u64,
}

/// What a server has asked of the store of its feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct StoreCounts {
    /// The number of statements sent to the database, those that begin and commit a transaction
    /// included.
    pub queries: u64,
    /// The number of messages read, one row each.
    pub rows_read: u64,
    /// The number of transactions that have written messages.
    pub transactions: u64,
    /// The number of messages that these have written.
    pub committed: u64,
    /// The number of messages delivered to subscribers that were read from the store rather than
    /// from memory, once for each subscriber.
    pub replayed: u64,
}

impl AddAssign for StoreCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { queries, rows_read, transactions, committed, replayed } = other;
        self.queries += queries;
        self.rows_read += rows_read;
        self.transactions += transactions;
        self.committed += committed;
        self.replayed += replayed;
    }
}

impl StoreReport {
    /// Returns what the stores of several servers did.
    pub fn sum(reports: impl IntoIterator<Item = Self>) -> Self {
        let (mut counts, mut times) = (StoreCounts::default(), BTreeMap::new());
        for report in reports {
            counts += report.counts;
            for (nanos, how_often) in report.commit_times_ns {
                *times.entry(nanos).or_default() += how_often;
            }
        }
        Self { counts, commit_times_ns: times.into_iter().collect() }
    }
}

/// What the server process has used so far: the answer to `GET /usage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// When the values were read.
    pub at_ns: Timestamp,
    /// Processor time, user and system, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory now; `null` if the system does not report it.
    pub rss_bytes: Option<u64>,
    /// The highest resident memory so far; `null` if the system does not report it.
    pub rss_peak_bytes: Option<u64>,
    /// The number of connections to the feed listener that are open now.
    pub connections: u64,
    /// The number of HTTP requests that the feed listener has answered or is answering.
    pub requests: u64,
    /// The number of messages published on all feeds.
    pub published: u64,
    /// The number of messages that a paced publisher published late.
    pub late_publishes: u64,
}
