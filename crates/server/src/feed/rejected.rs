//! Why a feed does not take a payload from outside.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use wirebench_store::UnacknowledgedError;

use super::payload::InvalidJson;

/// A payload from outside that a feed does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Rejected {
    /// The status of the answer to a `POST`: `400` if the payload is at fault, `403` if nobody may
    /// publish it, `415` if it is bytes and the feed takes JSON only, `422` if its key belongs to
    /// another message, `429` if too much is published, `503` if the message cannot be stored.
    pub status: StatusCode,
    /// What is wrong.
    pub error: String,
    /// What to do instead.
    pub hint: &'static str,
}

impl Rejected {
    /// The payload is not what the feed takes (`400`).
    pub fn malformed(error: impl Into<String>, hint: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into(), hint }
    }

    /// Nobody may publish to this feed from outside, or not this payload (`403`).
    pub fn forbidden(error: impl Into<String>, hint: &'static str) -> Self {
        Self { status: StatusCode::FORBIDDEN, error: error.into(), hint }
    }

    /// The feed checks what is published to it, and its check is for JSON (`415`).
    pub(super) fn not_json() -> Self {
        let error = "the feed takes no bytes".to_owned();
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, error, hint: "send one JSON value" }
    }

    /// The key of the request belongs to a message with another payload or other recipients
    /// (`422`).
    pub(super) fn key_reused() -> Self {
        let error = "the idempotency key belongs to a message with another payload or other \
                     recipients";
        let hint = "choose a new key for each message, and repeat it only with the same message";
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, error: error.to_owned(), hint }
    }

    /// The store of the feed has not acknowledged the message (`503`).
    pub(super) fn not_stored(error: &UnacknowledgedError) -> Self {
        let hint = match error {
            UnacknowledgedError::QueueFull => "try again in a moment",
            UnacknowledgedError::Store(_) => {
                "try again later; with an idempotency key, because the message may have been stored"
            }
        };
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error: error.to_string(), hint }
    }

    /// Too many messages of one subscriber wait to be stored (`503`).
    pub(crate) fn too_many_waiting() -> Self {
        let error = "too many of your messages wait to be stored".to_owned();
        let hint = "publish more slowly, and this message again";
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error, hint }
    }

    /// More is published than the feed takes (`429`).
    pub(super) fn too_many(rate: NonZeroU32) -> Self {
        let error = format!("the feed takes at most {rate} messages per second from outside");
        Self { status: StatusCode::TOO_MANY_REQUESTS, error, hint: "publish less often" }
    }
}

impl From<InvalidJson> for Rejected {
    fn from(error: InvalidJson) -> Self {
        Self::malformed(error.to_string(), "send one JSON value")
    }
}
