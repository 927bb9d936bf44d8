//! Server-sent events of a target server, as an EventSource reads them.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use wirebench_measure::Event;
use wirebench_protocol::Timestamp;

use super::message_format::MessageFormat;
use super::opening::{ForeignOpening, SILENCE_TIMEOUT, closed_at_once};
use super::watch_format::Beside;
use crate::error::SubscribeError;
use crate::event_stream::{Block, Decoder, is_event_stream};
use crate::http::{ClientConnection, RequestHeaders, RequestKind, ResponseBody, quote};
use crate::socket_io::Connector;
use crate::texts::{Misfit, unexpected};
use crate::transport::client::Client;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Reads the stream piece by piece. The subscriber is subscribed when the head of the answer has
/// arrived: nothing else says so.
pub(super) struct ForeignSse<'a> {
    opening: ForeignOpening<'a>,
    format: MessageFormat<'a>,
    http: ClientConnection,
    body: ResponseBody,
    decoder: Decoder,
    /// The part of the last piece that is not decoded yet.
    piece: Bytes,
    /// Something has arrived after the head.
    heard: bool,
    /// The events that have not been returned yet.
    events: VecDeque<Event>,
}

impl<'a> Client<'a, ForeignOpening<'a>> for ForeignSse<'a> {
    async fn open(opening: ForeignOpening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let mut http = opening.connect().await?;
        let last_id = opening.resume.cursor();
        let path = opening.path_after(last_id.as_deref());
        let headers = headers(&opening, last_id.as_deref());
        let answer = http.get(&path, &headers).await?;
        if answer.status() != StatusCode::OK {
            return Err(http.refused(answer).await);
        }
        let kind = answer.field(&header::CONTENT_TYPE);
        if !kind.is_some_and(is_event_stream) {
            return Err(http.unexpected(kind.unwrap_or("no content type"), "`text/event-stream`"));
        }
        http.check_encoding(&answer)?;
        let took = http.arrived_at().saturating_since(dialled);
        http.allow(SILENCE_TIMEOUT);
        Ok(Self {
            format: MessageFormat::of(opening.foreign),
            http,
            body: answer.into_body(),
            decoder: last_id.as_deref().map_or_else(Decoder::default, Decoder::after),
            piece: Bytes::new(),
            heard: false,
            events: VecDeque::from([Event::Connected { took, cursor: opening.start() }]),
            opening,
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.decode()? || !self.events.is_empty() {
                continue;
            }
            self.http.allow(SILENCE_TIMEOUT);
            match self.http.piece(&mut self.body).await? {
                Some(piece) => (self.piece, self.heard) = (piece, true),
                None if self.heard => return Ok(None),
                None => return Err(closed_at_once(format!("`{}`", self.http.asked()))),
            }
        }
    }
}

impl ForeignSse<'_> {
    /// Decodes the next block into events. Returns false if that needs another piece.
    fn decode(&mut self) -> Result<bool, SubscribeError> {
        // The last piece completed the block, and nothing was read since.
        let at = self.http.arrived_at();
        let mut rest = &self.piece[..];
        let block = self.decoder.decode(&mut rest);
        let used = self.piece.len() - rest.len();
        let decoded = match block {
            Ok(None) => Ok(None),
            Ok(Some(block)) => message(&self.opening, &self.format, block, at).map(Some),
            Err(too_large) => {
                return Err(self.http.unexpected(&too_large.to_string(), "smaller events"));
            }
        };
        self.piece.advance(used);
        let retry = self.decoder.take_retry();
        self.events.extend(retry.map(|after| Event::Retry { after }));
        let asked = || format!("`{}`", self.http.asked());
        let decoded = decoded.map_err(|misfit| unexpected(asked(), misfit))?;
        let is_block = decoded.is_some();
        self.events.extend(decoded.flatten());
        Ok(is_block)
    }
}

/// Reads the message of a block, if it has one, and keeps its id.
fn message(
    opening: &ForeignOpening<'_>,
    format: &MessageFormat<'_>,
    block: Block<'_>,
    at: Timestamp,
) -> Result<Option<Event>, Misfit> {
    opening.resume.set_cursor(block.id);
    let Some(event) = block.event else { return Ok(None) };
    let wanted = &opening.foreign.file().sse.event;
    if event.kind != wanted {
        // Ignored, as by an EventSource without a listener for it.
        opening.foreign.note_left_out(|| {
            let (kind, data) = (event.kind, quote(event.data));
            format!("an event `{kind}` with `{data}`: expected `{wanted}` (`event` of `[sse]`)")
        });
        return Ok(None);
    }
    let id = Some(block.id);
    let beside = Beside { sequence: id, time: id };
    let read = format.read(event.data, beside, at, opening.settings())?;
    Ok(read.map(|(_, event)| event))
}

/// Returns the headers of the request. An id goes into the one in which an EventSource that resumes
/// sends it. An id that no header can hold is not sent.
fn headers(opening: &ForeignOpening<'_>, last_id: Option<&str>) -> RequestHeaders {
    let headers = opening.headers(RequestKind::EventSource);
    let id = last_id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
    headers.with_all(id.map(|id| (LAST_EVENT_ID, id)))
}
