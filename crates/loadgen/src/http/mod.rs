//! HTTP as a subscriber speaks it: versions 1.1 and 2, one request at a time, over a connection of
//! its own or one that it shares.

mod answer;
mod client;
mod connection;
mod deadline;
mod failure;
mod headers;
mod http1;
mod http2;
mod http2_driver;
mod pool;
mod tunnel;

pub(crate) use answer::{ErrorAnswer, is_empty, is_last, quote};
pub use client::HttpClient;
pub(crate) use client::OPENING_TIMEOUT;
pub(crate) use connection::{ClientConnection, ResponseBody};
pub(crate) use deadline::Deadline;
pub(crate) use headers::RequestKind;
pub(crate) use tunnel::Http2Tunnel;
