//! The decoder of event streams: WHATWG HTML, section 9.2.6, for chunks that are cut anywhere.

use std::time::Duration;

use memchr::{memchr, memchr2};

/// The maximum size of an event. A larger one is an error, so that no server can fill the memory.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// The capacity that a buffer may keep from one event to the next.
const KEPT_BYTES: usize = 4 << 10;

/// Turns the bytes of one event stream into blocks.
///
/// Lines are split as bytes and decoded afterwards. That gives the same text as the standard's
/// order (decode, then split), because neither CR, LF nor `:` is ever part of a longer UTF-8
/// sequence.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, not one state")]
pub(crate) struct Decoder {
    /// The beginning of a line whose end is in a later chunk.
    line: Vec<u8>,
    /// The data buffer of the standard: each line with an LF after it.
    data: String,
    /// The event type buffer of the standard.
    kind: String,
    /// The last event ID buffer of the standard: it outlives the block.
    id: String,
    /// The block has an `id` field, so it says something even without data.
    id_set: bool,
    retry: Option<Duration>,
    /// How many lines were comments, up to the maximum: servers send them as heartbeats.
    comments: u16,
    /// The last line ended with CR. An LF that follows belongs to it.
    after_cr: bool,
    /// The first line was read, and with it the byte order mark, if any.
    started: bool,
    /// The last block lent `data` and `kind` to the caller. They are cleared by the next call.
    lent: bool,
}

/// What a blank line ends: an event, an id for later, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The last event ID from this block on.
    pub(crate) id: &'a str,
    /// `None` if the block had no data: nothing is dispatched, but its id counts.
    pub(crate) event: Option<DispatchedEvent<'a>>,
}

/// An event as `EventSource` dispatches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DispatchedEvent<'a> {
    /// The type. It is `message` if the stream names none.
    pub(crate) kind: &'a str,
    /// The lines of data, joined by LF.
    pub(crate) data: &'a str,
}

/// An event larger than [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {} MiB", MAX_EVENT_BYTES >> 20)]
pub(crate) struct TooLarge;

impl Decoder {
    /// Creates a decoder for a stream that continues after `last_event_id`, which an event without
    /// an `id` then has.
    ///
    /// The standard initialises this buffer to the empty string for each stream. Browsers keep it
    /// over a reconnection; otherwise an event without an id would lose the place in the feed.
    pub(crate) fn after(last_event_id: &str) -> Self {
        Self { id: last_event_id.to_owned(), ..Self::default() }
    }

