//! A stream that is deleted again as soon as a server has created it anew.

use std::time::Duration;

use serde_json::Value;

use crate::history::poll;
use crate::nats_request::request;
use crate::nats_server::NatsServer;
use crate::publisher::{Publisher, Way};
use crate::server::ClusterServer;
use crate::support::within;

/// How often the stream is deleted.
const DELETIONS: usize = 15;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(1);

/// Deletes the stream of the feed `bench`, as soon as there is one.
async fn delete_stream(nats: &NatsServer) {
    within("a stream", async {
        let subject = "$JS.API.STREAM.DELETE.wirebench-bench";
        while request(&nats.url(), subject).unwrap()["success"] != true {
            tokio::time::sleep(PAUSE).await;
        }
    })
    .await;
}

/// Waits until a server has a message with this payload. Returns the cursor with which it goes on.
async fn until_read(server: &ClusterServer, payload: &str) -> String {
    let client = reqwest::Client::new();
    within(payload, async {
        loop {
            let answer = poll(&client, &server.url(), "start").await;
            if answer.status() == 200 {
                let batch: Value = answer.json().await.unwrap();
                let messages = batch["messages"].as_array().unwrap();
                if messages.iter().any(|message| message["payload"] == payload) {
                    return batch["cursor"].as_str().unwrap().to_owned();
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_again_and_again_leaves_every_server_in_its_last_epoch() {
    let Some(nats) = NatsServer::start() else { return };
    let servers = [ClusterServer::start(&nats.url()), ClusterServer::start(&nats.url())];
    for _ in 0..DELETIONS {
        delete_stream(&nats).await;
    }
    let mut publisher = Publisher::new("a", Way::Post, true);
    publisher.publish(&servers[0].url(), 1).await;
    let cursors = [
        until_read(&servers[0], &publisher.payload(0)).await,
        until_read(&servers[1], &publisher.payload(0)).await,
    ];
    assert_eq!(cursors[0], cursors[1]);
}
