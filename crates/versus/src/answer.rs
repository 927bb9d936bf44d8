//! An answer over HTTP/1.1, as far as a poll and a publisher need it.

use anyhow::{Context, bail, ensure};
use httparse::{EMPTY_HEADER, Response, Status};

/// The number of fields that an answer may have.
const MAX_FIELDS: usize = 64;

/// The size that an answer may have, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// An answer that has come as a whole.
#[derive(Debug)]
pub(crate) struct PolledAnswer {
    /// The status code.
    pub(crate) status: u16,
    /// The length of its head, in bytes.
    pub(crate) head_bytes: usize,
    /// The length of its body, in bytes.
    pub(crate) body_bytes: usize,
    /// The values of the fields that were asked for, where the answer has them.
    pub(crate) fields: Vec<Option<String>>,
}

/// Reads the answer at the start of `bytes`, and the values of the fields `names`. Returns `None` if
/// not all of it has come.
///
/// # Errors
/// The bytes are no answer over HTTP/1.1, its body is in chunks, or it is larger than 16 MiB.
pub(crate) fn read(bytes: &[u8], names: &[&str]) -> anyhow::Result<Option<PolledAnswer>> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut response = Response::new(&mut fields);
    let head = response.parse(bytes).context("what came is no answer over HTTP/1.1")?;
    let Status::Complete(head_bytes) = head else {
        ensure!(bytes.len() < MAX_BYTES, "the head of an answer has no end");
        return Ok(None);
    };
    let value = |name: &str| {
        let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(field.value).ok().map(str::to_owned)
    };
    let status = response.code.unwrap_or_default();
    let body_bytes = match value("content-length") {
        // Neither has a body (RFC 9110, sections 15.3.5 and 15.4.5).
        _ if matches!(status, 204 | 304) => 0,
        Some(length) => length.parse().context("the length of an answer is no number")?,
        None => bail!("an answer with status {status} does not say how long it is"),
    };
    ensure!(body_bytes <= MAX_BYTES, "an answer of {body_bytes} bytes is too large");
    if bytes.len() < head_bytes + body_bytes {
        return Ok(None);
    }
    let fields = names.iter().map(|name| value(name)).collect();
    Ok(Some(PolledAnswer { status, head_bytes, body_bytes, fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_all_of_it_has_come() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nEtag: 0\r\n\r\nhelloHTTP";
        for length in 0..bytes.len() - 4 {
            assert!(read(&bytes[..length], &[]).unwrap().is_none(), "{length}");
        }
        let answer = read(bytes, &["etag", "Feed-Cursor"]).unwrap().unwrap();
        assert_eq!((answer.status, answer.body_bytes), (200, 5));
        assert_eq!(answer.fields, [Some("0".to_owned()), None]);
    }

    #[test]
    fn an_answer_without_content_has_no_body() {
        let bytes = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(read(bytes, &[]).unwrap().unwrap().body_bytes, 0);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            &b"SSH-2.0-server\r\n"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        ] {
            assert!(read(bytes, &[]).is_err());
        }
    }
}
