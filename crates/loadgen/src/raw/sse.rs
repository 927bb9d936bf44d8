//! An `EventSource` (WHATWG HTML, section 9.2) for any server.

use std::time::Duration;

use futures::stream::BoxStream;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use reqwest::Url;

use super::answer::{RawAnswer, RawEvents, fetch};
use super::decoded_events::RawEvent;
use super::error::RawError;
use super::updates::{RawOptions, RawSource, RawUpdate, updates};
use crate::event_stream::is_event_stream;
use crate::http::RequestKind;

/// The maximum number of redirects, as in the Fetch standard.
const MAX_REDIRECTS: usize = 20;

/// Follows the event stream at `url` (`http://` or `https://`) as an `EventSource` does.
///
/// Redirects are followed; an answer other than 200 with `text/event-stream` fails for good. When
/// the stream ends or the network fails, it is requested again after the reconnection time (3 s
/// until the stream sets another with `retry`), with `Last-Event-ID` if an ID was received. So the
/// stream ends only with an error.
///
/// With `once` there is one connection: the stream ends after a complete response, and with an
/// error after anything else.
pub fn events(
    url: &str,
    options: &RawOptions,
) -> BoxStream<'static, Result<RawUpdate<RawEvent>, RawError>> {
    let source = EventSource {
        url: url.to_owned(),
        options: options.clone(),
        reconnection_time: None,
        last_event_id: String::new(),
    };
    updates(source, options.once)
}

struct EventSource {
    url: String,
    options: RawOptions,
    /// The time that the stream has set last.
    reconnection_time: Option<Duration>,
    last_event_id: String,
}

impl RawSource for EventSource {
    type Connection = RawEvents;
    type Item = RawEvent;

    async fn connect(&mut self) -> Result<RawEvents, RawError> {
        let mut url = Url::parse(&self.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| RawError::Url { url: self.url.clone() })?;
        let first = url.origin();
        for _ in 0..=MAX_REDIRECTS {
            // What a user sends to one server is not for another, as with `curl --location`.
            let own = url.origin() == first;
            let answer = self.ask(&url, own).await?;
            match redirected(&url, &answer) {
                Some(next) => url = next,
                None => return into_events(answer, &self.last_event_id),
            }
        }
        Err(RawError::Redirected { url: self.url.clone() })
    }

    async fn next(&mut self, events: &mut RawEvents) -> Result<Option<RawEvent>, RawError> {
        let next = events.next().await;
        events.last_id().clone_into(&mut self.last_event_id);
        self.reconnection_time = events.retry().or(self.reconnection_time);
        next
    }

    /// The standard gives up for good if the answer is no stream.
    fn is_final(&self, error: &RawError) -> bool {
        match error {
            RawError::Subscription(error) => error.is_permanent(),
            RawError::Target(_)
            | RawError::Url { .. }
            | RawError::NotAStream { .. }
            | RawError::Redirected { .. }
            | RawError::TooLarge { .. } => true,
        }
    }

    fn reconnection_time(&self) -> Duration {
        self.reconnection_time.unwrap_or(super::updates::RECONNECTION_TIME)
    }
}

impl EventSource {
    /// Asks once. `own` says whether the headers of the user go there.
    async fn ask(&self, url: &Url, own: bool) -> Result<RawAnswer, RawError> {
        let mut headers = if own { self.options.headers.clone() } else { HeaderMap::new() };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !self.last_event_id.is_empty() {
            // In UTF-8, as in the standard. An ID that no header can carry is not sent.
            if let Ok(id) = HeaderValue::from_bytes(self.last_event_id.as_bytes()) {
                headers.insert(HeaderName::from_static("last-event-id"), id);
            }
        }
        fetch(url.as_str(), RequestKind::EventSource, headers, &self.options.trusted).await
    }
}

/// Returns where an answer leads, if it is a redirect.
fn redirected(url: &Url, answer: &RawAnswer) -> Option<Url> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers().get(header::LOCATION).filter(|_| is_redirect)?;
    url.join(location.to_str().ok()?).ok()
}

fn into_events(answer: RawAnswer, last_event_id: &str) -> Result<RawEvents, RawError> {
    let not_a_stream = |found: String, expected| {
        Err(RawError::NotAStream { url: answer.url().to_owned(), found, expected })
    };
    if answer.status() != StatusCode::OK {
        return not_a_stream(answer.status().to_string(), "200 OK");
    }
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
    if !kind.as_deref().is_some_and(is_event_stream) {
        let found = kind.map_or("no content type".to_owned(), |kind| format!("`{kind}`"));
        return not_a_stream(found, "`text/event-stream`");
    }
    Ok(answer.into_events_after(last_event_id))
}
