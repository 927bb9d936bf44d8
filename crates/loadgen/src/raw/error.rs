//! Why a raw stream ended.

use std::time::Duration;

use crate::error::SubscribeError;
use crate::target::TargetError;

/// How long to wait before connecting again, until the server sets another time. The standard
/// leaves it to the browser ("a few seconds"); `WebKit` waits 3 s.
pub(super) const RECONNECTION_TIME: Duration = Duration::from_secs(3);

/// Why a raw stream ended.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The URL has a form that is not supported.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The URL cannot be parsed.
    #[error("malformed URL `{url}`: expected `http://host:port/path`")]
    Url {
        /// What was given.
        url: String,
    },
    /// The server did not answer with an event stream.
    #[error("`GET {url}` was answered with {found}: expected {expected}")]
    NotAStream {
        /// Where the answer came from, after redirects.
        url: String,
        /// The status or content type.
        found: String,
        /// What an event stream has instead.
        expected: &'static str,
    },
    /// The connection failed, or broke before the response was complete.
    #[error("`GET {url}` lost its connection")]
    Network {
        /// The URL that was requested.
        url: String,
        /// The error of the connection.
        #[source]
        source: reqwest::Error,
    },
    /// An event is larger than 16 MiB.
    #[error("`GET {url}` sent an event larger than 16 MiB")]
    TooLarge {
        /// The URL that was requested.
        url: String,
    },
    /// A WebSocket or a Socket.IO session could not be opened, broke, or ended without a proper
    /// close.
    #[error(transparent)]
    Subscription(#[from] SubscribeError),
}
