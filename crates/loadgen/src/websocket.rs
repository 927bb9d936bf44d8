//! The client's side of RFC 6455: the handshake, checked in full, and messages that come after it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use wirebench_protocol::Timestamp;

pub(crate) use tokio_tungstenite::tungstenite::Message;

use crate::deadline::Deadline;
use crate::dial::{Arrivals, Connection};
use crate::error::SubscribeError;
use crate::exchange::{Http, quote};
use crate::tunnel::Carrier;

/// The largest message that is accepted; a larger one is answered with 1009.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// How long a peer that has closed, or is told that it broke the protocol, may take to hang up.
const HANG_UP: Duration = Duration::from_secs(2);

/// An open WebSocket.
///
/// [`Arrivals`] is the stamp of the message last returned: tungstenite decodes one frame at a time and
/// reads from the socket only when its buffer holds no whole frame (`FrameCodec::read_frame`), so nothing
/// is read between the last byte of a message and its return.
#[derive(Debug)]
pub(crate) struct WebSocket {
    stream: WebSocketStream<Box<dyn Carrier>>,
    arrivals: Arrivals,
    deadline: Deadline,
    /// What `deadline` was set to, for the error that says so.
    within: Duration,
    asked: String,
    /// The peer's close frame has come.
    closing: bool,
    /// And this was in it, if anything.
    close: Option<CloseFrame>,
}

impl WebSocket {
    /// Opens one, over a connection that has carried nothing yet or as a stream of one. `headers` ask
    /// for it; the key of an upgrade is added here.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Refused`] for another answer than one that opens it,
    /// [`SubscribeError::Protocol`] for one that is not the answer to this handshake.
    pub(crate) async fn open(
        http: Http,
        uri: Uri,
        headers: HeaderMap,
        within: Duration,
    ) -> Result<Self, SubscribeError> {
        let (asked, arrivals) = (uri.to_string(), http.arrivals());
        let (carrier, read_ahead): (Box<dyn Carrier>, _) = if http.tunnels() {
            (Box::new(http.into_tunnel(uri, headers).await?), Bytes::new())
        } else {
            let (connection, read_ahead) = upgrade(http, uri, headers).await?;
            (Box::new(connection), read_ahead)
        };
        // tungstenite zeroes what it is about to read into, before every read: a larger buffer would
        // charge the WebSocket for it. Without a write buffer every frame is one write.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let stream = WebSocketStream::from_partially_read(
            carrier,
            read_ahead.to_vec(),
            Role::Client,
            Some(config),
        );
        let (stream, deadline) = (stream.await, Deadline::new(within));
        Ok(Self { stream, arrivals, deadline, within, asked, closing: false, close: None })
    }

    /// From now, the next message or ping has `within` to arrive.
    pub(crate) fn allow(&mut self, within: Duration) {
        self.within = within;
        self.deadline.set(within);
    }

    /// When the last bytes arrived.
    pub(crate) fn arrived_at(&self) -> Timestamp {
        self.arrivals.last()
    }

    /// The peer's close frame, if the connection has ended with one.
    pub(crate) fn close_frame(&self) -> Option<&CloseFrame> {
        self.close.as_ref()
    }

    /// What was asked for when it was opened.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    /// The next text or binary message; `None` once the close handshake is done. Pings are answered on
    /// the way. Every frame that arrives moves the deadline.
    ///
    /// # Errors
    ///
    /// What broke the connection. A peer that broke the protocol has been told so (1002, 1007 or 1009).
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, SubscribeError> {
        loop {
            let next = poll_fn(|cx| match self.stream.poll_next_unpin(cx) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending => self.deadline.poll(cx).map(|()| None),
            });
            match next.await {
                Some(None) => return Ok(None),
                // The close handshake is done; it is the server who hangs up, and this one does not.
                None if self.closing => return Ok(None),
                None => {
                    let (asked, within) = (self.asked.clone(), self.within);
                    return Err(SubscribeError::Silent { asked, within });
                }
                Some(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => {
                    self.deadline.set(self.within);
                    return Ok(Some(message));
                }
                Some(Some(Ok(Message::Close(frame)))) => {
                    self.closing = true;
                    self.close = frame;
                    self.deadline.set(HANG_UP);
                }
                Some(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {
                    self.deadline.set(self.within);
                }
                // What a peer sends after its close is to be discarded (section 1.4); the library calls it
                // an error. The close handshake is done.
                Some(Some(Err(_))) if self.closing => {
                    let _ = timeout(HANG_UP, until_hung_up(self.stream.get_mut())).await;
                    return Ok(None);
                }
                Some(Some(Err(error))) => {
                    if let Some(code) = complaint(&error) {
                        self.complain(code, &error).await;
                    }
                    let asked = self.asked.clone();
                    return Err(SubscribeError::WebSocket { asked, source: Box::new(error) });
                }
            }
        }
    }

    /// Tells the peer what it did wrong and waits for it to hang up. Hanging up first, with bytes still
    /// unread, would reset the connection, and the reset could overtake the frame that says why.
    async fn complain(&mut self, code: CloseCode, error: &Error) {
        let reason = error.to_string();
        let end = reason.floor_char_boundary(120);
        let frame = CloseFrame { code, reason: reason[..end].to_owned().into() };
        let goodbye = async {
            self.stream.send(Message::Close(Some(frame))).await.ok()?;
            let connection = self.stream.get_mut();
            connection.shutdown().await.ok()?;
            until_hung_up(connection).await;
            Some(())
        };
        // A peer that does not take its leave is left.
        let _ = timeout(HANG_UP, goodbye).await;
    }
}

/// Upgrades a connection of HTTP/1.1: the bare connection, and what was read past the answer's head.
async fn upgrade(
    mut http: Http,
    uri: Uri,
    mut headers: HeaderMap,
) -> Result<(Connection, Bytes), SubscribeError> {
    let key = generate_key();
    let value = HeaderValue::from_str(&key).expect("base64 is a header value");
    headers.insert(header::SEC_WEBSOCKET_KEY, value);
    let answer = http.get(uri, headers).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(http.refused(answer).await);
    }
    check_handshake(answer.headers(), &key).map_err(|(found, expected)| {
        SubscribeError::Protocol { asked: http.asked(), found: quote(&found), expected }
    })?;
    let asked = http.asked();
    http.into_upgraded().await.ok_or(SubscribeError::Broken { asked, source: None })
}

/// Reads away what the peer still sends, up to its end.
async fn until_hung_up(connection: &mut (impl AsyncRead + Unpin)) {
    let mut rest = [0; 4096];
    while matches!(connection.read(&mut rest).await, Ok(1..)) {}
}

/// What the peer is to be told about an error, if it is to be told anything.
fn complaint(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        // There is nobody left to tell.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        _ => None,
    }
}

/// RFC 6455, section 4.1, on the server's answer, from item 2. tungstenite's own check compares
/// `Connection` as a whole instead of token by token and leaves the extensions out.
fn check_handshake(headers: &HeaderMap, key: &str) -> Result<(), (String, &'static str)> {
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
    for name in [header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL] {
        if headers.contains_key(&name) {
            return Err((found(name), "nothing that was not asked for"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn check(headers: &[(HeaderName, &'static str)]) -> bool {
        let headers =
            headers.iter().cloned().map(|(name, value)| (name, HeaderValue::from_static(value)));
        check_handshake(&headers.collect(), KEY).is_ok()
    }

    #[test]
    fn a_handshake_is_checked_in_full() {
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
}
