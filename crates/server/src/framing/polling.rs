//! The body of a poll that found something.

use bytes::Bytes;
use wirebench_protocol::{Cursor, Gap};

/// Returns `{"cursor":"…","gap":…,"messages":[…]}`, put together from messages that are encoded
/// already.
pub(crate) fn body<'a>(
    cursor: Cursor,
    gap: Option<Gap>,
    messages: impl Iterator<Item = &'a Bytes> + Clone,
) -> Bytes {
    let gap = gap.map(|gap| {
        format!("\"gap\":{},", serde_json::to_string(&gap).expect("a gap has no maps in it"))
    });
    let head = format!("{{\"cursor\":\"{cursor}\",{}\"messages\":[", gap.unwrap_or_default());
    let length: usize = messages.clone().map(|message| message.len() + 1).sum();
    let mut body = Vec::with_capacity(head.len() + length + 2);
    body.extend_from_slice(head.as_bytes());
    for (place, message) in messages.enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(message);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::{Epoch, PollBody};

    use super::*;

    #[test]
    fn a_body_reads_back_as_the_messages_that_it_was_made_of() {
        let cursor = Cursor { epoch: Epoch(1), seq: 3 };
        let message = |seq: u64, payload: &str| {
            Bytes::from(format!(r#"{{"seq":{seq},"published_ns":9,"payload":{payload}}}"#))
        };
        let messages = [message(2, "2"), message(3, r#"{"three":3}"#)];
        let bytes = body(cursor, Some(Gap::Missed(1)), messages.iter());
        let read: PollBody<'_> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((read.cursor, read.gap), (cursor, Some(Gap::Missed(1))));
        assert_eq!(read.messages[1].payload.as_str(), r#"{"three":3}"#);
    }
}
