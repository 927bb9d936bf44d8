//! A published message in the form in which each transport sends it, encoded once.

use bytes::{Bytes, BytesMut};
use wirebench_protocol::{Cursor, Seq, Timestamp};

use crate::payload::JsonPayload;

/// One message of a feed with its encodings. Ten thousand subscribers share these bytes: a delivery is
/// a write, never another encoding.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// When it was due.
    pub published_at: Timestamp,
    /// The message object, as both kinds of polling carry it.
    pub json: Bytes,
    /// The server-sent event: `id: <cursor>`, `data: <message>`, blank line.
    pub sse: Bytes,
    /// The WebSocket text frame, header included.
    pub websocket: Bytes,
}

impl Entry {
    pub(crate) fn encode(cursor: Cursor, due: Timestamp, payload: &JsonPayload) -> Self {
        let head = format!("id: {cursor}\ndata: ");
        let envelope =
            format!("{{\"seq\":{},\"published_ns\":{},\"payload\":", cursor.seq, due.as_nanos());
        let json_bytes = envelope.len() + payload.as_bytes().len() + 1;

        let mut sse = BytesMut::with_capacity(head.len() + json_bytes + 2);
        for part in [head.as_bytes(), envelope.as_bytes(), payload.as_bytes(), b"}\n\n"] {
            sse.extend_from_slice(part);
        }
        let sse = sse.freeze();
        let json = sse.slice(head.len()..head.len() + json_bytes);
        let websocket = text_frame(&json);
        Self { seq: cursor.seq, published_at: due, json, sse, websocket }
    }
}

/// An unmasked, unfragmented text frame (RFC 6455, section 5.2): what a server sends is the same for
/// every subscriber.
pub(crate) fn text_frame(text: &[u8]) -> Bytes {
    const FIN_AND_TEXT: u8 = 0x81;
    let mut frame = BytesMut::with_capacity(text.len() + 10);
    frame.extend_from_slice(&[FIN_AND_TEXT]);
    let length = text.len() as u64;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => frame.extend_from_slice(&[length]),
        (_, Ok(length)) => {
            frame.extend_from_slice(&[126]);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.extend_from_slice(&[127]);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(text);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use wirebench_protocol::Epoch;

    use super::*;

    #[test]
    fn the_three_encodings_carry_the_same_message() {
        let cursor = Cursor { epoch: Epoch(0xab), seq: 7 };
        let payload = JsonPayload::from_json(br#"{"a":1}"#).unwrap();
        let entry = Entry::encode(cursor, Timestamp::from_nanos(99), &payload);
        let json = r#"{"seq":7,"published_ns":99,"payload":{"a":1}}"#;
        assert_eq!(entry.json, json);
        assert_eq!(entry.sse, format!("id: 00000000000000ab-7\ndata: {json}\n\n"));
        assert_eq!(entry.websocket[2..], *json.as_bytes());
    }

    #[test]
    fn frame_lengths_take_the_fewest_bytes() {
        let header = |length: usize| text_frame(&vec![b'x'; length])[..].len() - length;
        assert_eq!((header(0), header(125)), (2, 2));
        assert_eq!((header(126), header(65_535)), (4, 4));
        assert_eq!(header(65_536), 10);
        assert_eq!(text_frame(&[b'x'; 300])[..4], [0x81, 126, 1, 44]);
    }
}
