//! Whether a client already has what it asks for.

use axum::http::header::{self, HeaderMap, HeaderValue};

/// Returns true if the request's `If-None-Match` header names the entity tag, which is quoted, or
/// is `*` (RFC 9110, section 13.1.2: weak comparison). The answer is then `304 Not Modified`.
/// Returns false without that header.
pub fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get(header::IF_NONE_MATCH).is_some_and(|known| names(known, tag))
}

/// Returns true if the value of an `If-None-Match` header names the entity tag.
pub(crate) fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (known, tag) = (known.as_bytes(), tag.as_bytes());
    known == b"*"
        || known
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|known| known.strip_prefix(b"W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known_to(known: &'static str) -> bool {
        let headers =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(known))]);
        is_known(&headers, &HeaderValue::from_static("\"a-1\""))
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        for known in ["\"a-1\"", "W/\"a-1\"", "\"b\", \"a-1\"", "*"] {
            assert!(is_known_to(known), "{known}");
        }
        assert!(!is_known_to("\"a-12\""));
    }

    #[test]
    fn without_the_header_nothing_is_known() {
        assert!(!is_known(&HeaderMap::new(), &HeaderValue::from_static("\"a-1\"")));
    }
}
