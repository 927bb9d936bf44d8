//! What a transport carries, undecoded, from any server: `wirebench subscribe --raw`.
//!
//! Nothing here is measured. The servers need not know feeds: there are no cursors, only what the
//! standards say.

mod error;
mod sse;
mod websocket;

pub use error::RawError;
pub use sse::{RawEvent, events};
pub use websocket::{RawMessage, messages};
