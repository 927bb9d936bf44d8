//! The store over a real NATS server: a feed is a stream of JetStream.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod access;
#[path = "../servers/nats_server.rs"]
mod nats_server;
mod outside;
#[path = "../databases/support.rs"]
mod support;

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::task::JoinSet;
use wirebench_protocol::Recipients;
use wirebench_protocol::control::PayloadKind;
use wirebench_store::{
    Appended, KeptRange, NewMessage, Retention, Store, StoreErrorKind, StoreOptions, StoredFeed,
    StoredMessage, WatchMode,
};

use self::nats_server::NatsServer;
use self::outside::{delete_stream, publish};
use self::support::{eventually, hasty, keeping, keyed, message, new_places, patient, within};

/// More than any case reads.
const ALL: (u32, u64) = (100_000, u64::MAX);

async fn store_with(server: &NatsServer, options: &StoreOptions) -> Store {
    Store::open(&server.url().parse().unwrap(), options, ()).await.unwrap()
}

async fn feed_of(server: &NatsServer, name: &str) -> StoredFeed {
    store_with(server, &patient()).await.feed(name).await.unwrap()
}

async fn numbers(feed: &StoredFeed, after: u64) -> Vec<u64> {
    let read = feed.read(after, ALL.0, ALL.1).await.unwrap();
    read.iter().map(|stored| stored.seq).collect()
}

#[tokio::test]
async fn a_feed_keeps_its_epoch_and_its_messages_when_the_server_is_killed() {
    let Some(mut server) = NatsServer::start() else { return };
    let feed = feed_of(&server, "bench").await;
    assert_eq!(feed.range().await, Ok(KeptRange { oldest: 1, newest: 0 }));
    assert_eq!(feed.append(&[]).await, Ok(vec![]));
    let to = |name: &str| Recipients::Only(name.parse().unwrap());
    let bytes = (0..=255).collect::<Vec<u8>>().into();
    let written = [
        message("1"),
        NewMessage { recipients: to("a"), ..keyed("{\"a\":2}", "k") },
        NewMessage { recipients: Recipients::Except("b".parse().unwrap()), ..message("3") },
        NewMessage { payload: bytes, kind: PayloadKind::Binary, ..message("") },
        message(""),
    ];
    assert_eq!(new_places(&feed.append(&written).await.unwrap()), [1, 2, 3, 4, 5]);
    let epoch = feed.epoch();
    server.kill();
    server.start_again();

    let again = feed_of(&server, "bench").await;
    assert_eq!(again.epoch(), epoch);
    assert_eq!(again.range().await, Ok(KeptRange { oldest: 1, newest: 5 }));
    let back = again.read(0, ALL.0, ALL.1).await.unwrap();
    assert_eq!(back.into_iter().map(as_new).collect::<Vec<_>>(), written);
    // The handle of before has its connection back by itself.
    let place = eventually("to append", async || feed.append(&[message("6")]).await).await;
    assert!(place[0].seq() >= 6, "{place:?}");
}

fn as_new(stored: StoredMessage) -> NewMessage {
    let StoredMessage { seq: _, payload, kind, recipients, due, key } = stored;
    NewMessage { payload, kind, recipients, due, key }
}

#[tokio::test]
async fn names_that_nats_does_not_allow_are_feeds_of_their_own() {
    let Some(server) = NatsServer::start() else { return };
    let store = store_with(&server, &patient()).await;
    let mut epochs = std::collections::HashSet::new();
    for name in ["a", "A", "a.b", "a b", "á", "a\u{301}", "*", ">", "=a"] {
        let feed = store.feed(name).await.unwrap();
        assert!(epochs.insert(feed.epoch()), "{name} is the same feed as another");
        assert_eq!(new_places(&feed.append(&[message("1")]).await.unwrap()), [1], "{name}");
        assert_eq!(store.feed(name).await.unwrap().epoch(), feed.epoch());
    }
}

#[tokio::test]
async fn numbers_have_no_holes_with_eight_writers_of_two_servers() {
    let Some(server) = NatsServer::start() else { return };
    let feeds = [feed_of(&server, "bench").await, feed_of(&server, "bench").await];
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let feed = feeds[writer % 2].clone();
        writers.spawn(async move {
            let mut places = Vec::new();
            for batch in 0..12 {
                let text = format!("[{writer},{batch}]");
                let batch: Vec<_> = (0..=batch % 5).map(|_| message(&text)).collect();
                places.extend(new_places(&feed.append(&batch).await.unwrap()));
            }
            assert!(places.is_sorted(), "a writer's own messages are in order");
            places
        });
    }
    let mut places = writers.join_all().await.concat();
    places.sort_unstable();
    let last = places.len() as u64;
    assert_eq!(places, (1..=last).collect::<Vec<_>>());
    assert_eq!(numbers(&feeds[0], 0).await, places);
}

