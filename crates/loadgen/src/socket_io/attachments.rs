//! Brings packets and their binary attachments together.

use bytes::Bytes;

use super::engine_packet::{Frame, Malformed};
use super::packet::Packet;
use crate::websocket::Utf8Bytes;

/// A Socket.IO packet with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    /// The Engine.IO packet that carried it.
    text: Utf8Bytes,
    /// The attachments, in the order of their placeholders.
    pub(crate) attachments: Vec<Bytes>,
}

impl Assembled {
    /// Returns the Engine.IO packet that carried it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Parses the packet.
    pub(crate) fn packet(&self) -> Result<Packet<'_>, Malformed> {
        Packet::parse(&self.text[1..])
    }
}

/// Collects the attachments of one packet at a time: they follow it without another packet of
/// Socket.IO in between.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// The packet that waits for attachments, and how many it waits for.
    waiting: Option<(Assembled, usize)>,
}

impl Assembler {
    /// Takes the next message, which is a packet (`4…`) or an attachment. Returns the packet that
    /// it completes.
    pub(crate) fn take(&mut self, frame: Frame) -> Result<Option<Assembled>, Malformed> {
        match (self.waiting.take(), frame) {
            (None, Frame::Text(text)) => {
                let attachments = Packet::parse(&text[1..])?.attachments;
                let assembled = Assembled { text, attachments: Vec::new() };
                if attachments == 0 {
                    return Ok(Some(assembled));
                }
                self.waiting = Some((assembled, attachments));
                Ok(None)
            }
            (Some((mut assembled, missing)), Frame::Binary(bytes)) => {
                assembled.attachments.push(bytes);
                if missing == 1 {
                    return Ok(Some(assembled));
                }
                self.waiting = Some((assembled, missing - 1));
                Ok(None)
            }
            (Some(_), Frame::Text(_)) => Err(Malformed("an attachment of the packet before")),
            (None, Frame::Binary(_)) => Err(Malformed("no attachment without its packet")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::payload::{join, split};
    use super::*;

    fn text(text: &str) -> Frame {
        Frame::Text(text.into())
    }

    fn binary(bytes: &[u8]) -> Frame {
        Frame::Binary(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn attachments_belong_to_the_packet_before_them() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.take(text("452-[\"a\"]")), Ok(None));
        assert_eq!(assembler.take(binary(&[1])), Ok(None));
        let whole = assembler.take(binary(&[2, 3])).unwrap().unwrap();
        assert_eq!(whole.packet().unwrap().data, "[\"a\"]");
        assert_eq!(whole.attachments, [&[1][..], &[2, 3]]);
        assert!(assembler.take(text("42[\"b\"]")).unwrap().is_some());
    }

    #[test]
    fn attachments_and_packets_out_of_turn_are_malformed() {
        let mut assembler = Assembler::default();
        assert!(assembler.take(binary(&[1])).is_err());
        assert_eq!(assembler.take(text("451-[]")), Ok(None));
        assert!(assembler.take(text("42[]")).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn packets_are_the_same_wherever_the_bodies_end(
            counts in prop::collection::vec(0..4_usize, 1..8), most in 1..80_usize,
        ) {
            let frames: VecDeque<Frame> = counts
                .iter()
                .enumerate()
                .flat_map(|(n, &count)| {
                    let head = if count == 0 {
                        format!("42[{n}]")
                    } else {
                        format!("45{count}-[{n}]")
                    };
                    let attachments = (0..count).map(|byte| binary(&[u8::try_from(byte).unwrap()]));
                    [text(&head)].into_iter().chain(attachments).collect::<Vec<_>>()
                })
                .collect();
            let (mut left, mut assembler, mut found) = (frames, Assembler::default(), Vec::new());
            while !left.is_empty() {
                for frame in split(&join(&mut left, Some(most))).unwrap() {
                    found.extend(assembler.take(frame).unwrap());
                }
            }
            let found: Vec<_> = found
                .iter()
                .map(|whole| (whole.packet().unwrap().data.to_owned(), whole.attachments.len()))
                .collect();
            let expected: Vec<_> =
                counts.iter().enumerate().map(|(n, &count)| (format!("[{n}]"), count)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
