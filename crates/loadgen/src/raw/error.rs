//! Why a raw stream ended.

use crate::error::SubscribeError;
use crate::target::TargetError;

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
    /// Redirects lead in a circle, or too far.
    #[error("`GET {url}` was redirected more than 20 times")]
    Redirected {
        /// The URL that was requested first.
        url: String,
    },
    /// An event is larger than 16 MiB.
    #[error("`GET {url}` sent an event larger than 16 MiB")]
    TooLarge {
        /// The URL that was requested.
        url: String,
    },
    /// A connection could not be opened, broke, or ended without a proper close.
    #[error(transparent)]
    Subscription(#[from] SubscribeError),
}
