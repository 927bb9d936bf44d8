//! The answer to a request for a feed, before anybody has written it.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use smallvec::SmallVec;

use super::event_stream::EventStream;
use crate::api_error::ApiError;

/// A status, header fields in the order in which they are sent, and a body. The fields of the
/// connection are not among them, nor those of the framing of the body.
pub(crate) struct FeedAnswer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    pub(crate) body: AnswerBody,
}

/// Header fields. There is room for those of any answer of a feed.
pub(crate) type Fields = SmallVec<[(HeaderName, HeaderValue); 5]>;

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// No body, as with `204` and `304`.
    Empty,
    /// All of it.
    Whole(Bytes),
    /// A stream that goes on until its feed closes.
    Events(Box<EventStream>),
}

impl From<ApiError> for FeedAnswer {
    fn from(error: ApiError) -> Self {
        let (status, fields, body) = error.into_parts();
        Self { status, fields: fields.into(), body: AnswerBody::Whole(body.into()) }
    }
}

impl IntoResponse for FeedAnswer {
    fn into_response(self) -> Response {
        let body = match self.body {
            AnswerBody::Empty => Body::empty(),
            AnswerBody::Whole(bytes) => Body::from(bytes),
            AnswerBody::Events(events) => Body::new(*events),
        };
        let mut response = (self.status, body).into_response();
        response.headers_mut().extend(self.fields);
        response
    }
}
