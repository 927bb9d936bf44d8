//! Feeds that are kept in a store, over a file of SQLite.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod control;
mod metrics;
mod outages;
mod polling_modes;
mod publishing;
mod reading;
mod several_servers;
mod sockets;
#[path = "../../../store/tests/servers/sqlite_lock.rs"]
mod sqlite_lock;
mod support;
