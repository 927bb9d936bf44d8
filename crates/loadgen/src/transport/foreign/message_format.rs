//! Where the messages are in what a target server sends.

use std::borrow::Cow;

use serde_json::value::RawValue;
use wirebench_measure::Event;
use wirebench_protocol::{
    Cursor, Epoch, Message, PublishedMessage, TextPayload, Timestamp, Transport,
};
use wirebench_scenario::target::{PayloadEncoding, Split, ValuePlace};

use super::json_pointer::{at_pointer, content, text_at};
use super::misfit::Misfit;
use super::watch_format::{Beside, WatchFormat};
use crate::http::quote;
use crate::target::ForeignTarget;
use crate::transport::SubscriberSettings;
use crate::transport::client::CarriedMessage;

/// Which texts hold a message, and where in the text it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageFormat<'a> {
    /// The table of the target file that says so.
    table: &'static str,
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
        let (table, run) = (foreign.table(), foreign.run());
        let watch = WatchFormat::of(file, foreign.transport(), table);
        Self { table, select: &select.0, message, encoding, run, watch, foreign: Some(foreign) }
    }

    /// Returns where a message of somebody else has its number and its time.
    pub(super) fn places(&self) -> Option<[&'a ValuePlace; 2]> {
        self.watch.map(|watch| watch.places())
    }

    /// Returns true if the text holds a message.
    fn selects(&self, text: &str) -> bool {
        self.select
            .iter()
            .all(|(pointer, expected)| text_at(text, pointer).as_deref() == Some(expected))
    }

    /// Returns true if some texts hold no message, and this one does.
    pub(super) fn singles_out(&self, text: &str) -> bool {
        !self.select.is_empty() && self.selects(text)
    }

    /// Notes what is not selected, for a run in which nothing else comes.
    #[cold]
    fn note_left_out(&self, text: &str) {
        let Some(foreign) = self.foreign else { return };
        let wanted = || {
            let each = self.select.iter().map(|(pointer, text)| format!("`{text}` at `{pointer}`"));
            each.collect::<Vec<_>>().join(" and ")
        };
        foreign.note_left_out(|| {
            format!("`{}`: expected {} (`select` of `[{}]`)", quote(text), wanted(), self.table)
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

/// Returns the texts in what a server sent at once.
pub(super) fn split(text: &str, by: Split) -> Result<Vec<&str>, Misfit> {
    match by {
        Split::One => Ok(vec![text]),
        Split::Lines => Ok(text.lines().filter(|line| !line.trim().is_empty()).collect()),
        Split::Array => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| Misfit {
                found: format!("`{}` ({error})", quote(text)),
                expected: "a JSON array (`split`)".to_owned(),
            })?;
            Ok(elements.into_iter().map(RawValue::get).collect())
        }
    }
}

/// Returns the texts in the body of an answer: those of what is at the pointer `messages`.
pub(super) fn split_body<'b>(
    body: &'b str,
    messages: &str,
    by: Split,
) -> Result<Vec<Cow<'b, str>>, Misfit> {
    let missing = || Misfit {
        found: format!("`{}`", quote(body)),
        expected: format!("messages at `{messages}` (`messages`)"),
    };
    let found = at_pointer(body, messages).ok_or_else(missing)?;
    if by == Split::Lines && !messages.is_empty() {
        let lines = content(found).into_owned();
        let lines = split(&lines, by)?;
        return Ok(lines.into_iter().map(|line| Cow::Owned(line.to_owned())).collect());
    }
    Ok(split(found, by)?.into_iter().map(Cow::Borrowed).collect())
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

    #[test]
    fn a_text_is_split_into_lines_or_elements() {
        assert_eq!(split("a\n\nb\r\n", Split::Lines).unwrap(), ["a", "b"]);
        assert_eq!(split(r#"[1, {"a": 2}]"#, Split::Array).unwrap(), ["1", r#"{"a": 2}"#]);
        assert_eq!(split("a\nb", Split::One).unwrap(), ["a\nb"]);
        assert!(split("{}", Split::Array).unwrap_err().expected.contains("array"));
        let body = r#"{"list":[1,2],"text":"1\n2"}"#;
        assert_eq!(split_body(body, "/list", Split::Array).unwrap(), ["1", "2"]);
        assert_eq!(split_body(body, "/text", Split::Lines).unwrap(), ["1", "2"]);
        let misfit = split_body(body, "/messages", Split::Array).unwrap_err();
        assert_eq!(misfit.expected, "messages at `/messages` (`messages`)");
    }
}
