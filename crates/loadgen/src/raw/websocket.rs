//! A WebSocket client (RFC 6455) for any server.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};

use super::error::{RECONNECTION_TIME, RawError};
use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::http::{HttpClient, RequestKind};
use crate::target::{ServerUrl, Target, TargetError, parse, resolve};
use crate::tls::{TlsClient, TrustedCertificates};
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
    trusted: &TrustedCertificates,
    once: bool,
) -> BoxStream<'static, Result<RawMessage, RawError>> {
    let source = WebSocketSource {
        url: url.to_owned(),
        trusted: trusted.clone(),
        once,
        open: None,
        connected_before: false,
    };
    messages_from(source)
}

/// Opens the WebSocket at `url`, and returns the messages of this one connection.
///
/// # Errors
///
/// [`RawError`] if it cannot be opened.
pub async fn open_websocket(
    url: &str,
    trusted: &TrustedCertificates,
) -> Result<BoxStream<'static, Result<RawMessage, RawError>>, RawError> {
    let source = WebSocketSource {
        url: url.to_owned(),
        trusted: trusted.clone(),
        once: true,
        open: Some(connect(url, trusted).await?),
        connected_before: true,
    };
    Ok(messages_from(source))
}

fn messages_from(source: WebSocketSource) -> BoxStream<'static, Result<RawMessage, RawError>> {
    stream::try_unfold(source, |mut source| async move {
        Ok(source.next().await?.map(|message| (message, source)))
    })
    .boxed()
}

struct WebSocketSource {
    url: String,
    trusted: TrustedCertificates,
    once: bool,
    /// The connection that is open.
    open: Option<WebSocketConnection>,
    /// There was a connection before. Only the first one is made without waiting.
    connected_before: bool,
}

impl WebSocketSource {
    /// Returns the next message. With `once`, returns `None` after a closing handshake.
    async fn next(&mut self) -> Result<Option<RawMessage>, RawError> {
        loop {
            let Some(open) = &mut self.open else {
                if std::mem::replace(&mut self.connected_before, true) {
                    tokio::time::sleep(RECONNECTION_TIME).await;
                }
                match connect(&self.url, &self.trusted).await {
                    Ok(open) => self.open = Some(open),
                    Err(error) if self.once || is_final(&error) => return Err(error),
                    Err(_) => {}
                }
                continue;
            };
            match open.next().await {
                Ok(Some(Message::Text(text))) => {
                    return Ok(Some(RawMessage::Text(text.to_string())));
                }
                Ok(Some(Message::Binary(bytes))) => return Ok(Some(RawMessage::Binary(bytes))),
                // `WebSocketConnection::next` returns no other kinds.
                Ok(Some(_)) => {}
                Ok(None) if self.once => return Ok(None),
                Err(error) if self.once => return Err(error.into()),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }
}

async fn connect(
    url: &str,
    trusted: &TrustedCertificates,
) -> Result<WebSocketConnection, RawError> {
    let ServerUrl { authority, uri, encrypted } = parse(url)?;
    let address = resolve(&authority, encrypted).await?;
    let tls = encrypted.then(|| TlsClient::new(trusted)).transpose().map_err(TargetError::from)?;
    let (authority, feed) = (authority.to_string(), String::new());
    let target = Target { authority, address, feed, tls, foreign: None };
    let client = HttpClient::new(Dialer::new(LinkSettings::default(), 0), HttpSettings::default());
    let http = client.connect(&target).await?;
    let target_path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let headers = client.headers(Headers::Browser, &target, RequestKind::WebSocket);
    Ok(WebSocketConnection::open(http, &target_path, &headers, SILENCE_TIMEOUT).await?)
}

/// Returns true if connecting again cannot help.
fn is_final(error: &RawError) -> bool {
    match error {
        RawError::Subscription(error) => {
            matches!(error, SubscribeError::Refused { .. } | SubscribeError::Protocol { .. })
        }
        RawError::Target(_)
        | RawError::Url { .. }
        | RawError::NotAStream { .. }
        | RawError::Network { .. }
        | RawError::TooLarge { .. } => true,
    }
}
