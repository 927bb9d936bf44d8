//! The transports through a real nginx and a real HAProxy, as they come and as `docs/proxies.md` sets
//! them up. Without the programs, the tests say that they are skipped.
//!
//! Nothing here is judged by how long it took, but for what a proxy holds back by itself: that it does
//! not come, or not sooner, a busy machine cannot fake.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

mod both;
mod documentation;
mod haproxy;
mod nginx;
mod programs;
mod readers;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;
