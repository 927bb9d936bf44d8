//! Where the body of an answer of HTTP/1.1 ends, and which of its bytes are content (RFC 9112,
//! sections 6 and 7).

use http::StatusCode;
use httparse::{EMPTY_HEADER, Header, Status, parse_chunk_size, parse_headers};

use super::answer::has_token;

/// The maximum size of the line before a chunk, and of the trailer after the last one.
const MAX_FRAMING_BYTES: usize = 16 << 10;

/// The maximum number of fields after the last chunk.
const MAX_TRAILER_FIELDS: usize = 100;

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// So many bytes. None are left of a body that is complete.
    Known(u64),
    /// Everything until the connection closes.
    UntilClose,
    /// Chunks.
    Chunked(ChunkPart),
}

/// What comes next of a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkPart {
    /// The line with the size of a chunk.
    Size,
    /// So many bytes of a chunk, at least 1.
    Content(u64),
    /// The end of the line behind a chunk.
    End,
    /// The fields after the last chunk.
    Trailer,
}

/// How to take the next piece of a body from the bytes that were read: `before` bytes are not
/// content, `piece` bytes are, and `after` bytes are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NextPiece {
    pub(super) before: usize,
    /// 0 if the body is complete, or needs more bytes.
    pub(super) piece: usize,
    pub(super) after: usize,
}

impl BodyLength {
    /// A body that is complete.
    pub(super) const COMPLETE: Self = Self::Known(0);

    /// Returns the length of the body behind a head.
    ///
    /// # Errors
    ///
    /// What is wrong with the fields that say it.
    pub(super) fn of(
        status: StatusCode,
        version: u8,
        fields: &[Header<'_>],
    ) -> Result<Self, &'static str> {
        let without_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        if status.is_informational() || without_body {
            return Ok(Self::COMPLETE);
        }
        let mut length = None;
        // Whether the last coding is `chunked`. `None`: there is no coding.
        let mut chunked = None;
        for field in fields {
            if field.name.eq_ignore_ascii_case("content-length") {
                for value in field.value.split(|byte| *byte == b',') {
                    let value = number(value.trim_ascii()).ok_or("an invalid `Content-Length`")?;
                    if length.replace(value).is_some_and(|other| other != value) {
                        return Err("two values of `Content-Length`");
                    }
                }
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                let last = field.value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                chunked = Some(has_token(last, "chunked"));
            }
        }
        match (chunked, length) {
            (Some(_), _) if version == 0 => Err("a `Transfer-Encoding` in an answer of HTTP/1.0"),
            (Some(true), _) => Ok(Self::Chunked(ChunkPart::Size)),
            (Some(false), _) | (None, None) => Ok(Self::UntilClose),
            (None, Some(length)) => Ok(Self::Known(length)),
        }
    }

    /// Returns true if nothing is left.
    pub(super) fn is_complete(self) -> bool {
        self == Self::COMPLETE
    }

    /// Takes the next piece from `bytes`, which follow what was taken before.
    ///
    /// # Errors
    ///
    /// What is wrong with the chunks.
    pub(super) fn next_piece(&mut self, bytes: &[u8]) -> Result<NextPiece, &'static str> {
        match self {
            Self::Known(left) => {
                let piece = at_most(*left, bytes.len());
                *left -= piece as u64;
                Ok(NextPiece { piece, ..NextPiece::default() })
            }
            Self::UntilClose => Ok(NextPiece { piece: bytes.len(), ..NextPiece::default() }),
            Self::Chunked(part) => {
                let mut next = NextPiece::default();
                let complete = part.next_piece(bytes, &mut next)?;
                if complete {
                    *self = Self::COMPLETE;
                }
                Ok(next)
            }
        }
    }
}

