//! What a `GET` brings: an event stream, a poll that is answered, or one that is held.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap,
    LAST_MODIFIED,
};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout, timeout_at};

use super::words::beginning;

/// An answer that takes longer is held until there is a message.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// What a `GET` brought.
#[derive(Debug, Default)]
pub(super) struct HttpFindings {
    pub(super) stream: Option<StreamFindings>,
    pub(super) poll: Option<PollFindings>,
    /// What the answer was if it was neither.
    other: Option<String>,
}

/// An event stream.
#[derive(Debug, Default)]
pub(super) struct StreamFindings {
    /// The names of events; `message` for those without one.
    pub(super) events: BTreeSet<String>,
    /// The last `id`. `None` if events have none.
    pub(super) last_id: Option<String>,
    /// Whether a connection with `Last-Event-ID` got an event with an earlier one's successor at
    /// once. `None` if it could not be tried.
    pub(super) resumes: Option<bool>,
    /// The data of the first event.
    data: Option<String>,
    count: usize,
    comments: usize,
    retry: Option<String>,
    /// What a proxy in between would do to the stream.
    warnings: Vec<&'static str>,
}

/// A poll.
#[derive(Debug)]
pub(super) struct PollFindings {
    /// The server held it until there was something, or longer than anybody waited.
    pub(super) held: bool,
    /// The answer has `ETag` or `Last-Modified`.
    pub(super) validators: bool,
    kind: Option<String>,
}

/// Asks for an event stream and listens to what comes.
///
/// # Errors
/// Nobody answers at the address.
pub(super) async fn probe(url: &Url, listen: Duration) -> anyhow::Result<HttpFindings> {
    let client = Client::builder().no_proxy().build().context("cannot make a client")?;
    let asked = client.get(url.clone()).header(ACCEPT, "text/event-stream, */*;q=0.1").send();
    let Ok(answer) = timeout(ANSWER_TIME, asked).await else {
        let poll = Some(PollFindings { held: true, validators: false, kind: None });
        return Ok(HttpFindings { poll, ..HttpFindings::default() });
    };
    let answer = answer.with_context(|| format!("cannot reach `{url}`"))?;
    let kind = field(answer.headers(), &CONTENT_TYPE);
    if answer.status().is_success() && kind.as_deref().is_some_and(is_event_stream) {
        let mut stream =
            StreamFindings { warnings: warnings(answer.headers()), ..Default::default() };
        stream.listen(answer, Instant::now() + listen).await;
        stream.resumes = stream.try_to_resume(&client, url).await;
        return Ok(HttpFindings { stream: Some(stream), ..HttpFindings::default() });
    }
    let status = answer.status();
    let is_poll = matches!(status.as_u16(), 204 | 304)
        || (status.is_success() && kind.as_deref().is_some_and(|kind| kind.contains("json")));
    let validators = [ETAG, LAST_MODIFIED].iter().any(|name| answer.headers().contains_key(name));
    let other =
        (!is_poll).then(|| format!("{status}, {}", kind.as_deref().unwrap_or("no content type")));
    let poll = is_poll.then_some(PollFindings { held: false, validators, kind });
    Ok(HttpFindings { stream: None, poll, other })
}

