//! The key with which a publisher may repeat a request without publishing twice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The request header that carries the key of a `POST` (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The maximum length of a key.
const MAX_LENGTH: usize = 128;

/// A key that its publisher chose for one message. A feed that still knows the key does not publish
/// the message again. So a publisher whose connection broke before the answer came may repeat the
/// request.
///
/// A key has 1 to 128 visible ASCII characters, without quotation marks and backslashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// Text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed idempotency key `{0}`: expected 1 to {MAX_LENGTH} visible ASCII characters without \
     quotation marks and backslashes"
)]
pub struct InvalidIdempotencyKey(String);

impl IdempotencyKey {
    /// Returns the key as it was chosen.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Accepts a key with quotation marks around it, as the draft writes the header, and without.
    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(text);
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(is_plain) {
            Ok(Self(key.into()))
        } else {
            Err(InvalidIdempotencyKey(text.chars().take(64).collect()))
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_quoted_as_the_header_writes_it() {
        let plain: IdempotencyKey = "8e03978e-40d5".parse().unwrap();
        assert_eq!("\"8e03978e-40d5\"".parse(), Ok(plain.clone()));
        assert_eq!(serde_json::to_string(&plain).unwrap(), "\"8e03978e-40d5\"");
        assert_eq!(serde_json::from_str::<IdempotencyKey>("\"8e03978e-40d5\"").unwrap(), plain);
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        let too_long = "k".repeat(MAX_LENGTH + 1);
        for text in ["", "\"\"", "a b", "a\"b", "a\\b", "é", "a\n", too_long.as_str()] {
            assert!(text.parse::<IdempotencyKey>().is_err(), "{text:?}");
        }
        assert!("k".repeat(MAX_LENGTH).parse::<IdempotencyKey>().is_ok());
    }
}
