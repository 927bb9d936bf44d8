//! The frame that the bytes of a connection begin with.

use std::io::Cursor;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The maximum size of a message. A larger one is an error, which is answered with the close code
/// 1009.
pub(super) const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// Takes a message in one frame from the front of `bytes`. `None` if they begin with anything else,
/// or if it is not complete.
pub(super) fn take_message(bytes: &mut &[u8]) -> Option<Message> {
    let mut cursor = Cursor::new(*bytes);
    let (header, length) = FrameHeader::parse(&mut cursor).ok()??;
    let FrameHeader {
        is_final: true,
        rsv1: false,
        rsv2: false,
        rsv3: false,
        opcode: OpCode::Data(kind),
        mask: None,
    } = header
    else {
        return None;
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE_BYTES)?;
    let begin = usize::try_from(cursor.position()).ok()?;
    let payload = bytes.get(begin..begin + length)?;
    let message = match kind {
        Data::Text => Message::Text(std::str::from_utf8(payload).ok()?.into()),
        Data::Binary => Message::Binary(Bytes::copy_from_slice(payload)),
        Data::Continue | Data::Reserved(_) => return None,
    };
    *bytes = &bytes[begin + length..];
    Some(message)
}

/// Returns how many of `bytes` belong to the frame that they begin with, and `None` if it is not
/// complete. All of them belong to a frame with an invalid header or a payload that is too large:
/// the library does not wait for the rest.
pub(super) fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(bytes);
    let Ok(header) = FrameHeader::parse(&mut cursor) else { return Some(bytes.len()) };
    let (_, length) = header?;
    if length > MAX_MESSAGE_BYTES as u64 {
        return Some(bytes.len());
    }
    let all = usize::try_from(cursor.position() + length).ok()?;
    (all <= bytes.len()).then_some(all)
}
