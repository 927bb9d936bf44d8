//! A subscriber that comes back with its cursor.

use serde_json::Value;

use crate::support::within;

/// A subscriber that holds polls, and remembers what it has received.
pub(crate) struct Subscriber {
    client: reqwest::Client,
    cursor: String,
    /// The number and the payload of each message, as they came.
    pub(crate) received: Vec<(u64, String)>,
}

impl Subscriber {
    /// Returns a subscriber that starts at the beginning of the feed.
    pub(crate) fn new() -> Self {
        let (client, cursor) = (reqwest::Client::new(), "start".to_owned());
        Self { client, cursor, received: Vec::new() }
    }

    /// Receives from a server until it is gone.
    pub(crate) async fn receive_until_gone(&mut self, url: &str) {
        while self.poll(url).await.is_some() {}
    }

    /// Receives from a server until there are this many messages.
    pub(crate) async fn receive(&mut self, url: &str, count: usize) {
        while self.received.len() < count {
            self.poll(url).await.unwrap();
        }
    }

    /// Polls once. Fails if the server has another cursor than this subscriber, or tells it of a
    /// gap. Returns `None` if the server is gone.
    async fn poll(&mut self, url: &str) -> Option<()> {
        let url = format!("{url}/feeds/bench/long-polling?after={}", self.cursor);
        let answer = within("a poll", self.client.get(url).send()).await.ok()?;
        let status = answer.status().as_u16();
        assert!(matches!(status, 200 | 204), "{status}: {}", self.cursor);
        let cursor = answer.headers()["feed-cursor"].to_str().unwrap().to_owned();
        if status == 200 {
            let batch: Value = within("its body", answer.json()).await.ok()?;
            assert!(batch.get("gap").is_none(), "{batch}");
            for message in batch["messages"].as_array().unwrap() {
                let payload = message["payload"].as_str().unwrap().to_owned();
                self.received.push((message["seq"].as_u64().unwrap(), payload));
            }
        }
        self.cursor = cursor;
        Some(())
    }
}
