//! Publishers and subscribers that go on through HAProxy, and what has to be true of them in the end.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;
use wirebench_protocol::Cursor;

use crate::history::{History, poll};
use crate::proxied::ProxiedServers;
use crate::publisher::Publisher;
use crate::publishing::RunningPublishers;
use crate::subscriber::{Kind, RunningSubscriber, Seen};
use crate::support::within;

/// Publishers over requests and over a WebSocket, and a subscriber over each transport.
pub(crate) struct Traffic {
    url: String,
    publishers: RunningPublishers,
    subscribers: Vec<RunningSubscriber>,
}

/// What was published, and what came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    messages: usize,
    /// How often each subscriber was interrupted.
    interruptions: Vec<(Kind, u64)>,
    /// The number of different cursors with which subscribers came back. Each is valid on every
    /// server.
    cursors: usize,
}

impl Traffic {
    /// Starts publishers and subscribers.
    pub(crate) fn start(proxied: &ProxiedServers) -> Self {
        let url = format!("http://{}", proxied.in_turn.address);
        let publishers = RunningPublishers::start(&url);
        let subscribers = Kind::all().map(|kind| {
            let sticky = kind.needs_sticky_sessions();
            let proxy = if sticky { &proxied.sticky } else { &proxied.in_turn };
            RunningSubscriber::start(kind, proxy.address)
        });
        Self { subscribers: subscribers.collect(), url, publishers }
    }

    /// Waits until this many messages more are acknowledged.
    pub(crate) async fn acknowledged(&self, count: u32) {
        self.publishers.acknowledged(count).await;
    }

    /// Ends the publishers, waits until the subscribers have everything, and ends them. Checks that
    /// nothing is missing, repeated or out of order, neither at a subscriber nor at a server, and
    /// that every server goes on after each cursor with which a subscriber came back.
    pub(crate) async fn finish(self, proxied: &ProxiedServers) -> Outcome {
        let publishers = self.publishers.finish(&self.url).await;
        let client = reqwest::Client::new();
        let history = check_kept(&client, proxied, &publishers).await;
        let (mut interruptions, mut came_back_at) = (Vec::new(), HashSet::new());
        for subscriber in self.subscribers {
            let kind = subscriber.kind;
            let seen: Seen = subscriber.finish(history.len() as u64).await;
            history.check_received(&seen.received);
            interruptions.push((kind, seen.interruptions));
            came_back_at.extend(seen.came_back_at);
        }
        for server in &proxied.servers {
            for cursor in &came_back_at {
                check_cursor(&client, &server.url(), *cursor).await;
            }
        }
        Outcome { messages: history.len(), interruptions, cursors: came_back_at.len() }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, interruptions, cursors } = self;
        write!(f, "{messages} messages, {cursors} cursors that are valid on every server")?;
        for (kind, count) in interruptions {
            write!(f, "\n  {kind}: interrupted {count} times")?;
        }
        Ok(())
    }
}

/// Checks that every server has the same messages, and these are what was acknowledged.
async fn check_kept(
    client: &reqwest::Client,
    proxied: &ProxiedServers,
    publishers: &[Publisher],
) -> History {
    let acknowledged = publishers.iter().flat_map(|publisher| publisher.acknowledged.values());
    let cursors = acknowledged.map(|cursor| cursor.parse::<Cursor>().unwrap());
    let newest = cursors.max_by_key(|cursor| cursor.seq).unwrap();
    // Whoever brings a cursor gets what comes after it, so the server reads up to there. Without
    // one, a server may answer before it has heard what another one has acknowledged.
    for server in &proxied.servers {
        check_cursor(client, &server.url(), newest).await;
    }
    let history = History::read(&proxied.servers[0].url()).await;
    assert_eq!(history.check(publishers), 0, "everything was repeated until it was acknowledged");
    for server in &proxied.servers[1..] {
        assert_eq!(History::read(&server.url()).await, history);
    }
    history
}

/// Checks that a server goes on after a cursor with the next message.
async fn check_cursor(client: &reqwest::Client, url: &str, cursor: Cursor) {
    let answer = poll(client, url, &cursor.to_string()).await;
    if answer.status() == 204 {
        assert_eq!(answer.headers()["feed-cursor"], cursor.to_string());
        return;
    }
    assert_eq!(answer.status(), 200, "{url} {cursor}");
    let batch: Value = within("its body", answer.json()).await.unwrap();
    assert!(batch.get("gap").is_none(), "{url} {cursor}: {batch}");
    assert_eq!(batch["messages"][0]["seq"], cursor.seq + 1, "{url} {cursor}: {batch}");
}
