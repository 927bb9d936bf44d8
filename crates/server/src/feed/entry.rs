//! One published message, framed for every transport when it is published.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use socketioxide_core::Str;
use wirebench_protocol::{Cursor, Recipients, Seq, Timestamp};

use super::payload::{JsonPayload, MessagePayload};
use crate::framing::{socket_io, sse, websocket};

/// One message of a feed, framed once for each transport. All subscribers share these bytes, so
/// that a delivery is a write and never another encoding.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The place of the message in its feed.
    pub seq: Seq,
    /// When the message was due.
    pub published_at: Timestamp,
    /// Who receives it. Subscribers are not told.
    pub recipients: Recipients,
    /// The message object, as both kinds of polling carry it. The payload of a binary message is in
    /// Base64.
    pub json: Bytes,
    /// The server-sent event: `id: <cursor>`, `data: <message>`, a blank line.
    pub sse: Bytes,
    /// The WebSocket frame, its header included: a text frame with the message object, or a binary
    /// frame with the head of the message and its bytes.
    pub websocket: Bytes,
    /// The data of the Socket.IO event: `["message",<message>]`.
    pub(crate) socket_io: Str,
    /// The payload of a binary message, which Socket.IO attaches to the event. `None` for JSON.
    pub(crate) attachment: Option<Bytes>,
}

impl Entry {
    /// Encodes a message for everybody.
    pub(super) fn encode(cursor: Cursor, due: Timestamp, payload: &MessagePayload) -> Self {
        let head = head(cursor.seq, due);
        match payload {
            MessagePayload::Json(json) => Self::encode_json(cursor, due, &head, json),
            MessagePayload::Binary(bytes) => Self::encode_binary(cursor, due, &head, bytes),
        }
    }

    /// Encodes the message object alone, as [`json`](Self::json), for an answer that is not shared.
    pub(super) fn encode_object(seq: Seq, due: Timestamp, payload: &MessagePayload) -> Bytes {
        let head = head(seq, due);
        match payload {
            MessagePayload::Json(json) => json_object(&head, json).concat().into(),
            MessagePayload::Binary(bytes) => {
                base64_object(&head, &STANDARD.encode(bytes)).concat().into()
            }
        }
    }

    /// Returns the same message for these recipients.
    pub(super) fn to(self, recipients: Recipients) -> Self {
        Self { recipients, ..self }
    }

    /// `head` is the beginning of the message object.
    fn encode_json(cursor: Cursor, due: Timestamp, head: &str, payload: &JsonPayload) -> Self {
        let (sse, message) = sse::event(cursor, &json_object(head, payload));
        let json = sse.slice(message);
        let websocket = websocket::text_frame(&json);
        let socket_io = socket_io::message(&json);
        Self {
            seq: cursor.seq,
            published_at: due,
            recipients: Recipients::Everyone,
            json,
            sse,
            websocket,
            socket_io,
            attachment: None,
        }
    }

    fn encode_binary(cursor: Cursor, due: Timestamp, head: &str, payload: &[u8]) -> Self {
        let (sse, message) = sse::event(cursor, &base64_object(head, &STANDARD.encode(payload)));
        let json = sse.slice(message);
        let websocket = websocket::binary_frame(&[head.as_bytes(), b"}\n", payload]);
        let attachment = Some(websocket.slice(websocket.len() - payload.len()..));
        let socket_io = socket_io::message_with_attachment(head);
        Self {
            seq: cursor.seq,
            published_at: due,
            recipients: Recipients::Everyone,
            json,
            sse,
            websocket,
            socket_io,
            attachment,
        }
    }

