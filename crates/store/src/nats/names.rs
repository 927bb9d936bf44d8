//! How a feed is called in NATS.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The subject to which every stream hands on what it has taken.
pub(super) const ALL_HEARD: &str = "wirebench.heard.*";

/// What the name of a stream begins with.
const STREAM: &str = "wirebench-";

/// Returns a feed's name as a token of a subject and of a stream's name, which have neither spaces
/// nor dots, stars or slashes. A plain name stays as it is; of any other one it is the Base64, after
/// a `=`, which no plain name has.
pub(super) fn token(feed: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if feed.bytes().all(is_plain) {
        feed.to_owned()
    } else {
        format!("={}", BASE64_URL_SAFE_NO_PAD.encode(feed))
    }
}

/// Returns the name of the stream of a feed.
pub(super) fn stream(token: &str) -> String {
    format!("{STREAM}{token}")
}

/// Returns the subject to which messages of a feed are published.
pub(super) fn published(token: &str) -> String {
    format!("wirebench.feeds.{token}")
}

/// Returns the subject to which the stream of a feed hands on what it has taken.
pub(super) fn heard(token: &str) -> String {
    format!("wirebench.heard.{token}")
}

/// Returns the token in the subject of a message that a stream has handed on.
pub(super) fn token_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("wirebench.heard.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feed_has_a_token_of_its_own_that_nats_takes() {
        let feeds = ["bench", "a.b", "a b", "ä", "Y S5i", "=YS5i", "*", ">", "a/b", "a_b-C9"];
        let tokens: Vec<String> = feeds.iter().map(|feed| token(feed)).collect();
        let distinct: std::collections::HashSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), feeds.len(), "{tokens:?}");
        for token in &tokens {
            let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
            assert!(token.bytes().all(is_taken), "{token}");
            assert_eq!(token_of(&heard(token)), Some(token.as_str()));
        }
        assert_eq!(stream(&tokens[0]), "wirebench-bench");
    }
}
