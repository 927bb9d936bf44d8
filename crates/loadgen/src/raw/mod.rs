//! What a transport carries, undecoded, from any server: `wirebench subscribe --raw`, and
//! `wirebench probe`.
//!
//! Nothing here is measured. The servers need not know feeds: there are no cursors, only what the
//! standards say.

mod answer;
mod decoded_events;
mod error;
mod server;
mod socket_io;
mod sse;
mod updates;
mod websocket;

pub use answer::{RawAnswer, RawEvents, get};
pub use decoded_events::RawEvent;
pub use error::RawError;
pub use socket_io::{RawSocketIoEvent, SocketIoInterest, socket_io_events};
pub use sse::events;
pub use updates::{RawOptions, RawUpdate};
pub use websocket::{RawMessage, RawWebSocket, messages};
