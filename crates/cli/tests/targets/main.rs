//! Runs against servers of other people, through the target files that come with the program.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod mistakes;
mod plain_client;
mod profiles;
mod watching;
mod workbench;
