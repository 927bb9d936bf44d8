//! What the load generator asks of the server's control API, beside the feed itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Seq, Timestamp};

/// Starts a paced publisher: `POST /feeds/{feed}/publisher`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Messages per second on average; above 0, finite.
    pub rate: f64,
    /// How the messages are spread over time.
    pub pace: Pace,
    /// What each message carries.
    pub payload: Payload,
    /// Seeds the pace and the payload, so that a run can be made again.
    pub seed: u64,
}

/// How messages are spread over time at a given mean rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Evenly, each up to 5 % of the interval early or late, so that polls cannot lock to the feed.
    Steady,
    /// Evenly, to the nanosecond.
    Exact,
    /// Independently of each other: exponential times between messages.
    Poisson,
    /// This many at once, at the same mean rate.
    Burst(u32),
}

/// What each message carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// A JSON string of this many bytes, its quotes included; at least 2.
    Bytes(usize),
    /// One JSON value a line, replayed in order, over and over.
    File(PathBuf),
}

/// What a publisher did: the answer to `DELETE /feeds/{feed}/publisher`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PublisherReport {
    /// Messages published.
    pub published: u64,
    /// Those that entered the feed more than 5 ms after they were due.
    pub late: u64,
}

/// The part of a run whose messages count: `PUT /feeds/{feed}/window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountWindow {
    /// The first instant inside.
    pub from_ns: Timestamp,
    /// The first instant after it.
    pub to_ns: Timestamp,
}

/// What was published in it: the answer to `GET /feeds/{feed}/window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct WindowCount {
    /// Messages whose stamp lies in the window.
    pub published: u64,
    /// The first of them; `null` when there is none.
    pub first_seq: Option<Seq>,
    /// The last of them; `null` when there is none.
    pub last_seq: Option<Seq>,
}

/// What the server process has used so far: the answer to `GET /usage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// When this was read.
    pub at_ns: Timestamp,
    /// Processor time, user and system, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory now; `null` where the system does not tell.
    pub rss_bytes: Option<u64>,
    /// The most resident memory so far; `null` where the system does not tell.
    pub rss_peak_bytes: Option<u64>,
    /// Connections to the feed listener that are open now.
    pub connections: u64,
    /// HTTP requests that the feed listener has answered or is answering.
    pub requests: u64,
    /// Messages published on all feeds.
    pub published: u64,
    /// Messages that a paced publisher published late.
    pub late_publishes: u64,
}
