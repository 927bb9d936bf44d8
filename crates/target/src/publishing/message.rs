//! A message on its way to a server, and what became of it.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use wirebench_protocol::{Epoch, PublishedMessage, Seq, Timestamp};

/// A message that is due.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingMessage {
    seq: String,
    /// The object that has to reach the subscribers.
    payload: String,
}

/// The placeholders that are about a message.
pub(crate) const OF_MESSAGE: [&str; 5] =
    ["seq", "payload", "payload_string", "payload_form", "payload_bytes"];

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublishOutcome {
    /// The server said that it has it.
    Accepted,
    /// A command took it. Nothing says whether the server has it.
    Handed,
    /// The server does not have it. The text says what was sent and what came back.
    Refused(String),
    /// The server may have it. The text says what was sent and what came back.
    Unanswered(String),
}

/// How much of a text goes into a message to the user, in characters.
const QUOTED_CHARS: usize = 200;

/// Returns the beginning of a text that was sent or that came.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_CHARS).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

impl OutgoingMessage {
    /// Returns message number `seq` of a run.
    pub(super) fn new(run: Epoch, seq: Seq, due: Timestamp, payload: &RawValue) -> Self {
        let message = PublishedMessage { run, seq, published_at: due, payload };
        let payload = serde_json::to_string(&message).expect("a message is JSON");
        Self { seq: seq.to_string(), payload }
    }

    /// Returns a message that stands for all, to fill in what is the same for each.
    pub(super) fn sample() -> Self {
        Self::new(Epoch(0), 1, Timestamp::from_nanos(0), RawValue::NULL)
    }

    /// Returns the value of a placeholder that is about the message: one of [`OF_MESSAGE`].
    pub(super) fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let payload = self.payload.as_str();
        Some(match name {
            "seq" => self.seq.as_str().into(),
            "payload" => payload.into(),
            "payload_string" => serde_json::to_string(payload).expect("a string is JSON").into(),
            // More is encoded than has to be, which every server decodes alike.
            "payload_form" => utf8_percent_encode(payload, NON_ALPHANUMERIC).into(),
            "payload_bytes" => payload.len().to_string().into(),
            _ => return None,
        })
    }

    /// Returns the line that a command gets.
    pub(super) fn line(&self) -> String {
        format!("{}\n", self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_every_form_that_a_target_file_may_name() {
        let payload = RawValue::from_string("\"é &\"".to_owned()).unwrap();
        let message = OutgoingMessage::new(Epoch(1), 7, Timestamp::from_nanos(5), &payload);
        let value = |name: &str| message.value(name).unwrap().into_owned();
        let json = value("payload");
        assert_eq!(value("seq"), "7");
        assert_eq!(value("payload_bytes"), json.len().to_string());
        assert_eq!(serde_json::from_str::<String>(&value("payload_string")).unwrap(), json);
        let form = value("payload_form");
        assert!(form.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%'), "{form}");
        assert!(form.contains("%C3%A9%20%26"), "{form}");
        assert!(OF_MESSAGE.iter().all(|name| message.value(name).is_some()));
        assert_eq!(message.value("run"), None);
    }
}
