//! Where the messages are in what a target server sends.

use std::borrow::Cow;

use wirebench_measure::Event;
use wirebench_protocol::{
    Cursor, Epoch, Message, PublishedMessage, TextPayload, Timestamp, Transport,
};
use wirebench_scenario::target::{Pattern, PayloadEncoding, ValuePlace};

use super::watch_format::{Beside, WatchFormat};
use crate::http::quote;
use crate::target::ForeignTarget;
use crate::texts::{Misfit, at_pointer, content, text_at};
use crate::transport::SubscriberSettings;
use crate::transport::client::CarriedMessage;

/// Which texts hold a message, and where in the text it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageFormat<'a> {
    /// The table of the target file that says so.
    table: &'static str,
    /// The pattern of the whole text. `None`: any text.
    matching: Option<&'a Pattern>,
    /// Pointers, and the text at each.
    select: &'a [(String, String)],
    /// The pointer to the message.
    message: &'a str,
    encoding: PayloadEncoding,
    /// Messages of other runs are ignored, unless somebody else publishes.
    run: Epoch,
    /// How to read what somebody else publishes. `None`: wirebench publishes.
    watch: Option<WatchFormat<'a>>,
    /// Notes texts that hold no message. `None` in tests of the format alone.
    foreign: Option<&'a ForeignTarget>,
}

impl<'a> MessageFormat<'a> {
    /// Returns the format of the target's transport.
    pub(super) fn of(foreign: &'a ForeignTarget) -> Self {
        let file = foreign.file();
        let (select, message, encoding) = match foreign.transport() {
            Transport::ShortPolling => {
                let table = &file.short_polling;
                (&table.select, &table.message, table.encoding)
            }
            Transport::LongPolling => {
                let table = &file.long_polling;
                (&table.select, &table.message, table.encoding)
            }
            Transport::Sse => (&file.sse.select, &file.sse.message, file.sse.encoding),
            Transport::WebSocket => {
                let table = &file.websocket;
                (&table.select, &table.message, table.encoding)
            }
            Transport::SocketIo => {
                let table = &file.socket_io;
                (&table.select, &table.message, table.encoding)
            }
        };
        let matching = match foreign.transport() {
            Transport::WebSocket => Some(&file.websocket.matching).filter(|it| !it.is_empty()),
            Transport::ShortPolling
            | Transport::LongPolling
            | Transport::Sse
            | Transport::SocketIo => None,
        };
        let (table, run) = (foreign.table(), foreign.run());
        let watch = WatchFormat::of(file, foreign.transport(), table);
        Self {
            table,
            matching,
            select: &select.0,
            message,
            encoding,
            run,
            watch,
            foreign: Some(foreign),
        }
    }

