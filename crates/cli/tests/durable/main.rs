//! `serve --store` through the real binary, over every database.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod history;
mod kills;
mod outages;
mod publisher;
mod requests;
mod secrets;
#[path = "../../../store/tests/servers/mod.rs"]
mod servers;
mod several_servers;
mod start;
mod stores;
mod subscriber;
#[path = "../support/mod.rs"]
mod support;
mod tls;
