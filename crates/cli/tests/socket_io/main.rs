//! Outside judges of the Socket.IO that `wirebench serve` speaks: the cases of the two protocol
//! documents, bad input over the wire, and two clients that other people wrote.
//!
//! `engine_io_suite` and `socket_io_suite` have every case of the test suites in the protocol
//! documents (<https://github.com/socketio/engine.io-protocol>, version 4, 24 cases;
//! <https://github.com/socketio/socket.io-protocol>, version 5, 32 cases), in modules and under
//! names that are theirs. They speak the protocols in bare requests and frames (`bare`).
//!
//! The documents' suites expect a server that was made for them. What stands there for their names:
//!
//! | the documents' server | here |
//! |---|---|
//! | `/engine.io/`, every packet comes back | `/socket.io/`; `echo` is acknowledged (1) |
//! | namespaces `/` and `/custom` | `/feeds/bench` and `/feeds/other` (2) |
//! | event `auth`: what the client sent | event `hello`: the cursor that it asked for in `auth` |
//! | `message` is answered by `message-back` | `echo` comes back as `echo` |
//! | `message-with-ack` is acknowledged | `echo` is acknowledged |
//! | 300 ms between pings, 200 ms to answer | the same, or more time for a busy machine (3) |
//! | no handshake: closed after 1,000 ms | closed for want of a pong, as in fact there (4) |
//! | "closes upon ping timeout": a fixed pause | the close is awaited, and must not be too early |
//!
//! 1. Engine.IO is served under Socket.IO only. So a case that sends a message connects to a
//!    namespace first, and a binary message is the attachment of an event.
//! 2. wirebench has no main namespace, so its packets always name theirs. What a client of `/` gets
//!    is a case of its own, `the_main_namespace_is_not_served`.
//! 3. The times of the documents are used where a case is about them. Where a client answers pings,
//!    it has 20 s for it. Where pings would be in the way, the interval is 25 s.
//! 4. The case answers no ping. That ends it first, here as there.
//!
//! Frames are read one at a time, when a case asks for one. So two frames in one TCP segment are
//! not a problem here, as they are for a client that listens to one event at a time.
//!
//! With `WIREBENCH_JUDGE_REFERENCE=1` everything runs against the npm package `socket.io` instead
//! (`node/reference.cjs`): a case that the reference server does not pass is a mistake in the case.
//!
//! `clients` needs npm and Python with `venv`. Without them its tests are skipped and say so;
//! `WIREBENCH_REQUIRE_NPM` and `WIREBENCH_REQUIRE_PYTHON` make that a failure. In a browser, the
//! official client is in the pages of the demos, and their tests use it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod bad_input;
mod bare;
mod clients;
mod engine_io_suite;
mod installed;
mod server;
mod socket_io_suite;
#[path = "../support/mod.rs"]
mod support;
