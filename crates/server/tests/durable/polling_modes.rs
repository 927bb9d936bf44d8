//! Polls that ask the database themselves: for the messages after a cursor, or for all of them.

use std::num::NonZeroU64;

use axum::body::Body;
use axum::http::Request;
use futures::future::join_all;
use serde_json::json;
use wirebench_server::{After, Feed, Recipients, StoreMetrics};
use wirebench_store::{Retention, StoreOptions};

use crate::support::{
    TestStore, ask, keep, payload, poll, poll_with, polled, publish_numbers, server_of,
};

/// Returns a store that keeps the newest messages only, this many.
fn store_of(messages: u64) -> TestStore {
    let retention = Retention { messages: NonZeroU64::new(messages), ..Retention::default() };
    TestStore::with(StoreOptions { retention, ..StoreOptions::default() })
}

async fn trim(store: &TestStore) {
    store.open(()).await.feed("bench").await.unwrap().trim().await.unwrap();
}

#[tokio::test]
async fn a_poll_of_the_table_asks_the_database_once_and_a_plain_poll_does_not() {
    let store = TestStore::new();
    let metrics = StoreMetrics::default();
    let feed = keep(&store.open(metrics.clone()).await, Feed::new(100)).await;
    publish_numbers(&feed, 50).await;
    let server = server_of(&feed);
    let newest = feed.locate(After::Newest).unwrap();
    let of = async |query: &str| {
        let before = metrics.counts();
        let answer = poll_with(&server, query).await;
        let after = metrics.counts();
        let asked = (after.queries - before.queries, after.rows_read - before.rows_read);
        (asked, polled(&answer).len() as u64)
    };
    for (after, found) in [(newest.at(0), 50), (newest.at(20), 30), (newest, 0)] {
        assert_eq!(of(&format!("after={after}")).await, ((0, 0), found));
        assert_eq!(of(&format!("mode=cursor&after={after}")).await, ((0, 0), found));
        assert_eq!(of(&format!("mode=table&after={after}")).await, ((1, found), found));
    }
    assert_eq!(of("mode=table").await, ((1, 0), 0));
    assert_eq!(of("mode=table&after=start").await, ((1, 50), 50));
    for _ in 0..3 {
        assert_eq!(of("mode=whole").await, ((1, 50), 50));
    }
}

