//! What a transport carries, undecoded, from any server: `wirebench subscribe --raw`.
//!
//! Not measured, and speaking to servers that know nothing of feeds: no cursors, only what the standards
//! say.

mod sse;
mod websocket;

use std::time::Duration;

use crate::error::SubscribeError;
use crate::target::TargetError;

pub use sse::{RawEvent, events};
pub use websocket::{Frame, frames};

/// How long to wait before connecting again, until the server says otherwise. The standard leaves it to
/// the browser ("a few seconds"); `WebKit` waits 3 s.
const RECONNECTION_TIME: Duration = Duration::from_secs(3);

/// Why there is nothing more to come.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// Not a URL that is spoken.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The URL cannot be read as one.
    #[error("malformed URL `{url}`: expected `http://host:port/path`")]
    Url {
        /// What was given.
        url: String,
    },
    /// The server answered with something else than an event stream.
    #[error("`GET {url}` was answered with {found}: expected {expected}")]
    NotAStream {
        /// Where the answer came from, after redirects.
        url: String,
        /// The status or content type.
        found: String,
        /// What an event stream has there.
        expected: &'static str,
    },
    /// The connection failed, or broke before the response was complete.
    #[error("`GET {url}` lost its connection")]
    Network {
        /// What was asked for.
        url: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// An event larger than 16 MiB.
    #[error("`GET {url}` sent an event larger than 16 MiB")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// A WebSocket could not be opened, broke, or was closed without a close handshake.
    #[error(transparent)]
    WebSocket(#[from] SubscribeError),
}
