//! Server-sent events: one response that never ends.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, Message, Timestamp, Transport};

use super::{Client, Opening, Settings, received};
use crate::error::SubscribeError;
use crate::event_stream::{Block, Decoder};
use crate::exchange::{Body, Http};
use crate::headers::Kind;

/// How long the stream may be silent: three of the server's comments.
const SILENCE: Duration = Duration::from_secs(45);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Reads the stream piece by piece.
pub(super) struct Sse<'a> {
    opening: Opening<'a>,
    /// `None` until the first event is asked for.
    stream: Option<Open>,
}

struct Open {
    http: Http,
    body: Body,
    settings: Settings,
    decoder: Decoder,
    /// What is left of the piece that was read last.
    piece: Bytes,
    /// When dialling began, until the first cursor.
    dialled: Option<Timestamp>,
    /// What the last block said and the caller has not had yet.
    events: VecDeque<Event>,
}

impl<'a> Sse<'a> {
    pub(super) fn new(opening: Opening<'a>) -> Self {
        Self { opening, stream: None }
    }
}

impl Client for Sse<'_> {
    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        if self.stream.is_none() {
            self.stream = Some(Open::open(&self.opening).await?);
        }
        let stream = self.stream.as_mut().expect("it has just been opened");
        loop {
            if let Some(event) = stream.events.pop_front() {
                return Ok(Some(event));
            }
            // `retry:` counts without an event, and perhaps nothing comes after it.
            if stream.decode()? || !stream.events.is_empty() {
                continue;
            }
            // Once it stands: until then the deadline of the opening holds.
            if stream.dialled.is_none() {
                stream.http.allow(SILENCE);
            }
            match stream.http.piece(&mut stream.body).await? {
                Some(piece) => stream.piece = piece,
                None => return Ok(None),
            }
        }
    }
}

impl Open {
    async fn open(opening: &Opening<'_>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let mut http = Http::open(opening.dialer, opening.target).await?;
        let mut headers = opening.headers(Kind::EventSource);
        let uri = ask(&opening.target.feed, opening.after, &mut headers);
        let answer = http.get(uri, headers).await?;
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(is_event_stream) {
            return Err(http.unexpected(kind.unwrap_or("no content type"), "`text/event-stream`"));
        }
        Ok(Self {
            http,
            body: answer.into_body(),
            settings: opening.settings,
            decoder: Decoder::default(),
            piece: Bytes::new(),
            dialled: Some(dialled),
            events: VecDeque::new(),
        })
    }

    /// Decodes the next block into events; `false` when a new piece is needed.
    fn decode(&mut self) -> Result<bool, SubscribeError> {
        // The last piece completed the block: nothing was read since.
        let at = self.http.arrived_at();
        let mut rest = &self.piece[..];
        let block = self.decoder.decode(&mut rest).map_err(|error| error.to_string());
        let used = self.piece.len() - rest.len();
        let understood = match block {
            Ok(None) => Ok(false),
            Ok(Some(block)) => {
                understand(block, at, &self.settings, &mut self.dialled, &mut self.events)
                    .map(|()| true)
            }
            Err(too_large) => Err(too_large),
        };
        self.piece.advance(used);
        let retry = self.decoder.take_retry();
        self.events.extend(retry.map(|after| Event::Retry { after }));
        understood
            .map_err(|found| self.http.unexpected(&found, "an event with a cursor and a message"))
    }
}

/// What a block says, as events. The error is what was found instead.
fn understand(
    block: Block<'_>,
    at: Timestamp,
    settings: &Settings,
    dialled: &mut Option<Timestamp>,
    events: &mut VecDeque<Event>,
) -> Result<(), String> {
    let cursor: Cursor = block.id.parse().map_err(|error| format!("an event with a {error}"))?;
    if let Some(dialled) = dialled.take() {
        events.push_back(Event::Connected { took: at.saturating_since(dialled), cursor });
    }
    let Some(event) = block.event else { return Ok(()) };
    let malformed = |error| format!("`{}` ({error})", event.data);
    match event.kind {
        "message" => {
            let message: Message<'_> = serde_json::from_str(event.data).map_err(malformed)?;
            events.push_back(received(cursor, &message, at, settings));
        }
        "gap" => {
            let gap: Gap = serde_json::from_str(event.data).map_err(malformed)?;
            events.push_back(Event::Gap { gap, cursor });
        }
        // As an EventSource without a listener for it.
        _ => {}
    }
    Ok(())
}

/// Where to subscribe: a cursor goes where an EventSource that resumes puts it.
fn ask(feed: &str, after: After, headers: &mut HeaderMap) -> Uri {
    let mut path = Transport::Sse.path(feed);
    match after {
        After::Newest => {}
        After::Start => path.push_str("?after=start"),
        After::Cursor(cursor) => {
            let value = HeaderValue::try_from(cursor.to_string());
            headers.insert(LAST_EVENT_ID, value.expect("a cursor is a header value"));
        }
    }
    path.parse().expect("a path of a parsed URL is a URI")
}

/// Whether a content type is `text/event-stream`, whatever its parameters.
pub(crate) fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}
