//! The bodies of requests that poll: several packets, separated by a byte.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use memchr::memchr_iter;

use super::engine_packet::{Frame, Malformed};
use crate::websocket::Utf8Bytes;

/// The byte between two packets.
const SEPARATOR: u8 = 0x1e;

/// What a binary packet begins with. The rest is Base64.
const BINARY_PREFIX: u8 = b'b';

/// Splits the body of an answer into its packets, in order.
///
/// # Errors
///
/// Empty packets, text that is not UTF-8, and binary packets that are not Base64.
pub(crate) fn split(body: &Bytes) -> Result<Vec<Frame>, Malformed> {
    let ends = memchr_iter(SEPARATOR, body).chain([body.len()]);
    let mut start = 0;
    ends.map(|end| {
        let packet = body.slice(start..end);
        start = end + 1;
        frame(packet)
    })
    .collect()
}

fn frame(packet: Bytes) -> Result<Frame, Malformed> {
    match packet.first() {
        None => Err(Malformed("a packet between two separators")),
        Some(&BINARY_PREFIX) => {
            let bytes = STANDARD.decode(&packet[1..]);
            bytes.map(|bytes| Frame::Binary(bytes.into())).map_err(|_| Malformed("`b` and Base64"))
        }
        Some(_) => {
            let text = Utf8Bytes::try_from(packet);
            text.map(Frame::Text).map_err(|_| Malformed("packets in UTF-8"))
        }
    }
}

/// Takes packets from the front of `frames` and returns them as the body of a request: as many as
/// `max_bytes` allow, and at least one. A single packet that is larger is sent, and the server then
/// refuses it, as with the official client.
pub(crate) fn join(frames: &mut VecDeque<Frame>, max_bytes: Option<usize>) -> Bytes {
    let mut body = Vec::new();
    while let Some(frame) = frames.pop_front() {
        let length = body.len();
        if length > 0 {
            body.push(SEPARATOR);
        }
        append(&mut body, &frame);
        if length > 0 && max_bytes.is_some_and(|most| body.len() > most) {
            body.truncate(length);
            frames.push_front(frame);
            break;
        }
    }
    body.into()
}

fn append(body: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Text(text) => body.extend_from_slice(text.as_bytes()),
        Frame::Binary(bytes) => {
            body.push(BINARY_PREFIX);
            body.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Frame {
        Frame::Text(text.into())
    }

    #[test]
    fn packets_are_separated_and_binary_is_base64() {
        // The example of the Engine.IO protocol.
        let body = Bytes::from_static(b"4hello\x1e2\x1e4world\x1ebAQIDBA==");
        let frames = [
            text("4hello"),
            text("2"),
            text("4world"),
            Frame::Binary(Bytes::from_static(&[1, 2, 3, 4])),
        ];
        assert_eq!(split(&body), Ok(frames.to_vec()));
        assert_eq!(join(&mut frames.into(), None), body);
    }

    #[test]
    fn what_is_no_packet_is_malformed() {
        for body in [&b""[..], b"4a\x1e", b"\x1e4a", b"4a\x1e\x1e4b", b"b***", b"bAQ", b"4\xff"] {
            assert!(split(&Bytes::copy_from_slice(body)).is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_body_holds_as_many_packets_as_fit_and_at_least_one() {
        let all = ["4aaaa", "4bb", "4c", "4dddddddddd", "3"];
        let mut frames: VecDeque<_> = all.into_iter().map(text).collect();
        let mut bodies = Vec::new();
        while !frames.is_empty() {
            bodies.push(join(&mut frames, Some(9)));
        }
        assert_eq!(bodies, [&b"4aaaa\x1e4bb"[..], b"4c", b"4dddddddddd", b"3"]);
    }

    fn any_frame() -> impl Strategy<Value = Frame> {
        prop_oneof![
            "[0-6][^\u{1e}]{0,20}".prop_map(|packet| text(&packet)),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Frame::Binary(bytes.into())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_joined_is_split_again_however_many_bodies_it_takes(
            frames in prop::collection::vec(any_frame(), 1..12), most in 1..60_usize,
        ) {
            let mut left: VecDeque<_> = frames.clone().into();
            let mut found = Vec::new();
            while !left.is_empty() {
                let body = join(&mut left, Some(most));
                let here = split(&body).unwrap();
                prop_assert!(body.len() <= most || here.len() == 1);
                found.extend(here);
            }
            prop_assert_eq!(found, frames);
        }
    }
}
