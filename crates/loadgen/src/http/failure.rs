//! Why a request has no answer.

use std::error::Error;
use std::io;

/// Why a request has no answer, without the request itself: `ClientConnection` adds what was asked
/// for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection was closed.
    Closed,
    /// The connection broke, or the peer broke the protocol.
    Broken(Box<dyn Error + Send + Sync>),
    /// The deadline passed.
    Silent,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        Self::Broken(error.into())
    }
}
