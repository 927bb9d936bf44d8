//! A message on its way to a server, and what became of it.

use serde_json::value::RawValue;
use wirebench_protocol::{Epoch, PublishedMessage, Seq, Timestamp};

/// A message that is due, in the forms that a target file names.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingMessage {
    seq: String,
    /// The object that has to reach the subscribers.
    payload: String,
    /// The same as a string of JSON.
    payload_string: String,
}

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

impl OutgoingMessage {
    /// Returns message number `seq` of a run.
    pub(super) fn new(run: Epoch, seq: Seq, due: Timestamp, payload: &RawValue) -> Self {
        let message = PublishedMessage { run, seq, published_at: due, payload };
        let payload = serde_json::to_string(&message).expect("a message is JSON");
        let payload_string = serde_json::to_string(&payload).expect("a string is JSON");
        Self { seq: seq.to_string(), payload, payload_string }
    }

    /// Returns a message that stands for all, to fill in what is the same for each.
    pub(super) fn sample() -> Self {
        Self::new(Epoch(0), 1, Timestamp::from_nanos(0), RawValue::NULL)
    }

    /// Returns the values of the placeholders that are about the message.
    pub(super) fn values(&self) -> [(&'static str, &str); 3] {
        [("seq", &self.seq), ("payload", &self.payload), ("payload_string", &self.payload_string)]
    }

    /// Returns the line that a command gets.
    pub(super) fn line(&self) -> String {
        format!("{}\n", self.payload)
    }
}
