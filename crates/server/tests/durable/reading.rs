//! Readers of a durable feed get from the store what the window has no longer.

use std::num::NonZeroU64;

use futures::future::join_all;
use wirebench_server::{After, Feed, Gap, Recipients, StoreMetrics};
use wirebench_store::{Retention, StoreOptions};

use crate::support::{
    TestStore, follow, keep, payload, places, poll, polled, publish_numbers, server_of, within,
};

#[tokio::test]
async fn polls_and_streams_reach_back_to_the_beginning() {
    let store = TestStore::new();
    let feed = store.feed(7).await;
    publish_numbers(&feed, 1_000).await;
    let server = server_of(&feed);
    let (mut after, mut seen) = ("start".to_owned(), Vec::new());
    loop {
        let answer = poll(&server, &after).await;
        assert!(answer.json.get("gap").is_none(), "{answer:?}");
        after = answer.feed_cursor.clone().unwrap();
        if answer.status == 204 {
            break;
        }
        seen.extend(polled(&answer));
    }
    assert!(seen.iter().copied().eq(1..=1_000), "{seen:?}");

    let newest = feed.locate(After::Newest).unwrap();
    for from in [0, 1, 255, 256, 257, 700, 992, 993, 999] {
        let count = usize::try_from(1_000 - from).unwrap();
        let seen = follow(&feed, newest.at(from), count).await;
        assert!(seen.iter().copied().eq(from + 1..=1_000), "from {from}: {seen:?}");
    }
}

/// The window is so small that readers fall out of it again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_or_repeats_a_message_while_the_window_moves_on() {
    const MESSAGES: u64 = 3_000;
    let store = TestStore::new();
    let feed = store.feed(3).await;
    let start = feed.locate(After::Newest).unwrap();
    let count = usize::try_from(MESSAGES).unwrap();
    let readers = (0..8).map(|_| {
        let feed = feed.clone();
        tokio::spawn(async move { follow(&feed, start, count).await })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..MESSAGES / 100 {
        let published: Vec<_> = (0..100).map(|_| feed.publish(payload("1"))).collect();
        assert!(join_all(published).await.iter().all(Result::is_ok));
    }
    for reader in readers {
        let seen = within(reader).await.unwrap();
        assert!(seen.iter().copied().eq(1..=MESSAGES), "{seen:?}");
    }
}

#[tokio::test]
async fn large_messages_come_in_several_batches() {
    let store = TestStore::new();
    let feed = store.feed(1).await;
    let large = payload(&format!("\"{}\"", "x".repeat(400_000)));
    for _ in 0..9 {
        feed.publish(&large).await.unwrap();
    }
    let start = feed.locate(After::Newest).unwrap().at(0);
    assert_eq!(places(&feed.fetch(None, start).await.unwrap()), [1, 2]);
    assert!(follow(&feed, start, 9).await.iter().copied().eq(1..=9));
    assert!(follow(&feed, start.at(5), 4).await.iter().copied().eq(6..=9));
}

#[tokio::test]
async fn a_reader_behind_the_retention_learns_how_much_it_missed() {
    let messages = NonZeroU64::new(5);
    let retention = Retention { messages, ..Retention::default() };
    let store = TestStore::with(StoreOptions { retention, ..StoreOptions::default() });
    let feed = store.feed(2).await;
    publish_numbers(&feed, 20).await;
    let opened = store.open(()).await;
    opened.feed("bench").await.unwrap().trim().await.unwrap();

    let start = feed.locate(After::Newest).unwrap().at(3);
    let batch = feed.fetch(None, start).await.unwrap();
    assert_eq!((batch.gap, places(&batch)), (Some(Gap::Missed(12)), vec![16, 17, 18]));
    let rest = feed.fetch(None, batch.cursor).await.unwrap();
    assert_eq!((rest.gap, places(&rest)), (None, vec![19, 20]));

    let server = server_of(&feed);
    let from_start = poll(&server, "start").await;
    assert_eq!(polled(&from_start), [16, 17, 18], "{from_start:?}");
    assert!(from_start.json.get("gap").is_none(), "{from_start:?}");
    let other_epoch = poll(&server, "00000000000000ff-2").await;
    assert_eq!(other_epoch.json["gap"], serde_json::json!({"reset": true}));
    assert_eq!(polled(&other_epoch), [16, 17, 18]);
}

#[tokio::test]
async fn pages_without_a_message_for_the_reader_are_passed() {
    let store = TestStore::new();
    let feed = store.feed(1).await;
    let ann = || Recipients::Only("ann".parse().unwrap());
    let published: Vec<_> = (0..700).map(|_| feed.publish_to(payload("1"), ann())).collect();
    assert!(join_all(published).await.iter().all(Result::is_ok));
    feed.publish(payload("2")).await.unwrap();
    let start = feed.locate(After::Newest).unwrap().at(0);
    assert_eq!(polled(&poll(&server_of(&feed), "start").await), [701]);
    assert_eq!(follow(&feed, start, 1).await, [701]);
}

#[tokio::test]
async fn a_thousand_readers_that_come_back_share_their_queries() {
    const READERS: u64 = 1_000;
    const MESSAGES: u64 = 2_000;
    let store = TestStore::new();
    let metrics = StoreMetrics::default();
    let feed = keep(&store.open(metrics.clone()).await, Feed::new(10)).await;
    publish_numbers(&feed, MESSAGES).await;
    let newest = feed.locate(After::Newest).unwrap();
    let before = metrics.counts();

    let readers = (0..READERS).map(|reader| {
        let (feed, from) = (feed.clone(), MESSAGES - 1_000 + reader % 10);
        async move {
            let count = usize::try_from(MESSAGES - from).unwrap();
            let seen = follow(&feed, newest.at(from), count).await;
            assert!(seen.iter().copied().eq(from + 1..=MESSAGES), "from {from}");
        }
    });
    join_all(readers).await;
    let after = metrics.counts();
    let (queries, rows) = (after.queries - before.queries, after.rows_read - before.rows_read);
    // Five pages cover the last 1,000 messages. Other statements watch for what is too old.
    assert!(rows <= 5 * 256, "{rows} rows");
    assert!(queries < 50, "{queries} statements");
}
