//! The answer to a request: its head, and where its body is.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Deserialize;

/// How much of an unexpected body goes into an error message, in characters.
const QUOTED_CHARS: usize = 200;

/// The answer to a request. Its body is read through the connection that it came over.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    status: StatusCode,
    fields: AnswerFields,
    body: ResponseBody,
}

/// The fields of an answer.
#[derive(Debug)]
pub(super) enum AnswerFields {
    /// The lines of HTTP/1.1, as they were sent and httparse has accepted them. They are searched
    /// for the few fields that somebody asks for, and most answers are asked for none.
    Lines {
        lines: Bytes,
        /// The answer says that it is the last on its connection.
        last: bool,
    },
    /// The fields of HTTP/2.
    Map(HeaderMap),
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// The connection knows where it is and where it ends.
    Http1,
    Http2(h2::RecvStream),
}

impl HttpAnswer {
    /// Returns an answer over HTTP/1.1.
    pub(super) fn http1(status: StatusCode, lines: Bytes, last: bool) -> Self {
        Self { status, fields: AnswerFields::Lines { lines, last }, body: ResponseBody::Http1 }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns true if the answer says that it has no content.
    pub(crate) fn is_empty(&self) -> bool {
        self.status == StatusCode::NO_CONTENT
    }

    /// Returns true if the answer says that it is the last on its connection. Over HTTP/2 it never
    /// does.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self.fields, AnswerFields::Lines { last: true, .. })
    }

    /// Returns the first value of a field. `None` if the answer does not have it, or if it is not
    /// UTF-8.
    pub(crate) fn field(&self, name: &HeaderName) -> Option<&str> {
        let value = match &self.fields {
            AnswerFields::Lines { lines, .. } => {
                let mut fields = fields(lines);
                fields.find(|(found, _)| found.eq_ignore_ascii_case(name.as_str().as_bytes()))?.1
            }
            AnswerFields::Map(map) => map.get(name)?.as_bytes(),
        };
        std::str::from_utf8(value).ok()
    }

    /// Returns all fields in a map.
    pub(crate) fn to_map(&self) -> HeaderMap {
        match &self.fields {
            AnswerFields::Lines { lines, .. } => {
                let fields = fields(lines).filter_map(|(name, value)| {
                    let name = HeaderName::from_bytes(name).ok()?;
                    Some((name, HeaderValue::from_bytes(value).ok()?))
                });
                let mut map = HeaderMap::new();
                fields.for_each(|(name, value)| _ = map.append(name, value));
                map
            }
            AnswerFields::Map(map) => map.clone(),
        }
    }

    pub(crate) fn into_body(self) -> ResponseBody {
        self.body
    }
}

impl From<Response<h2::RecvStream>> for HttpAnswer {
    fn from(answer: Response<h2::RecvStream>) -> Self {
        let (head, body) = answer.into_parts();
        let fields = AnswerFields::Map(head.headers);
        Self { status: head.status, fields, body: ResponseBody::Http2(body) }
    }
}

/// Returns the names and values in the lines of a head.
fn fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Returns true if the value of a `Connection` field has this token.
pub(super) fn has_token(value: &[u8], token: &str) -> bool {
    let mut tokens = value.split(|byte| *byte == b',');
    tokens.any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns the seconds of a `Retry-After`. `None` if the answer has none, or a date.
pub(super) fn retry_after_seconds(answer: &HttpAnswer) -> Option<u64> {
    answer.field(&header::RETRY_AFTER)?.trim().parse().ok()
}

/// The body of an answer that reports an error, on every route of the server.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorAnswer {
    /// Engine.IO calls it `message`.
    #[serde(alias = "message")]
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
}

impl ErrorAnswer {
    /// Parses a body. A body of another form becomes the error, cut to a readable length.
    pub(crate) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| {
            let error = quote(&String::from_utf8_lossy(body));
            Self { error, hint: None }
        })
    }
}

/// Returns the beginning of something unexpected, for an error message.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_CHARS).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name_whatever_its_case_and_spaces() {
        let lines = b"Feed-Cursor:\t 0-1 \r\nretry-after: 7\r\nx: \xff\r\nRetry-After: 9\r\n\r\n";
        let answer = HttpAnswer::http1(StatusCode::OK, Bytes::from_static(lines), false);
        assert_eq!(answer.field(&HeaderName::from_static("feed-cursor")), Some("0-1"));
        assert_eq!(retry_after_seconds(&answer), Some(7));
        assert_eq!(answer.field(&HeaderName::from_static("x")), None);
        assert_eq!(answer.field(&header::CONTENT_TYPE), None);
        assert_eq!(answer.to_map().get_all(header::RETRY_AFTER).iter().count(), 2);
        assert_eq!(answer.to_map().len(), 4);
    }

    #[test]
    fn a_connection_field_is_a_list_of_tokens() {
        assert!(has_token(b"keep-alive, Close", "close"));
        assert!(!has_token(b"keep-alive", "close"));
        assert!(!has_token(b"closed", "close"));
    }
}
