//! The client half of Socket.IO: what each mode costs (`numbers`), and sessions against the
//! reference server, the npm package `socket.io` (`sessions`). Without npm, these tests report that
//! they are skipped.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

mod numbers;
mod reference;
mod sessions;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;
