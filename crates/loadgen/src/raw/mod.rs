//! What a transport carries, undecoded, from any server: `wirebench subscribe --raw`.
//!
//! Nothing here is measured. The servers need not know feeds: there are no cursors, only what the
//! standards say.

mod error;
mod socket_io;
mod sse;
mod websocket;

pub use error::RawError;
pub use socket_io::{RawSocketIoEvent, SocketIoInterest, socket_io_events};
pub use sse::{RawEvent, events};
pub use websocket::{RawMessage, messages, open_websocket};
