//! Whether a URL is that of a WebSocket, and what comes over it.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Url;
use tokio::time::{Instant, timeout, timeout_at};
use wirebench_loadgen::TrustedCertificates;
use wirebench_loadgen::raw::{RawMessage, open_websocket};

use super::words::beginning;

/// The time in which a WebSocket opens or is refused.
const OPENING_TIME: Duration = Duration::from_secs(10);

/// A WebSocket.
#[derive(Debug, Default)]
pub(super) struct WebSocketFindings {
    /// The first text, which comes unasked.
    pub(super) first: Option<String>,
    texts: usize,
    binaries: usize,
}

/// Opens a WebSocket and listens. `None` if it is none.
pub(super) async fn probe(url: &Url, listen: Duration) -> Option<WebSocketFindings> {
    let opened = timeout(OPENING_TIME, open_websocket(url.as_str(), &TrustedCertificates::System));
    let mut stream = opened.await.ok()?.ok()?;
    let (mut found, deadline) = (WebSocketFindings::default(), Instant::now() + listen);
    while let Ok(Some(Ok(message))) = timeout_at(deadline, stream.next()).await {
        match message {
            RawMessage::Text(text) => {
                found.texts += 1;
                found.first.get_or_insert(text);
            }
            RawMessage::Binary(_) => found.binaries += 1,
        }
    }
    Some(found)
}

impl WebSocketFindings {
    pub(super) fn in_words(&self) -> String {
        let Self { first, texts, binaries } = self;
        let first = first.as_ref().map(|text| format!(", the first is `{}`", beginning(text)));
        format!(
            "websocket: yes, {texts} texts and {binaries} binary messages{}",
            first.unwrap_or_default()
        )
    }
}
