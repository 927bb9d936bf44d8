//! The client half of Socket.IO against the reference server: the npm package `socket.io`. Without
//! npm, the tests report that they are skipped.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

mod reference;
mod sessions;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;
