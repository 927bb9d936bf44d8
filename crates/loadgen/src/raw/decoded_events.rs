//! The events in the pieces of a stream.

use std::time::Duration;

use bytes::{Buf, Bytes};
use serde::Serialize;

use crate::event_stream::{Decoder, TooLarge};

/// An event as it is dispatched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RawEvent {
    /// The type. It is `message` if the stream names none.
    #[serde(rename = "type")]
    pub kind: String,
    /// The lines of data, joined by LF.
    pub data: String,
    /// The last event ID.
    pub id: String,
}

/// Turns the pieces of one event stream into events.
#[derive(Debug, Default)]
pub(super) struct DecodedEvents {
    decoder: Decoder,
    /// The part of the last piece that is not decoded yet.
    piece: Bytes,
    last_id: String,
    retry: Option<Duration>,
}

impl DecodedEvents {
    /// Continues after an event with this id, which an event without one then has.
    pub(super) fn after(last_id: &str) -> Self {
        Self { decoder: Decoder::after(last_id), last_id: last_id.to_owned(), ..Self::default() }
    }

    /// Takes the next piece, once [`next`](Self::next) has returned `None`.
    pub(super) fn feed(&mut self, piece: Bytes) {
        self.piece = piece;
    }

    /// Returns the next event, and `None` if that needs another piece.
    pub(super) fn next(&mut self) -> Result<Option<RawEvent>, TooLarge> {
        loop {
            let mut rest = &self.piece[..];
            let block = self.decoder.decode(&mut rest)?;
            let used = self.piece.len() - rest.len();
            let is_block = block.is_some();
            let event = block.and_then(|block| {
                block.id.clone_into(&mut self.last_id);
                let event = block.event?;
                let (kind, data) = (event.kind.to_owned(), event.data.to_owned());
                Some(RawEvent { kind, data, id: block.id.to_owned() })
            });
            self.piece.advance(used);
            self.retry = self.decoder.take_retry().or(self.retry);
            if event.is_some() || !is_block {
                return Ok(event);
            }
        }
    }

    /// Returns the last id, which may have come without data. Empty: none.
    pub(super) fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Returns the reconnection time, if the stream has set one.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns how many comments there were, up to 65,535.
    pub(super) fn comments(&self) -> u16 {
        self.decoder.comments()
    }
}