#[tokio::test]
async fn a_poll_of_the_table_gets_what_a_plain_poll_gets() {
    let store = store_of(20);
    let ann = || Recipients::Only("ann".parse().unwrap());
    for published in [0, 15, 30] {
        // A plain poll would also find what pages of before still have.
        let feed = store.feed(3).await;
        let server = server_of(&feed);
        let newest = feed.locate(After::Newest).unwrap();
        while feed.published() < published {
            let to = if feed.published() % 3 == 0 { ann() } else { Recipients::Everyone };
            feed.publish_to(payload("1"), to).await.unwrap();
        }
        trim(&store).await;
        let places = [0, 1, 9, 10, 11, 14, 29, 30, 31, 99];
        let cursors = places.map(|seq| newest.at(seq).to_string());
        let others = ["", "start", "nonsense", "00000000000000ff-2"].map(str::to_owned);
        for after in cursors.into_iter().chain(others) {
            for name in ["", "&as=ann", "&as=bob"] {
                let query = format!("after={after}{name}");
                let plain = poll_with(&server, &query).await;
                let of_table = poll_with(&server, &format!("{query}&mode=table")).await;
                assert_eq!(of_table.status, plain.status, "{published} {query}");
                assert_eq!(of_table.json["gap"], plain.json["gap"], "{published} {query}");
                if polled(&of_table) != polled(&plain) {
                    // What memory has no longer comes in an answer of its own.
                    let rest = plain.feed_cursor.as_deref().unwrap();
                    let rest = poll_with(&server, &format!("after={rest}{name}")).await;
                    let both = [polled(&plain), polled(&rest)].concat();
                    assert_eq!(polled(&of_table), both, "{published} {query}");
                    assert_eq!(of_table.feed_cursor, rest.feed_cursor, "{published} {query}");
                } else if plain.status != 200 {
                    assert_eq!(of_table.feed_cursor, plain.feed_cursor, "{published} {query}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_poll_of_the_table_passes_pages_without_a_message_for_its_subscriber() {
    let store = TestStore::new();
    let feed = store.feed(1).await;
    let ann = || Recipients::Only("ann".parse().unwrap());
    for _ in 0..3 {
        let published = (0..1_000).map(|_| feed.publish_to(payload("1"), ann()));
        let published: Vec<_> = published.collect();
        assert!(join_all(published).await.iter().all(Result::is_ok));
    }
    feed.publish(payload("2")).await.unwrap();
    let answer = poll_with(&server_of(&feed), "mode=table&after=start").await;
    assert_eq!(polled(&answer), [3_001]);
}

#[tokio::test]
async fn polls_of_the_table_see_what_another_server_appends() {
    let store = TestStore::new();
    let [one, other] = [store.feed(10).await, store.feed(10).await];
    let (server, newest) = (server_of(&one), one.locate(After::Newest).unwrap());
    for seq in 1..=5 {
        other.publish(payload("1")).await.unwrap();
        let after = newest.at(seq - 1);
        let table = poll_with(&server, &format!("mode=table&after={after}")).await;
        assert_eq!(polled(&table), [seq]);
        assert_eq!(table.feed_cursor, Some(newest.at(seq).to_string()));
        let again = format!("mode=table&after={}", newest.at(seq));
        assert_eq!(poll_with(&server, &again).await.status, 204);
        assert!(polled(&poll_with(&server, "mode=whole").await).into_iter().eq(1..=seq));
    }
    let future = poll_with(&server, &format!("mode=table&after={}", newest.at(6))).await;
    assert_eq!(future.status, 400, "nobody has given this cursor: {future:?}");
}

#[tokio::test]
async fn the_whole_table_is_one_page_of_what_the_store_keeps() {
    let store = store_of(4);
    let feed = store.feed(2).await;
    let server = server_of(&feed);
    let newest = feed.locate(After::Newest).unwrap();
    assert_eq!(poll_with(&server, "mode=whole").await.status, 204);
    let large = payload(&format!("\"{}\"", "x".repeat(700_000)));
    for _ in 0..4 {
        feed.publish(&large).await.unwrap();
    }
    let first = poll_with(&server, "mode=whole").await;
    assert_eq!(polled(&first), [1, 2, 3, 4], "it is not cut at 1 MiB");
    assert_eq!(first.json["cursor"], json!(newest.at(4).to_string()));
    assert_eq!(poll_with(&server, "mode=whole").await, first);
    let unless = async |tag: &Option<String>| {
        let request = Request::get("/feeds/bench/short-polling?mode=whole")
            .header("if-none-match", tag.as_ref().unwrap())
            .body(Body::empty());
        ask(&server, request.unwrap()).await
    };
    assert_eq!(unless(&first.tag).await.status, 304);

    feed.publish(payload("1")).await.unwrap();
    let all = unless(&first.tag).await;
    trim(&store).await;
    let kept = unless(&all.tag).await;
    assert!(polled(&all).ends_with(&polled(&kept)), "{all:?}");
    assert_eq!((kept.status.as_u16(), polled(&kept)), (200, vec![2, 3, 4, 5]));
    assert_eq!(kept.json.get("gap"), None);
    assert_eq!(kept.json["cursor"], all.json["cursor"]);
    assert_ne!(kept.tag, all.tag, "it begins later");
    let refused = poll_with(&server, &format!("mode=whole&after={newest}")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(polled(&poll(&server, "start").await), [2], "a plain poll is cut as ever");
}
