//! Answers as bytes of HTTP/1.1 (RFC 9112). The fields are those that hyper writes, in its order.

use std::io::Write;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::http_date;
use crate::transport::event_stream::EventStream;
use crate::transport::feed_answer::{AnswerBody, FeedAnswer};

/// The size of a head with everything that an answer of a feed has, and of a small body.
const USUAL_BYTES: usize = 512;

/// Returns the head of an answer with its body, or with the events that follow it in chunks.
/// `is_last` says that the connection closes after the answer.
pub(super) fn begin(answer: FeedAnswer, is_last: bool) -> (Vec<u8>, Option<Box<EventStream>>) {
    let FeedAnswer { status, fields, body } = answer;
    let mut bytes = first_lines(status, &fields, is_last);
    match body {
        AnswerBody::Empty => end(&mut bytes),
        AnswerBody::Whole(body) => {
            bytes.reserve(body.len() + USUAL_BYTES / 4);
            bytes.extend_from_slice(b"content-length: ");
            number(&mut bytes, format_args!("{}\r\n", body.len()));
            end(&mut bytes);
            bytes.extend_from_slice(&body);
        }
        AnswerBody::Events(events) => {
            field(&mut bytes, &header::TRANSFER_ENCODING, b"chunked");
            end(&mut bytes);
            return (bytes, Some(events));
        }
    }
    (bytes, None)
}

fn first_lines(status: StatusCode, fields: &[(HeaderName, HeaderValue)], is_last: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        field(&mut bytes, name, value.as_bytes());
    }
    if is_last && !fields.iter().any(|(name, _)| name == header::CONNECTION) {
        field(&mut bytes, &header::CONNECTION, b"close");
    }
    bytes
}

/// Appends a chunk (RFC 9112, section 7.1). The data must not be empty: an empty chunk is the last
/// one.
pub(super) fn chunk(bytes: &mut Vec<u8>, data: &[u8]) {
    bytes.reserve(data.len() + 16);
    number(bytes, format_args!("{:X}\r\n", data.len()));
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
}

/// Appends the last chunk.
pub(super) fn last_chunk(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"0\r\n\r\n");
}

fn end(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"date: ");
    http_date::append_to(bytes);
    bytes.extend_from_slice(b"\r\n\r\n");
}

fn field(bytes: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    bytes.extend_from_slice(name.as_str().as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

fn number(bytes: &mut Vec<u8>, number: std::fmt::Arguments<'_>) {
    bytes.write_fmt(number).expect("memory takes everything");
}
