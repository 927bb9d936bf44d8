//! The client's side of RFC 6455: the handshake, checked in full, and the messages that come after
//! it.

mod connection;
mod handshake;
mod read_ahead;

pub(crate) use connection::WebSocketConnection;
pub(crate) use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
