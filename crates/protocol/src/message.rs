//! Messages as they are sent: a single one, and the body of a poll with several of them.

use serde::de::Error;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Cursor, Seq, Timestamp};

/// One message as text carries it, the same on every transport:
/// `{"seq":17,"published_ns":81239184734,"payload":{…}}`, or `"payload_base64":"…"` if its payload
/// is bytes.
///
/// The payload is borrowed and not parsed: measuring needs its size, not its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The place of the message in its feed, from 1.
    pub seq: Seq,
    /// When the message entered the feed. For a paced publisher, when it was due.
    pub published_at: Timestamp,
    /// What its publisher sent.
    pub payload: TextPayload<'a>,
}

/// The payload of a message, as text carries it.
#[derive(Clone, Copy, Debug)]
pub enum TextPayload<'a> {
    /// `"payload":…`: any JSON value, as its publisher wrote it.
    Json(&'a RawValue),
    /// `"payload_base64":"…"`: bytes, with the standard alphabet and padding (RFC 4648, section 4).
    /// They are not decoded here.
    Base64(&'a str),
}

impl<'a> TextPayload<'a> {
    /// Returns the JSON, or the Base64 without its quotation marks.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Json(json) => json.get(),
            Self::Base64(text) => text,
        }
    }
}

/// The head of a binary message, which has the rest of a [`Message`]: one line of JSON before the
/// bytes of the payload, over a transport that carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct MessageHead {
    /// The place of the message in its feed, from 1.
    pub seq: Seq,
    /// When the message entered the feed. For a paced publisher, when it was due.
    #[serde(rename = "published_ns")]
    pub published_at: Timestamp,
}

/// Splits a binary message of a WebSocket, in either direction: the head, which is one line of JSON,
/// and after the line feed the bytes of the payload as they are. `None` without a line feed.
pub fn split_binary(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let line_feed = message.iter().position(|byte| *byte == b'\n')?;
    Some((&message[..line_feed], &message[line_feed + 1..]))
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The keys of the object. An absent payload is `None`; a payload `null` is not.
        #[derive(Deserialize)]
        struct Keys<'a> {
            seq: Seq,
            published_ns: Timestamp,
            #[serde(borrow, default, deserialize_with = "present")]
            payload: Option<&'a RawValue>,
            payload_base64: Option<&'a str>,
        }

        let Keys { seq, published_ns, payload, payload_base64 } = Keys::deserialize(deserializer)?;
        let payload = match (payload, payload_base64) {
            (Some(json), None) => TextPayload::Json(json),
            (None, Some(text)) => TextPayload::Base64(text),
            (None, None) => return Err(Error::missing_field("payload")),
            (Some(_), Some(_)) => {
                return Err(Error::custom("both `payload` and `payload_base64` are present"));
            }
        };
        Ok(Self { seq, published_at: published_ns, payload })
    }
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(value: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Message", 3)?;
        object.serialize_field("seq", &self.seq)?;
        object.serialize_field("published_ns", &self.published_at)?;
        match self.payload {
            TextPayload::Json(json) => object.serialize_field("payload", json)?,
            TextPayload::Base64(text) => object.serialize_field("payload_base64", text)?,
        }
        object.end()
    }
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
        assert!(matches!(message.payload, TextPayload::Json(_)), "{message:?}");
        assert_eq!(message.payload.as_str(), r#"{"any":[1, 2]}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn a_binary_message_has_its_payload_in_base64_where_text_carries_it() {
        let text = r#"{"seq":17,"published_ns":9,"payload_base64":"+/8="}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert!(matches!(message.payload, TextPayload::Base64("+/8=")), "{message:?}");
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn a_message_has_exactly_one_payload_and_null_is_one() {
        let parse = |payload: &str| {
            let text = format!(r#"{{"seq":1,"published_ns":2{payload}}}"#);
            serde_json::from_str::<Message>(&text).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(parse(r#","payload":null"#), Ok(()));
        for payload in ["", r#","payload":1,"payload_base64":"AQ==""#, r#","payload_base64":1"#] {
            assert!(parse(payload).is_err(), "{payload}");
        }
    }

    #[test]
    fn a_binary_message_is_a_line_of_json_and_the_rest() {
        let (head, payload) = split_binary(b"{\"seq\":1,\"published_ns\":2}\n\n\0\xff").unwrap();
        let head: MessageHead = serde_json::from_slice(head).unwrap();
        assert_eq!(head, MessageHead { seq: 1, published_at: Timestamp::from_nanos(2) });
        assert_eq!(payload, b"\n\0\xff");
        assert_eq!(split_binary(b"{}\n"), Some((&b"{}"[..], &b""[..])));
        assert_eq!(split_binary(b"{}"), None);
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