    /// Returns true if the message has this payload.
    pub(super) fn has_payload(&self, payload: &MessagePayload) -> bool {
        match (payload, &self.attachment) {
            (MessagePayload::Binary(bytes), Some(attachment)) => bytes == attachment,
            (MessagePayload::Json(json), None) => {
                let message = self.json.strip_suffix(b"}");
                let rest = message.and_then(|message| message.strip_suffix(json.as_bytes()));
                rest.is_some_and(|rest| rest.ends_with(b"\"payload\":"))
            }
            (MessagePayload::Binary(_), None) | (MessagePayload::Json(_), Some(_)) => false,
        }
    }
}

/// Returns the beginning of a message object.
fn head(seq: Seq, due: Timestamp) -> String {
    format!("{{\"seq\":{seq},\"published_ns\":{}", due.as_nanos())
}

/// Returns the parts of a message object with JSON.
fn json_object<'a>(head: &'a str, payload: &'a JsonPayload) -> [&'a [u8]; 4] {
    [head.as_bytes(), b",\"payload\":", payload.as_bytes(), b"}"]
}

/// Returns the parts of a message object with bytes in Base64.
fn base64_object<'a>(head: &'a str, text: &'a str) -> [&'a [u8]; 4] {
    [head.as_bytes(), b",\"payload_base64\":\"", text.as_bytes(), b"\"}"]
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::{Epoch, split_binary};

    use super::*;

    const CURSOR: Cursor = Cursor { epoch: Epoch(0xab), seq: 7 };

    #[test]
    fn all_encodings_carry_the_same_message() {
        let payload = JsonPayload::from_json(br#"{"a":1}"#).unwrap().into();
        let entry = Entry::encode(CURSOR, Timestamp::from_nanos(99), &payload);
        let json = r#"{"seq":7,"published_ns":99,"payload":{"a":1}}"#;
        assert_eq!(entry.json, json);
        assert_eq!(Entry::encode_object(7, Timestamp::from_nanos(99), &payload), json);
        assert_eq!(entry.sse, format!("id: 00000000000000ab-7\ndata: {json}\n\n"));
        assert_eq!(entry.websocket[2..], *json.as_bytes());
        assert_eq!(*entry.socket_io, *format!("[\"message\",{json}]"));
        assert_eq!(entry.attachment, None);
    }

    #[test]
    fn bytes_are_carried_as_they_are_or_in_base64() {
        let bytes = Bytes::from_static(b"\n\0\xff~?");
        let payload = MessagePayload::Binary(bytes.clone());
        let entry = Entry::encode(CURSOR, Timestamp::from_nanos(99), &payload);
        let json = r#"{"seq":7,"published_ns":99,"payload_base64":"CgD/fj8="}"#;
        assert_eq!(entry.json, json);
        assert_eq!(Entry::encode_object(7, Timestamp::from_nanos(99), &payload), json);
        assert_eq!(entry.sse, format!("id: 00000000000000ab-7\ndata: {json}\n\n"));
        assert_eq!(entry.websocket[..2], [0x82, 33]);
        let (head, rest) = split_binary(&entry.websocket[2..]).unwrap();
        assert_eq!((head, rest), (&br#"{"seq":7,"published_ns":99}"#[..], &bytes[..]));
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        let event = format!(r#"["message",{{"seq":7,"published_ns":99,"payload":{placeholder}}}]"#);
        assert_eq!(*entry.socket_io, *event);
        assert_eq!(entry.attachment, Some(bytes));
    }

    #[test]
    fn a_payload_is_the_same_only_in_the_same_form() {
        let json = |text: &[u8]| MessagePayload::from(JsonPayload::from_json(text).unwrap());
        let binary = |bytes: &'static [u8]| MessagePayload::Binary(Bytes::from_static(bytes));
        let all = [json(b"1"), json(b"\"\""), json(b"\"MQ==\""), binary(b"1"), binary(b"")];
        for payload in &all {
            let entry = Entry::encode(CURSOR, Timestamp::from_nanos(99), payload);
            for other in &all {
                assert_eq!(entry.has_payload(other), other == payload, "{payload:?} {other:?}");
            }
        }
    }
}