    /// Consumes `chunk` up to the end of the next block and returns the block, or `None` when
    /// `chunk` is used up. A last block without a blank line after it is dropped.
    pub(crate) fn decode(&mut self, chunk: &mut &[u8]) -> Result<Option<Block<'_>>, TooLarge> {
        if std::mem::take(&mut self.lent) {
            reuse(&mut self.data);
            self.kind.clear();
        }
        while self.next_line(chunk)? {
            if self.end_block() {
                self.lent = true;
                let event = self.data.strip_suffix('\n').map(|data| {
                    let kind = if self.kind.is_empty() { "message" } else { &self.kind };
                    DispatchedEvent { kind, data }
                });
                return Ok(Some(Block { id: &self.id, event }));
            }
        }
        Ok(None)
    }

    /// Returns the reconnection time, if the stream has set one since the last call.
    pub(crate) fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// Returns how many comments there were, up to 65,535.
    pub(crate) fn comments(&self) -> u16 {
        self.comments
    }

    /// Interprets lines. Returns true after a blank one, and false at the end of `chunk`.
    fn next_line(&mut self, chunk: &mut &[u8]) -> Result<bool, TooLarge> {
        loop {
            if self.after_cr && !chunk.is_empty() {
                self.after_cr = false;
                *chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
            }
            let Some(end) = memchr2(b'\n', b'\r', chunk) else {
                if self.data.len() + self.line.len() + chunk.len() > MAX_EVENT_BYTES {
                    return Err(TooLarge);
                }
                self.line.extend_from_slice(chunk);
                *chunk = &[];
                return Ok(false);
            };
            let line = &chunk[..end];
            self.after_cr = chunk[end] == b'\r';
            *chunk = &chunk[end + 1..];
            let blank = if self.line.is_empty() {
                self.interpret(line)?
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                let blank = self.interpret(&whole)?;
                whole.clear();
                whole.shrink_to(KEPT_BYTES);
                self.line = whole;
                blank
            };
            if blank {
                return Ok(true);
            }
        }
    }

    /// Interprets one line without its end. Returns true if it is blank.
    fn interpret(&mut self, mut line: &[u8]) -> Result<bool, TooLarge> {
        if !self.started {
            self.started = true;
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        let (name, value) = match memchr(b':', line) {
            _ if line.is_empty() => return Ok(true),
            Some(0) => {
                self.comments = self.comments.saturating_add(1);
                return Ok(false);
            }
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match name {
            b"data" => {
                if self.data.len() + value.len() > MAX_EVENT_BYTES {
                    return Err(TooLarge);
                }
                push_decoded(&mut self.data, value);
                self.data.push('\n');
            }
            b"event" => {
                self.kind.clear();
                push_decoded(&mut self.kind, value);
            }
            b"id" if memchr(0, value).is_none() => {
                self.id.clear();
                push_decoded(&mut self.id, value);
                self.id_set = true;
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let millis = value.iter().fold(0_u64, |millis, digit| {
                    millis.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
                });
                self.retry = Some(Duration::from_millis(millis));
            }
            _ => {}
        }
        Ok(false)
    }

    /// Ends a block after a blank line. Returns true if the block says anything.
    fn end_block(&mut self) -> bool {
        let id_set = std::mem::take(&mut self.id_set);
        if self.data.is_empty() && !id_set {
            self.kind.clear();
            return false;
        }
        true
    }
}

fn reuse(buffer: &mut String) {
    buffer.clear();
    buffer.shrink_to(KEPT_BYTES);
}

fn push_decoded(text: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(valid) => text.push_str(valid),
        Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
    }
}

