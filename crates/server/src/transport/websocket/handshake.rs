//! Checks and answers the opening handshake of a WebSocket.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::ext::Protocol;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::api_error::ApiError;

/// Answers an opening handshake: over HTTP/1.1 a `GET` with an upgrade and a key (RFC 6455, section
/// 4.2.1), over HTTP/2 a `CONNECT` for the protocol `websocket` (RFC 8441, section 5).
///
/// # Errors
/// `426` if the request is no handshake or is one of another version; `400` if it is a malformed
/// one.
pub(in crate::transport) fn accept(request: &mut Request) -> Result<Response, ApiError> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    if protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
        // The library knows nothing of RFC 8441. It leaves one header to check.
        return match request.headers().get(header::SEC_WEBSOCKET_VERSION) {
            Some(version) if version == "13" => Ok(Response::default()),
            _ => Err(upgrade_required()),
        };
    }
    accept_upgrade(request)
}

/// Answers a handshake over HTTP/1.1. The library checks it, except for what RFC 6455 demands
/// beyond the first line of a header: two headers are lists, which may have other members and span
/// several lines, and the key must not be repeated (section 11.3.1).
fn accept_upgrade(request: &mut Request) -> Result<Response, ApiError> {
    let headers = request.headers_mut();
    reduce_to(headers, header::CONNECTION, "upgrade");
    reduce_to(headers, header::UPGRADE, "websocket");
    if is_repeated(headers, header::SEC_WEBSOCKET_VERSION) {
        return Err(upgrade_required());
    }
    if is_repeated(headers, header::SEC_WEBSOCKET_KEY) {
        return Err(bad_key());
    }
    create_response_with_body(request, Body::empty).map_err(|error| match error {
        Error::Protocol(
            ProtocolError::MissingSecWebSocketKey | ProtocolError::InvalidSecWebSocketKey,
        ) => bad_key(),
        Error::Protocol(ProtocolError::WrongHttpMethod | ProtocolError::WrongHttpVersion) => {
            let hint = "an opening handshake is a GET over HTTP/1.1";
            ApiError::bad_request("not an opening handshake", hint)
        }
        _ => upgrade_required(),
    })
}

fn upgrade_required() -> ApiError {
    ApiError::new(
        StatusCode::UPGRADE_REQUIRED,
        "this address speaks WebSocket only",
        "open it with a WebSocket client: `Connection: Upgrade`, `Upgrade: websocket`",
    )
    .with(header::UPGRADE, "websocket")
    .with(header::CONNECTION, "Upgrade")
    .with(header::SEC_WEBSOCKET_VERSION, "13")
}

fn bad_key() -> ApiError {
    ApiError::bad_request(
        "`Sec-WebSocket-Key` is missing, repeated or malformed",
        "send 16 random bytes in base64, once",
    )
}

/// Replaces a header that is a comma-separated list by one member of it, if it has that member.
fn reduce_to(headers: &mut HeaderMap, name: HeaderName, member: &'static str) {
    let has_member = headers
        .get_all(&name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(member.as_bytes()));
    if has_member {
        headers.insert(name, HeaderValue::from_static(member));
    }
}

fn is_repeated(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    /// Changes the headers of a valid handshake. Returns the accepted key, or the status of the
    /// refusal.
    fn handshake(change: impl FnOnce(&mut HeaderMap)) -> Result<String, StatusCode> {
        let mut request = Request::default();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        change(request.headers_mut());
        let accepted = |answer: Response| {
            assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
            answer.headers()["sec-websocket-accept"].to_str().unwrap().to_owned()
        };
        accept(&mut request).map(accepted).map_err(|error| error.into_response().status())
    }

    #[test]
    fn the_sample_of_the_rfc_is_answered_as_it_says() {
        assert_eq!(handshake(|_| ()), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned()));
    }

    #[test]
    fn a_header_that_is_a_list_may_have_other_members_and_span_several_lines() {
        let accepted = handshake(|headers| {
            headers.insert("connection", HeaderValue::from_static("keep-alive"));
            headers.append("connection", HeaderValue::from_static("Upgrade"));
            headers.insert("upgrade", HeaderValue::from_static("h2c, websocket"));
        });
        assert!(accepted.is_ok(), "{accepted:?}");
    }

    #[test]
    fn an_invalid_handshake_is_rejected_with_the_right_status() {
        let set = |name: &'static str, value: &'static str| {
            handshake(move |headers| {
                headers.insert(name, HeaderValue::from_static(value));
            })
        };
        assert_eq!(set("sec-websocket-version", "8"), Err(StatusCode::UPGRADE_REQUIRED));
        assert_eq!(set("upgrade", "h2c"), Err(StatusCode::UPGRADE_REQUIRED));
        assert_eq!(set("connection", "close"), Err(StatusCode::UPGRADE_REQUIRED));
        for key in ["", "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ=!", "dGhlIHNhbXBsZSBub25jZR=="] {
            assert_eq!(set("sec-websocket-key", key), Err(StatusCode::BAD_REQUEST), "{key}");
        }
        let twice = handshake(|headers| {
            let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
            headers.append("sec-websocket-key", key);
        });
        assert_eq!(twice, Err(StatusCode::BAD_REQUEST));
    }
}
