//! Server-sent events as bytes (WHATWG HTML, section 9.2.5).

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use wirebench_protocol::{Cursor, Gap};

/// A comment without text. It tells proxies and the client that the connection is alive.
pub(crate) const COMMENT: &[u8] = b":\n\n";

/// Frames a message, given in parts, as an event: `id: <cursor>`, `data: <message>`, a blank line.
/// The message must not contain line breaks.
///
/// Returns the event and the range of the message in it, so that the message can share its bytes.
pub(crate) fn event(cursor: Cursor, message: &[&[u8]]) -> (Bytes, Range<usize>) {
    let head = format!("id: {cursor}\ndata: ");
    let end = head.len() + message.iter().map(|part| part.len()).sum::<usize>();
    let mut event = BytesMut::with_capacity(end + 2);
    event.extend_from_slice(head.as_bytes());
    for part in message {
        event.extend_from_slice(part);
    }
    event.extend_from_slice(b"\n\n");
    (event.freeze(), head.len()..end)
}

/// Frames a gap as an event of the type `gap`. Its id is the cursor after which messages follow.
pub(crate) fn gap(gap: Gap, before: Cursor) -> String {
    let gap = serde_json::to_string(&gap).expect("a gap has no maps in it");
    format!("event: gap\nid: {before}\ndata: {gap}\n\n")
}

/// Returns the first bytes of a stream: the reconnection time, if there is one to announce, and an
/// id, so that a client that has not received a message yet knows where to resume.
pub(crate) fn opening(reconnection_time: Option<Duration>, cursor: Cursor) -> Bytes {
    let retry = reconnection_time.map(retry).unwrap_or_default();
    format!("{retry}id: {cursor}\n\n").into()
}

/// Returns the field that sets the client's reconnection time, with the end of its line.
pub(crate) fn retry(reconnection_time: Duration) -> String {
    format!("retry: {}\n", reconnection_time.as_millis())
}
