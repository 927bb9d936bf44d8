//! What fuzzing checks in this crate. `fuzz/` runs this function on random bytes; a test runs it on
//! the corpus.

use crate::{After, Cursor, Hello, Message, PollBody};

/// A cursor is written exactly as it was read, and is the same cursor in JSON. A message, the body
/// of a poll and a hello are unchanged when they are written and read again.
pub fn cursor(bytes: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<Message<'_>>(bytes) {
        let text = serde_json::to_string(&message).expect("a message has no maps in it");
        let again: Message<'_> = serde_json::from_str(&text).expect("what is written is read");
        assert_eq!((again.seq, again.published_at), (message.seq, message.published_at));
        assert_eq!(again.payload.as_str(), message.payload.as_str());
    }
    if let Ok(batch) = serde_json::from_slice::<PollBody<'_>>(bytes) {
        let text = serde_json::to_string(&batch).expect("a batch has no maps in it");
        let again: PollBody<'_> = serde_json::from_str(&text).expect("what is written is read");
        assert_eq!((again.cursor, again.gap), (batch.cursor, batch.gap));
        assert_eq!(again.messages.len(), batch.messages.len());
    }
    if let Ok(hello) = serde_json::from_slice::<Hello>(bytes) {
        let text = serde_json::to_string(&hello).expect("a hello has no maps in it");
        assert_eq!(serde_json::from_str::<Hello>(&text).ok(), Some(hello));
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(after) = text.parse::<After>() {
        assert_eq!(after.to_string(), text);
    }
    let json = serde_json::to_string(text).expect("any text is JSON when it is quoted");
    assert_eq!(serde_json::from_str::<Cursor>(&json).ok(), text.parse().ok());
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpus_holds() {
    replay::replay("cursor", cursor);
}
