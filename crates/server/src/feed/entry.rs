//! One published message, framed for every transport when it is published.

use bytes::Bytes;
use socketioxide_core::Str;
use wirebench_protocol::{Cursor, Seq, Timestamp};

use super::payload::JsonPayload;
use crate::framing::{socket_io, sse, websocket};

/// One message of a feed, framed once for each transport. All subscribers share these bytes, so
/// that a delivery is a write and never another encoding.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The place of the message in its feed.
    pub seq: Seq,
    /// When the message was due.
    pub published_at: Timestamp,
    /// The message object, as both kinds of polling carry it.
    pub json: Bytes,
    /// The server-sent event: `id: <cursor>`, `data: <message>`, a blank line.
    pub sse: Bytes,
    /// The WebSocket text frame, its header included.
    pub websocket: Bytes,
    /// The data of the Socket.IO event: `["message",<message>]`.
    pub(crate) socket_io: Str,
}

impl Entry {
    pub(super) fn encode(cursor: Cursor, due: Timestamp, payload: &JsonPayload) -> Self {
        let envelope =
            format!("{{\"seq\":{},\"published_ns\":{},\"payload\":", cursor.seq, due.as_nanos());
        let (sse, message) = sse::event(cursor, &[envelope.as_bytes(), payload.as_bytes(), b"}"]);
        let json = sse.slice(message);
        let websocket = websocket::text_frame(&json);
        let socket_io = socket_io::message(&json);
        Self { seq: cursor.seq, published_at: due, json, sse, websocket, socket_io }
    }

    /// Returns true if the message has this payload.
    pub(super) fn has_payload(&self, payload: &JsonPayload) -> bool {
        let message = self.json.strip_suffix(b"}");
        let rest = message.and_then(|message| message.strip_suffix(payload.as_bytes()));
        rest.is_some_and(|rest| rest.ends_with(b"\"payload\":"))
    }
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Epoch;

    use super::*;

    #[test]
    fn all_encodings_carry_the_same_message() {
        let cursor = Cursor { epoch: Epoch(0xab), seq: 7 };
        let payload = JsonPayload::from_json(br#"{"a":1}"#).unwrap();
        let entry = Entry::encode(cursor, Timestamp::from_nanos(99), &payload);
        let json = r#"{"seq":7,"published_ns":99,"payload":{"a":1}}"#;
        assert_eq!(entry.json, json);
        assert_eq!(entry.sse, format!("id: 00000000000000ab-7\ndata: {json}\n\n"));
        assert_eq!(entry.websocket[2..], *json.as_bytes());
        assert_eq!(*entry.socket_io, *format!("[\"message\",{json}]"));
    }
}
