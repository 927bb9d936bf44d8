//! The body of a poll that found something.

use bytes::Bytes;
use smallvec::SmallVec;
use wirebench_protocol::{CursorText, Gap};

/// `{"cursor":"…","gap":…,"messages":[…]}`, put together from messages that are encoded already.
#[derive(Debug)]
pub(crate) struct BatchBody {
    pub(crate) cursor: CursorText,
    pub(crate) gap: Option<Gap>,
    /// The message objects in JSON, in order.
    pub(crate) messages: SmallVec<[Bytes; 1]>,
}

const BEFORE_CURSOR: &str = "{\"cursor\":\"";
const AFTER_CURSOR: &str = "\",";
const BEFORE_MESSAGES: &str = "\"messages\":[";
const END: &str = "]}";

impl BatchBody {
    /// Returns the number of bytes of the body.
    pub(crate) fn len(&self) -> usize {
        let fixed = [BEFORE_CURSOR, AFTER_CURSOR, BEFORE_MESSAGES, END];
        let fixed: usize = fixed.into_iter().map(str::len).sum();
        let commas = self.messages.len().saturating_sub(1);
        let messages: usize = self.messages.iter().map(Bytes::len).sum();
        fixed + self.cursor.as_bytes().len() + self.gap_text().len() + commas + messages
    }

    /// Appends the body.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let gap = self.gap_text();
        bytes.extend_from_slice(BEFORE_CURSOR.as_bytes());
        bytes.extend_from_slice(self.cursor.as_bytes());
        for text in [AFTER_CURSOR, &gap, BEFORE_MESSAGES] {
            bytes.extend_from_slice(text.as_bytes());
        }
        for (place, message) in self.messages.iter().enumerate() {
            if place > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(message);
        }
        bytes.extend_from_slice(END.as_bytes());
    }

    /// Returns the key of the gap with its value, or nothing.
    fn gap_text(&self) -> String {
        self.gap.map_or_else(String::new, |gap| {
            let gap = serde_json::to_string(&gap).expect("a gap has no maps in it");
            format!("\"gap\":{gap},")
        })
    }
}

impl From<BatchBody> for Bytes {
    fn from(body: BatchBody) -> Self {
        let mut bytes = Vec::with_capacity(body.len());
        body.append_to(&mut bytes);
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::{Cursor, Epoch, PollBody};

    use super::*;

    #[test]
    fn a_body_reads_back_as_the_messages_that_it_was_made_of() {
        let cursor = Cursor { epoch: Epoch(1), seq: 3 };
        let message = |seq: u64, payload: &str| {
            Bytes::from(format!(r#"{{"seq":{seq},"published_ns":9,"payload":{payload}}}"#))
        };
        let messages = [message(2, "2"), message(3, r#"{"three":3}"#)].into_iter().collect();
        let body = BatchBody { cursor: cursor.text(), gap: Some(Gap::Missed(1)), messages };
        let length = body.len();
        let bytes = Bytes::from(body);
        assert_eq!(bytes.len(), length, "the length is known beforehand");
        let read: PollBody<'_> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((read.cursor, read.gap), (cursor, Some(Gap::Missed(1))));
        assert_eq!(read.messages[1].payload.as_str(), r#"{"three":3}"#);
    }
}
