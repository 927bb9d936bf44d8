//! Whether a server speaks Socket.IO, and which events it emits.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use wirebench_loadgen::TrustedCertificates;
use wirebench_loadgen::raw::{SocketIoInterest, socket_io_events};

/// The path that servers use unless they are told another.
const USUAL_PATH: &str = "/socket.io/";

/// The time in which a handshake is answered.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A server that speaks Socket.IO.
#[derive(Debug)]
pub(super) struct SocketIoFindings {
    /// The URL of Engine.IO.
    pub(super) url: Url,
    /// The names of events.
    pub(super) events: BTreeSet<String>,
    upgrades: bool,
    ping_interval_ms: Option<u64>,
}

/// Asks for a handshake at the usual path of the server, and listens. `None` if it is not answered
/// with one.
pub(super) async fn probe(url: &Url, listen: Duration) -> Option<SocketIoFindings> {
    let mut base = url.clone();
    base.set_path(USUAL_PATH);
    base.set_query(None);
    let mut asked = base.clone();
    asked.set_query(Some("EIO=4&transport=polling"));
    let client = Client::builder().no_proxy().build().ok()?;
    let answer = timeout(ANSWER_TIME, client.get(asked).send()).await.ok()?.ok()?;
    let text = timeout(ANSWER_TIME, answer.text()).await.ok()?.ok()?;
    let handshake: Value = serde_json::from_str(text.strip_prefix('0')?).ok()?;
    handshake.get("sid")?;
    let names = |upgrades: &Value| {
        upgrades.as_array().is_some_and(|all| all.iter().any(|name| name == "websocket"))
    };
    let mut found = SocketIoFindings {
        url: base.clone(),
        events: BTreeSet::new(),
        upgrades: handshake.get("upgrades").is_some_and(names),
        ping_interval_ms: handshake.get("pingInterval").and_then(Value::as_u64),
    };
    let (trusted, deadline) = (TrustedCertificates::System, Instant::now() + listen);
    let mut events = socket_io_events(base.as_str(), &SocketIoInterest::default(), &trusted, true);
    while let Ok(Some(Ok(event))) = timeout_at(deadline, events.next()).await {
        found.events.insert(event.event);
    }
    Some(found)
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
