//! Follows WebSocket frames in a stream of bytes (RFC 6455, section 5.2), without changing it.

/// The part of the first byte of a frame that says what it carries, and its value for text.
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 0x1;

/// The longest header of a frame: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;

/// The first two bytes of a text, as they are on the wire; zeros where it is shorter, and for a
/// frame that is no text.
pub(super) type PayloadStart = [u8; 2];

/// Where a stream of bytes is, between and within frames.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameTracker {
    header: [u8; MAX_HEADER],
    /// The number of bytes of the header that have passed.
    header_length: usize,
    /// The lengths of the payload as a whole and of what has not passed yet, once the header is
    /// complete.
    payload: Option<(u64, u64)>,
    start: PayloadStart,
}

impl FrameTracker {
    /// Returns true between two frames.
    pub(super) fn is_between(&self) -> bool {
        self.header_length == 0
    }

    /// Returns the number of bytes, out of those that come next, up to the end of the frame.
    pub(super) fn rest_of_frame(&self, next: &[u8]) -> usize {
        self.clone().advance_to_end(next).0
    }

    /// Follows bytes that have passed. Calls `on_frame` at the end of each frame.
    pub(super) fn advance(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(PayloadStart)) {
        while !bytes.is_empty() {
            let (passed, ended) = self.advance_to_end(bytes);
            bytes = &bytes[passed..];
            if ended {
                on_frame(self.start);
            }
        }
    }

    /// Follows bytes up to the end of the frame at most. Returns how many those are, and whether
    /// the frame has ended.
    fn advance_to_end(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut passed = 0;
        while self.payload.is_none() && passed < bytes.len() {
            self.header[self.header_length] = bytes[passed];
            self.header_length += 1;
            passed += 1;
            self.payload = self.read_header().map(|length| (length, length));
            self.start = PayloadStart::default();
        }
        let Some((length, remaining)) = &mut self.payload else { return (passed, false) };
        let payload = &bytes[passed..];
        let taken = usize::try_from(*remaining).map_or(payload.len(), |n| n.min(payload.len()));
        // At most the first two bytes are of interest, and those of an attachment mean nothing.
        let before = usize::try_from(*length - *remaining).unwrap_or(usize::MAX);
        let of_interest = if self.header[0] & OPCODE == TEXT { 2 } else { 0 };
        let of_start = self.start.iter_mut().take(of_interest).skip(before);
        of_start.zip(&payload[..taken]).for_each(|(start, byte)| *start = *byte);
        *remaining -= taken as u64;
        let ended = *remaining == 0;
        if ended {
            self.payload = None;
            self.header_length = 0;
        }
        (passed + taken, ended)
    }

    /// Returns the length of the payload once the header is complete.
    fn read_header(&self) -> Option<u64> {
        let header = &self.header[..self.header_length];
        let second = *header.get(1)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        let (length, bytes) = match second & 0x7f {
            126 => (number(header.get(2..4)?), 4),
            127 => (number(header.get(2..10)?), 10),
            short => (u64::from(short), 2),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        (header.len() == bytes + mask).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::websocket::{binary_frame, text_frame};

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let long = "42".to_owned() + &"x".repeat(70_000);
        let texts = ["", "2", "42[]", &"y".repeat(126), &long];
        let mut stream: Vec<u8> =
            texts.iter().flat_map(|text| text_frame(text.as_bytes())).collect();
        // A masked frame, as a client sends it, and an attachment that looks like a packet.
        stream.extend_from_slice(&[0x81, 0x81, 1, 2, 3, 4, b'3']);
        stream.extend_from_slice(&binary_frame(&[b"42[]"]));
        let starts = [[0; 2], [b'2', 0], *b"42", *b"yy", *b"42", [b'3', 0], [0; 2]];
        for cut in (1..20).chain([1_000, stream.len()]) {
            let (mut tracker, mut found) = (FrameTracker::default(), Vec::new());
            for piece in stream.chunks(cut) {
                tracker.advance(piece, |start| found.push(start));
            }
            assert_eq!(found, starts, "in pieces of {cut}");
            assert!(tracker.is_between());
        }
    }

    #[test]
    fn the_rest_of_a_frame_is_known_without_following_it() {
        let frame = text_frame(b"hello");
        let two = [&frame[..], b"\x81"].concat();
        let mut tracker = FrameTracker::default();
        assert_eq!(tracker.rest_of_frame(&two), frame.len());
        assert!(tracker.is_between());
        tracker.advance(&frame[..3], |_| ());
        assert_eq!(tracker.rest_of_frame(&frame[3..]), frame.len() - 3);
        assert_eq!(tracker.rest_of_frame(&frame[3..4]), 1, "no more than there is");
    }

    #[test]
    fn a_frame_of_any_length_that_its_header_can_state_is_followed() {
        let mut tracker = FrameTracker::default();
        let header = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
        tracker.advance(&header, |_| panic!("the frame has not ended"));
        assert_eq!(tracker.rest_of_frame(&[0; 100]), 100);
    }
}
