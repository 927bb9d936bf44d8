//! What a server keeps, compared with what its publishers were told.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses another part")]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;

use crate::publisher::Publisher;
use crate::support::within;

/// The pause before a server is asked again that has said that its store is away.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Everything that a feed keeps, read by polling from the beginning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// The cursor and the payload of each message, by its number.
    messages: BTreeMap<u64, (String, String)>,
}

impl History {
    /// Reads the feed `bench`. Fails if there is a gap or a hole.
    pub(crate) async fn read(url: &str) -> Self {
        let client = reqwest::Client::new();
        let mut messages = BTreeMap::new();
        let mut after = "start".to_owned();
        loop {
            let answer = poll(&client, url, &after).await;
            after = answer.headers()["feed-cursor"].to_str().unwrap().to_owned();
            if answer.status() == 204 {
                break;
            }
            let batch: Value = answer.json().await.unwrap();
            assert!(batch.get("gap").is_none(), "{batch}");
            let epoch = after.split_once('-').unwrap().0;
            for message in batch["messages"].as_array().unwrap() {
                let seq = message["seq"].as_u64().unwrap();
                let payload = message["payload"].as_str().unwrap().to_owned();
                let repeated = messages.insert(seq, (format!("{epoch}-{seq}"), payload));
                assert_eq!(repeated, None);
            }
        }
        assert!(messages.keys().copied().eq(1..=messages.len() as u64), "there are holes");
        Self { messages }
    }

    /// Forgets the messages with a payload that no publisher sends.
    pub(crate) fn without(mut self, payload: &str) -> Self {
        self.messages.retain(|_, (_, kept)| kept != payload);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the numbers of the messages by their payloads. Fails if a payload is there twice:
    /// no publisher sends one for two messages.
    fn by_payload(&self) -> HashMap<&str, u64> {
        let mut places = HashMap::new();
        for (seq, (_, payload)) in &self.messages {
            let before = places.insert(payload.as_str(), *seq);
            assert_eq!(before, None, "`{payload}` is kept twice, the second time as {seq}");
        }
        places
    }

    /// Checks that all acknowledged messages are where their publishers were told, that nothing is
    /// kept that nobody sent, and that the messages of each publisher are in their order. Returns
    /// the number of messages that are kept and were not acknowledged.
    pub(crate) fn check(&self, publishers: &[Publisher]) -> usize {
        let places = self.by_payload();
        let mut of_publishers = 0;
        let mut acknowledged = 0;
        for publisher in publishers {
            for (number, cursor) in &publisher.acknowledged {
                let payload = publisher.payload(*number);
                let seq: u64 = cursor.split_once('-').unwrap().1.parse().unwrap();
                let told = (cursor.clone(), payload);
                assert_eq!(self.messages.get(&seq), Some(&told), "acknowledged as {cursor}");
            }
            let kept = (0..publisher.sent()).map(|number| publisher.payload(number));
            let kept: Vec<u64> =
                kept.filter_map(|payload| places.get(&*payload).copied()).collect();
            // What was refused is sent again later, after other messages.
            let in_order = publisher.refused > 0 || kept.is_sorted();
            assert!(in_order, "{}: {kept:?}", publisher.name());
            if publisher.has_keys() {
                assert_eq!(
                    kept.len(),
                    publisher.sent(),
                    "everything was repeated until it was kept"
                );
            }
            acknowledged += publisher.acknowledged.len();
            of_publishers += kept.len();
        }
        assert_eq!(of_publishers, self.len(), "something is kept that no publisher has sent");
        of_publishers - acknowledged
    }

    /// Checks that a subscriber has received exactly this.
    pub(crate) fn check_received(&self, received: &[(u64, String)]) {
        assert_eq!(received.len(), self.len());
        for (received, (seq, (_, payload))) in received.iter().zip(&self.messages) {
            assert_eq!((received.0, &received.1), (*seq, payload));
        }
    }
}

/// Polls the feed `bench` once. A server that is without its store for a moment is asked again.
pub(crate) async fn poll(client: &reqwest::Client, url: &str, after: &str) -> reqwest::Response {
    let url = format!("{url}/feeds/bench/short-polling?after={after}");
    within("a poll", async {
        loop {
            let answer = client.get(&url).send().await.unwrap();
            if answer.status() != 503 {
                return answer;
            }
            assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    })
    .await
}
