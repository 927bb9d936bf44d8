//! A WebSocket client (RFC 6455) for any server.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use http::Uri;
use wirebench_scenario::{Headers, Link};

use super::{RECONNECTION_TIME, RawError};
use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::exchange::Http;
use crate::headers::{self, Kind};
use crate::target::{Parsed, Target, TargetError, parse, resolve};
use crate::tls::Believe;
use crate::websocket::{Message, WebSocket};

/// A foreign server need not ping: silence is no error here. A year, since a deadline has to be some date.
const SILENCE: Duration = Duration::from_hours(365 * 24);

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(String),
    /// Anything.
    Binary(bytes::Bytes),
}

/// Follows the WebSocket at `url` (`ws://`, `wss://`, or the same as `http`), whatever its path and query.
///
/// When the connection ends, another is opened 3 s later; a handshake that is answered with something
/// else than 101 fails for good.
///
/// With `once` there is one connection: `None` after a close handshake, an error for anything else.
pub fn frames(
    url: &str,
    believe: &Believe,
    once: bool,
) -> BoxStream<'static, Result<Frame, RawError>> {
    let source = Source {
        url: url.to_owned(),
        believe: believe.clone(),
        once,
        open: None,
        connected_before: false,
    };
    stream::unfold(Some(source), |source| async move {
        let mut source = source?;
        match source.next().await {
            Ok(frame) => Some((Ok(frame?), Some(source))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Source {
    url: String,
    believe: Believe,
    once: bool,
    /// The connection, while there is one.
    open: Option<WebSocket>,
    /// The first connection is made without waiting.
    connected_before: bool,
}

impl Source {
    async fn next(&mut self) -> Result<Option<Frame>, RawError> {
        loop {
            let Some(open) = &mut self.open else {
                if std::mem::replace(&mut self.connected_before, true) {
                    tokio::time::sleep(RECONNECTION_TIME).await;
                }
                match connect(&self.url, &self.believe).await {
                    Ok(open) => self.open = Some(open),
                    Err(error) if self.once || is_final(&error) => return Err(error),
                    Err(_) => {}
                }
                continue;
            };
            match open.next().await {
                Ok(Some(Message::Text(text))) => return Ok(Some(Frame::Text(text.to_string()))),
                Ok(Some(Message::Binary(bytes))) => return Ok(Some(Frame::Binary(bytes))),
                // `WebSocket::next` keeps the other kinds to itself.
                Ok(Some(_)) => {}
                Ok(None) if self.once => return Ok(None),
                Err(error) if self.once => return Err(error.into()),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }
}

async fn connect(url: &str, believe: &Believe) -> Result<WebSocket, RawError> {
    let Parsed { authority, uri, encrypted } = parse(url)?;
    let address = resolve(&authority, encrypted).await?;
    let trust = encrypted.then(|| believe.trust()).transpose().map_err(TargetError::from)?;
    let (authority, feed) = (authority.to_string(), String::new());
    let target = Target { authority, address, feed, trust };
    let dialer = Dialer::new(Link::default(), 0);
    let http = Http::open(&dialer, &target).await?;
    let path: Uri = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .parse()
        .map_err(|_| RawError::Url { url: url.to_owned() })?;
    let headers = headers::headers(Headers::Browser, &dialer, &target, Kind::WebSocket);
    Ok(WebSocket::open(http, path, headers, SILENCE).await?)
}

fn is_final(error: &RawError) -> bool {
    match error {
        RawError::WebSocket(SubscribeError::Refused { .. } | SubscribeError::Protocol { .. }) => {
            true
        }
        RawError::WebSocket(_) => false,
        _ => true,
    }
}
