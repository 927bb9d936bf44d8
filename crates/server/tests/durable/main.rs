//! Feeds that are kept in a store, over a file of SQLite.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod outages;
mod publishing;
mod reading;
mod several_servers;
mod sockets;
mod support;
