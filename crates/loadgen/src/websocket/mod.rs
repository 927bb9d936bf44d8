//! The client's side of RFC 6455: the handshake, checked in full, and the messages that come after
//! it.

mod connection;
mod first_frame;
mod handshake;
mod library_io;
mod message_socket;

pub(crate) use connection::WebSocketConnection;
pub(crate) use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
