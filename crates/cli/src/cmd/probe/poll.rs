//! A poll: where its answer has a cursor and messages, and whether the cursor resumes.

use std::time::Duration;

use http::StatusCode;
use http::header::{
    CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use serde_json::Value;
use tokio::time::timeout;
use wirebench_loadgen::raw::{self, RawAnswer};

use super::asked::Probe;
use super::headers::{Answer, field, has_validators, warnings};
use super::words::members;

/// An answer that takes longer is held until there is a message.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(3);

/// Words in the names of cursors.
const CURSOR_WORDS: [&str; 5] = ["cursor", "offset", "last-event-id", "next", "last_id"];

/// A poll.
#[derive(Debug)]
pub(super) struct PollFindings {
    /// The server held it until there was something, or until nobody listened any more.
    pub(super) held: bool,
    /// `None` if it was not answered while somebody listened.
    pub(super) answer: Option<PollAnswer>,
}

/// The answer to a poll.
#[derive(Debug)]
pub(super) struct PollAnswer {
    pub(super) status: StatusCode,
    kind: Option<String>,
    pub(super) cursor: CursorPlace,
    /// The pointer to the only array in the body.
    pub(super) messages: Option<String>,
    /// The body, if it is text.
    pub(super) text: Option<String>,
    warnings: Vec<&'static str>,
}

/// Where an answer has the cursor of the next poll.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CursorPlace {
    /// `ETag` and `Last-Modified`. A poll with them is answered with nothing or something new, or is
    /// held, if this is true.
    Validators(bool),
    /// A header with such a name.
    Header(String),
    /// A member of the body with such a name, as a JSON pointer.
    Member(String),
    Unknown,
}

/// Returns true if an answer may be that to a poll: what was held, what is empty, and data. A page is
/// none.
pub(super) fn is_poll(answer: &RawAnswer, held: bool) -> bool {
    let kind = field(answer.headers(), &CONTENT_TYPE);
    let is_data = || kind.is_none_or(|kind| kind.contains("json") || kind.contains("text/plain"));
    match answer.status() {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => true,
        StatusCode::OK => held || is_data(),
        _ => false,
    }
}

/// Looks at the answer to a poll.
pub(super) async fn look(probe: &Probe, answer: RawAnswer, held: bool) -> PollFindings {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = timeout(ANSWER_TIME, answer.whole()).await.ok().and_then(Result::ok);
    let text = body.and_then(|body| String::from_utf8(body.to_vec()).ok());
    let text = text.filter(|text| !text.is_empty());
    let json = serde_json::from_str(text.as_deref().unwrap_or_default()).unwrap_or_default();
    let arrays = members(&json, |_, value| value.is_array());
    let answer = PollAnswer {
        status,
        kind: field(&headers, &CONTENT_TYPE),
        cursor: cursor(probe, &headers, &json).await,
        messages: <[String; 1]>::try_from(arrays).ok().map(|[only]| only),
        text,
        warnings: warnings(Answer::Poll(status), &headers),
    };
    PollFindings { held, answer: Some(answer) }
}

async fn cursor(probe: &Probe, headers: &HeaderMap, body: &Value) -> CursorPlace {
    let is_cursor = |name: &str| CURSOR_WORDS.iter().any(|word| name.contains(word));
    if let Some(name) = headers.keys().find(|name| is_cursor(name.as_str())) {
        return CursorPlace::Header(name.to_string());
    }
    let is_text = |value: &Value| value.is_string() || value.is_number();
    let is_member =
        |name: &str, value: &Value| is_cursor(&name.to_ascii_lowercase()) && is_text(value);
    if let Some(pointer) = members(body, is_member).into_iter().next() {
        return CursorPlace::Member(pointer);
    }
    if has_validators(headers) {
        return CursorPlace::Validators(resumes(probe, headers).await);
    }
    CursorPlace::Unknown
}

/// Returns true if a poll with the validators of the one before brings nothing that this one has
/// brought.
async fn resumes(probe: &Probe, headers: &HeaderMap) -> bool {
    let conditions = [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)];
    let conditions = conditions.into_iter();
    let more = conditions.filter_map(|(name, of)| Some((name, headers.get(of)?.clone()))).collect();
    let asked = timeout(ANSWER_TIME, raw::get(probe.url.http(), more, &probe.trusted)).await;
    match asked {
        // It is held until there is something.
        Err(_) => true,
        Ok(Ok(answer)) => {
            let same = [ETAG, LAST_MODIFIED].iter();
            let is_same = same.clone().all(|of| answer.headers().get(of) == headers.get(of));
            answer.status() == StatusCode::NOT_MODIFIED || !is_same
        }
        Ok(Err(_)) => false,
    }
}

impl PollFindings {
    /// Returns what is known of a poll that was not answered.
    pub(super) fn unanswered() -> Self {
        Self { held: true, answer: None }
    }

    /// Returns the name of the transport.
    pub(super) fn transport(&self) -> &'static str {
        if self.held { "long-polling" } else { "short-polling" }
    }

    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self) -> Vec<String> {
        let transport = self.transport();
        let Some(answer) = &self.answer else {
            return vec![format!(
                "{transport}: perhaps, a `GET` was held and not answered: publish something while \
                 this listens to find out more"
            )];
        };
        let kind = answer.kind.as_deref().unwrap_or("without a content type");
        let mut lines = vec![
            format!("{transport}: yes, a `GET` is answered with {}, {kind}", answer.status),
            format!("{transport}: {}", answer.cursor.in_words()),
        ];
        lines.extend(answer.warnings.iter().map(|warning| format!("{transport}: {warning}")));
        lines
    }
}

impl CursorPlace {
    fn in_words(&self) -> String {
        match self {
            Self::Validators(true) => {
                "its `ETag` and `Last-Modified` are a cursor: a poll with them resumes".to_owned()
            }
            Self::Validators(false) => {
                "it has `ETag` or `Last-Modified`, but a poll with them gets the same again"
                    .to_owned()
            }
            Self::Header(name) => format!("the header `{name}` looks like a cursor"),
            Self::Member(pointer) => format!("`{pointer}` in the body looks like a cursor"),
            Self::Unknown => "no cursor is known".to_owned(),
        }
    }
}
