//! What an answer says besides its content.

use http::header;
use http::{Response, StatusCode};
use serde::Deserialize;

/// How much of an unexpected body goes into an error message, in characters.
const QUOTED_CHARS: usize = 200;

/// The body of an answer that reports an error, on every route of the server.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorAnswer {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
}

impl ErrorAnswer {
    /// Parses a body. A body of another form becomes the error, cut to a readable length.
    pub(crate) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| {
            let error = quote(&String::from_utf8_lossy(body));
            Self { error, hint: None }
        })
    }
}

/// Returns true if an answer says that it has no content.
pub(crate) fn is_empty<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::NO_CONTENT
}

/// Returns true if an answer says that it is the last on its connection. Over HTTP/2 it never does.
pub(crate) fn is_last<B>(answer: &Response<B>) -> bool {
    let values = answer.headers().get_all(header::CONNECTION).into_iter();
    let mut tokens = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case("close"))
}

/// Returns the beginning of something unexpected, for an error message.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED_CHARS).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}
