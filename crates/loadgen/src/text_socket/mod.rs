//! A WebSocket of a target server as a target file describes it: frames that hold texts, a handshake
//! of steps, and heartbeats that are answered. Subscribers read from one, and a publisher writes to
//! one.

mod dial;
mod handshake;
mod kept;
mod script;
mod socket;

pub use dial::SocketRequest;
pub(crate) use handshake::EarlyText;
pub use kept::KeptValues;
pub use script::SocketScript;
pub use socket::TextSocket;
