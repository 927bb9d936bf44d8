//! Whether a server speaks Socket.IO, and which events it emits.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use http::HeaderMap;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use wirebench_loadgen::raw::{self, RawOptions, SocketIoInterest, socket_io_events};

use super::asked::Probe;
use super::words::is_json;

/// The time in which a handshake is answered.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A server that speaks Socket.IO.
#[derive(Debug)]
pub(super) struct SocketIoFindings {
    /// The URL of Engine.IO.
    pub(super) url: String,
    /// The names of events.
    pub(super) events: BTreeSet<String>,
    /// The first argument of an event was a string with JSON in it.
    pub(super) json_in_strings: bool,
    upgrades: bool,
    ping_interval_ms: Option<u64>,
}

/// Asks for a handshake, and listens. `None` if it is not answered with one.
pub(super) async fn probe(probe: &Probe) -> Option<SocketIoFindings> {
    let url = probe.url.engine_io();
    let handshake = timeout(ANSWER_TIME, shake_hands(probe, &url)).await.ok()??;
    let names = |upgrades: &Value| {
        upgrades.as_array().is_some_and(|all| all.iter().any(|name| name == "websocket"))
    };
    let mut found = SocketIoFindings {
        events: BTreeSet::new(),
        json_in_strings: false,
        upgrades: handshake.get("upgrades").is_some_and(names),
        ping_interval_ms: handshake.get("pingInterval").and_then(Value::as_u64),
        url,
    };
    let deadline = Instant::now() + probe.listen;
    let interest = SocketIoInterest::default();
    let trusted = probe.trusted.clone();
    let options = RawOptions { trusted, once: true, ..RawOptions::default() };
    let mut updates = socket_io_events(&found.url, &interest, &options);
    while let Ok(Some(Ok(update))) = timeout_at(deadline, updates.next()).await {
        let Some(event) = update.received() else { continue };
        found.events.insert(event.event);
        let first = event.data.first().and_then(Value::as_str);
        found.json_in_strings |= first.is_some_and(is_json);
    }
    Some(found)
}

/// Returns what the server says in its handshake.
async fn shake_hands(probe: &Probe, url: &str) -> Option<Value> {
    let asked = format!("{url}?EIO=4&transport=polling");
    let answer = raw::get(&asked, HeaderMap::new(), &probe.trusted).await.ok()?;
    let body = answer.whole().await.ok()?;
    let handshake: Value = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
    handshake.get("sid")?;
    Some(handshake)
}

impl SocketIoFindings {
    pub(super) fn in_words(&self) -> String {
        let events: Vec<_> = self.events.iter().map(|name| format!("`{name}`")).collect();
        let events = if events.is_empty() { "none".to_owned() } else { events.join(", ") };
        let upgrade = if self.upgrades { "upgrades to a WebSocket" } else { "stays with requests" };
        let ping = self
            .ping_interval_ms
            .map_or(String::new(), |ms| format!(", a heartbeat every {ms} ms"));
        format!("socket.io: yes, {upgrade}{ping}; events in the namespace `/`: {events}")
    }
}
