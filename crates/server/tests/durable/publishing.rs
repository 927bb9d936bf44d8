//! What is acknowledged is kept, also over a restart.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use wirebench_protocol::control::{self, Pace, Payload};
use wirebench_server::{After, MessagePayload, PacedPublisher, Recipients, Timestamp};

use crate::support::{TestStore, payload, places, poll, polled, post, publish_numbers, server_of};

#[tokio::test]
async fn a_restart_keeps_messages_numbers_the_epoch_and_keys() {
    let store = TestStore::new();
    let before = server_of(&store.feed(10).await);
    let first = post(&before, "{\"a\":1}", Some("k1")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let cursor = first.json["cursor"].as_str().unwrap().to_owned();
    assert_eq!(post(&before, "2", None).await.status, 201);
    before.stop().await;
    drop(before);

    let after = server_of(&store.feed(10).await);
    let rest = poll(&after, &cursor).await;
    assert_eq!((polled(&rest), &rest.json["gap"]), (vec![2], &json!(null)));
    let all = poll(&after, "start").await;
    assert_eq!(all.json["messages"][0]["payload"], json!({"a": 1}));

    let again = post(&after, "{\"a\":1}", Some("k1")).await;
    assert_eq!((again.status.as_u16(), &again.json["cursor"]), (200, &json!(cursor)));
    assert_eq!(again.json["repeated"], json!(true));
    assert_eq!(post(&after, "{\"a\":2}", Some("k1")).await.status, 422);
    let third = post(&after, "3", None).await;
    assert!(third.json["cursor"].as_str().unwrap().ends_with("-3"), "{third:?}");
}

#[tokio::test]
async fn a_key_is_known_for_as_long_as_the_store_keeps_its_message() {
    let store = TestStore::new();
    let feed = store.feed(1).await;
    let server = server_of(&feed);
    assert_eq!(post(&server, "1", Some("k")).await.status, 201);
    for _ in 0..3 {
        assert_eq!(post(&server, "2", None).await.status, 201);
    }
    let again = post(&server, "1", Some("k")).await;
    assert_eq!(again.status, 200, "the window has forgotten the key: {again:?}");
    assert_eq!(feed.published(), 4);
}

#[tokio::test]
async fn payloads_recipients_and_stamps_survive() {
    let store = TestStore::new();
    let feed = store.feed(10).await;
    let due = Timestamp::from_nanos(123_456);
    let bytes = MessagePayload::Binary(Bytes::from_static(b"\n\0\xff"));
    feed.publish_due(bytes, due).await.unwrap();
    let ann = || Recipients::Only("ann".parse().unwrap());
    feed.publish_to(payload("\"for ann\""), ann()).await.unwrap();
    let start = feed.locate(After::Start).unwrap();
    let name = "ann".parse().unwrap();
    let before = feed.read_as(Some(&name), start).entries;
    drop(feed);

    let feed = store.feed(10).await;
    let after = feed.read_as(Some(&name), start).entries;
    assert_eq!(before.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.json, &before.sse), (&after.json, &after.sse));
        assert_eq!(before.websocket, after.websocket);
        assert_eq!(before.recipients, after.recipients);
    }
    assert_eq!(after[0].published_at, due);
    assert_eq!(places(&feed.read(start)), [1], "a reader without a name");
}

#[tokio::test]
async fn messages_are_stored_in_the_order_in_which_they_were_handed_in() {
    let store = TestStore::new();
    let feed = store.feed(2_000).await;
    publish_numbers(&feed, 1_000).await;
    let start = feed.locate(After::Start).unwrap();
    let batch = feed.read(start);
    for entry in &batch.entries {
        let message: serde_json::Value = serde_json::from_slice(&entry.json).unwrap();
        assert_eq!(message["payload"], json!(entry.seq));
    }
    assert_eq!(batch.entries.len(), 1_000);
}

#[tokio::test]
async fn what_was_handed_in_is_stored_when_the_server_stops() {
    let store = TestStore::new();
    let feed = store.feed(10).await;
    let server = server_of(&feed);
    for _ in 0..100 {
        drop(feed.publish(payload("1")));
    }
    server.stop().await;
    let late = feed.publish(payload("1")).await.unwrap_err();
    assert_eq!(late.status, 503, "{late}");
    drop((server, feed));
    assert_eq!(store.feed(10).await.published(), 100);
}

/// A run counts what was published as soon as its publisher has stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_has_stopped_when_the_database_has_committed_its_messages() {
    let store = TestStore::new();
    let feed = store.feed(10).await;
    // More at once than the queue of the writer takes.
    let (rate, pace, payload) = (100_000.0, Pace::Burst(2_000), Payload::Bytes(64));
    let plan =
        control::Publisher { rate, pace, payload, seed: 1, timers: 1, until_acknowledged: false };
    for _ in 0..5 {
        let before = feed.published();
        let publisher = PacedPublisher::start(feed.clone(), &plan, Arc::default()).unwrap();
        while feed.published() == before {
            tokio::task::yield_now().await;
        }
        let report = publisher.stop_and_commit().await;
        assert_eq!(feed.published(), before + report.published);
    }
}
