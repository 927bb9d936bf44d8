//! WebSocket frames as bytes (RFC 6455, section 5.2), and the JSON of those that are not messages.

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;
use wirebench_protocol::{Cursor, Gap, Hello, Published};

/// Frames a text, unmasked and unfragmented. A server does not mask what it sends, so the frame of
/// a message is the same for every subscriber.
pub(crate) fn text_frame(text: &[u8]) -> Bytes {
    const FIN_AND_TEXT: u8 = 0x81;
    frame(FIN_AND_TEXT, &[text])
}

/// Frames bytes, given in parts, like [`text_frame`].
pub(crate) fn binary_frame(parts: &[&[u8]]) -> Bytes {
    const FIN_AND_BINARY: u8 = 0x82;
    frame(FIN_AND_BINARY, parts)
}

fn frame(first: u8, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(length + 10);
    frame.extend_from_slice(&[first]);
    let length = length as u64;
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
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame.freeze()
}

/// Returns the answer to a subscriber that asked for an echo of bytes: `{"echo":null}`, a line
/// feed, and the bytes.
pub(crate) fn binary_echo(bytes: &[u8]) -> Bytes {
    binary_frame(&[b"{\"echo\":null}\n", bytes])
}

/// What the server sends besides messages.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    /// `{"hello":…}`: the first frame of a subscription.
    Hello(Hello),
    /// `{"published":…}`: the answer to a subscriber whose message was published.
    Published(Published),
    /// `{"echo":…}`: the answer to a subscriber that asked for it.
    Echo(&'a RawValue),
    /// A gap that opens while the subscription is under way.
    #[serde(untagged)]
    Gap {
        /// What was missed.
        gap: Gap,
        /// The cursor after which messages follow.
        cursor: Cursor,
    },
    /// The answer to a subscriber whose message was rejected.
    #[serde(untagged)]
    Error {
        /// What is wrong.
        error: String,
        /// What to do instead.
        hint: &'static str,
        /// The status that a `POST` of the same message would be answered with.
        status: u16,
    },
}

impl ServerFrame<'_> {
    /// Returns the text frame.
    pub(crate) fn frame(&self) -> Bytes {
        text_frame(&serde_json::to_vec(self).expect("it has no maps in it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_frame_takes_the_fewest_bytes() {
        let header = |length: usize| text_frame(&vec![b'x'; length])[..].len() - length;
        assert_eq!((header(0), header(125)), (2, 2));
        assert_eq!((header(126), header(65_535)), (4, 4));
        assert_eq!(header(65_536), 10);
        assert_eq!(text_frame(&[b'x'; 300])[..4], [0x81, 126, 1, 44]);
    }
}
