//! The server as its clients find it: over sockets.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

include!("suite.rs");
