//! The answer to a request for a feed, before anybody has written it.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use smallvec::SmallVec;
use wirebench_protocol::Cursor;

use super::event_stream::EventStream;
use crate::api_error::ApiError;
use crate::framing::polling::BatchBody;

/// A status, header fields in the order in which they are sent, and a body. The fields of the
/// connection are not among them, nor those of the framing of the body.
pub(crate) struct FeedAnswer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    pub(crate) body: AnswerBody,
}

/// Header fields. There is room for those of any answer of a feed.
pub(crate) type Fields = SmallVec<[(HeaderName, AnswerField); 5]>;

/// The value of a header field. Those that differ from poll to poll are text only once they are
/// written.
pub(crate) enum AnswerField {
    /// Text.
    Text(HeaderValue),
    /// A cursor.
    Cursor(Cursor),
    /// An entity tag: the places where an answer begins and ends.
    Tag(Cursor, Cursor),
}

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// No body, as with `204` and `304`.
    Empty,
    /// All of it.
    Whole(Bytes),
    /// The messages that a poll has found.
    Batch(BatchBody),
    /// A stream that goes on until its feed closes.
    Events(Box<EventStream>),
}

impl AnswerField {
    /// Appends the value as it is sent.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Text(value) => bytes.extend_from_slice(value.as_bytes()),
            Self::Cursor(cursor) => bytes.extend_from_slice(cursor.text().as_bytes()),
            Self::Tag(begin, end) => {
                let (begin, end) = (begin.text(), end.text());
                for part in [b"\"", begin.as_bytes(), b"-", end.as_bytes(), b"\""] {
                    bytes.extend_from_slice(part);
                }
            }
        }
    }
}

impl From<AnswerField> for HeaderValue {
    fn from(field: AnswerField) -> Self {
        if let AnswerField::Text(value) = field {
            return value;
        }
        let mut bytes = Vec::new();
        field.append_to(&mut bytes);
        Self::try_from(bytes).expect("cursors and tags are plain ASCII")
    }
}

impl From<ApiError> for FeedAnswer {
    fn from(error: ApiError) -> Self {
        let (status, fields, body) = error.into_parts();
        let fields = fields.into_iter().map(|(name, value)| (name, AnswerField::Text(value)));
        Self { status, fields: fields.collect(), body: AnswerBody::Whole(body.into()) }
    }
}

impl IntoResponse for FeedAnswer {
    fn into_response(self) -> Response {
        let body = match self.body {
            AnswerBody::Empty => Body::empty(),
            AnswerBody::Whole(bytes) => Body::from(bytes),
            AnswerBody::Batch(batch) => Body::from(Bytes::from(batch)),
            AnswerBody::Events(events) => Body::new(*events),
        };
        let mut response = (self.status, body).into_response();
        let fields = self.fields.into_iter().map(|(name, value)| (name, HeaderValue::from(value)));
        response.headers_mut().extend(fields);
        response
    }
}
