//! `wirebench probe` of the real binary, against our own server, against servers that people run, and
//! against what is none.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../targets/running_server.rs"]
mod running_server;
#[path = "../targets/workbench.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "these tests use a part of it")]
mod workbench;

mod heartbeats;
mod own_server;
mod real_servers;
mod tls;