/// Returns true if a content type is `text/event-stream`, whatever its parameters.
pub(crate) fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The blocks of a stream, as `(id, Some((type, data)))`, and the last reconnection time.
    type Blocks = (Vec<(String, Option<(String, String)>)>, Option<Duration>);

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Blocks {
        let mut decoder = Decoder::default();
        let mut blocks = Vec::new();
        for mut chunk in chunks {
            while let Some(block) = decoder.decode(&mut chunk).expect("no event is too large") {
                let event = block.event.map(|event| (event.kind.to_owned(), event.data.to_owned()));
                blocks.push((block.id.to_owned(), event));
            }
            assert!(chunk.is_empty(), "a chunk is used up before the next");
        }
        (blocks, decoder.take_retry())
    }

    /// Checks the dispatched events of `text` against `(type, data, id)`.
    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let (blocks, _) = decode([text.as_bytes()]);
        let events: Vec<_> = blocks
            .iter()
            .filter_map(|(id, event)| event.as_ref().map(|(kind, data)| (&**kind, &**data, &**id)))
            .collect();
        assert_eq!(events, expected, "of {text:?}");
    }

    #[test]
    fn the_examples_of_the_standard_are_decoded_as_it_says() {
        check("data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10", "")]);
        check(
            ": test stream\n\ndata: first event\nid: 1\n\n\
             data:second event\nid\n\ndata:  third event\n",
            &[("message", "first event", "1"), ("message", "second event", "")],
        );
        check(
            ": test stream\n\ndata: first event\nid: 1\n\n\
             data:second event\nid\n\ndata:  third event\n\n",
            &[
                ("message", "first event", "1"),
                ("message", "second event", ""),
                ("message", " third event", ""),
            ],
        );
        check("data\n\ndata\ndata\n\ndata:", &[("message", "", ""), ("message", "\n", "")]);
        check("data:test\n\ndata: test\n\n", &[("message", "test", ""), ("message", "test", "")]);
        check(
            "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
            &[("add", "73857293", ""), ("remove", "2153", "")],
        );
    }

    #[test]
    fn all_three_line_ends_end_a_line() {
        check(
            "data: a\rdata: b\r\rdata: c\r\n\r\n",
            &[("message", "a\nb", ""), ("message", "c", "")],
        );
        check("data: a\n\r\ndata: b\r\n\n", &[("message", "a", ""), ("message", "b", "")]);
    }

    #[test]
    fn one_byte_order_mark_is_removed_and_only_at_the_start() {
        check("\u{FEFF}data: a\n\n", &[("message", "a", "")]);
        check("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n", &[("message", "b", "")]);
        check("data: a\n\n\u{FEFF}data: b\n\n", &[("message", "a", "")]);
    }

    #[test]
    fn an_id_holds_until_the_next_and_one_with_nul_is_ignored() {
        check(
            "id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n",
            &[
                ("message", "a", "1"),
                ("message", "b", "1"),
                ("message", "c", "1"),
                ("message", "d", ""),
            ],
        );
    }

    #[test]
    fn a_block_without_data_dispatches_nothing_but_its_id_counts() {
        let (blocks, _) = decode([&b"event: x\nid: 7\n\ndata: a\n\n"[..]]);
        let event = Some(("message".to_owned(), "a".to_owned()));
        assert_eq!(blocks, [("7".to_owned(), None), ("7".to_owned(), event)]);
    }

    #[test]
    fn retry_takes_digits_only() {
        for (value, millis) in [
            ("retry: 1000", Some(1000)),
            ("retry:0", Some(0)),
            ("retry: 99999999999999999999999", Some(u64::MAX)),
            ("retry: 1s", None),
            ("retry: -1", None),
            ("retry:  1", None),
            ("retry", None),
        ] {
            let (_, retry) = decode([value.as_bytes(), b"\n"]);
            assert_eq!(retry, millis.map(Duration::from_millis), "of {value:?}");
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_ignored() {
        check(":\n: data: x\nDATA: x\n data: x\nfoo: x\ndata : x\n\n", &[]);
        check("data: a:b: c\n\n", &[("message", "a:b: c", "")]);
    }

    #[test]
    fn invalid_utf_8_becomes_the_replacement_character() {
        let (blocks, _) = decode([&b"data: a\xFFb\xE2\x82\n\n"[..]]);
        let event = Some(("message".to_owned(), "a\u{FFFD}b\u{FFFD}".to_owned()));
        assert_eq!(blocks, [(String::new(), event)]);
    }

    #[test]
    fn an_event_that_never_ends_is_an_error_and_does_not_fill_the_memory() {
        for line in
            [&b"data: xxxxxxxxxxxxxxxx"[..], b"data: xxxxxxxxxxxxxxx\n", b": xxxxxxxxxxxxxxxxxxxx"]
        {
            let chunk = line.repeat(1 << 10);
            let mut decoder = Decoder::default();
            let result = (0..2 << 10).try_for_each(|_| decoder.decode(&mut &*chunk).map(|_| ()));
            assert_eq!(result, Err(TooLarge), "of {:?}", String::from_utf8_lossy(line));
        }
    }

    prop_compose! {
        /// Text made of the pieces that decoders often get wrong.
        fn stream()(pieces in prop::collection::vec(prop::sample::select(vec![
            "data", "data:", "data: ", "id: ", "id", "event: ", "retry: ", ":",
            "\r", "\n", "\r\n", "\n\n", "\u{FEFF}", "x", "12", "é", "€", "😀", " ", "\0",
        ]), 0..60)) -> String {
            pieces.concat()
        }
    }

    proptest! {
        #[test]
        fn a_stream_decodes_to_the_same_events_however_it_is_split(
            text in prop_oneof![
                stream().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..80),
            ],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
            prop_assert_eq!(decode(chunks), decode([&*text]));
            prop_assert_eq!(decode(text.chunks(1)), decode([&*text]));
        }
    }
}
