//! `serve --store` and `serve --backbone` through the real binary, over every database and over NATS.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../support/history.rs"]
mod history;
mod kills;
#[path = "../support/nats_request.rs"]
mod nats_request;
#[path = "../../../store/tests/servers/nats_server.rs"]
mod nats_server;
mod outages;
#[path = "../support/publisher.rs"]
mod publisher;
mod requests;
mod resets;
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
