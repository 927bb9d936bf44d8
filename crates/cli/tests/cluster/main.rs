//! Three servers that share a feed over NATS, behind a real HAProxy: what holds for a subscriber of
//! one server holds for one that moves between them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../support/history.rs"]
mod history;
mod leader;
mod nats_cluster;
#[path = "../support/nats_request.rs"]
mod nats_request;
#[path = "../../../store/tests/servers/nats_server.rs"]
mod nats_server;
mod outage;
#[path = "../../../loadgen/tests/proxies/programs.rs"]
mod programs;
mod proxied;
#[path = "../support/publisher.rs"]
mod publisher;
mod publishing;
mod resets;
mod rounds;
mod server;
mod subscriber;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
