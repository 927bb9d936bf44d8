//! The tests of `sockets` once more, with hyper for all requests.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

include!("suite.rs");