#[tokio::test]
async fn a_known_key_is_answered_and_not_written_again() {
    let Some(server) = NatsServer::start() else { return };
    let feed = feed_of(&server, "bench").await;
    let new = |seq| Appended::New { seq };
    let known = |seq, same| Appended::Known { seq, same };
    let first = [keyed("1", "a"), message("2"), keyed("1", "a"), keyed("9", "a")];
    let answers = [new(1), new(2), known(1, true), known(1, false)];
    assert_eq!(feed.append(&first).await.unwrap(), answers);
    let other = feed_of(&server, "bench").await;
    let to_one =
        NewMessage { recipients: Recipients::Only("x".parse().unwrap()), ..keyed("1", "a") };
    let again = [keyed("1", "a"), to_one, keyed("1", "b")];
    let answers = [known(1, true), known(1, false), new(3)];
    assert_eq!(other.append(&again).await.unwrap(), answers);
    // Another feed has its own keys.
    let stranger = feed_of(&server, "other").await;
    assert_eq!(stranger.append(&again[..1]).await.unwrap(), [new(1)]);
}

#[tokio::test]
async fn a_read_is_bounded_by_messages_and_bytes_but_never_empty() {
    let Some(server) = NatsServer::start() else { return };
    let feed = feed_of(&server, "bench").await;
    feed.append(&(0..9).map(|_| message("1234567890")).collect::<Vec<_>>()).await.unwrap();
    for (after, messages, bytes, expected) in [
        (0, 3, 1000, 1..=3),
        (0, 100, 39, 1..=3),
        (4, 100, 9, 5..=5),
        (4, 100, 0, 5..=5),
        (7, 100, 1000, 8..=9),
    ] {
        let read = feed.read(after, messages, bytes).await.unwrap();
        let places: Vec<u64> = read.iter().map(|stored| stored.seq).collect();
        assert_eq!(places, expected.collect::<Vec<_>>(), "{after} {messages} {bytes}");
    }
    for after in [9, 10, u64::MAX - 1] {
        assert_eq!(feed.read(after, 100, 1000).await, Ok(vec![]), "{after}");
    }
}

#[tokio::test]
async fn the_stream_keeps_to_the_limits_and_says_what_it_still_has() {
    let Some(server) = NatsServer::start() else { return };
    let retention = Retention { messages: NonZeroU64::new(3), ..Retention::default() };
    let store = store_with(&server, &keeping(retention)).await;
    let feed = store.feed("bench").await.unwrap();
    feed.append(&vec![message("1"); 10]).await.unwrap();
    assert_eq!(feed.range().await, Ok(KeptRange { oldest: 8, newest: 10 }));
    assert_eq!(numbers(&feed, 0).await, [8, 9, 10]);
    // One feed may be kept shorter than the others.
    let short = feed.keeping_at_most(NonZeroU64::MIN);
    assert_eq!(short.trim().await, Ok(2));
    assert_eq!(short.range().await, Ok(KeptRange { oldest: 10, newest: 10 }));
}

#[tokio::test]
async fn a_watcher_hears_what_others_append_without_asking() {
    let Some(server) = NatsServer::start() else { return };
    let store = store_with(&server, &patient()).await;
    let (mine, feed) = (store.feed("bench").await.unwrap(), feed_of(&server, "bench").await);
    let mut changes = store.watch(WatchMode::Listen).unwrap();
    let first = within("the first answer", changes.next()).await.unwrap();
    assert_eq!(
        (&*first[0].feed, first[0].epoch, first[0].newest),
        ("bench", Some(mine.epoch()), 0)
    );
    for newest in 1..=3 {
        feed.append(&[message("[1]")]).await.unwrap();
        let news = within("news", changes.next()).await.unwrap();
        assert_eq!((news.len(), news[0].newest), (1, newest), "{news:?}");
        assert_eq!(numbers(&mine, newest - 1).await, [newest]);
    }
}

