//! `serve --store` through the real binary, over a file of SQLite.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use support::{DEADLINE, Served, run};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How often the server is killed, unless `WIREBENCH_KILL_ROUNDS` says otherwise.
const KILL_ROUNDS: u32 = 8;

/// The number of publishers that publish at the same time.
const PUBLISHERS: usize = 8;

fn store_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("feeds.db").display())
}

fn serve(store: &str) -> Served {
    // The window is small: most of what is read at the end comes from the store.
    Served::start_with(&["--no-demos", "--window", "10", "--store", store])
}

/// A publisher that repeats a message under the same key until it is acknowledged.
struct Publisher {
    name: usize,
    client: reqwest::Client,
    /// The cursors of its messages, in their order.
    acknowledged: Vec<String>,
}

impl Publisher {
    fn new(name: usize) -> Self {
        Self { name, client: reqwest::Client::new(), acknowledged: Vec::new() }
    }

    /// Returns the payload of a message, which is also its key.
    fn payload(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    /// Publishes the next message. Returns false if the server does not acknowledge it.
    async fn publish(&mut self, url: &str) -> bool {
        let payload = self.payload(self.acknowledged.len());
        let request = self.client.post(format!("{url}/feeds/bench/messages"));
        let request = request.header("idempotency-key", &payload).json(&json!(payload));
        let Ok(answer) = timeout(DEADLINE, request.send()).await.unwrap() else { return false };
        let status = answer.status();
        let Ok(answer) = answer.json::<Value>().await else { return false };
        assert!(status.is_success(), "{status}: {answer}");
        self.acknowledged.push(answer["cursor"].as_str().unwrap().to_owned());
        true
    }
}

/// Publishes with all publishers until `count` messages are acknowledged, and kills the server
/// while they go on.
async fn publish_and_kill(publishers: Vec<Publisher>, store: &str, count: u32) -> Vec<Publisher> {
    let mut served = serve(store);
    let acknowledged = Arc::new(Semaphore::new(0));
    let mut publishing = JoinSet::new();
    for mut publisher in publishers {
        let (url, acknowledged) = (served.url().to_owned(), Arc::clone(&acknowledged));
        publishing.spawn(async move {
            while publisher.publish(&url).await {
                acknowledged.add_permits(1);
            }
            publisher
        });
    }
    timeout(DEADLINE, acknowledged.acquire_many(count)).await.unwrap().unwrap().forget();
    // SIGKILL.
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    timeout(DEADLINE, publishing.join_all()).await.unwrap()
}

/// Returns the payloads of all messages, by cursor. Fails if there is a gap.
async fn read_all(url: &str) -> BTreeMap<u64, (String, String)> {
    let client = reqwest::Client::new();
    let mut messages = BTreeMap::new();
    let mut after = "start".to_owned();
    loop {
        let url = format!("{url}/feeds/bench/short-polling?after={after}");
        let answer = timeout(DEADLINE, client.get(url).send()).await.unwrap().unwrap();
        after = answer.headers()["feed-cursor"].to_str().unwrap().to_owned();
        if answer.status() == 204 {
            return messages;
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_and_repeats_nothing() {
    let rounds = std::env::var("WIREBENCH_KILL_ROUNDS");
    let rounds = rounds.map_or(KILL_ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let mut publishers: Vec<_> = (0..PUBLISHERS).map(Publisher::new).collect();
    for round in 0..rounds {
        publishers = publish_and_kill(publishers, &store, 1 + round * 37 % 150).await;
    }

    let served = serve(&store);
    let mut expected = BTreeMap::new();
    for publisher in &mut publishers {
        // The message that was under way when the server was killed.
        assert!(publisher.publish(served.url()).await);
        for (number, cursor) in publisher.acknowledged.iter().enumerate() {
            let seq: u64 = cursor.split_once('-').unwrap().1.parse().unwrap();
            let message = (cursor.clone(), publisher.payload(number));
            assert_eq!(expected.insert(seq, message), None, "{cursor} was given twice");
        }
    }
    let kept = read_all(served.url()).await;
    assert!(kept.keys().copied().eq(1..=kept.len() as u64), "the numbers have holes");
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn an_orderly_stop_keeps_what_was_acknowledged_and_the_ready_line_names_the_store() {
    let folder = TempDir::new().unwrap();
    let store = store_in(folder.path());
    let mut served = serve(&store);
    assert_eq!(served.ready["store"], json!(store));
    let mut publisher = Publisher::new(0);
    for _ in 0..20 {
        assert!(publisher.publish(served.url()).await);
    }
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let served = serve(&store);
    assert_eq!(read_all(served.url()).await.len(), 20);
}

#[test]
fn a_store_that_cannot_be_opened_is_an_error_without_a_ready_line() {
    let folder = TempDir::new().unwrap();
    let missing = store_in(&folder.path().join("missing"));
    let ended = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--store", &missing]);
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("there is no folder"), "{ended:?}");

    std::fs::write(folder.path().join("text.db"), "this is no database, but a text\n").unwrap();
    let text = format!("sqlite:{}", folder.path().join("text.db").display());
    let ended = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--store", &text]);
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:?}");
}
