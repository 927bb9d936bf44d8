//! The payload of a message that a subscriber sends: it tells who sent it, and when it was due.

use std::fmt::Write;

use wirebench_protocol::Timestamp;

/// How the payload begins, with the quotation mark of the JSON string. No payload of a publisher
/// does: those are letters and digits.
const PREFIX: &str = "\"wb:";

/// What the payload of a sent message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentMessage {
    /// The number of the sender in its run.
    pub(crate) sender: u64,
    /// The number of the message among those of its sender, from 1.
    pub(crate) number: u64,
    /// When it was due.
    pub(crate) due: Timestamp,
}

impl SentMessage {
    /// Writes the payload: a JSON string of `bytes`, or a longer one if these are too few for what
    /// it has to say. 48 are always enough for a million senders and a day.
    pub(crate) fn write(&self, bytes: usize) -> String {
        let Self { sender, number, due } = self;
        let mut text = String::with_capacity(bytes);
        let _ = write!(text, "{PREFIX}{sender}:{number}:{}:", due.as_nanos());
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len() + 1)));
        text.push('"');
        text
    }

    /// Reads a payload. `None` if no subscriber sent it.
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let mut fields = payload.strip_prefix(PREFIX)?.split(':');
        let mut next = || fields.next()?.parse().ok();
        let (sender, number, due) = (next()?, next()?, next()?);
        Some(Self { sender, number, due: Timestamp::from_nanos(due) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_who_sent_it_and_has_the_size_that_was_asked_for() {
        let message = |sender, number, due| {
            let due = Timestamp::from_nanos(due);
            SentMessage { sender, number, due }
        };
        let largest = message(999_999, 86_400_000, 9_999_999_999_999_999);
        for (message, bytes) in
            [(message(0, 1, 5), 48), (largest, 48), (message(3, 2, u64::MAX), 64), (largest, 4_096)]
        {
            let payload = message.write(bytes);
            assert_eq!(payload.len(), bytes, "{payload}");
            assert!(serde_json::from_str::<String>(&payload).is_ok(), "{payload}");
            assert_eq!(SentMessage::read(&payload), Some(message));
        }
    }

    #[test]
    fn other_payloads_are_from_no_subscriber() {
        for payload in ["1", "\"abc\"", "\"wb:\"", "\"wb:1:2\"", "\"wb:1:x:3:\"", "{}", ""] {
            assert_eq!(SentMessage::read(payload), None, "{payload}");
        }
    }
}