/// NATS says nothing: the new stream begins with 1 again, and a consumer of the one before falls
/// silent, or goes on in the middle of the new one.
#[tokio::test]
async fn a_stream_that_is_deleted_and_created_anew_is_another_epoch() {
    let Some(server) = NatsServer::start() else { return };
    let store = store_with(&server, &patient()).await;
    let feed = store.feed("bench").await.unwrap();
    let epoch = feed.epoch();
    let mut changes = store.watch(WatchMode::Listen).unwrap();
    within("the first answer", changes.next()).await.unwrap();
    feed.append(&vec![message("1"); 3]).await.unwrap();

    delete_stream(&server, "wirebench-bench").await;
    let other = feed_of(&server, "bench").await;
    other.append(&vec![message("2"); 6]).await.unwrap();
    within("news of another epoch", async {
        let (mut told_epoch, mut newest) = (Some(epoch), 3);
        while (told_epoch, newest) != (Some(other.epoch()), 6) {
            for news in changes.next().await.unwrap() {
                (told_epoch, newest) = (news.epoch.or(told_epoch), news.newest);
            }
        }
    })
    .await;

    // The reader of the epoch before gets nothing of the new one, although that has a message 4.
    for after in [0, 3] {
        let error = feed.read(after, ALL.0, ALL.1).await.unwrap_err();
        assert!(error.to_string().contains("deleted and created anew"), "{error}");
        assert!(error.is_temporary());
    }
    let found = feed.look_up().await.unwrap();
    assert_eq!(found.epoch(), other.epoch());
    feed.adopt(found);
    assert_eq!(numbers(&feed, 3).await, [4, 5, 6]);
}

#[tokio::test]
async fn a_server_that_is_alone_leads_its_feed_and_nobody_leads_one_that_is_not_there() {
    let Some(server) = NatsServer::start() else { return };
    let store = store_with(&server, &patient()).await;
    assert_eq!(store.leader("bench").await.unwrap(), None);
    store.feed("bench").await.unwrap();
    assert!(store.leader("bench").await.unwrap().is_some());
}

#[tokio::test]
async fn without_nats_an_append_fails_at_once_and_goes_on_afterwards() {
    let Some(mut server) = NatsServer::start() else { return };
    let feed = feed_of(&server, "bench").await;
    feed.append(&[message("1")]).await.unwrap();
    server.kill();
    // Until the client notices, it waits for an answer.
    let error = within("a failure", async {
        loop {
            match feed.append(&[keyed("2", "second")]).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.is_temporary());
    server.start_again();
    let again = async || feed.append(&[keyed("2", "second")]).await;
    assert_eq!(eventually("to append", again).await[0].seq(), 2);
    assert_eq!(numbers(&feed, 0).await, [1, 2]);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_available() {
    let Some(server) = NatsServer::start() else { return };
    let store = store_with(&server, &hasty()).await;
    let feed = eventually("to open a feed", async || store.feed("bench").await).await;
    server.suspend();
    let error = feed.range().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    server.resume();
    let range = eventually("to ask", async || feed.range().await).await;
    assert_eq!(range, KeptRange { oldest: 1, newest: 0 });
}

#[tokio::test]
async fn what_is_wrong_with_nats_is_said_without_its_password() {
    let Some(server) = NatsServer::start_with(&["--user", "ann", "--pass", "hunter2"]) else {
        return;
    };
    let open = async |url: String| {
        let options = StoreOptions { deadline: Duration::from_secs(20), ..patient() };
        let store = Store::open(&url.parse().unwrap(), &options, ()).await?;
        store.feed("bench").await.map(|_| ())
    };
    let with = |user: &str| server.url().replace("nats://", &format!("nats://{user}@"));
    let error = open(with("ann:hunter3")).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("authorization"), "{error}");
    assert!(!error.to_string().contains("hunter"), "{error}");
    // Nobody has switched JetStream on.
    let error = open(with("ann:hunter2")).await.unwrap_err();
    assert!(error.to_string().contains("`nats-server -js`"), "{error}");
    assert!(!error.to_string().contains("hunter"), "{error}");
}

#[tokio::test]
async fn a_stream_of_somebody_else_and_a_strange_message_are_reported() {
    let Some(server) = NatsServer::start() else { return };
    let feed = feed_of(&server, "bench").await;
    feed.append(&[message("1")]).await.unwrap();
    publish(&server, "wirebench.feeds.bench", "hello").await;
    let error = within("the message", async {
        loop {
            if feed.range().await.unwrap().newest == 2 {
                break feed.read(0, ALL.0, ALL.1).await.unwrap_err();
            }
        }
    })
    .await;
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    assert!(error.to_string().contains("message 2 of its stream"), "{error}");

    outside::create_stream(&server, "wirebench-taken", "some.subject").await;
    let store = store_with(&server, &patient()).await;
    let error = store.feed("taken").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    assert!(error.to_string().contains("was not made by wirebench"), "{error}");
}
