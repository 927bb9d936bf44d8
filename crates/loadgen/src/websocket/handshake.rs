//! How a WebSocket is opened: by an upgrade of HTTP/1.1, or by an extended `CONNECT` of HTTP/2.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::either::Either;

use crate::dial::MeasuredConnection;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, Http2Tunnel, RequestHeaders, quote};

/// The bytes of a WebSocket in both directions. A stream of HTTP/2 is boxed, because it is large and
/// few subscribers need it.
pub(super) type Upgraded = Either<MeasuredConnection, Box<Http2Tunnel>>;

/// What opened a WebSocket.
pub(super) struct Opened {
    pub(super) connection: Upgraded,
    /// What was read past the head of the answer.
    pub(super) unread: Bytes,
    /// The fields of the answer to an upgrade. Empty over HTTP/2.
    pub(super) answer: HeaderMap,
}

/// Opens a WebSocket over `http`. `headers` ask for it; an upgrade also gets its key here.
pub(super) async fn open(
    http: ClientConnection,
    target: &str,
    headers: &RequestHeaders,
) -> Result<Opened, SubscribeError> {
    if http.tunnels() {
        let tunnel = Box::pin(http.into_tunnel(target, headers)).await?;
        let (connection, unread) = (Either::Right(Box::new(tunnel)), Bytes::new());
        return Ok(Opened { connection, unread, answer: HeaderMap::new() });
    }
    upgrade(http, target, headers).await
}

/// Upgrades a connection of HTTP/1.1.
async fn upgrade(
    mut http: ClientConnection,
    target: &str,
    headers: &RequestHeaders,
) -> Result<Opened, SubscribeError> {
    let key = generate_key();
    let value = HeaderValue::from_str(&key).expect("base64 is a header value");
    let headers = headers.with(header::SEC_WEBSOCKET_KEY, value);
    let answer = http.get(target, &headers).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(http.refused(answer).await);
    }
    let answer = answer.to_map();
    check_handshake(&headers, &answer, &key).map_err(|(found, expected)| {
        SubscribeError::Protocol { asked: http.asked(), found: quote(&found), expected }
    })?;
    let asked = http.asked();
    let upgraded = http.into_upgraded().ok_or(SubscribeError::Broken { asked, source: None });
    let (connection, unread) = upgraded?;
    Ok(Opened { connection: Either::Left(connection), unread, answer })
}

/// Checks the answer of the server by RFC 6455, section 4.1, from item 2. The check of tungstenite
/// compares `Connection` as a whole instead of token by token, and does not look at the extensions.
///
/// The error is what was found and what was expected.
fn check_handshake(
    request: &RequestHeaders,
    headers: &HeaderMap,
    key: &str,
) -> Result<(), (String, &'static str)> {
    let found = |name: HeaderName| {
        let values = headers.get_all(&name).into_iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        format!("`{name}: {}`", values.join(", "))
    };
    let has_token = |name: HeaderName, token: &str| {
        let values = headers.get_all(&name).into_iter().filter_map(|value| value.to_str().ok());
        let mut tokens = values.flat_map(|value| value.split(','));
        tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
    };
    if !has_token(header::UPGRADE, "websocket") {
        return Err((found(header::UPGRADE), "`upgrade: websocket`"));
    }
    if !has_token(header::CONNECTION, "upgrade") {
        return Err((found(header::CONNECTION), "`connection: upgrade`"));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err((found(header::SEC_WEBSOCKET_ACCEPT), "the answer to the key that was sent"));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err((found(header::SEC_WEBSOCKET_EXTENSIONS), "nothing that was not asked for"));
    }
    if !request.offer_subprotocol(headers.get(header::SEC_WEBSOCKET_PROTOCOL)) {
        return Err((found(header::SEC_WEBSOCKET_PROTOCOL), "the one that was asked for, if any"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn map(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        let fields = fields.iter().cloned();
        fields.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    fn check(headers: &[(HeaderName, &'static str)]) -> bool {
        let request = RequestHeaders::new(HeaderMap::new());
        check_handshake(&request, &map(headers), KEY).is_ok()
    }

    #[test]
    fn every_part_of_the_answer_is_checked() {
        let upgrade = (header::UPGRADE, "WebSocket");
        let connection = (header::CONNECTION, "keep-alive, Upgrade");
        let accept = (header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let good = [upgrade.clone(), connection.clone(), accept.clone()];
        assert!(check(&good));
        for missing in 0..good.len() {
            let rest = good.iter().enumerate().filter(|(index, _)| *index != missing);
            assert!(!check(&rest.map(|(_, header)| header.clone()).collect::<Vec<_>>()));
        }
        assert!(!check(&[upgrade.clone(), connection.clone(), (accept.0.clone(), "c3RhbGU=")]));
        for unasked in [header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL] {
            let unasked = (unasked, "permessage-deflate");
            assert!(!check(&[upgrade.clone(), connection.clone(), accept.clone(), unasked]));
        }
    }

    #[test]
    fn the_subprotocol_of_the_answer_is_one_of_those_that_were_offered() {
        let name = header::SEC_WEBSOCKET_PROTOCOL;
        let request = RequestHeaders::new(map(&[(name.clone(), "one, two")]));
        let good = [
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "Upgrade"),
            (header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        for (answer, fits) in [(Some("two"), true), (Some("three"), false), (None, false)] {
            let mut answered = map(&good);
            if let Some(answer) = answer {
                answered.insert(name.clone(), HeaderValue::from_static(answer));
            }
            let checked = check_handshake(&request, &answered, KEY);
            assert_eq!(checked.is_ok(), fits, "{answer:?}: {checked:?}");
        }
    }
}
