//! Why a subscription ended without a proper close.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio_tungstenite::tungstenite;

/// Why a subscription ended. `subscriber` decides whether to resume it, in the same way for all
/// transports.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The connection could not be opened.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// The address that was dialled.
        address: SocketAddr,
        /// The error of the socket or of TLS.
        #[source]
        source: io::Error,
    },
    /// The server answered, but not with what was asked for.
    #[error("`{asked}` was answered with {status}: {error}")]
    Refused {
        /// Method, path and query.
        asked: String,
        /// The status of the answer.
        status: StatusCode,
        /// The `error` of the answer's body, or the body's beginning.
        error: String,
        /// Its `Retry-After`, if that is a number of seconds.
        retry_after: Option<Duration>,
    },
    /// The connection was cut because the faults of the run ask for it.
    #[error("the connection was cut, as the scenario asks for")]
    Cut,
    /// Nothing arrived for too long.
    #[error("`{asked}` received nothing for {} s", .within.as_secs())]
    Silent {
        /// Method, path and query.
        asked: String,
        /// How long it waited.
        within: Duration,
    },
    /// The connection broke before the answer was complete.
    #[error("`{asked}` lost its connection")]
    Broken {
        /// Method, path and query.
        asked: String,
        /// The error of the connection. `None` if it was closed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// What arrived is not what `docs/protocol.md` says.
    #[error("`{asked}` received {found}: expected {expected}")]
    Protocol {
        /// Method, path and query.
        asked: String,
        /// What arrived.
        found: String,
        /// What should have arrived.
        expected: &'static str,
    },
    /// The WebSocket connection broke, or the server broke its protocol.
    #[error("`{asked}` lost its WebSocket")]
    WebSocket {
        /// Method, path and query.
        asked: String,
        /// What was wrong.
        #[source]
        source: Box<tungstenite::Error>,
    },
    /// The server closed the WebSocket for a reason other than its own shutdown.
    #[error("`{asked}` was closed with {code}: {reason}")]
    Closed {
        /// Method, path and query.
        asked: String,
        /// The close code.
        code: u16,
        /// The reason in the Close frame. May be empty.
        reason: String,
    },
    /// The server no longer knows the Socket.IO session, as after a restart. Another one can be
    /// opened.
    #[error("`{asked}` found that its session has ended: {reason}")]
    SessionEnded {
        /// Method, path and query.
        asked: String,
        /// The answer of the server.
        reason: String,
    },
    /// The Socket.IO server refused the namespace.
    #[error("the namespace `{namespace}` was refused: {message}")]
    NamespaceRefused {
        /// The namespace that was asked for.
        namespace: String,
        /// The `message` of the refusal.
        message: String,
    },
    /// A target server does not do what its target file says.
    #[error(transparent)]
    Unexpected(Box<UnexpectedStep>),
}

/// A step of a subscription at a target server that went otherwise than its target file
/// says.
#[derive(Debug, thiserror::Error)]
#[error("{step} received {found}: expected {expected}")]
pub struct UnexpectedStep {
    /// What was asked: method, path and query, and the step of a handshake.
    pub(crate) step: String,
    /// What came.
    pub(crate) found: String,
    /// What should have come, and the key of the target file that says so.
    pub(crate) expected: String,
    /// The same would come again: the file and the server do not fit.
    pub(crate) permanent: bool,
}

impl SubscribeError {
    /// Returns how long the server asks the subscriber to wait, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Connect { .. }
            | Self::Cut
            | Self::Silent { .. }
            | Self::Broken { .. }
            | Self::Protocol { .. }
            | Self::WebSocket { .. }
            | Self::Closed { .. }
            | Self::SessionEnded { .. }
            | Self::NamespaceRefused { .. }
            | Self::Unexpected(_) => None,
        }
    }

    /// Returns true if the server ended the connection properly and said that it has not processed
    /// the request: a GOAWAY over HTTP/2 that crossed it (RFC 9113, section 6.8).
    pub(crate) fn is_unprocessed(&self) -> bool {
        let Self::Broken { source: Some(source), .. } = self else { return false };
        source.downcast_ref::<h2::Error>().is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        })
    }

    /// Returns true if the same request would be refused again: the request itself is wrong, not
    /// the moment.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                let temporary = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_client_error() && !temporary.contains(status)
            }
            // The official client does not try again, either.
            Self::NamespaceRefused { .. } => true,
            Self::Unexpected(step) => step.permanent,
            Self::Connect { .. }
            | Self::Cut
            | Self::Silent { .. }
            | Self::Broken { .. }
            | Self::Protocol { .. }
            | Self::WebSocket { .. }
            | Self::Closed { .. }
            | Self::SessionEnded { .. } => false,
        }
    }

    /// Returns the error with `edit` applied to each text that says what was asked or what came.
    #[must_use]
    pub(crate) fn edited(mut self, edit: impl Fn(&str) -> String) -> Self {
        let texts: [Option<&mut String>; 3] = match &mut self {
            Self::Connect { .. } | Self::Cut => [None, None, None],
            Self::Refused { asked, error, .. } => [Some(asked), Some(error), None],
            Self::Silent { asked, .. }
            | Self::Broken { asked, .. }
            | Self::WebSocket { asked, .. } => [Some(asked), None, None],
            Self::Protocol { asked, found, .. } => [Some(asked), Some(found), None],
            Self::Closed { asked, reason, .. } | Self::SessionEnded { asked, reason } => {
                [Some(asked), Some(reason), None]
            }
            Self::NamespaceRefused { namespace, message } => [Some(namespace), Some(message), None],
            Self::Unexpected(unexpected) => {
                let UnexpectedStep { step, found, expected, .. } = &mut **unexpected;
                [Some(step), Some(found), Some(expected)]
            }
        };
        texts.into_iter().flatten().for_each(|text| *text = edit(text));
        self
    }
}

/// Returns an error and its causes on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
