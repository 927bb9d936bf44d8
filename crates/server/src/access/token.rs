//! A secret that gives a right to the client that sends it.

use axum::http::header::{self, HeaderMap};
use subtle::ConstantTimeEq;

/// A secret that a client sends to prove its right. It is compared in constant time and never
/// printed.
#[derive(Clone)]
pub struct Token(String);

/// Text that cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is 16 to 512 printable ASCII characters without spaces")]
pub struct InvalidToken;

impl Token {
    /// Creates a token of 16 to 512 characters. White space around it is removed.
    ///
    /// # Errors
    /// The text is too short to be a secret, or cannot be sent in a header.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let fits =
            (16..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidToken)
    }

    /// Creates a random token of 128 bits.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// Returns the secret itself, to be given to a client.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns true if the request brings this token as a bearer token (RFC 6750, section 2.1).
    pub(crate) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
        let Some((scheme, found)) = value.as_bytes().split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.is(found.trim_ascii())
    }

    fn is(&self, found: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(found).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_request_with_the_same_bearer_token_bears_it() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        let bears = |value| {
            let value = HeaderValue::from_static(value);
            token.is_borne_by(&[(header::AUTHORIZATION, value)].into_iter().collect())
        };
        assert!(bears("Bearer 0123456789abcdef") && bears("bearer 0123456789abcdef"));
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer",
            "Basic 0123456789abcdef",
        ] {
            assert!(!bears(wrong), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("0123"));
        assert!(Token::new("short").is_err() && Token::new("spaces in the middle").is_err());
    }
}
