//! The `Host` header of an HTTP/1.1 request (RFC 9112, section 3.2).

use axum::http::{HeaderMap, Version, header};

use crate::api_error::ApiError;

/// Checks that a request names its host: exactly once over HTTP/1.1, at most once over HTTP/1.0,
/// and with a value that can be a host and a port. HTTP/2 has `:authority` instead and is not
/// checked. Nothing is allocated for a request that passes.
///
/// # Errors
/// A `400` that also closes the connection. A proxy on the path may understand a request with two
/// hosts in another way than the server, and so may it understand what follows.
pub(crate) fn check(version: Version, headers: &HeaderMap) -> Result<(), ApiError> {
    if version > Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let error = match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (Some(host), None) if is_host(host.as_bytes()) => return Ok(()),
        (None, _) => "the request has no `Host` header",
        (Some(_), Some(_)) => "the request has more than one `Host` header",
        (Some(_), None) => "the value of the `Host` header is not a host with an optional port",
    };
    let hint = "send exactly one `Host` header, such as `Host: example.org:8080`";
    Err(ApiError::bad_request(error, hint).with(header::CONNECTION, "close"))
}

/// Returns true if the value has only characters that a host and a port may have (RFC 3986, section
/// 3.2). An empty value is allowed: a client sends it if its address has no host.
pub(super) fn is_host(value: &[u8]) -> bool {
    const SIGNS: &[u8] = b"-._~%:[]!$&'()*+,;=";
    value.iter().all(|byte| byte.is_ascii_alphanumeric() || SIGNS.contains(byte))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};
    use axum::response::IntoResponse;

    use super::*;

    fn status(version: Version, hosts: &[&'static str]) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        check(version, &headers).err().map(|error| error.into_response().status())
    }

    #[test]
    fn a_request_must_name_exactly_one_host() {
        let bad = Some(StatusCode::BAD_REQUEST);
        for (version, hosts, expected) in [
            (Version::HTTP_11, &["localhost"][..], None),
            (Version::HTTP_11, &["[::1]:8080"], None),
            (Version::HTTP_11, &[""], None),
            (Version::HTTP_11, &[], bad),
            (Version::HTTP_11, &["a", "a"], bad),
            (Version::HTTP_11, &["a b"], bad),
            (Version::HTTP_11, &["a/b"], bad),
            (Version::HTTP_11, &["user@a"], bad),
            (Version::HTTP_10, &[], None),
            (Version::HTTP_10, &["a"], None),
            (Version::HTTP_10, &["a", "b"], bad),
            (Version::HTTP_2, &[], None),
        ] {
            assert_eq!(status(version, hosts), expected, "{version:?} {hosts:?}");
        }
    }
}
