//! Every key that a scenario file may hold. The reader, its hints, `--set`, the scenario as run, the
//! commented scenario and the JSON Schema all read this one table, so that they cannot disagree.

use std::fmt;

use crate::Scenario;
use crate::fault_keys::{
    AVALANCHE_AFTER, CUT_EVERY, CUT_SHARE, PROXY, PROXY_BANDWIDTH, PROXY_DELAY, PROXY_IDLE, SERVER,
    SERVER_AFTER, SERVER_DOWN, STALLED_SHARE,
};
use crate::reconnect_keys::{FIRST, MOST, POLICY};
use crate::write::{array, duration, list, pace, payload, quoted};

/// A key of a scenario file. Values are given as TOML text, as one would write them.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in; empty for the top of the file.
    pub table: &'static str,
    /// Its name in the table.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What a number counts. A duration carries its unit itself.
    pub unit: Option<&'static str>,
    /// The value where the file has none.
    pub default: &'static str,
    /// The least value; given together with the greatest, or not at all.
    pub least: Option<&'static str>,
    /// The greatest value.
    pub most: Option<&'static str>,
    /// Whether it may be a list. Lists multiply out: one run for each combination.
    pub list: bool,
    /// What it means, in sentences.
    pub doc: &'static str,
    /// The value that a scenario has for it, as TOML.
    pub(crate) write: fn(&Scenario) -> String,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// A string such as `"25ms"`.
    Duration,
    /// The name of a transport.
    Transport,
    /// `"steady"`, `"exact"`, `"poisson"` or `{ burst = 50 }`.
    Pace,
    /// A number of bytes or `{ file = "quotes.jsonl" }`.
    Payload,
    /// `"browser"` or `"bare"`.
    Headers,
    /// `"own"` or `"shared"`.
    Connections,
    /// `"same"` or `"native"`.
    Policy,
    /// `"none"`, `"stop"`, `"kill"` or `"freeze"`.
    Server,
    /// `"none"` or the habit of a proxy.
    Proxy,
}

/// The most messages that `feed.pace` may publish at once.
pub(crate) const BURST_MOST: u32 = 1_000_000;

/// The most bytes that a message may carry, from a file too; [`PAYLOAD`] says the same in TOML.
pub(crate) const PAYLOAD_MOST: usize = 1_048_576;

/// A table of a scenario file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// As it stands between the brackets.
    pub name: &'static str,
    /// What its keys are about.
    pub doc: &'static str,
}

/// Every table, in the order in which they are written.
pub const TABLES: [Table; 10] = [
    Table { name: "feed", doc: "What is published." },
    Table { name: "crowd", doc: "Who listens." },
    Table { name: "timing", doc: "The parts of a run." },
    Table {
        name: "link",
        doc: "The emulated network between subscriber and server; loopback itself has no delay.",
    },
    Table { name: "http", doc: "How the subscribers speak HTTP." },
    Table { name: "short-polling", doc: "Short polling alone." },
    Table { name: "long-polling", doc: "Long polling alone." },
    Table {
        name: "reconnect",
        doc: "How soon subscribers come back after their subscription broke.",
    },
    Table {
        name: "faults",
        doc: "What goes wrong, on purpose. A run with faults is valid as long as nothing is missed in silence.",
    },
    Table {
        name: THRESHOLDS,
        doc: "Bounds that the results have to keep: any column of runs.csv, for every transport, or \
              for one of them in a table such as [thresholds.sse].",
    },
];

/// The one table whose keys are columns and transports rather than [`KEYS`].
pub(crate) const THRESHOLDS: &str = "thresholds";

impl Key {
    /// Its name from the top of the file, as in `--set`: `crowd.subscribers`.
    pub fn path(&self) -> String {
        if self.table.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.table, self.name)
        }
    }
}

impl fmt::Display for Kind {
    /// What would be right, after "must be".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a string",
            Self::Flag => "`true` or `false`",
            Self::Count => "a whole number",
            Self::Number => "a number",
            Self::Duration => "a duration such as `\"25ms\"` or `\"1.5s\"`",
            Self::Transport => "the name of a transport such as `\"sse\"`",
            Self::Pace => "`\"steady\"`, `\"exact\"`, `\"poisson\"` or `{ burst = 50 }`",
            Self::Payload => "a number of bytes or `{ file = \"quotes.jsonl\" }`",
            Self::Headers => "`\"browser\"` or `\"bare\"`",
            Self::Connections => "`\"own\"` or `\"shared\"`",
            Self::Policy => "`\"same\"` or `\"native\"`",
            Self::Server => "`\"none\"`, `\"stop\"`, `\"kill\"` or `\"freeze\"`",
            Self::Proxy => {
                "`\"none\"`, `\"buffering\"`, `\"idle-cut\"`, `\"strip-upgrade\"`, \
                 `\"close-after-response\"` or `\"slow\"`"
            }
        })
    }
}

