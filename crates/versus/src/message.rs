//! The message that is published, and how a client counts it without reading any protocol.

/// A byte that each message has exactly once, and that the bytes around a message never have: not
/// the heads of HTTP, not the fields of an event, and not the head of a WebSocket frame, whose
/// length would have to be a multiple of 256 and 96 bytes.
const MARK: u8 = b'`';

/// The size of a message, in bytes.
pub(crate) const BYTES: usize = 200;

/// Returns a message: a text in JSON.
pub(crate) fn json() -> String {
    format!("\"{}{}\"", char::from(MARK), "x".repeat(BYTES - 3))
}

/// Returns how many messages are in `bytes`.
pub(crate) fn count(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(MARK, bytes).map(|_| 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_counted_once() {
        let message = json();
        assert_eq!(message.len(), BYTES);
        assert_eq!(serde_json::from_str::<String>(&message).unwrap().len(), BYTES - 2);
        assert_eq!(count(message.as_bytes()), 1);
        assert_eq!(count(&message.repeat(3).into_bytes()), 3);
    }
}
