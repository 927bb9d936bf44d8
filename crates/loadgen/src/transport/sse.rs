//! Server-sent events: one response that never ends.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use wirebench_measure::Event;
use wirebench_protocol::{After, Cursor, Gap, Message, Timestamp, Transport};

use super::client::{CarriedMessage, Client, Opening};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::event_stream::{Block, Decoder, is_event_stream};
use crate::http::{ClientConnection, RequestHeaders, RequestKind, ResponseBody};

/// How long the stream may be silent: three times the interval of the server's comments.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Reads the stream piece by piece.
pub(super) struct Sse {
    http: ClientConnection,
    body: ResponseBody,
    settings: SubscriberSettings,
    decoder: Decoder,
    /// The part of the last piece that is not decoded yet.
    piece: Bytes,
    /// When dialling began. `None` once the first cursor has arrived.
    dialled: Option<Timestamp>,
    /// The events of the last block that have not been returned yet.
    events: VecDeque<Event>,
}

impl<'a> Client<'a> for Sse {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let mut http = opening.connect().await?;
        let (target, headers) = request(&opening);
        let answer = http.get(&target, &headers).await?;
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let kind = answer.field(&header::CONTENT_TYPE);
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
            // More than one only if the first block brings a message.
            events: VecDeque::with_capacity(1),
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            // `retry:` counts without an event, and perhaps nothing comes after it.
            if self.decode()? || !self.events.is_empty() {
                continue;
            }
            // Until the first cursor has arrived, the deadline of the opening holds.
            if self.dialled.is_none() {
                self.http.allow(SILENCE_TIMEOUT);
            }
            match self.http.piece(&mut self.body).await? {
                Some(piece) => self.piece = piece,
                None => return Ok(None),
            }
        }
    }
}

impl Sse {
    /// Decodes the next block into events. Returns false if that needs another piece.
    fn decode(&mut self) -> Result<bool, SubscribeError> {
        // The last piece completed the block, and nothing was read since.
        let at = self.http.arrived_at();
        let mut rest = &self.piece[..];
        let block = self.decoder.decode(&mut rest).map_err(|error| error.to_string());
        let used = self.piece.len() - rest.len();
        let decoded = match block {
            Ok(None) => Ok(false),
            Ok(Some(block)) => {
                block_events(block, at, &self.settings, &mut self.dialled, &mut self.events)
                    .map(|()| true)
            }
            Err(too_large) => Err(too_large),
        };
        self.piece.advance(used);
        let retry = self.decoder.take_retry();
        self.events.extend(retry.map(|after| Event::Retry { after }));
        decoded
            .map_err(|found| self.http.unexpected(&found, "an event with a cursor and a message"))
    }
}

/// Appends what a block says to `events`. The error is what was found instead.
fn block_events(
    block: Block<'_>,
    at: Timestamp,
    settings: &SubscriberSettings,
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
            events.push_back(CarriedMessage::text(cursor, &message).received(at, settings));
        }
        "gap" => {
            let gap: Gap = serde_json::from_str(event.data).map_err(malformed)?;
            events.push_back(Event::Gap { gap, cursor });
        }
        // Ignored, as by an EventSource without a listener for it.
        _ => {}
    }
    Ok(())
}

/// Returns the path and query at which to subscribe, and the headers. A cursor goes into the header
/// in which an EventSource that resumes sends it.
fn request(opening: &Opening<'_>) -> (String, RequestHeaders) {
    let mut headers = opening.headers(RequestKind::EventSource);
    let in_query = match opening.after {
        After::Newest => After::Newest,
        After::Start => After::Start,
        After::Cursor(cursor) => {
            let value = HeaderValue::try_from(cursor.to_string());
            headers = headers.with(LAST_EVENT_ID, value.expect("a cursor is a header value"));
            After::Newest
        }
    };
    (opening.address(Transport::Sse, in_query), headers)
}