/// Every key, in the order in which they are written.
pub const KEYS: [Key; 35] = [
    NAME,
    ABOUT,
    TRANSPORTS,
    RATE,
    PACE,
    PAYLOAD,
    WINDOW,
    SUBSCRIBERS,
    RAMP,
    CONNECTIONS,
    WARM_UP,
    MEASURE,
    DRAIN,
    REPEAT,
    DELAY,
    JITTER,
    VERSION,
    TLS,
    HEADERS,
    INTERVAL,
    HOLD,
    POLICY,
    FIRST,
    MOST,
    CUT_EVERY,
    CUT_SHARE,
    SERVER,
    SERVER_AFTER,
    SERVER_DOWN,
    STALLED_SHARE,
    AVALANCHE_AFTER,
    PROXY,
    PROXY_IDLE,
    PROXY_DELAY,
    PROXY_BANDWIDTH,
];

pub(crate) const NAME: Key = Key {
    table: "",
    name: "name",
    kind: Kind::Text,
    unit: None,
    default: r#""""#,
    least: None,
    most: None,
    list: false,
    doc: "What results are filed under; empty for the name of the file.",
    write: |s| quoted(&s.name),
};

pub(crate) const ABOUT: Key = Key {
    table: "",
    name: "about",
    kind: Kind::Text,
    unit: None,
    default: r#""""#,
    least: None,
    most: None,
    list: false,
    doc: "The question that the scenario asks, in a sentence.",
    write: |s| quoted(&s.about),
};

pub(crate) const TRANSPORTS: Key = Key {
    table: "",
    name: "transports",
    kind: Kind::Transport,
    unit: None,
    default: r#"["short-polling", "long-polling", "sse", "websocket"]"#,
    least: None,
    most: None,
    list: true,
    doc: "The transports that answer it.",
    write: |s| array(&s.transports, |t| quoted(t.name())),
};

pub(crate) const RATE: Key = Key {
    table: "feed",
    name: "rate",
    kind: Kind::Number,
    unit: Some("messages per second"),
    default: "10",
    least: Some("0.001"),
    most: Some("1_000_000"),
    list: true,
    doc: "Messages per second, on average.",
    write: |s| list(&s.rate, f64::to_string),
};

pub(crate) const PACE: Key = Key {
    table: "feed",
    name: "pace",
    kind: Kind::Pace,
    unit: None,
    default: r#""steady""#,
    least: None,
    most: None,
    list: true,
    doc: "How messages are spread over time: \"steady\" (evenly, each up to 5 % of the \
          interval early or late, so that polls cannot lock to the feed), \"exact\" \
          (evenly), \"poisson\" (independently of each other), or { burst = 50 } (so many \
          at once, at the same mean rate).",
    write: |s| list(&s.pace, pace),
};

pub(crate) const PAYLOAD: Key = Key {
    table: "feed",
    name: "payload",
    kind: Kind::Payload,
    unit: Some("bytes"),
    default: "256",
    least: Some("2"),
    most: Some("1_048_576"),
    list: true,
    doc: "What each message carries: a JSON string of so many bytes, or { file = \
          \"quotes.jsonl\" }: one JSON value a line, replayed in order, over and over. The \
          path starts from the folder of the scenario.",
    write: |s| list(&s.payload, payload),
};

pub(crate) const WINDOW: Key = Key {
    table: "feed",
    name: "window",
    kind: Kind::Count,
    unit: Some("messages"),
    default: "10_000",
    least: Some("1"),
    most: Some("10_000_000"),
    list: false,
    doc: "Messages that the feed keeps for those who come back.",
    write: |s| s.window.to_string(),
};

pub(crate) const SUBSCRIBERS: Key = Key {
    table: "crowd",
    name: "subscribers",
    kind: Kind::Count,
    unit: Some("subscribers"),
    default: "100",
    least: Some("1"),
    most: Some("1_000_000"),
    list: true,
    doc: "How many subscribe at once.",
    write: |s| list(&s.subscribers, usize::to_string),
};

