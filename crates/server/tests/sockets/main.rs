//! The server as its clients find it: over sockets.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

mod announced;
mod audience;
mod embed;
mod hostile;
mod lifecycle;
mod limits;
#[expect(dead_code, reason = "each test uses its part of what they share")]
#[path = "../raw/mod.rs"]
mod raw;
mod support;
