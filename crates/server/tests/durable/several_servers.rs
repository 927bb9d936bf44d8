//! Several servers over one store.

use std::time::Duration;

use futures::future::join_all;
use wirebench_server::{After, Feed};
use wirebench_store::WatchMode;

use crate::support::{TestStore, follow, keep, payload, poll, polled, post, server_of, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_delivers_what_any_of_them_took() {
    const EACH: usize = 200;
    let store = TestStore::new();
    let mut feeds = Vec::new();
    let mut watching = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let opened = store.open(()).await;
        let feed = keep(&opened, Feed::new(50)).await;
        let changes = opened.watch(WatchMode::Poll(Duration::from_millis(10))).unwrap();
        let server = server_of(&feed);
        watching.spawn(async move { server.follow_store(changes).await });
        feeds.push(feed);
    }
    let start = feeds[0].locate(After::Newest).unwrap();
    assert_eq!(start, feeds[1].locate(After::Newest).unwrap(), "one epoch");
    let readers = feeds.iter().map(|feed| {
        let feed = feed.clone();
        tokio::spawn(async move { follow(&feed, start, 2 * EACH).await })
    });
    let readers: Vec<_> = readers.collect();
    let publishers = feeds.iter().map(|feed| async move {
        for _ in 0..EACH {
            let seq = feed.publish(payload("1")).await.unwrap().cursor.seq;
            assert!(feed.published() >= seq, "a publisher that was answered finds its message");
        }
    });
    within(join_all(publishers)).await;
    for reader in readers {
        let seen = within(reader).await.unwrap();
        assert!(seen.into_iter().eq(1..=2 * EACH as u64));
    }
    watching.shutdown().await;
}

#[tokio::test]
async fn a_cursor_of_one_server_is_known_to_the_other_at_once() {
    let store = TestStore::new();
    let [one, other] = [store.feed(10).await, store.feed(10).await];
    let [one, other] = [server_of(&one), server_of(&other)];
    for number in 1..=3_u64 {
        // Nothing tells the servers of each other's messages, but their cursors do.
        let (taker, asked) = if number % 2 == 1 { (&one, &other) } else { (&other, &one) };
        let answer = post(taker, "1", None).await;
        let cursor = answer.json["cursor"].as_str().unwrap().to_owned();
        assert!(cursor.ends_with(&format!("-{number}")), "{cursor}");
        assert_eq!(poll(asked, &cursor).await.status, 204);
        assert_eq!(polled(&poll(asked, "start").await).len() as u64, number);
    }
    let epoch = poll(&one, "").await.feed_cursor.unwrap();
    let future = format!("{}-9", epoch.split_once('-').unwrap().0);
    assert_eq!(poll(&one, &future).await.status, 400, "nobody has given this cursor");
}
