//! What a publisher hands in: one JSON value, or bytes. Every transport can carry both unchanged.

use bytes::Bytes;
use serde_json::value::RawValue;
use wirebench_protocol::control::PayloadKind;

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessagePayload {
    /// One JSON value.
    Json(JsonPayload),
    /// Bytes; there may be none. Where text is all that a transport carries, they are in Base64.
    Binary(Bytes),
}

impl MessagePayload {
    /// Returns the payload as a store keeps it.
    pub(super) fn to_stored(&self) -> (PayloadKind, Bytes) {
        match self {
            Self::Json(json) => (PayloadKind::Json, json.0.clone()),
            Self::Binary(bytes) => (PayloadKind::Binary, bytes.clone()),
        }
    }

    /// Returns the payload of a message that this process has appended to a store, from what
    /// [`to_stored`](Self::to_stored) returned.
    pub(super) fn from_appended(kind: PayloadKind, payload: Bytes) -> Self {
        match kind {
            PayloadKind::Json => Self::Json(JsonPayload(payload)),
            PayloadKind::Binary => Self::Binary(payload),
        }
    }

    /// Returns a payload that a store has kept. JSON is checked once more, because other programs
    /// may write to the table, and a line break in it would end the line of an event stream. What
    /// is not JSON, although the table says so, is delivered as bytes.
    pub(super) fn from_stored(kind: PayloadKind, payload: Bytes) -> Self {
        match kind {
            PayloadKind::Json => match JsonPayload::from_json(&payload) {
                Ok(json) => json.into(),
                Err(_) => Self::Binary(payload),
            },
            PayloadKind::Binary => Self::Binary(payload),
        }
    }
}

impl From<JsonPayload> for MessagePayload {
    fn from(json: JsonPayload) -> Self {
        Self::Json(json)
    }
}

impl From<&JsonPayload> for MessagePayload {
    fn from(json: &JsonPayload) -> Self {
        Self::Json(json.clone())
    }
}

impl From<Bytes> for MessagePayload {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// One JSON value, as its publisher wrote it, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPayload(Bytes);

/// A payload that is not one JSON value.
#[derive(Debug, thiserror::Error)]
#[error("the payload is not one JSON value: {0}")]
pub struct InvalidJson(#[from] serde_json::Error);

impl JsonPayload {
    /// Takes one JSON value in UTF-8. White space around it is removed.
    ///
    /// Line breaks between tokens become spaces. They mean nothing in JSON, but they would end the
    /// line in an event stream, and all transports must carry the same bytes. Inside strings, JSON
    /// has no bare line breaks, so strings are never changed.
    ///
    /// # Errors
    /// The text is not exactly one JSON value.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidJson> {
        let value: &RawValue = serde_json::from_slice(json)?;
        let value = value.get().as_bytes();
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            let breaks_to_spaces = |&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
            return Ok(Self(value.iter().map(breaks_to_spaces).collect()));
        }
        Ok(Self(Bytes::copy_from_slice(value)))
    }

    /// Returns the JSON text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_between_tokens_become_spaces_and_those_in_strings_stay_escaped() {
        let payload = JsonPayload::from_json(b" {\"a\":\r\n\"x\\r\\ny\"}\n").unwrap();
        assert_eq!(payload.as_bytes(), b"{\"a\":  \"x\\r\\ny\"}");
    }

    #[test]
    fn a_stored_payload_is_the_same_and_broken_json_is_delivered_as_bytes() {
        let json = MessagePayload::from(JsonPayload::from_json(b"[1, 2]").unwrap());
        for payload in [json, MessagePayload::Binary(Bytes::from_static(b"\n"))] {
            let (kind, bytes) = payload.to_stored();
            assert_eq!(MessagePayload::from_stored(kind, bytes), payload);
        }
        let broken = Bytes::from_static(b"{\n");
        let delivered = MessagePayload::from_stored(PayloadKind::Json, broken.clone());
        assert_eq!(delivered, MessagePayload::Binary(broken));
    }

    #[test]
    fn anything_but_one_json_value_is_an_error() {
        for text in ["", " ", "{", "1 2", "{\"a\":}", "\"a\nb\"", "nul"] {
            assert!(JsonPayload::from_json(text.as_bytes()).is_err(), "accepted `{text}`");
        }
        assert!(JsonPayload::from_json(b"\"\xff\"").is_err(), "accepted bad UTF-8");
    }
}
