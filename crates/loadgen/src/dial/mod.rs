//! Opens every measured connection: counts it, counts its bytes, stamps what arrives, delays both
//! directions where the run emulates a link.
//!
//! Nothing else in this crate opens a measured connection, so the counts are exact by construction.
//! TLS lies above all of that: bytes are counted, stamped and delayed as they cross the socket.

mod arrivals;
mod connection;
mod counted_socket;
mod crossed_bytes;
mod dialer;
mod emulated_link;

pub use arrivals::Arrivals;
pub use connection::MeasuredConnection;
pub(crate) use crossed_bytes::CrossedBytes;
pub use dialer::{Dialer, TrafficCounts};
