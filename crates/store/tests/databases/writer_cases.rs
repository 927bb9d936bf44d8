//! What holds for the writer of a feed over every database.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use wirebench_store::{
    Appended, FeedWriter, NewMessage, Retention, StoreErrorKind, UnacknowledgedError,
};

use crate::support::{eventually, keeping, keyed, message, new_places};
use crate::test_database::TestDatabase;

pub(crate) async fn a_lone_message_is_written_at_once(database: &TestDatabase) {
    let feed = database.store().await.feed("bench").await.unwrap();
    let writer = FeedWriter::start(feed.clone(), |_, _| {});
    for place in 1..=3 {
        let appended = writer.publish(message("1")).await.unwrap();
        assert_eq!(new_places(&[appended]), [place]);
        assert_eq!(feed.range().await.unwrap().newest, place, "it is committed");
    }
    writer.close().await;
    assert!(matches!(writer.publish(message("1")).await, Err(UnacknowledgedError::Store(_))));
}

pub(crate) async fn many_publishers_share_transactions_and_commits_are_in_order(
    database: &TestDatabase,
) {
    let store = database.store().await;
    let commits = Arc::new(Mutex::new(Vec::new()));
    let writers = ["mine", "mine"].map(|name| (store.clone(), name));
    let mut started = Vec::new();
    for (store, name) in writers {
        let (feed, commits) = (store.feed(name).await.unwrap(), Arc::clone(&commits));
        started.push(FeedWriter::start(feed, move |messages, appended| {
            assert_eq!(messages.len(), appended.len());
            commits.lock().unwrap().push(new_places(appended));
        }));
    }
    // Two writers of one feed, as two servers would have them.
    let publishers = (0..300).map(|n| started[n % 2].publish(message("1")));
    let answers = join_all(publishers).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    let mut places = new_places(&answers);
    places.sort_unstable();
    assert_eq!(places, (1..=300).collect::<Vec<_>>());
    let commits = commits.lock().unwrap();
    // Each writer takes what has queued up: one message, and then all the others.
    assert!(commits.len() <= 8, "{} transactions for 300 messages", commits.len());
    for commit in &*commits {
        assert!(commit.is_sorted_by(|a, b| a + 1 == *b), "{commit:?}");
    }
}

pub(crate) async fn a_failed_transaction_answers_all_its_publishers(database: &TestDatabase) {
    let store = database.hasty_store().await;
    let feed = eventually("to open a feed", || store.feed("bench")).await;
    let writer = FeedWriter::start(feed, |_, _| {});
    let mut raw = database.raw().await;
    raw.lock_feeds().await;
    for answer in join_all((0..50).map(|_| writer.publish(message("1")))).await {
        let Err(UnacknowledgedError::Store(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    raw.release().await;
    // The writer goes on by itself.
    let appended = publish_eventually(&writer, &keyed("2", "k")).await;
    assert_eq!(appended.seq(), 1, "nothing of the failed transactions is there");
}

/// Publishes a message with a key, again and again while the database is not available.
pub(crate) async fn publish_eventually(writer: &FeedWriter, message: &NewMessage) -> Appended {
    eventually("to publish", async || {
        writer.publish(message.clone()).await.map_err(|error| match error {
            UnacknowledgedError::Store(error) => error,
            UnacknowledgedError::QueueFull => panic!("one message waits"),
        })
    })
    .await
}

pub(crate) async fn the_writer_applies_the_retention(database: &TestDatabase) {
    let retention = Retention { messages: NonZeroU64::new(10), ..Retention::default() };
    let store = database.store_with(&keeping(retention)).await;
    let feed = store.feed("bench").await.unwrap();
    let writer = FeedWriter::start(feed.clone(), |_, _| {});
    join_all((0..700).map(|_| writer.publish(message("1")))).await;
    // The case has a deadline.
    while feed.range().await.unwrap().oldest != 691 {
        tokio::task::yield_now().await;
    }
}
