//! An event stream: the events that come, heartbeats, and whether a connection resumes.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, HeaderMap};
use tokio::time::{Instant, timeout_at};
use wirebench_loadgen::raw::{self, RawAnswer, RawEvents};

use super::asked::Probe;
use super::headers::{Answer, warnings};
use super::words::{beginning, count};

/// The time in which a connection that resumes brings what it has missed.
const RESUMING_TIME: Duration = Duration::from_secs(3);

/// An event stream.
#[derive(Debug, Default)]
pub(super) struct StreamFindings {
    /// How many events of each name there were. `message` is that of those without one.
    pub(super) events: BTreeMap<String, usize>,
    /// Events have an `id`.
    pub(super) has_ids: bool,
    /// Whether a connection with the id of the first event gets the second. `None`: fewer than two
    /// events had ids.
    resumes: Option<bool>,
    /// The data of the first event.
    pub(super) data: Option<String>,
    comments: u16,
    retry: Option<Duration>,
    warnings: Vec<&'static str>,
}

/// Listens to a stream until the deadline, and then tries to resume.
pub(super) async fn listen(probe: &Probe, answer: RawAnswer, deadline: Instant) -> StreamFindings {
    let warnings = warnings(Answer::Stream, answer.headers());
    let mut found = StreamFindings { warnings, ..StreamFindings::default() };
    let mut events = answer.into_events();
    let mut first_id = None;
    while let Ok(Ok(Some(event))) = timeout_at(deadline, events.next()).await {
        *found.events.entry(event.kind).or_default() += 1;
        found.data.get_or_insert(event.data);
        first_id.get_or_insert(event.id);
    }
    found.comments = events.comments();
    found.retry = events.retry();
    found.has_ids = !events.last_id().is_empty();
    let first_id = first_id.filter(|id| !id.is_empty() && id != events.last_id());
    drop(events);
    if let Some(id) = first_id {
        found.resumes = Some(resumes(probe, &id).await);
    }
    found
}

/// Returns true if a connection that comes back after the first event gets others at once.
async fn resumes(probe: &Probe, id: &str) -> bool {
    let deadline = Instant::now() + RESUMING_TIME;
    let again = async {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert("last-event-id", HeaderValue::from_bytes(id.as_bytes()).ok()?);
        let answer = raw::get(probe.url.http(), headers, &probe.trusted).await.ok()?;
        RawEvents::next(&mut answer.into_events()).await.ok().flatten()
    };
    timeout_at(deadline, again).await.is_ok_and(|event| event.is_some_and(|event| event.id != id))
}

impl StreamFindings {
    /// Returns the name of most events. `None` if there were none.
    pub(super) fn usual_event(&self) -> Option<&str> {
        let most = self.events.iter().max_by_key(|(_, count)| **count)?;
        Some(most.0)
    }

    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self, heard: Duration) -> Vec<String> {
        let all = count(self.events.values().sum(), "event");
        let names: Vec<_> = self.events.keys().map(|name| format!("`{name}`")).collect();
        let names =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let beats = count(self.comments.into(), "comment");
        let mut lines =
            vec![format!("sse: yes, {all}{names} and {beats} in {} s", heard.as_secs())];
        if let Some(data) = &self.data {
            lines.push(format!("sse: the data begins with `{}`", beginning(data)));
        }
        if let Some(retry) = self.retry {
            lines.push(format!("sse: clients come back after {} ms", retry.as_millis()));
        }
        if self.comments == 0 {
            lines.push(
                "sse: no heartbeat (a comment): a proxy may close a stream that is silent"
                    .to_owned(),
            );
        }
        lines.push(self.resuming().to_owned());
        lines.extend(self.warnings.iter().map(|warning| format!("sse: {warning}")));
        lines
    }

    fn resuming(&self) -> &'static str {
        match (self.events.is_empty(), self.has_ids, self.resumes) {
            (_, _, Some(true)) => "sse: a connection resumes by `Last-Event-ID`",
            (_, _, Some(false)) => {
                "sse: events have an `id`, but a connection with `Last-Event-ID` does not get what \
                 came after it"
            }
            (_, true, None) => {
                "sse: events have an `id`; whether a connection resumes takes two events to find out"
            }
            (true, false, None) => "sse: whether a connection resumes takes two events to find out",
            (false, false, None) => {
                "sse: events have no `id`: what a cut connection misses is lost"
            }
        }
    }
}
