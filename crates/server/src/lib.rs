//! The feed server: one feed, and one file for each way to read it.
//!
//! A transport is a thin reader over a [`Feed`]: short polling reads, long polling waits, server-sent
//! events and WebSocket follow. [`Server`] puts them behind one router and owns every connection;
//! [`Control`] is the API of the load generator, on a listener of its own.

mod access;
mod answer;
mod census;
mod connection;
mod control;
mod entry;
mod feed;
mod gate;
mod limits;
mod metrics;
mod pace;
mod payload;
mod publisher;
mod server;
mod sleepers;
mod tls;
mod transport;
mod upgrade;

pub use access::{Access, NoToken, Token};
pub use control::Control;
pub use entry::Entry;
pub use feed::{Batch, Feed, Follow, FutureCursor, Rejected};
pub use limits::Limits;
pub use payload::{NotJson, Payload};
pub use publisher::{Publisher, PublisherError};
pub use server::{Io, Layer, Server, listen};
pub use tls::{Tls, TlsError};

/// The largest payload that a feed takes, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
