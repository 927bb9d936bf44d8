//! What a `GET` brings: an event stream, a poll that is answered, or one that is held.

use std::time::Duration;

use anyhow::Context;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use tokio::time::{Instant, timeout_at};
use wirebench_loadgen::SubscribeError;
use wirebench_loadgen::raw::{self, RawError};

use super::asked::Probe;
use super::headers::field;
use super::poll::{self, ANSWER_TIME, PollFindings};
use super::stream::{self, StreamFindings};

/// What a `GET` brought.
#[derive(Debug)]
pub(super) enum HttpFindings {
    Stream(StreamFindings),
    Poll(PollFindings),
    /// Neither: the status and the content type.
    Other(String),
}

/// Asks for an event stream and listens to what comes.
///
/// # Errors
///
/// Nobody answers at the address.
pub(super) async fn probe(probe: &Probe) -> anyhow::Result<HttpFindings> {
    let (asked_at, deadline) = (Instant::now(), Instant::now() + probe.listen);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, */*;q=0.1"));
    let asked = raw::get(probe.url.http(), headers, &probe.trusted);
    let Ok(answer) = timeout_at(deadline.max(asked_at + ANSWER_TIME), asked).await else {
        return Ok(HttpFindings::Poll(PollFindings::unanswered()));
    };
    let answer = match answer {
        Ok(answer) => answer,
        // A server of WebSockets alone may close a connection that asks for anything else.
        Err(RawError::Subscription(SubscribeError::Broken { .. })) => {
            return Ok(HttpFindings::Other("the end of the connection".to_owned()));
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot reach `{}`", probe.url.http()));
        }
    };
    let held = asked_at.elapsed() > ANSWER_TIME;
    if answer.is_event_stream() {
        return Ok(HttpFindings::Stream(stream::listen(probe, answer, deadline).await));
    }
    if poll::is_poll(&answer, held) {
        return Ok(HttpFindings::Poll(poll::look(probe, answer, held).await));
    }
    let kind = field(answer.headers(), &CONTENT_TYPE);
    let kind = kind.unwrap_or_else(|| "no content type".to_owned());
    Ok(HttpFindings::Other(format!("{}, {kind}", answer.status())))
}

impl HttpFindings {
    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self, heard: Duration) -> Vec<String> {
        match self {
            Self::Stream(stream) => stream.in_words(heard),
            Self::Poll(poll) => [vec!["sse: no".to_owned()], poll.in_words()].concat(),
            Self::Other(answer) => {
                vec![format!("sse, polling: no, a `GET` is answered with {answer}")]
            }
        }
    }
}
