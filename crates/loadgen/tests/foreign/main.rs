//! Subscribing at target servers, as target files describe them: against small servers
//! that speak what the real ones do, and against this project's own server through a target file.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

mod mistakes;
mod official_socket_io;
mod own_server;
mod polls;
#[path = "../socket_io/reference.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod reference;
mod server;
mod socket_io;
mod streams;
mod subscriber;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;
mod watched;
