//! The transports behind a real nginx and a real HAProxy, with their default configuration and with
//! that of `docs/proxies.md`. Without the programs, the tests report that they are skipped.
//!
//! No test depends on how long something took, except on what a proxy holds back: that a message
//! does not arrive, or not sooner, is something that a busy machine cannot fake.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

mod any_program;
mod documentation;
mod haproxy;
mod nginx;
mod programs;
mod readers;
mod several_servers;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;