fn is_event_stream(kind: &str) -> bool {
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

fn field(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns what a proxy between the server and its subscribers may do to such a stream.
fn warnings(headers: &HeaderMap) -> Vec<&'static str> {
    let cache = field(headers, &CACHE_CONTROL).unwrap_or_default();
    let buffering = headers.get("x-accel-buffering").is_some_and(|value| value == "no");
    let cached = !["no-store", "no-cache", "no-transform"].iter().any(|word| cache.contains(word));
    [
        (!buffering, "no `X-Accel-Buffering: no`: nginx would buffer the stream by default"),
        (cached, "no `Cache-Control: no-store`: a cache may keep the stream"),
        (
            headers.contains_key(CONTENT_ENCODING),
            "it is compressed: messages may wait in the encoder",
        ),
        (
            headers.contains_key(CONTENT_LENGTH),
            "it has a `Content-Length`: it ends after so many bytes",
        ),
    ]
    .into_iter()
    .filter_map(|(is, warning)| is.then_some(warning))
    .collect()
}

impl StreamFindings {
    /// Reads lines until the deadline or the end.
    async fn listen(&mut self, mut answer: Response, deadline: Instant) {
        let (mut rest, mut event) = (Vec::new(), OpenEvent::default());
        while let Ok(Ok(Some(piece))) = timeout_at(deadline, answer.chunk()).await {
            rest.extend_from_slice(&piece);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                self.take(
                    String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']),
                    &mut event,
                );
            }
        }
    }

    /// Takes a line (WHATWG HTML, section 9.2.6).
    fn take(&mut self, line: &str, event: &mut OpenEvent) {
        if line.is_empty() {
            let OpenEvent { name, data } = std::mem::take(event);
            if let Some(data) = data {
                self.count += 1;
                self.events.insert(name.unwrap_or_else(|| "message".to_owned()));
                self.data.get_or_insert(data);
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => self.comments += 1,
            "event" => event.name = Some(value.to_owned()),
            "data" => _ = event.data.get_or_insert_with(|| value.to_owned()),
            "id" => self.last_id = Some(value.to_owned()),
            "retry" => self.retry = Some(value.to_owned()),
            _ => {}
        }
    }

    /// Connects again with the last id. Returns true if a later event came at once, and false if none
    /// did; what was published in between is not known, so that a quiet feed cannot be told from one
    /// that does not resume.
    async fn try_to_resume(&self, client: &Client, url: &Url) -> Option<bool> {
        let id = self.last_id.as_ref()?;
        // Messages that a resumed stream brings at once were published while nobody listened.
        tokio::time::sleep(ANSWER_TIME).await;
        let request = client.get(url.clone()).header(ACCEPT, "text/event-stream");
        let answer = request.header("last-event-id", id.as_bytes()).send().await.ok()?;
        let mut again = Self::default();
        again.listen(answer, Instant::now() + Duration::from_millis(500)).await;
        Some(again.count > 0)
    }
}

/// The event whose lines are being read.
#[derive(Default)]
struct OpenEvent {
    name: Option<String>,
    data: Option<String>,
}

impl HttpFindings {
    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(stream) = &self.stream {
            lines.extend(stream.in_words());
        } else {
            lines.push("sse: no".to_owned());
        }
        match (&self.poll, &self.other) {
            (Some(PollFindings { held: true, .. }), _) => {
                lines.push("long-polling: perhaps, a `GET` is held for more than 3 s".to_owned());
            }
            (Some(PollFindings { kind, validators, .. }), _) => {
                let kind = kind.as_deref().unwrap_or("no content");
                let cursor =
                    if *validators { "its validators are a cursor" } else { "no cursor is known" };
                lines.push(format!("short-polling: yes, {kind}, {cursor}"));
            }
            (None, Some(other)) => {
                lines.push(format!("polling: no, a `GET` is answered with {other}"));
            }
            (None, None) => {}
        }
        lines
    }
}

impl StreamFindings {
    fn in_words(&self) -> Vec<String> {
        let events: Vec<_> = self.events.iter().map(|name| format!("`{name}`")).collect();
        let named =
            if events.is_empty() { String::new() } else { format!(" ({})", events.join(", ")) };
        let mut lines = vec![format!(
            "sse: yes, {} events{named}, {} comments as heartbeats",
            self.count, self.comments
        )];
        if let Some(data) = &self.data {
            lines.push(format!("sse: the data begins with `{}`", beginning(data)));
        }
        if let Some(retry) = &self.retry {
            lines.push(format!("sse: clients come back after {retry} ms"));
        }
        lines.push(match (&self.last_id, self.resumes) {
            (None, _) => {
                "sse: events have no `id`: what a cut connection misses is lost".to_owned()
            }
            (Some(_), Some(true)) => "sse: a connection resumes by `Last-Event-ID`".to_owned(),
            (Some(_), _) => {
                "sse: events have an `id`, but a connection with it got nothing at once".to_owned()
            }
        });
        lines.extend(self.warnings.iter().map(|warning| format!("sse: {warning}")));
        lines
    }
}
