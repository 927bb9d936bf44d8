//! A WebSocket client (RFC 6455) for any server.

use std::time::Duration;

use futures::stream::BoxStream;
use http::HeaderMap;

use super::error::RawError;
use super::server::RawServer;
use super::updates::{RawOptions, RawSource, RawUpdate, updates};
use crate::error::SubscribeError;
use crate::http::RequestKind;
use crate::tls::TrustedCertificates;
use crate::websocket::{Message, WebSocketConnection};

/// Other servers need not send pings, so silence is no error: the timeout is a year.
const SILENCE_TIMEOUT: Duration = Duration::from_hours(365 * 24);

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawMessage {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(bytes::Bytes),
}

/// Follows the WebSocket at `url` (`ws://`, `wss://`, or the same as `http`), whatever its path and
/// query.
///
/// When the connection ends, another is opened 3 s later. A handshake that is not answered with 101
/// fails for good.
///
/// With `once` there is one connection: the stream ends after a closing handshake, and with an
/// error after anything else.
pub fn messages(
    url: &str,
    options: &RawOptions,
) -> BoxStream<'static, Result<RawUpdate<RawMessage>, RawError>> {
    let source = WebSocketSource { url: url.to_owned(), options: options.clone() };
    updates(source, options.once)
}

struct WebSocketSource {
    url: String,
    options: RawOptions,
}

impl RawSource for WebSocketSource {
    type Connection = WebSocketConnection;
    type Item = RawMessage;

    async fn connect(&mut self) -> Result<WebSocketConnection, RawError> {
        let RawOptions { trusted, headers, .. } = &self.options;
        Ok(connect(&self.url, trusted, headers.clone()).await?.0)
    }

    async fn next(
        &mut self,
        connection: &mut WebSocketConnection,
    ) -> Result<Option<RawMessage>, RawError> {
        Ok(next(connection).await?)
    }

    fn is_final(&self, error: &RawError) -> bool {
        match error {
            RawError::Subscription(error) => {
                matches!(error, SubscribeError::Refused { .. } | SubscribeError::Protocol { .. })
            }
            RawError::Target(_)
            | RawError::Url { .. }
            | RawError::NotAStream { .. }
            | RawError::Redirected { .. }
            | RawError::TooLarge { .. } => true,
        }
    }
}

/// A WebSocket, for finding out what its server does.
#[derive(Debug)]
pub struct RawWebSocket {
    connection: WebSocketConnection,
    headers: HeaderMap,
}

impl RawWebSocket {
    /// Opens the WebSocket at `url`.
    ///
    /// # Errors
    ///
    /// [`RawError`] if it cannot be opened.
    pub async fn open(url: &str, trusted: &TrustedCertificates) -> Result<Self, RawError> {
        let (connection, headers) = connect(url, trusted, HeaderMap::new()).await?;
        Ok(Self { connection, headers })
    }

    /// Returns the fields of the answer that opened it.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the next message, and `None` after a closing handshake.
    ///
    /// # Errors
    ///
    /// [`RawError`] after any other end.
    ///
    /// # Cancel safety
    ///
    /// No message is lost.
    pub async fn next(&mut self) -> Result<Option<RawMessage>, RawError> {
        next(&mut self.connection).await.map_err(RawError::from)
    }

    /// Returns how many pings there were, up to 65,535.
    pub fn pings(&self) -> u16 {
        self.connection.pings()
    }
}

async fn next(connection: &mut WebSocketConnection) -> Result<Option<RawMessage>, SubscribeError> {
    loop {
        match connection.next().await? {
            Some(Message::Text(text)) => return Ok(Some(RawMessage::Text(text.to_string()))),
            Some(Message::Binary(bytes)) => return Ok(Some(RawMessage::Binary(bytes))),
            // `WebSocketConnection::next` returns no other kinds.
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

async fn connect(
    url: &str,
    trusted: &TrustedCertificates,
    headers: HeaderMap,
) -> Result<(WebSocketConnection, HeaderMap), RawError> {
    let server = RawServer::of(url, trusted, headers).await?;
    let (http, headers) = (server.connect().await?, server.headers(RequestKind::WebSocket));
    let opened =
        WebSocketConnection::open_with_answer(http, &server.path, &headers, SILENCE_TIMEOUT);
    Ok(opened.await?)
}
