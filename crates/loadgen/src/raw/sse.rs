//! An `EventSource` (WHATWG HTML, section 9.2) for any server.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

use super::decoded_events::{DecodedEvents, RawEvent};
use super::error::{RECONNECTION_TIME, RawError};
use crate::event_stream::is_event_stream;
use crate::target::TargetError;

/// The maximum number of redirects, as in the Fetch standard.
const MAX_REDIRECTS: usize = 20;

/// Follows the event stream at `url` as an `EventSource` does.
///
/// Redirects are followed; an answer other than 200 with `text/event-stream` fails for good. When
/// the stream ends or the network fails, it is requested again after the reconnection time (3 s
/// until the stream sets another with `retry`), with `Last-Event-ID` if an ID was received. So the
/// stream ends only with an error.
///
/// With `once` there is one connection: the stream ends after a complete response, and with an
/// error after anything else.
pub fn events(url: &str, once: bool) -> BoxStream<'static, Result<RawEvent, RawError>> {
    let source = EventSource::new(url).map(|source| EventSource { once, ..source });
    stream::once(std::future::ready(source))
        .map_ok(|source| {
            stream::try_unfold(source, |mut source| async move {
                Ok(source.next().await?.map(|event| (event, source)))
            })
        })
        .try_flatten()
        .boxed()
}

struct EventSource {
    client: reqwest::Client,
    url: Url,
    once: bool,
    reconnection_time: Duration,
    last_event_id: String,
    /// The response that is being read.
    open: Option<OpenResponse>,
    /// There was a connection before. Only the first one is made without waiting.
    connected_before: bool,
}

struct OpenResponse {
    response: Response,
    events: DecodedEvents,
}

impl EventSource {
    fn new(url: &str) -> Result<Self, RawError> {
        let malformed = || RawError::Url { url: url.to_owned() };
        if crate::target::parse(url)?.encrypted {
            return Err(TargetError::Encrypted { url: url.to_owned() }.into());
        }
        let url = Url::parse(url).map_err(|_| malformed())?;
        if url.scheme() != "http" {
            return Err(malformed());
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::limited(MAX_REDIRECTS))
            // One connection at a time, and a new one for each request.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client without TLS needs nothing from the system");
        Ok(Self {
            client,
            url,
            once: false,
            reconnection_time: RECONNECTION_TIME,
            last_event_id: String::new(),
            open: None,
            connected_before: false,
        })
    }

    /// Returns the next event. With `once`, returns `None` after a complete response.
    async fn next(&mut self) -> Result<Option<RawEvent>, RawError> {
        loop {
            if self.open.is_none() {
                if std::mem::replace(&mut self.connected_before, true) {
                    tokio::time::sleep(self.reconnection_time).await;
                }
                self.open = match self.connect().await {
                    Ok(open) => Some(open),
                    Err(error) if self.is_final(&error) => return Err(error),
                    Err(_) => continue,
                };
            }
            if let Some(event) = self.decode()? {
                return Ok(Some(event));
            }
            let open = self.open.as_mut().expect("it has just been opened");
            match open.response.chunk().await {
                Ok(Some(piece)) => open.events.feed(piece),
                Ok(None) if self.once => return Ok(None),
                Err(source) if self.once => return Err(self.network(source)),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }

    /// Returns true if the standard gives up for good instead of connecting again.
    fn is_final(&self, error: &RawError) -> bool {
        match error {
            // A redirect that leads nowhere, or in a circle, will do so again.
            RawError::Network { source, .. } => {
                self.once || source.is_redirect() || source.is_builder()
            }
            RawError::Target(_)
            | RawError::Url { .. }
            | RawError::NotAStream { .. }
            | RawError::TooLarge { .. }
            | RawError::Subscription(_) => true,
        }
    }

    async fn connect(&self) -> Result<OpenResponse, RawError> {
        let mut request = self
            .client
            .get(self.url.clone())
            .header(ACCEPT, "text/event-stream")
            .header(CACHE_CONTROL, "no-store");
        if !self.last_event_id.is_empty() {
            // In UTF-8, as in the standard. An ID that no header can carry is not sent.
            if let Ok(id) = HeaderValue::from_bytes(self.last_event_id.as_bytes()) {
                request = request.header("last-event-id", id);
            }
        }
        let response = request.send().await.map_err(|source| self.network(source))?;
        let not_a_stream = |found: String, expected| {
            let url = response.url().to_string();
            Err(RawError::NotAStream { url, found, expected })
        };
        if response.status() != StatusCode::OK {
            return not_a_stream(response.status().to_string(), "200 OK");
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        if !kind.as_deref().is_some_and(is_event_stream) {
            let found = kind.map_or("no content type".to_owned(), |kind| format!("`{kind}`"));
            return not_a_stream(found, "`text/event-stream`");
        }
        Ok(OpenResponse { response, events: DecodedEvents::after(&self.last_event_id) })
    }

    /// Returns the next event of what has been read.
    fn decode(&mut self) -> Result<Option<RawEvent>, RawError> {
        let Some(OpenResponse { events, .. }) = &mut self.open else { return Ok(None) };
        let next = events.next();
        events.last_id().clone_into(&mut self.last_event_id);
        self.reconnection_time = events.retry().unwrap_or(self.reconnection_time);
        next.map_err(|_| RawError::TooLarge { url: self.url.to_string() })
    }

    fn network(&self, source: reqwest::Error) -> RawError {
        RawError::Network { url: self.url.to_string(), source }
    }
}
