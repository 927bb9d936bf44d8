//! Follows WebSocket frames in a stream of bytes (RFC 6455, section 5.2), without changing it.

/// The longest header of a frame: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;

/// Where a stream of bytes is, between and within frames.
#[derive(Debug, Default)]
pub(super) struct FrameTracker {
    header: [u8; MAX_HEADER],
    /// The number of bytes of the header that have passed.
    header_length: usize,
    frame: Option<Frame>,
    /// The number of bytes of the payload that have not passed yet.
    remaining: u64,
}

/// What is known of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// The number of bytes of the payload.
    pub(super) length: u64,
    /// The first two bytes of the payload, as they are on the wire.
    pub(super) start: [u8; 2],
}

impl FrameTracker {
    /// Returns true between two frames.
    pub(super) fn is_between(&self) -> bool {
        self.header_length == 0
    }

    /// Returns the number of bytes, out of those that come next, up to the end of the frame.
    pub(super) fn rest_of_frame(&self, next: &[u8]) -> usize {
        let mut ahead = Self { header: self.header, ..*self };
        ahead.advance_to_end(next).0
    }

    /// Follows bytes that have passed. Calls `on_frame` at the end of each frame.
    pub(super) fn advance(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            let (passed, frame) = self.advance_to_end(bytes);
            bytes = &bytes[passed..];
            frame.map(&mut on_frame);
        }
    }

    /// Follows bytes up to the end of the frame at most. Returns how many those are, and the frame
    /// if it has ended.
    fn advance_to_end(&mut self, bytes: &[u8]) -> (usize, Option<Frame>) {
        let mut passed = 0;
        while self.frame.is_none() && passed < bytes.len() {
            self.header[self.header_length] = bytes[passed];
            self.header_length += 1;
            passed += 1;
            self.frame = self.read_header();
            self.remaining = self.frame.map_or(0, |frame| frame.length);
        }
        let Some(frame) = &mut self.frame else { return (passed, None) };
        let payload = &bytes[passed..];
        let taken = usize::try_from(self.remaining).map_or(payload.len(), |n| n.min(payload.len()));
        let before = frame.length - self.remaining;
        for (place, byte) in (before..).zip(&payload[..taken.min(2)]) {
            if let Some(start) = usize::try_from(place).ok().and_then(|n| frame.start.get_mut(n)) {
                *start = *byte;
            }
        }
        self.remaining -= taken as u64;
        if self.remaining > 0 {
            return (passed + taken, None);
        }
        self.header_length = 0;
        (passed + taken, self.frame.take())
    }

    /// Returns the frame once its header is complete.
    fn read_header(&self) -> Option<Frame> {
        let header = &self.header[..self.header_length];
        let second = *header.get(1)?;
        let (length, bytes) = match second & 0x7f {
            126 => (header.get(2..4)?.iter().fold(0, shift_in), 4),
            127 => (header.get(2..10)?.iter().fold(0, shift_in), 10),
            short => (u64::from(short), 2),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        (header.len() == bytes + mask).then_some(Frame { length, start: [0; 2] })
    }
}

fn shift_in(number: u64, byte: &u8) -> u64 {
    number << 8 | u64::from(*byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::websocket::text_frame;

    /// Cuts a stream of frames into pieces of every length.
    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let long = "42".to_owned() + &"x".repeat(70_000);
        let texts = ["", "2", "42[]", &"y".repeat(126), &long];
        let mut stream: Vec<u8> =
            texts.iter().flat_map(|text| text_frame(text.as_bytes())).collect();
        // A masked frame, as a client sends it.
        stream.extend_from_slice(&[0x81, 0x81, 1, 2, 3, 4, b'3' ^ 1]);
        let expected: Vec<(u64, [u8; 2])> = vec![
            (0, [0; 2]),
            (1, [b'2', 0]),
            (4, *b"42"),
            (126, *b"yy"),
            (70_002, *b"42"),
            (1, [b'3' ^ 1, 0]),
        ];
        for cut in (1..20).chain([1_000, stream.len()]) {
            let (mut tracker, mut found) = (FrameTracker::default(), Vec::new());
            for piece in stream.chunks(cut) {
                tracker.advance(piece, |frame| found.push((frame.length, frame.start)));
            }
            assert_eq!(found, expected, "in pieces of {cut}");
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
}
