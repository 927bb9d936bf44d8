//! Runs against target servers, through the target files that come with the program and others.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod faults;
mod https;
mod hubs;
mod in_scenario;
mod killed;
mod mistakes;
mod plain_client;
mod profiles;
mod running;
mod running_server;
mod watching;
mod workbench;