    /// Returns the format of texts that all hold a message, at this pointer.
    pub(super) fn missed<'b>(&self, message: &'b str) -> MessageFormat<'b>
    where
        'a: 'b,
    {
        MessageFormat { matching: None, select: &[], message, ..*self }
    }

    /// Returns where a message of somebody else has its number and its time.
    pub(super) fn places(&self) -> Option<[&'a ValuePlace; 2]> {
        self.watch.map(|watch| watch.places())
    }

    /// Returns true if the text holds a message.
    fn selects(&self, text: &str) -> bool {
        self.matching.is_none_or(|pattern| pattern.matches(text))
            && self
                .select
                .iter()
                .all(|(pointer, expected)| text_at(text, pointer).as_deref() == Some(expected))
    }

    /// Returns true if some texts hold no message, and this one does.
    pub(super) fn singles_out(&self, text: &str) -> bool {
        (self.matching.is_some() || !self.select.is_empty()) && self.selects(text)
    }

    /// Notes what is not selected, for a run in which nothing else comes.
    #[cold]
    fn note_left_out(&self, text: &str) {
        let Some(foreign) = self.foreign else { return };
        let wanted = || {
            let pattern = self.matching.map(|pattern| format!("`{}`", pattern.text()));
            let each = self.select.iter().map(|(pointer, text)| format!("`{text}` at `{pointer}`"));
            pattern.into_iter().chain(each).collect::<Vec<_>>().join(" and ")
        };
        let keys = match (self.matching, self.select) {
            (None, _) => "`select`",
            (Some(_), []) => "`matching`",
            (Some(_), _) => "`matching` and `select`",
        };
        foreign.note_left_out(|| {
            format!("`{}`: expected {} ({keys} of `[{}]`)", quote(text), wanted(), self.table)
        });
    }

    /// Reads the message of a text that arrived `at`, and its place in the feed, if that is known.
    /// `beside` is what a message of somebody else has outside of its text. `None`: the text holds no
    /// message, or one of another run.
    pub(super) fn read(
        &self,
        text: &str,
        beside: Beside<'_>,
        at: Timestamp,
        settings: &SubscriberSettings,
    ) -> Result<Option<(Option<Cursor>, Event)>, Misfit> {
        if !self.selects(text) {
            self.note_left_out(text);
            return Ok(None);
        }
        let json = self.message(text)?;
        if let Some(watch) = &self.watch {
            let message = watch.read(&json, beside, at, (self.run, settings.payloads))?;
            return Ok(Some((message.cursor, Event::Watched(message))));
        }
        self.published(text, &json, at, settings)
    }

    /// Returns the message in a text.
    fn message<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Misfit> {
        let found = at_pointer(text, self.message).ok_or_else(|| Misfit {
            found: format!("`{}`", quote(text)),
            expected: format!("a message at `{}` (`message` of `[{}]`)", self.message, self.table),
        })?;
        Ok(match self.encoding {
            PayloadEncoding::Json => Cow::Borrowed(found),
            PayloadEncoding::JsonString => content(found),
        })
    }

    /// Reads a message of wirebench's own. `None`: it is one of another run.
    fn published(
        &self,
        text: &str,
        json: &str,
        at: Timestamp,
        settings: &SubscriberSettings,
    ) -> Result<Option<(Option<Cursor>, Event)>, Misfit> {
        let published: PublishedMessage<'_> = serde_json::from_str(json).map_err(|error| {
            let place = if self.message.is_empty() { "as a whole" } else { self.message };
            let expected = format!(
                "what was published, `{{\"run\":…,\"seq\":…}}`, {place}: {error} (`select`, \
                 `message` and `encoding` of `[{}]`)",
                self.table
            );
            Misfit { found: format!("`{}`", quote(text)), expected }
        })?;
        if published.run != self.run {
            return Ok(None);
        }
        let PublishedMessage { run, seq, published_at, payload } = published;
        let cursor = Cursor { epoch: run, seq };
        let message = Message { seq, published_at, payload: TextPayload::Json(payload) };
        Ok(Some((Some(cursor), CarriedMessage::text(cursor, &message).received(at, settings))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Epoch = Epoch(0xab);

    fn format<'a>(
        select: &'a [(String, String)],
        message: &'a str,
        encoding: PayloadEncoding,
    ) -> MessageFormat<'a> {
        MessageFormat {
            table: "sse",
            matching: None,
            select,
            message,
            encoding,
            run: RUN,
            watch: None,
            foreign: None,
        }
    }

    fn published(seq: u64, run: Epoch) -> String {
        format!(r#"{{"run":"{:016x}","seq":{seq},"published_ns":5,"payload":[1, 2]}}"#, run.0)
    }

    /// Returns the number and the size of the payload of the message in a text.
    fn read(format: MessageFormat<'_>, text: &str) -> Result<Option<(u64, usize)>, Misfit> {
        let at = Timestamp::from_nanos(9);
        let read = format.read(text, Beside::default(), at, &SubscriberSettings::default())?;
        Ok(read.map(|(cursor, event)| match event {
            Event::Received { published_at, received_at, payload_bytes, .. } => {
                assert_eq!(published_at, Timestamp::from_nanos(5));
                assert_eq!(received_at, at);
                let Cursor { epoch, seq } = cursor.expect("it is numbered");
                assert_eq!(epoch, RUN);
                (seq, payload_bytes)
            }
            other => panic!("{other:?}"),
        }))
    }

    #[test]
    fn a_message_is_found_where_the_target_says() {
        let plain = published(7, RUN);
        let string = serde_json::to_string(&plain).unwrap();
        let wrapped = format!(r#"{{"type":"m","data":[{plain}]}}"#);
        let in_string = format!(r#"{{"type":"m","data":{string}}}"#);
        let (json, json_string) = (PayloadEncoding::Json, PayloadEncoding::JsonString);
        for (message, encoding, text) in [
            ("", json, &plain),
            ("", json_string, &string),
            ("/data/0", json, &wrapped),
            ("/data", json_string, &in_string),
        ] {
            assert_eq!(read(format(&[], message, encoding), text), Ok(Some((7, 6))), "{text}");
        }
    }

    #[test]
    fn texts_that_are_not_selected_and_messages_of_other_runs_are_ignored() {
        let select = [("/type".to_owned(), "m".to_owned()), ("/n".to_owned(), "1".to_owned())];
        let format = format(&select, "/data", PayloadEncoding::Json);
        let text = |kind: &str, n: u64, run| {
            format!(r#"{{"type":"{kind}","n":{n},"data":{}}}"#, published(3, run))
        };
        assert_eq!(read(format, &text("m", 1, RUN)), Ok(Some((3, 6))));
        assert_eq!(read(format, &text("other", 1, RUN)), Ok(None));
        assert_eq!(read(format, &text("m", 2, RUN)), Ok(None));
        assert_eq!(read(format, &text("m", 1, Epoch(1))), Ok(None));
        assert_eq!(read(format, "hello"), Ok(None));
        assert!(format.singles_out(&text("m", 1, RUN)));
    }

    #[test]
    fn what_the_pointer_does_not_find_is_said_with_what_came() {
        let json = PayloadEncoding::Json;
        let misfit = read(format(&[], "/data/x", json), r#"{"data":1}"#).unwrap_err();
        assert_eq!(misfit.found, r#"`{"data":1}`"#);
        assert_eq!(misfit.expected, "a message at `/data/x` (`message` of `[sse]`)");
        let misfit = read(format(&[], "", json), "hello").unwrap_err();
        assert_eq!(misfit.found, "`hello`");
        assert!(misfit.expected.contains("`message` and `encoding` of `[sse]`"), "{misfit:?}");
    }
}
