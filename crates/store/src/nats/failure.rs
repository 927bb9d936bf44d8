//! Failures of NATS, and what they mean outside.

use std::error::Error;

use async_nats::jetstream;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, PublishError, PublishErrorKind, RequestError,
    RequestErrorKind,
};
use async_nats::jetstream::stream::RawMessageError;

use crate::error::StoreErrorKind;

const NO_JETSTREAM: &str = "nobody answers for JetStream: it is not enabled (`nats-server -js`), or its \
                            servers have no leader at the moment";

const NO_STREAM: &str = "nobody takes messages for its stream: the stream is gone, or its servers have no \
                         leader at the moment";

/// Why an operation failed.
#[derive(Debug)]
pub(super) struct NatsFailure {
    pub(super) kind: StoreErrorKind,
    pub(super) found: String,
}

impl NatsFailure {
    pub(super) fn unavailable(found: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, found: found.into() }
    }

    /// A stream that is not as wirebench makes it, or a message that it did not write.
    pub(super) fn unexpected(found: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Schema, found: found.into() }
    }

    /// The stream of a reader's epoch is gone, and there is another one. The watcher tells the
    /// server.
    pub(super) fn another_epoch() -> Self {
        Self::unavailable("its stream was deleted and created anew")
    }

    fn of_answer(error: &jetstream::Error) -> Self {
        let kind = match error.error_code() {
            ErrorCode::INSUFFICIENT_RESOURCES | ErrorCode::STREAM_STORE_FAILED => {
                StoreErrorKind::Full
            }
            // The watcher creates it anew.
            ErrorCode::STREAM_NOT_FOUND
            // Its servers are choosing a leader, or too few of them are there.
            | ErrorCode::CLUSTER_NOT_ASSIGNED
            | ErrorCode::CLUSTER_NOT_LEADER
            | ErrorCode::STREAM_OFFLINE => StoreErrorKind::Unavailable,
            _ if error.code() == 503 => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        };
        Self { kind, found: format!("NATS answers: {error}") }
    }

    /// Reads the error of an operation: the answer of the server, if it is among its causes.
    pub(super) fn of(error: &impl Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(answer) = error.downcast_ref() {
                return Self::of_answer(answer);
            }
            cause = error.source();
        }
        Self::unavailable(error.to_string())
    }
}

impl From<RequestError> for NatsFailure {
    fn from(error: RequestError) -> Self {
        match error.kind() {
            RequestErrorKind::NoResponders => Self::unavailable(NO_JETSTREAM),
            _ => Self::of(&error),
        }
    }
}

impl From<PublishError> for NatsFailure {
    fn from(error: PublishError) -> Self {
        match error.kind() {
            // Nobody listens to the subject.
            PublishErrorKind::StreamNotFound => Self::unavailable(NO_STREAM),
            PublishErrorKind::MaxPayloadExceeded => {
                Self { kind: StoreErrorKind::Other, found: error.to_string() }
            }
            _ => Self::of(&error),
        }
    }
}

impl From<CreateStreamError> for NatsFailure {
    fn from(error: CreateStreamError) -> Self {
        match error.kind() {
            CreateStreamErrorKind::JetStream(answer) => Self::of_answer(&answer),
            CreateStreamErrorKind::JetStreamUnavailable => Self::unavailable(NO_JETSTREAM),
            _ => Self::of(&error),
        }
    }
}

impl From<RawMessageError> for NatsFailure {
    fn from(error: RawMessageError) -> Self {
        Self::of(&error)
    }
}