impl ChunkPart {
    /// Takes the next piece of a chunk. Returns true if that was the end of the body.
    fn next_piece(&mut self, bytes: &[u8], next: &mut NextPiece) -> Result<bool, &'static str> {
        loop {
            let used = next.before + next.piece + next.after;
            let rest = &bytes[used..];
            let framing = match self {
                Self::Content(_) if next.piece > 0 => return Ok(false),
                Self::Content(left) => {
                    next.piece = at_most(*left, rest.len());
                    if next.piece == 0 {
                        return Ok(false);
                    }
                    *left -= next.piece as u64;
                    if *left == 0 {
                        *self = Self::End;
                    }
                    continue;
                }
                Self::End => line_end(rest)?.map(|used| (used, Some(Self::Size))),
                // The size of the chunk behind a piece is left to the next call, so that what was
                // read of that chunk begins with it.
                Self::Size if next.piece > 0 && rest.first() != Some(&b'0') => return Ok(false),
                Self::Size => size(rest)?.map(|(used, size)| match size {
                    0 => (used, Some(Self::Trailer)),
                    size => (used, Some(Self::Content(size))),
                }),
                Self::Trailer => trailer(rest)?.map(|used| (used, None)),
            };
            let Some((used, part)) = framing else { return Ok(false) };
            let framing = if next.piece > 0 { &mut next.after } else { &mut next.before };
            *framing += used;
            match part {
                Some(part) => *self = part,
                None => return Ok(true),
            }
        }
    }
}

/// Reads the end of a line. `None` if it has not come yet.
fn line_end(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    match bytes {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        _ => Err("a chunk that is longer than it says"),
    }
}

/// Reads the line before a chunk. Returns its length and the size of the chunk, and `None` if it
/// has not come yet.
fn size(bytes: &[u8]) -> Result<Option<(usize, u64)>, &'static str> {
    // httparse takes a line without digits for a size of 0.
    if bytes.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err("a chunk without a size");
    }
    match parse_chunk_size(bytes) {
        Ok(Status::Complete(found)) => Ok(Some(found)),
        Ok(Status::Partial) if bytes.len() < MAX_FRAMING_BYTES => Ok(None),
        Ok(Status::Partial) | Err(_) => Err("an invalid size of a chunk"),
    }
}

/// Reads the fields after the last chunk. Returns their length, and `None` if they have not come
/// yet.
fn trailer(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    // Nearly always there are none.
    if bytes.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    match parse_headers(bytes, &mut [EMPTY_HEADER; MAX_TRAILER_FIELDS]) {
        Ok(Status::Complete((used, _))) => Ok(Some(used)),
        Ok(Status::Partial) if bytes.len() < MAX_FRAMING_BYTES => Ok(None),
        Ok(Status::Partial) | Err(_) => Err("invalid fields after the last chunk"),
    }
}

