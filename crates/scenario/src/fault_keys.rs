//! The keys of `[faults]`, beside the others in [`KEYS`](crate::KEYS).

use crate::faults::{Habit, ServerFault};
use crate::keys::{Key, Kind};
use crate::write::{duration, list, quoted};

/// What most keys here have in common.
const FAULT: Key = Key {
    table: "faults",
    name: "",
    kind: Kind::Duration,
    unit: None,
    default: r#""0s""#,
    least: Some(r#""0s""#),
    most: Some(r#""1h""#),
    list: true,
    doc: "",
    write: |_| String::new(),
};

pub(crate) const CUT_EVERY: Key = Key {
    name: "cut-every",
    doc: "Connections are cut this long after the window opened, and again and again after the same \
          time; 0s: never.",
    write: |s| list(&s.faults.cut_every, duration),
    ..FAULT
};

pub(crate) const CUT_SHARE: Key = Key {
    name: "cut-share",
    kind: Kind::Number,
    default: "1",
    least: Some("0.001"),
    most: Some("1"),
    doc: "The share of the connections that each cut takes, drawn anew each time.",
    write: |s| list(&s.faults.cut_share, f64::to_string),
    ..FAULT
};

pub(crate) const SERVER: Key = Key {
    name: "server",
    kind: Kind::Server,
    default: r#""none""#,
    least: None,
    most: None,
    doc: "What happens to the server: \"stop\" (SIGTERM) and \"kill\" (SIGKILL) start it again at the same \
          address, with an empty feed; \"freeze\" (SIGSTOP) lets it go on where it stood.",
    write: |s| list(&s.faults.server, |fault| quoted(fault.map_or("none", ServerFault::name))),
    ..FAULT
};

pub(crate) const SERVER_AFTER: Key = Key {
    name: "server-after",
    default: r#""3s""#,
    doc: "When it happens, from the opening of the window.",
    write: |s| list(&s.faults.server_after, duration),
    ..FAULT
};

pub(crate) const SERVER_DOWN: Key = Key {
    name: "server-down",
    default: r#""1s""#,
    doc: "From the signal to the new start, or to SIGCONT.",
    write: |s| list(&s.faults.server_down, duration),
    ..FAULT
};

pub(crate) const STALLED_SHARE: Key = Key {
    name: "stalled-share",
    kind: Kind::Number,
    default: "0",
    least: Some("0"),
    most: Some("0.9"),
    doc: "The share of the subscribers that stop reading when the window opens, and read on when it closes. \
          Their deliveries count, their delays do not.",
    write: |s| list(&s.faults.stalled_share, f64::to_string),
    ..FAULT
};

pub(crate) const AVALANCHE_AFTER: Key = Key {
    name: "avalanche-after",
    doc: "All connections are cut at one instant, this long after the window opened; 0s: never.",
    write: |s| list(&s.faults.avalanche_after, duration),
    ..FAULT
};

pub(crate) const PROXY: Key = Key {
    name: "proxy",
    kind: Kind::Proxy,
    default: r#""none""#,
    least: None,
    most: None,
    doc: "What stands between the subscribers and the server, as a process of its own: a proxy that holds \
          responses back until they are whole or 16 KiB have come (\"buffering\"), cuts connections that \
          are idle (\"idle-cut\"), forwards requests without Upgrade (\"strip-upgrade\"), closes the \
          connection after each response (\"close-after-response\"), or is far away and narrow (\"slow\").",
    write: |s| list(&s.faults.proxy, |habit| quoted(habit.map_or("none", Habit::name))),
    ..FAULT
};

pub(crate) const PROXY_IDLE: Key = Key {
    name: "proxy-idle",
    default: r#""60s""#,
    least: Some(r#""10ms""#),
    doc: "With \"idle-cut\": how long nothing may be sent either way.",
    write: |s| list(&s.faults.proxy_idle, duration),
    ..FAULT
};

pub(crate) const PROXY_DELAY: Key = Key {
    name: "proxy-delay",
    default: r#""100ms""#,
    most: Some(r#""10s""#),
    doc: "With \"slow\": what it adds to the delay of the link, each way.",
    write: |s| list(&s.faults.proxy_delay, duration),
    ..FAULT
};

pub(crate) const PROXY_BANDWIDTH: Key = Key {
    name: "proxy-bandwidth",
    kind: Kind::Count,
    unit: Some("bytes per second"),
    default: "0",
    least: Some("0"),
    most: Some("1_000_000_000"),
    doc: "With \"slow\": bytes per second that each connection may carry, each way; 0: no limit.",
    write: |s| list(&s.faults.proxy_bandwidth, usize::to_string),
    ..FAULT
};
