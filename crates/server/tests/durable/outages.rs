//! A database that does not answer for a while.

use std::sync::Arc;
use std::time::Duration;

use wirebench_protocol::control::{Pace, Payload, Publisher};
use wirebench_server::{After, PacedPublisher};
use wirebench_store::StoreOptions;

use crate::sqlite_lock::SqliteLock;
use crate::support::{TestStore, follow, payload, poll, polled, post, server_of, within};

#[tokio::test]
async fn a_locked_database_refuses_publishers_serves_readers_and_recovers_by_itself() {
    let deadline = Duration::from_millis(500);
    let store = TestStore::with(StoreOptions { deadline, ..StoreOptions::default() });
    let feed = store.feed(2).await;
    let server = server_of(&feed);
    for _ in 0..5 {
        assert_eq!(post(&server, "1", None).await.status, 201);
    }
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    let refused = post(&server, "2", Some("k")).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    let error = refused.json["error"].as_str().unwrap();
    assert!(error.contains("the database is not available"), "{error}");
    // SQLite lets readers read while somebody writes.
    assert_eq!(polled(&poll(&server, "start").await), [1, 2, 3]);
    let newest = feed.locate(After::Newest).unwrap();
    assert_eq!(polled(&poll(&server, &newest.at(3).to_string()).await), [4, 5]);

    drop(lock);
    let again = within(async {
        loop {
            let answer = post(&server, "2", Some("k")).await;
            if answer.status != 503 {
                break answer;
            }
        }
    })
    .await;
    assert!(matches!(again.status.as_u16(), 200 | 201), "{again:?}");
    assert!(again.json["cursor"].as_str().unwrap().ends_with("-6"), "{again:?}");
    assert_eq!(follow(&feed, newest.at(0), 6).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_at_once() {
    let store = TestStore::new();
    let feed = store.feed(10).await;
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    // The first transaction waits for the lock. The queue behind it is bounded.
    let mut pending = Vec::new();
    let refused = loop {
        match feed.publish(payload("1")).at_once() {
            Ok(answer) => break answer.unwrap_err(),
            Err(later) => pending.push(later),
        }
        assert!(pending.len() < 100_000, "the queue has no bound");
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.status, 503);
    assert!(refused.error.contains("too much waits to be written"), "{refused}");
    drop(lock);
    for published in pending {
        within(published).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_needs_acknowledgements_publishes_everything_once_after_an_outage() {
    let deadline = Duration::from_millis(200);
    let store = TestStore::with(StoreOptions { deadline, ..StoreOptions::default() });
    let feed = store.feed(10_000).await;
    let plan = Publisher {
        rate: 200.0,
        pace: Pace::Exact,
        payload: Payload::Bytes(20),
        seed: 1,
        timers: 1,
        until_acknowledged: true,
    };
    let start = feed.locate(After::Newest).unwrap();
    let publisher = PacedPublisher::start(feed.clone(), &plan, Arc::default()).unwrap();
    follow(&feed, start, 10).await;
    let Some(lock) = SqliteLock::take(&store.file()) else { return };
    // What is published now fails when the deadline is over.
    let refused = within(feed.publish(payload("1"))).await;
    assert_eq!(refused.unwrap_err().status, 503);
    drop(lock);
    follow(&feed, feed.locate(After::Newest).unwrap(), 10).await;
    let report = within(publisher.stop_and_commit()).await;
    assert_eq!(report.published, feed.published());
    assert!(report.late > 0, "{report:?}");
    let messages = feed.read(start).entries;
    let pairs = messages.iter().zip(messages.iter().skip(1));
    let gaps = pairs.map(|(one, next)| next.published_at.saturating_since(one.published_at));
    let odd: Vec<_> = gaps.filter(|gap| *gap != Duration::from_millis(5)).collect();
    assert!(odd.is_empty(), "missing or twice: {odd:?}");
}
