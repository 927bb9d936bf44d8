//! The answer to one `GET`, whatever the server says.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::decoded_events::{DecodedEvents, RawEvent};
use super::error::RawError;
use super::server::RawServer;
use crate::event_stream::is_event_stream;
use crate::http::{ClientConnection, RequestKind, ResponseBody};
use crate::tls::TrustedCertificates;

/// Whoever asks decides how long to wait: the connection itself waits for a year.
const SILENCE_TIMEOUT: Duration = Duration::from_hours(365 * 24);

/// The head of an answer, and its body as far as it is asked for.
pub struct RawAnswer {
    url: String,
    status: StatusCode,
    headers: HeaderMap,
    connection: ClientConnection,
    body: ResponseBody,
}

/// The events in the body of an answer.
#[derive(Debug)]
pub struct RawEvents {
    answer: RawAnswer,
    decoded: DecodedEvents,
}

/// Asks for `url` (`http://` or `https://`) once, with the headers of a browser and with `more`,
/// which replace them. Redirects are not followed, since a target file names the last URL.
///
/// # Errors
///
/// [`RawError`] if there is no answer.
pub async fn get(
    url: &str,
    more: HeaderMap,
    trusted: &TrustedCertificates,
) -> Result<RawAnswer, RawError> {
    fetch(url, RequestKind::Fetch, more, trusted).await
}

/// Does what [`get`] does, with the headers of a request of this kind.
pub(super) async fn fetch(
    url: &str,
    kind: RequestKind,
    more: HeaderMap,
    trusted: &TrustedCertificates,
) -> Result<RawAnswer, RawError> {
    let server = RawServer::of(url, trusted, HeaderMap::new()).await?;
    let mut connection = server.connect().await?;
    connection.allow(SILENCE_TIMEOUT);
    // As in runs with a target file: this client cannot inflate.
    let identity = (header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let headers = server.headers(kind).with_all([identity]);
    let more = more.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let answer = connection.get(&server.path, &headers.with_all(more)).await?;
    Ok(RawAnswer {
        url: url.to_owned(),
        status: answer.status(),
        headers: answer.to_map(),
        connection,
        body: answer.into_body(),
    })
}

impl RawAnswer {
    /// Returns the URL that was asked for.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns all fields of the head.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns true if the body is a stream of events.
    pub fn is_event_stream(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        self.status == StatusCode::OK && kind.is_some_and(is_event_stream)
    }

    /// Returns the whole body.
    ///
    /// # Errors
    ///
    /// [`RawError`] if the connection breaks before its end, or if it is larger than 256 MiB.
    pub async fn whole(mut self) -> Result<Bytes, RawError> {
        Ok(self.connection.whole(self.body).await?)
    }

    /// Returns the events in the body.
    pub fn into_events(self) -> RawEvents {
        self.into_events_after("")
    }

    /// Returns the events in the body of an answer that continues after an event with this id.
    pub(super) fn into_events_after(self, last_id: &str) -> RawEvents {
        RawEvents { answer: self, decoded: DecodedEvents::after(last_id) }
    }
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAnswer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl RawEvents {
    /// Returns the next event, and `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// [`RawError`] if the connection breaks, or if an event is larger than 16 MiB.
    ///
    /// # Cancel safety
    ///
    /// No event is lost.
    pub async fn next(&mut self) -> Result<Option<RawEvent>, RawError> {
        let Self { answer, decoded } = self;
        loop {
            let next = decoded.next();
            let next = next.map_err(|_| RawError::TooLarge { url: answer.url.clone() })?;
            if next.is_some() {
                return Ok(next);
            }
            match answer.connection.piece(&mut answer.body).await? {
                Some(piece) => decoded.feed(piece),
                None => return Ok(None),
            }
        }
    }

    /// Returns the last id, which may have come without data. Empty: none.
    pub fn last_id(&self) -> &str {
        self.decoded.last_id()
    }

    /// Returns the time after which clients come back, if the stream has set one.
    pub fn retry(&self) -> Option<Duration> {
        self.decoded.retry()
    }

    /// Returns how many comments there were, up to 65,535: servers send them as heartbeats.
    pub fn comments(&self) -> u16 {
        self.decoded.comments()
    }
}