pub(crate) const RAMP: Key = Key {
    table: "crowd",
    name: "ramp",
    kind: Kind::Duration,
    unit: None,
    default: r#""2s""#,
    least: Some(r#""0s""#),
    most: Some(r#""1h""#),
    list: false,
    doc: "The time over which the subscribers connect; 0s: all at once.",
    write: |s| duration(&s.ramp),
};

pub(crate) const CONNECTIONS: Key = Key {
    table: "crowd",
    name: "connections",
    kind: Kind::Connections,
    unit: None,
    default: r#""own""#,
    least: None,
    most: None,
    list: true,
    doc: "Whose the connections are: \"own\" (each subscriber has one) or \"shared\" (many \
          subscribers are streams of one, as many as the server allows at once; then \
          another is opened). Only HTTP/2 has streams: \"shared\" multiplies its runs alone.",
    write: |s| list(&s.connections, |connections| quoted(connections.name())),
};

pub(crate) const WARM_UP: Key = Key {
    table: "timing",
    name: "warm-up",
    kind: Kind::Duration,
    unit: None,
    default: r#""2s""#,
    least: Some(r#""0s""#),
    most: Some(r#""1h""#),
    list: false,
    doc: "After the ramp: published and delivered, but not measured; 0s: none.",
    write: |s| duration(&s.timing.warm_up),
};

pub(crate) const MEASURE: Key = Key {
    table: "timing",
    name: "measure",
    kind: Kind::Duration,
    unit: None,
    default: r#""10s""#,
    least: Some(r#""100ms""#),
    most: Some(r#""24h""#),
    list: false,
    doc: "The measured window.",
    write: |s| duration(&s.timing.measure),
};

pub(crate) const DRAIN: Key = Key {
    table: "timing",
    name: "drain",
    kind: Kind::Duration,
    unit: None,
    default: r#""5s""#,
    least: Some(r#""10ms""#),
    most: Some(r#""1h""#),
    list: false,
    doc: "After it: at most this long, for what is still on its way.",
    write: |s| duration(&s.timing.drain),
};

pub(crate) const REPEAT: Key = Key {
    table: "timing",
    name: "repeat",
    kind: Kind::Count,
    unit: Some("runs"),
    default: "1",
    least: Some("1"),
    most: Some("1_000"),
    list: false,
    doc: "How often every run is made. The transports take turns, in a seeded order.",
    write: |s| s.timing.repeat.to_string(),
};

pub(crate) const DELAY: Key = Key {
    table: "link",
    name: "delay",
    kind: Kind::Duration,
    unit: None,
    default: r#""25ms""#,
    least: Some(r#""0s""#),
    most: Some(r#""10s""#),
    list: true,
    doc: "Each way, on every connection; opening one pays a handshake round trip too. 0s: \
          as fast as the machine.",
    write: |s| list(&s.delay, duration),
};

pub(crate) const JITTER: Key = Key {
    table: "link",
    name: "jitter",
    kind: Kind::Duration,
    unit: None,
    default: r#""0s""#,
    least: Some(r#""0s""#),
    most: Some(r#""10s""#),
    list: true,
    doc: "Up to this much more, drawn for each segment; order is kept. 0s: none.",
    write: |s| list(&s.jitter, duration),
};

pub(crate) const VERSION: Key = Key {
    table: "http",
    name: "version",
    kind: Kind::Count,
    unit: None,
    default: "1",
    least: Some("1"),
    most: Some("2"),
    list: true,
    doc: "The version of HTTP: 1 (HTTP/1.1), or 2, which the handshake of TLS agrees on and which is \
          begun without asking where there is no TLS.",
    write: |s| list(&s.version, u8::to_string),
};

pub(crate) const TLS: Key = Key {
    table: "http",
    name: "tls",
    kind: Kind::Flag,
    unit: None,
    default: "false",
    least: None,
    most: None,
    list: true,
    doc: "Whether connections are encrypted. The server of each run then signs a certificate for \
          itself, which the subscribers believe.",
    write: |s| list(&s.tls, bool::to_string),
};

pub(crate) const HEADERS: Key = Key {
    table: "http",
    name: "headers",
    kind: Kind::Headers,
    unit: None,
    default: r#""browser""#,
    least: None,
    most: None,
    list: false,
    doc: "The request headers: \"browser\" (what a browser sends) or \"bare\" (the least \
          that a client can send).",
    write: |s| quoted(s.headers.name()),
};

pub(crate) const INTERVAL: Key = Key {
    table: "short-polling",
    name: "interval",
    kind: Kind::Duration,
    unit: None,
    default: r#""1s""#,
    least: Some(r#""1ms""#),
    most: Some(r#""1h""#),
    list: true,
    doc: "From the start of one poll to the start of the next, each subscriber at its own \
          random phase.",
    write: |s| list(&s.interval, duration),
};

pub(crate) const HOLD: Key = Key {
    table: "long-polling",
    name: "hold",
    kind: Kind::Duration,
    unit: None,
    default: r#""25s""#,
    least: Some(r#""1ms""#),
    most: Some(r#""60s""#),
    list: true,
    doc: "How long the server holds a poll that finds nothing.",
    write: |s| list(&s.hold, duration),
};
