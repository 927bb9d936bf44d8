//! Answers as bytes of HTTP/1.1 (RFC 9112). The fields are those that hyper writes, in its order.

use axum::http::{HeaderName, StatusCode, header};

use super::http_date;
use crate::transport::event_stream::EventStream;
use crate::transport::feed_answer::{AnswerBody, AnswerField, FeedAnswer};

/// The size of a head with everything that an answer of a feed has, and of a small body.
const USUAL_BYTES: usize = 512;

/// Returns the head of an answer with its body, or with the events that follow it in chunks.
/// `is_last` says that the connection closes after the answer.
pub(super) fn begin(answer: FeedAnswer, is_last: bool) -> (Vec<u8>, Option<Box<EventStream>>) {
    let FeedAnswer { status, fields, body } = answer;
    let length = match &body {
        AnswerBody::Empty | AnswerBody::Events(_) => 0,
        AnswerBody::Whole(body) => body.len(),
        AnswerBody::Batch(batch) => batch.len(),
    };
    let mut bytes = Vec::with_capacity(USUAL_BYTES + length);
    append_first_lines(&mut bytes, status, &fields, is_last);
    match body {
        AnswerBody::Empty => end(&mut bytes),
        AnswerBody::Whole(body) => {
            end_with_length(&mut bytes, length);
            bytes.extend_from_slice(&body);
        }
        AnswerBody::Batch(batch) => {
            end_with_length(&mut bytes, length);
            batch.append_to(&mut bytes);
        }
        AnswerBody::Events(events) => {
            bytes.extend_from_slice(b"transfer-encoding: chunked\r\n");
            end(&mut bytes);
            return (bytes, Some(events));
        }
    }
    (bytes, None)
}

fn append_first_lines(
    bytes: &mut Vec<u8>,
    status: StatusCode,
    fields: &[(HeaderName, AnswerField)],
    is_last: bool,
) {
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        value.append_to(bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    if is_last && !fields.iter().any(|(name, _)| name == header::CONNECTION) {
        bytes.extend_from_slice(b"connection: close\r\n");
    }
}

/// Appends a chunk (RFC 9112, section 7.1). The data must not be empty: an empty chunk is the last
/// one.
pub(super) fn chunk(bytes: &mut Vec<u8>, data: &[u8]) {
    bytes.reserve(data.len() + 20);
    let length = data.len();
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4);
    // Every stream has this in front of every event, so it is not left to `fmt`.
    bytes.extend((0..digits).rev().map(|place| b"0123456789ABCDEF"[(length >> (4 * place)) & 0xf]));
    for part in [b"\r\n", data, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}

/// Appends the last chunk.
pub(super) fn last_chunk(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"0\r\n\r\n");
}

fn end_with_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(b"content-length: ");
    bytes.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    end(bytes);
}

fn end(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"date: ");
    http_date::append_to(bytes);
    bytes.extend_from_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_begins_with_its_length_in_hexadecimal() {
        for length in [1, 9, 15, 16, 255, 256, 0xabc, 65_536, 1_000_000] {
            let (data, mut bytes) = (vec![b'a'; length], b"before".to_vec());
            chunk(&mut bytes, &data);
            let expected = format!("before{length:X}\r\n{}\r\n", "a".repeat(length));
            assert!(bytes == expected.as_bytes(), "{length}");
        }
    }
}