/// Parses digits. Unlike `parse`, it takes no sign.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Returns the smaller of a length and the number of bytes that are there.
fn at_most(length: u64, there: usize) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).min(there)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length(
        status: u16,
        version: u8,
        fields: &[(&'static str, &str)],
    ) -> Result<BodyLength, &'static str> {
        let fields = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() });
        let status = StatusCode::from_u16(status).unwrap();
        BodyLength::of(status, version, &fields.collect::<Vec<_>>())
    }

    #[test]
    fn the_length_is_the_one_that_the_standard_says() {
        let chunked = Ok(BodyLength::Chunked(ChunkPart::Size));
        assert_eq!(length(200, 1, &[]), Ok(BodyLength::UntilClose));
        assert_eq!(length(200, 1, &[("Content-Length", "7")]), Ok(BodyLength::Known(7)));
        assert_eq!(length(200, 1, &[("content-length", "7, 7")]), Ok(BodyLength::Known(7)));
        assert_eq!(length(204, 1, &[("content-length", "7")]), Ok(BodyLength::COMPLETE));
        assert_eq!(length(304, 1, &[("content-length", "7")]), Ok(BodyLength::COMPLETE));
        assert_eq!(length(101, 1, &[("content-length", "7")]), Ok(BodyLength::COMPLETE));
        assert_eq!(length(200, 1, &[("Transfer-Encoding", "Chunked")]), chunked);
        assert_eq!(length(200, 1, &[("transfer-encoding", "gzip, chunked")]), chunked);
        let both = [("content-length", "7"), ("transfer-encoding", "chunked")];
        assert_eq!(length(200, 1, &both), chunked);
        let other = length(200, 1, &[("transfer-encoding", "chunked, gzip")]);
        assert_eq!(other, Ok(BodyLength::UntilClose));
    }

    #[test]
    fn a_length_that_is_not_clear_is_an_error() {
        for value in ["", "-1", "+1", "1 2", "7, 8", "0x10", "99999999999999999999999"] {
            assert!(length(200, 1, &[("content-length", value)]).is_err(), "{value}");
        }
        assert!(length(200, 1, &[("content-length", "7"), ("content-length", "8")]).is_err());
        assert!(length(200, 0, &[("transfer-encoding", "chunked")]).is_err());
    }

    /// The content of a body, and the bytes behind it.
    type Whole = (Vec<u8>, Vec<u8>);

    /// Returns a body that comes in pieces. `None`: it is not complete.
    fn content(mut body: BodyLength, pieces: &[&[u8]]) -> Result<Option<Whole>, &'static str> {
        let (mut content, mut unread) = (Vec::new(), Vec::new());
        for piece in pieces {
            unread.extend_from_slice(piece);
            while !body.is_complete() {
                let NextPiece { before, piece, after } = body.next_piece(&unread)?;
                content.extend_from_slice(&unread[before..before + piece]);
                unread.drain(..before + piece + after);
                if piece == 0 {
                    break;
                }
            }
        }
        Ok(body.is_complete().then_some((content, unread)))
    }

    #[test]
    fn chunks_have_their_content_and_their_end() {
        let chunked = BodyLength::Chunked(ChunkPart::Size);
        for (body, expected) in [
            ("0\r\n\r\n", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc"),
            ("3;name=value\r\nabc\r\nA\r\n0123456789\r\n000\r\nx: y\r\n\r\n", "abc0123456789"),
        ] {
            let body = [body.as_bytes(), b"next"].concat();
            let expected = (expected.as_bytes().to_vec(), b"next".to_vec());
            assert_eq!(content(chunked, &[&body]), Ok(Some(expected)));
        }
        for body in [
            "g\r\n",
            "\r\n",
            ";x\r\n",
            "3\r\nabcd\r\n",
            "11111111111111111\r\n",
            "0\r\na b\r\n\r\n",
        ] {
            assert!(content(chunked, &[body.as_bytes()]).is_err(), "{body}");
        }
        let endless = "1;".to_owned() + &"x".repeat(MAX_FRAMING_BYTES);
        assert!(content(chunked, &[endless.as_bytes()]).is_err());
    }

    #[test]
    fn a_small_answer_in_chunks_is_complete_with_its_piece() {
        let mut body = BodyLength::Chunked(ChunkPart::Size);
        let next = body.next_piece(b"3\r\nabc\r\n0\r\n\r\n").unwrap();
        assert_eq!(next, NextPiece { before: 3, piece: 3, after: 7 });
        assert!(body.is_complete());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn chunks_have_their_content_wherever_the_stream_is_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            size in 1..50_usize,
        ) {
            let mut stream = Vec::new();
            for chunk in &chunks {
                stream.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                stream.extend_from_slice(chunk);
                stream.extend_from_slice(b"\r\n");
            }
            stream.extend_from_slice(b"0\r\n\r\n");
            let pieces: Vec<_> = stream.chunks(size).collect();
            let found = content(BodyLength::Chunked(ChunkPart::Size), &pieces);
            prop_assert_eq!(found, Ok(Some((chunks.concat(), Vec::new()))));
        }
    }
}
