//! HTTP as a subscriber speaks it: versions 1.1 and 2, one request at a time, over a connection of
//! its own or one that it shares.

mod answer;
mod client;
mod connection;
mod deadline;
mod failure;
mod headers;
mod http1;
mod http1_body;
mod http1_head;
mod http2;
mod http2_driver;
mod pool;
mod request;
mod tunnel;

pub(crate) use answer::{ErrorAnswer, HttpAnswer, ResponseBody, quote};
pub use client::HttpClient;
pub(crate) use client::OPENING_TIMEOUT;
pub(crate) use connection::ClientConnection;
pub(crate) use deadline::Deadline;
pub(crate) use headers::{RequestHeaders, RequestKind};
pub(crate) use tunnel::Http2Tunnel;
