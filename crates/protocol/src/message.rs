//! Messages as they are sent: a single one, and the body of a poll with several of them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Cursor, Seq, Timestamp};

/// One message as it is sent, the same bytes on every transport:
/// `{"seq":17,"published_ns":81239184734,"payload":{…}}`.
///
/// The payload is borrowed and not parsed: measuring needs its size, not its meaning.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Message<'a> {
    /// The place of the message in its feed, from 1.
    pub seq: Seq,
    /// When the message entered the feed. For a paced publisher, when it was due.
    #[serde(rename = "published_ns")]
    pub published_at: Timestamp,
    /// Any JSON value, as its publisher wrote it.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

/// The body of a poll that found something.
#[derive(Debug, Deserialize, Serialize)]
pub struct PollBody<'a> {
    /// The cursor to continue from.
    pub cursor: Cursor,
    /// What could not be delivered before these messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// The messages after the cursor that was asked for, in order.
    #[serde(borrow)]
    pub messages: Vec<Message<'a>>,
}

/// A hole in a subscription. The subscriber is always told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// `{"missed":n}`: the feed no longer has the next `n` messages.
    Missed(u64),
    /// `{"reset":true}`: the cursor belongs to another epoch. Nobody knows how much was missed.
    #[serde(with = "always_true")]
    Reset,
}

/// What a transport that pushes frames sends before the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hello {
    /// Where the subscription starts.
    pub cursor: Cursor,
    /// What lies between this cursor and the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// The answer to a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Published {
    /// The cursor of the message that was published.
    pub cursor: Cursor,
    /// The message had been published by an earlier request with the same [`IdempotencyKey`]. It
    /// was not published again, and `cursor` is that of the first time.
    ///
    /// [`IdempotencyKey`]: crate::IdempotencyKey
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// Writes `Gap::Reset`, which has no number, as `{"reset":true}` instead of a bare string.
mod always_true {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(())
        } else {
            Err(serde::de::Error::custom("`reset` is `true` or absent"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    #[test]
    fn a_message_reads_as_the_protocol_page_says() {
        let text = r#"{"seq":17,"published_ns":81239184734,"payload":{"any":[1, 2]}}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message.seq, 17);
        assert_eq!(message.published_at, Timestamp::from_nanos(81_239_184_734));
        assert_eq!(message.payload.get(), r#"{"any":[1, 2]}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn both_kinds_of_gap_are_objects() {
        for (gap, text) in [(Gap::Missed(3), r#"{"missed":3}"#), (Gap::Reset, r#"{"reset":true}"#)]
        {
            assert_eq!(serde_json::to_string(&gap).unwrap(), text);
            assert_eq!(serde_json::from_str::<Gap>(text).unwrap(), gap);
        }
    }

    #[test]
    fn a_hello_without_a_gap_has_no_such_key() {
        let hello = Hello { cursor: Cursor { epoch: Epoch(1), seq: 2 }, gap: None };
        assert_eq!(serde_json::to_string(&hello).unwrap(), r#"{"cursor":"0000000000000001-2"}"#);
    }
}
