//! A request, as a subscriber sends it.

use std::io::Write;

use bytes::Bytes;
use http::Method;

use super::headers::RequestHeaders;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct HttpRequest<'a> {
    pub(super) method: Method,
    /// The path and the query, valid in a request line.
    pub(super) target: &'a str,
    pub(super) headers: &'a RequestHeaders,
    pub(super) body: Bytes,
}

impl HttpRequest<'_> {
    /// Appends the bytes of the request over HTTP/1.1.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) {
        let Self { method, target, headers, body } = self;
        bytes.extend_from_slice(method.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(target.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        bytes.extend_from_slice(headers.lines());
        if *method != Method::GET {
            write!(bytes, "content-length: {}\r\n", body.len()).expect("memory takes everything");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
    }
}
