//! What proxies and caches between a server and its subscribers do because of an answer's head.

use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, LAST_MODIFIED,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, StatusCode};

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stream,
    Poll(StatusCode),
    /// That to the handshake of a WebSocket.
    Upgrade,
}

/// Returns the value of a field. What is not UTF-8 is replaced.
pub(super) fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns true if the answer has what a poll can send back as a condition.
pub(super) fn has_validators(headers: &HeaderMap) -> bool {
    [ETAG, LAST_MODIFIED].iter().any(|name| headers.contains_key(name))
}

/// Returns what may go wrong, a sentence each.
pub(super) fn warnings(answer: Answer, headers: &HeaderMap) -> Vec<&'static str> {
    let has = |name: &HeaderName| headers.contains_key(name);
    let says = |name: &HeaderName, words: &[&str]| {
        let value = field(headers, name).unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| value.contains(word))
    };
    let length = field(headers, &CONTENT_LENGTH).is_some_and(|length| length != "0");
    let is_stream = answer == Answer::Stream;
    let is_poll = matches!(answer, Answer::Poll(_));
    let is_empty = matches!(answer, Answer::Upgrade | Answer::Poll(StatusCode::NO_CONTENT));
    let stored = !says(&CACHE_CONTROL, &["no-store", "no-cache", "private", "no-transform"]);
    let no_buffer = headers.get("x-accel-buffering").is_some_and(|value| value == "no");
    [
        (
            is_stream && !no_buffer,
            "no `X-Accel-Buffering: no`: nginx would buffer the stream by default",
        ),
        (is_stream && stored, "no `Cache-Control: no-store`: a cache may keep the stream"),
        (
            is_poll && stored,
            "no `Cache-Control: no-store`: a cache may answer the next poll by itself",
        ),
        (
            has(&CONTENT_ENCODING),
            "it is compressed, which was not asked for: wirebench cannot read it",
        ),
        (
            is_stream && has(&CONTENT_LENGTH),
            "it has a `Content-Length`: it ends after so many bytes",
        ),
        (
            is_empty && (length || has(&TRANSFER_ENCODING)),
            "it announces a body, which it cannot have: a proxy may wait for it, or refuse it",
        ),
        (
            has(&CONTENT_LENGTH) && has(&TRANSFER_ENCODING),
            "it has both `Content-Length` and `Transfer-Encoding`: proxies may refuse it",
        ),
        (
            is_poll && says(&CONNECTION, &["close"]),
            "it closes the connection: every poll pays for a new one",
        ),
    ]
    .into_iter()
    .filter_map(|(is, warning)| is.then_some(warning))
    .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(answer: Answer, fields: &[(&'static str, &'static str)], expected: &[&str]) {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let found = warnings(answer, &fields.collect());
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn what_a_proxy_would_choke_on_is_named() {
        let no_store = ("cache-control", "no-store");
        let unbuffered = ("x-accel-buffering", "no");
        check(Answer::Stream, &[no_store, unbuffered], &[]);
        check(Answer::Stream, &[], &["nginx would buffer", "a cache may keep"]);
        let length = ("content-length", "9");
        check(Answer::Stream, &[no_store, unbuffered, length], &["it ends after"]);
        let gzip = ("content-encoding", "gzip");
        check(Answer::Stream, &[no_store, unbuffered, gzip], &["it is compressed"]);
        let poll = Answer::Poll(StatusCode::OK);
        check(poll, &[no_store, length], &[]);
        check(poll, &[("connection", "Close")], &["a cache may answer", "it closes"]);
        let chunked = ("transfer-encoding", "chunked");
        check(poll, &[no_store, length, chunked], &["it has both"]);
        let empty = Answer::Poll(StatusCode::NO_CONTENT);
        check(empty, &[no_store, length], &["it announces a body"]);
        check(empty, &[no_store, ("content-length", "0")], &[]);
        check(Answer::Upgrade, &[chunked], &["it announces a body"]);
        check(Answer::Upgrade, &[("connection", "upgrade")], &[]);
    }
}
