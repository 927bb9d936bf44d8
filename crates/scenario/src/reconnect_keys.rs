//! The keys of `[reconnect]`, beside the others in [`KEYS`](crate::KEYS).

use crate::keys::{Key, Kind};
use crate::write::{duration, list, quoted};

/// What the keys here have in common.
const RECONNECT: Key = Key {
    table: "reconnect",
    name: "",
    kind: Kind::Duration,
    unit: None,
    default: "",
    least: Some(r#""1ms""#),
    most: Some(r#""1m""#),
    list: true,
    doc: "",
    write: |_| String::new(),
};

pub(crate) const POLICY: Key = Key {
    name: "policy",
    kind: Kind::Policy,
    default: r#""same""#,
    least: None,
    most: None,
    doc: "How subscribers wait before they reconnect: \"same\" (all transports draw their pauses from the \
          same distribution, and the server announces the same first pause) or \"native\" (as the usual \
          client of each transport does when nobody configures it).",
    write: |s| list(&s.reconnect.policy, |policy| quoted(policy.name())),
    ..RECONNECT
};

pub(crate) const FIRST: Key = Key {
    name: "first",
    default: r#""100ms""#,
    doc: "With \"same\": the first pause is drawn from 0 to this, and the server announces it. The bound \
          doubles with each failed attempt.",
    write: |s| list(&s.reconnect.first, duration),
    ..RECONNECT
};

pub(crate) const MOST: Key = Key {
    name: "most",
    default: r#""5s""#,
    most: Some(r#""10m""#),
    doc: "With \"same\": the bound does not grow beyond this.",
    write: |s| list(&s.reconnect.most, duration),
    ..RECONNECT
};
