//! Whether a URL is that of a WebSocket, and what comes over it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use wirebench_loadgen::raw::{RawError, RawMessage, RawWebSocket};

use super::asked::Probe;
use super::headers::{Answer, warnings};
use super::words::{beginning, count};

/// The time in which a WebSocket opens or is refused.
const OPENING_TIME: Duration = Duration::from_secs(10);

/// A text that comes so soon greets whoever has opened the WebSocket.
const GREETING_TIME: Duration = Duration::from_millis(500);

/// How many different texts are compared, and up to which size: heartbeats are short.
const COMPARED_TEXTS: usize = 100;
const COMPARED_BYTES: usize = 1_000;

/// A WebSocket.
#[derive(Debug, Default)]
pub(super) struct WebSocketFindings {
    /// A text that came as soon as it was open.
    pub(super) greeting: Option<String>,
    /// The first text that is neither the greeting nor repeated.
    pub(super) first: Option<String>,
    /// The text that came more than once, and how often.
    pub(super) repeated: Option<(String, usize)>,
    texts: usize,
    binaries: usize,
    pings: u16,
    warnings: Vec<&'static str>,
}

/// Opens a WebSocket and listens. If there is none, says why.
pub(super) async fn probe(probe: &Probe) -> Result<WebSocketFindings, String> {
    let url = probe.url.websocket();
    let mut open = match timeout(OPENING_TIME, RawWebSocket::open(&url, &probe.trusted)).await {
        Ok(opened) => opened.map_err(|error| why_not(&error))?,
        Err(_) => return Err(format!("it does not open in {} s", OPENING_TIME.as_secs())),
    };
    let (opened_at, deadline) = (Instant::now(), Instant::now() + probe.listen);
    let warnings = warnings(Answer::Upgrade, open.headers());
    let mut found = WebSocketFindings { warnings, ..WebSocketFindings::default() };
    let mut texts = Texts::default();
    while let Ok(Ok(Some(message))) = timeout_at(deadline, open.next()).await {
        match message {
            RawMessage::Binary(_) => found.binaries += 1,
            RawMessage::Text(text) => {
                found.texts += 1;
                if found.texts == 1 && opened_at.elapsed() < GREETING_TIME {
                    found.greeting = Some(text.clone());
                }
                texts.take(text);
            }
        }
    }
    found.pings = open.pings();
    found.repeated = texts.repeated();
    found.first = texts.first_other(found.greeting.as_deref(), found.repeated.as_ref());
    Ok(found)
}

fn why_not(error: &RawError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    // An answer without a body ends with nothing.
    beginning(text.trim_end_matches([':', ' ']))
}

/// The different texts that came, in their order, and how often each did.
#[derive(Debug, Default)]
struct Texts {
    order: Vec<String>,
    counts: HashMap<String, usize>,
}

impl Texts {
    fn take(&mut self, text: String) {
        if let Some(count) = self.counts.get_mut(&text) {
            *count += 1;
        } else if self.order.len() < COMPARED_TEXTS && text.len() <= COMPARED_BYTES {
            self.order.push(text.clone());
            self.counts.insert(text, 1);
        }
    }

    /// Returns the text that came most often, if it came more than once.
    fn repeated(&self) -> Option<(String, usize)> {
        let most = self.counts.iter().max_by_key(|(_, count)| **count)?;
        (*most.1 > 1).then(|| (most.0.clone(), *most.1))
    }

    fn first_other(
        &self,
        greeting: Option<&str>,
        repeated: Option<&(String, usize)>,
    ) -> Option<String> {
        let is_other = |text: &&String| {
            Some(text.as_str()) != greeting && repeated.is_none_or(|(beat, _)| beat != *text)
        };
        self.order.iter().find(is_other).cloned()
    }
}

impl WebSocketFindings {
    /// Says what was found, a line for each thing.
    pub(super) fn in_words(&self, heard: Duration) -> Vec<String> {
        let mut lines = vec![format!(
            "websocket: yes, {}, {} and {} in {} s",
            count(self.texts, "text"),
            count(self.binaries, "binary message"),
            count(self.pings.into(), "ping"),
            heard.as_secs()
        )];
        if let Some(greeting) = &self.greeting {
            lines.push(format!("websocket: it greets with `{}`", beginning(greeting)));
        }
        if let Some((text, times)) = &self.repeated {
            lines
                .push(format!("websocket: `{}` came {times} times: a heartbeat?", beginning(text)));
        }
        if let Some(first) = &self.first {
            lines.push(format!("websocket: a text begins with `{}`", beginning(first)));
        }
        if self.pings == 0 && self.repeated.is_none() {
            lines.push(
                "websocket: no heartbeat: a proxy may close a connection that is silent".to_owned(),
            );
        }
        lines.extend(self.warnings.iter().map(|warning| format!("websocket: {warning}")));
        lines
    }
}
