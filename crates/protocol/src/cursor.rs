//! Cursors: how far a subscriber has read. All transports resume by the same rule.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Seq;

/// One life of one feed. A feed that starts again without messages has a new epoch, so that a
/// cursor of its former life is recognised instead of being silently accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// The last message that a subscriber has seen. It is sent as `<epoch>-<seq>`, which clients treat
/// as opaque.
///
/// The epoch is written in hexadecimal and `seq` in decimal: `7f3a09c2e1d4b586-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The life of the feed that `seq` belongs to.
    pub epoch: Epoch,
    /// The last message seen; 0 before the first.
    pub seq: Seq,
}

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// At the newest message: only what is published from now on. The default on every transport.
    #[default]
    Newest,
    /// Before the oldest message that the feed still keeps (`after=start`).
    Start,
    /// After this message.
    Cursor(Cursor),
}

/// Text that does not have the form `<epoch>-<seq>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed cursor `{0}`: expected `<epoch>-<seq>` as the feed gave it, or `start`")]
pub struct CursorError(String);

impl Cursor {
    /// Returns the cursor of the message `seq` in the same epoch.
    #[must_use]
    pub fn at(self, seq: Seq) -> Self {
        Self { seq, ..self }
    }

    /// Returns the text of the cursor, without an allocation.
    pub fn text(self) -> CursorText {
        CursorText::of(self)
    }
}

/// The two hexadecimal digits of each byte.
static DIGITS_OF_BYTES: [[u8; 2]; 256] = {
    let (digits, mut of_bytes, mut byte) = (b"0123456789abcdef", [[0; 2]; 256], 0);
    while byte < of_bytes.len() {
        of_bytes[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    of_bytes
};

/// The text of a cursor. It is on the path of every poll, so it is made without the machinery of
/// [`fmt`].
#[derive(Clone, Copy, Debug)]
pub struct CursorText {
    bytes: [u8; CursorText::MAX_BYTES],
    length: usize,
}

impl CursorText {
    /// 16 digits, a dash, and the digits of the largest `seq`.
    const MAX_BYTES: usize = 16 + 1 + 20;

    fn of(cursor: Cursor) -> Self {
        let mut bytes = [b'-'; Self::MAX_BYTES];
        for (digits, byte) in bytes.chunks_exact_mut(2).zip(cursor.epoch.0.to_be_bytes()) {
            digits.copy_from_slice(&DIGITS_OF_BYTES[usize::from(byte)]);
        }
        let mut buffer = itoa::Buffer::new();
        let seq = buffer.format(cursor.seq).as_bytes();
        bytes[17..17 + seq.len()].copy_from_slice(seq);
        Self { bytes, length: 17 + seq.len() }
    }

    /// Returns the text as it is sent.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the text as it is sent, without the check that it is UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    /// Accepts exactly what `Display` writes. A sign, a space, a capital digit, a leading zero or a
    /// shortened epoch is an error.
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parse = || {
            let (epoch, rest) = text.as_bytes().split_first_chunk::<16>()?;
            let seq = rest.strip_prefix(b"-")?;
            let (epoch, seq) = (number::<16>(epoch)?, number::<10>(seq)?);
            let is_canonical = rest.len() == 2 || rest[1] != b'0';
            is_canonical.then_some(Self { epoch: Epoch(epoch), seq })
        };
        parse().ok_or_else(|| CursorError(text.chars().take(64).collect()))
    }
}

/// Reads a number of this base, at most 16, in small digits. `None` if there is no digit, anything
/// else, or too much for 64 bits. Each poll has a cursor, so it is read in one pass.
fn number<const BASE: u64>(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, byte: &u8| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        let digit = Some(u64::from(digit)).filter(|digit| *digit < BASE)?;
        number.checked_mul(BASE)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

impl fmt::Display for After {
    /// Writes the value of the query parameter `after`. It is empty for [`After::Newest`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => Ok(()),
            Self::Start => f.write_str("start"),
            Self::Cursor(cursor) => cursor.fmt(f),
        }
    }
}

impl FromStr for After {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        match text {
            "" => Ok(Self::Newest),
            "start" => Ok(Self::Start),
            cursor => cursor.parse().map(Self::Cursor),
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_from_its_text(epoch: u64, seq: u64) {
            let cursor = Cursor { epoch: Epoch(epoch), seq };
            prop_assert_eq!(cursor.to_string(), format!("{epoch:016x}-{seq}"));
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<After>();
        }
    }

    #[test]
    fn a_cursor_in_any_other_form_is_an_error() {
        for text in [
            "1",
            "-",
            "00000000000000ab-",
            "00000000000000ab-+1",
            "ab-1",
            "00000000000000ab-1 ",
            "00000000000000ab-18446744073709551616",
            "zz000000000000ab-1",
            "00000000000000AB-1",
            "00000000000000ab-01",
            "00000000000000ab-00",
        ] {
            assert!(text.parse::<Cursor>().is_err(), "accepted `{text}`");
        }
    }

    #[test]
    fn the_start_and_the_newest_message_have_names() {
        assert_eq!("start".parse(), Ok(After::Start));
        assert_eq!("".parse(), Ok(After::Newest));
        assert_eq!(After::Start.to_string(), "start");
    }
}
