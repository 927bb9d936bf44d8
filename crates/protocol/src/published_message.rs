//! A message as it is published to a server that is not this project's.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Epoch, Seq, Timestamp};

/// A message as it is published to a server that numbers nothing and knows no due times:
/// `{"run":"7f3a09c2e1d4b586","seq":17,"published_ns":81239184734,"payload":{…}}`.
///
/// The server delivers it as it is. So a subscriber knows from the message itself which run it
/// belongs to, what was lost or repeated, and how old it is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct PublishedMessage<'a> {
    /// The run that published it. A server may still keep messages of earlier runs.
    #[serde(serialize_with = "write_run", deserialize_with = "read_run")]
    pub run: Epoch,
    /// Its number in the run, from 1.
    pub seq: Seq,
    /// When it was due.
    #[serde(rename = "published_ns")]
    pub published_at: Timestamp,
    /// What the scenario asks for, as JSON.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn write_run<S: Serializer>(run: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", run.0))
}

fn read_run<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Epoch, D::Error> {
    /// Borrowed where it has no escapes.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let Text(text) = Text::deserialize(deserializer)?;
    let is_id = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = is_id.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
    id.map(Epoch).ok_or_else(|| serde::de::Error::custom("`run` has 16 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_message_is_read_as_it_was_written_in_any_order_of_its_keys() {
        let text =
            r#"{"run":"00000000000000ab","seq":17,"published_ns":9,"payload":{"a": [1, "é"]}}"#;
        let message: PublishedMessage<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((message.run, message.seq), (Epoch(0xab), 17));
        assert_eq!(message.published_at, Timestamp::from_nanos(9));
        assert_eq!(message.payload.get(), r#"{"a": [1, "é"]}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        let other = r#"{"payload":1,"x":2,"published_ns":9,"run":"\u0030000000000000001","seq":3}"#;
        let message: PublishedMessage<'_> = serde_json::from_str(other).unwrap();
        assert_eq!((message.run, message.seq, message.payload.get()), (Epoch(1), 3, "1"));
    }

    #[test]
    fn anything_else_is_no_published_message() {
        for text in [
            "1",
            r#"{"seq":1,"published_ns":2,"payload":3}"#,
            r#"{"run":"ab","seq":1,"published_ns":2,"payload":3}"#,
            r#"{"run":"00000000000000AB","seq":1,"published_ns":2,"payload":3}"#,
            r#"{"run":"+0000000000000ab","seq":1,"published_ns":2,"payload":3}"#,
            r#"{"run":"00000000000000ab","seq":-1,"published_ns":2,"payload":3}"#,
            r#"{"run":"00000000000000ab","seq":1,"published_ns":2}"#,
        ] {
            assert!(serde_json::from_str::<PublishedMessage<'_>>(text).is_err(), "{text}");
        }
    }
}
