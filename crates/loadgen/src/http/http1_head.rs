//! Reads the head of an answer of HTTP/1.1 (RFC 9112).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::StatusCode;
use httparse::{Header, ParserConfig, Response, Status};

use super::answer::{HttpAnswer, has_token};
use super::http1_body::BodyLength;

/// The maximum number of fields of a head.
const MAX_FIELDS: usize = 100;

/// The maximum size of a head.
const MAX_BYTES: usize = 64 << 10;

/// The head of an answer, and what it says about the bytes that follow.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) answer: HttpAnswer,
    /// The size of the head, with its empty line.
    pub(super) bytes: usize,
    pub(super) length: BodyLength,
    /// The connection carries another request after this answer.
    pub(super) persists: bool,
}

/// Reads the head at the start of `bytes`. `None` if it is not complete.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Option<AnswerHead>, &'static str> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut head = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut head, bytes, &mut fields);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < MAX_BYTES => return Ok(None),
        Ok(Status::Partial) => return Err("an answer has a head of more than 64 KiB"),
        Err(_) => return Err("an answer has a head that is not valid HTTP/1.1"),
    };
    let (Some(status), Some(version)) = (head.code, head.version) else {
        return Err("an answer has no status");
    };
    let status = StatusCode::from_u16(status).map_err(|_| "an answer has an invalid status")?;
    let connection = ConnectionFields::of(head.headers);
    let first_line = memchr::memchr(b'\n', bytes).map_or(0, |end| end + 1);
    let lines = Bytes::copy_from_slice(&bytes[first_line..length]);
    Ok(Some(AnswerHead {
        answer: HttpAnswer::http1(status, lines, connection.close),
        bytes: length,
        length: BodyLength::of(status, version, head.headers)?,
        persists: !connection.close && (version == 1 || connection.keep_alive),
    }))
}

/// What the `Connection` fields of an answer say.
#[derive(Clone, Copy, Debug, Default)]
struct ConnectionFields {
    close: bool,
    keep_alive: bool,
}

impl ConnectionFields {
    fn of(fields: &[Header<'_>]) -> Self {
        let mut found = Self::default();
        for field in fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection")) {
            found.close |= has_token(field.value, "close");
            found.keep_alive |= has_token(field.value, "keep-alive");
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<AnswerHead>, &'static str> {
        read(text.as_bytes())
    }

    #[test]
    fn a_head_is_read_when_its_last_byte_is_there() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        for cut in 0..text.len() {
            assert!(head(&text[..cut]).unwrap().is_none(), "{cut} bytes");
        }
        let whole = head(&format!("{text}ok")).unwrap().unwrap();
        assert_eq!((whole.bytes, whole.length), (text.len(), BodyLength::Known(2)));
    }

    #[test]
    fn a_connection_persists_as_its_version_and_its_fields_say() {
        for (version, fields, persists, last) in [
            ("1.1", "", true, false),
            ("1.1", "connection: close\r\n", false, true),
            ("1.1", "Connection: x\r\nConnection: keep-alive, CLOSE\r\n", false, true),
            ("1.0", "", false, false),
            ("1.0", "connection: Keep-Alive\r\n", true, false),
        ] {
            let head = head(&format!("HTTP/{version} 204 x\r\n{fields}\r\n")).unwrap().unwrap();
            assert_eq!((head.persists, head.answer.is_last()), (persists, last), "{fields}");
        }
    }

    #[test]
    fn what_is_no_head_is_an_error() {
        for text in [
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 0 OK\r\n\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
            &format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101)),
            &format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_BYTES)),
        ] {
            assert!(head(text).is_err(), "{text}");
        }
    }
}
