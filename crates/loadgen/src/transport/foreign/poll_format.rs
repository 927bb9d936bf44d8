//! How polls go on at a target server, and what is in their answers.

use std::str;

use http::HeaderName;
use http::header::{self, HeaderValue};
use wirebench_measure::Event;
use wirebench_protocol::{Cursor, Timestamp, Transport};
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::{PollCursor, Split, Subscribed, ValuePlace};

use super::message_format::MessageFormat;
use super::opening::ForeignOpening;
use super::resume::Validators;
use super::watch_format::Beside;
use crate::http::{HttpAnswer, RequestHeaders};
use crate::texts::{Misfit, split_body, text_at};

/// What a target file says of polls.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollFormat<'a> {
    cursor: &'a PollCursor,
    /// The statuses of an answer without a message.
    empty: &'a [u16],
    /// The pointer to what is split.
    messages: &'a str,
    split: Split,
    /// The server holds polls, but perhaps not one without a cursor.
    pub(super) are_held: bool,
    /// It holds that one, too.
    first_is_held: bool,
}

/// What the head of an answer says.
#[derive(Debug)]
pub(super) struct PollHead {
    validators: Validators,
    /// The cursor, if it is in a header.
    cursor: Option<String>,
    /// The number and the time of the message, if they are in headers.
    beside: [Option<String>; 2],
    /// The status says that there is no message.
    empty: bool,
}

impl<'a> PollFormat<'a> {
    /// Returns the format of short or long polling.
    pub(super) fn of(file: &'a TargetFile, transport: Transport) -> Self {
        if transport == Transport::LongPolling {
            let table = &file.long_polling;
            return Self {
                cursor: &table.cursor,
                empty: &table.empty.0,
                messages: &table.messages,
                split: table.split,
                are_held: true,
                first_is_held: table.subscribed == Subscribed::Sent,
            };
        }
        let table = &file.short_polling;
        Self {
            cursor: &table.cursor,
            empty: &table.empty.0,
            messages: &table.messages,
            split: table.split,
            are_held: false,
            first_is_held: false,
        }
    }

    /// Returns true if the server may hold the next poll, so that its answer does not say that the
    /// subscriber is subscribed.
    pub(super) fn is_held(&self, opening: &ForeignOpening<'_>) -> bool {
        self.first_is_held || (self.are_held && self.has_cursor(opening))
    }

    /// Returns true if an earlier answer has brought a cursor.
    fn has_cursor(&self, opening: &ForeignOpening<'_>) -> bool {
        match self.cursor {
            PollCursor::None => false,
            PollCursor::Validators => !opening.resume.validators().is_empty(),
            PollCursor::Header(_) | PollCursor::Pointer(_) => opening.resume.cursor().is_some(),
        }
    }

    /// Returns the path, the query and the headers of the next poll. `headers` are those of every
    /// poll.
    pub(super) fn request(
        &self,
        opening: &ForeignOpening<'_>,
        headers: &RequestHeaders,
    ) -> (String, RequestHeaders) {
        if !self.has_cursor(opening) {
            let before = opening.resume.before_first_poll();
            let date = [("http_date", before.as_str())];
            let number = opening.settings().number;
            let first = opening.foreign.first_headers(number, &date);
            return (opening.path(None), headers.with_all(first));
        }
        if *self.cursor == PollCursor::Validators {
            let Validators { tag, modified } = opening.resume.validators();
            let tag = tag.map(|tag| (header::IF_NONE_MATCH, tag));
            let modified = modified.map(|modified| (header::IF_MODIFIED_SINCE, modified));
            return (
                opening.path_after(Some("")),
                headers.with_all(tag.into_iter().chain(modified)),
            );
        }
        (opening.path_after(opening.resume.cursor().as_deref()), headers.clone())
    }

    /// Reads the head of an answer. `None`: its status is neither success nor one of those without a
    /// message.
    pub(super) fn head(&self, answer: &HttpAnswer, format: &MessageFormat<'_>) -> Option<PollHead> {
        let empty = self.empty.contains(&answer.status().as_u16());
        if !empty && !answer.status().is_success() {
            return None;
        }
        let value = |name: &HeaderName| answer.field(name);
        let validator = |name| value(name).and_then(|text| HeaderValue::from_str(text).ok());
        let validators = Validators {
            tag: validator(&header::ETAG),
            modified: validator(&header::LAST_MODIFIED),
        };
        let named = |name: &str| {
            HeaderName::try_from(name).ok().and_then(|name| value(&name).map(str::to_owned))
        };
        let cursor = match self.cursor {
            PollCursor::Header(name) => named(name),
            PollCursor::None | PollCursor::Validators | PollCursor::Pointer(_) => None,
        };
        let beside = |place: &ValuePlace| match place {
            ValuePlace::Header(name) => named(name),
            ValuePlace::None | ValuePlace::Pointer(_) | ValuePlace::EventId => None,
        };
        let beside = format.places().map_or([None, None], |places| places.map(beside));
        Some(PollHead { validators, cursor, beside, empty })
    }

    /// Returns the messages of an answer that arrived `at`, and keeps the cursor that it brings.
    /// `last` is the last message seen, before and afterwards.
    ///
    /// Without a cursor the server cannot know what is new. So a message is new if its number is
    /// above that of the last one.
    pub(super) fn read(
        &self,
        opening: &ForeignOpening<'_>,
        format: &MessageFormat<'_>,
        (head, body): (PollHead, &[u8]),
        (last, at): (&mut Cursor, Timestamp),
    ) -> Result<Vec<Event>, Misfit> {
        let body = str::from_utf8(body).map_err(|_| Misfit {
            found: "a body that is not UTF-8".to_owned(),
            expected: "text".to_owned(),
        })?;
        let is_empty = head.empty || body.trim().is_empty();
        let texts =
            if is_empty { Vec::new() } else { split_body(body, self.messages, self.split)? };
        let mut events = Vec::new();
        for text in &texts {
            let [sequence, time] = head.beside.each_ref().map(Option::as_deref);
            let read = format.read(text, Beside { sequence, time }, at, opening.settings())?;
            let Some((cursor, event)) = read else { continue };
            if let Some(cursor) = cursor {
                if *self.cursor == PollCursor::None && cursor.seq <= last.seq {
                    continue;
                }
                *last = last.at(last.seq.max(cursor.seq));
            }
            events.push(event);
        }
        self.keep_cursor(opening, head, body, !texts.is_empty())?;
        Ok(events)
    }

    /// Keeps the cursor of an answer. One with messages must have one, if there is one at all.
    fn keep_cursor(
        &self,
        opening: &ForeignOpening<'_>,
        head: PollHead,
        body: &str,
        required: bool,
    ) -> Result<(), Misfit> {
        let (cursor, place) = match self.cursor {
            PollCursor::None => return Ok(()),
            PollCursor::Validators => {
                if !head.validators.is_empty() {
                    opening.resume.set_validators(head.validators);
                    return Ok(());
                }
                (None, "`ETag` or `Last-Modified`".to_owned())
            }
            PollCursor::Header(name) => (head.cursor, format!("the header `{name}`")),
            PollCursor::Pointer(pointer) => {
                let cursor = text_at(body, pointer).filter(|_| !head.empty);
                (cursor.map(Into::into), format!("a cursor at `{pointer}`"))
            }
        };
        match cursor {
            Some(cursor) => opening.resume.set_cursor(&cursor),
            None if required => {
                let found = "an answer with messages and without a cursor".to_owned();
                return Err(Misfit { found, expected: format!("{place} (`cursor`)") });
            }
            None => {}
        }
        Ok(())
    }
}
