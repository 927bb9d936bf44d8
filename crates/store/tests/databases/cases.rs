//! What holds for the store over every database.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use wirebench_protocol::Recipients;
use wirebench_protocol::control::PayloadKind;
use wirebench_store::{
    Appended, Database, FeedNewest, KeptRange, NewMessage, Retention, Store, StoreErrorKind,
    StoreObserver, StoredMessage, WatchMode,
};

use crate::servers::PASSWORD;
use crate::support::{eventually, keeping, keyed, message, new_places, patient};
use crate::test_database::TestDatabase;

/// More than any case reads.
const ALL: (u32, u64) = (100_000, u64::MAX);

pub(crate) async fn a_feed_keeps_its_epoch_and_its_messages(database: &TestDatabase) {
    let feed = database.store().await.feed("bench").await.unwrap();
    assert_eq!(feed.range().await, Ok(KeptRange { oldest: 1, newest: 0 }));
    assert_eq!(feed.append(&[]).await, Ok(vec![]));
    let to = |name: &str| Recipients::Only(name.parse().unwrap());
    let written = [
        message("1"),
        NewMessage { recipients: to("a"), ..keyed("{\"a\":2}", "k") },
        NewMessage { recipients: Recipients::Except("b".parse().unwrap()), ..message("3") },
    ];
    assert_eq!(new_places(&feed.append(&written).await.unwrap()), [1, 2, 3]);

    let again = database.store().await.feed("bench").await.unwrap();
    assert_eq!(again.epoch(), feed.epoch());
    assert_eq!(again.range().await, Ok(KeptRange { oldest: 1, newest: 3 }));
    let read = again.read(0, ALL.0, ALL.1).await.unwrap();
    let back: Vec<NewMessage> = read
        .into_iter()
        .map(|StoredMessage { seq: _, payload, kind, recipients, due, key }| NewMessage {
            payload,
            kind,
            recipients,
            due,
            key,
        })
        .collect();
    assert_eq!(back, written);
    assert_eq!(new_places(&again.append(&[message("4")]).await.unwrap()), [4]);
}

pub(crate) async fn names_and_keys_are_told_apart_byte_by_byte(database: &TestDatabase) {
    let store = database.store().await;
    let names = ["a", "A", "á", "a\u{301}", &"n".repeat(255)];
    let mut epochs = std::collections::HashSet::new();
    for name in names {
        let feed = store.feed(name).await.unwrap();
        assert!(epochs.insert(feed.epoch()), "{name} is the same feed as another");
        let keys = [keyed("1", "key"), keyed("1", "KEY"), keyed("1", "Key")];
        assert_eq!(new_places(&feed.append(&keys).await.unwrap()), [1, 2, 3], "{name}");
        assert_eq!(store.feed(name).await.unwrap().epoch(), feed.epoch());
    }
    for name in ["", " a", "a ", "a\n", "a\0b", &"n".repeat(256)] {
        let error = store.feed(name).await.unwrap_err();
        assert!(error.to_string().contains("1 to 255 bytes"), "{error}");
    }
}

pub(crate) async fn payloads_of_any_bytes_and_size_come_back_unchanged(database: &TestDatabase) {
    let feed = database.store().await.feed("bench").await.unwrap();
    let any_bytes: Vec<u8> = (0..=255).chain(0..=255).collect();
    let large = vec![b'1'; 1 << 20];
    let binary = NewMessage { payload: any_bytes.into(), kind: PayloadKind::Binary, ..message("") };
    let mut written = vec![message("\"\\u0000 ü 😀 ' \\\" ;--\""), binary, message("")];
    written.extend((0..9).map(|_| NewMessage { payload: large.clone().into(), ..message("") }));
    feed.append(&written).await.unwrap();
    let read = feed.read(0, ALL.0, ALL.1).await.unwrap();
    assert_eq!(read.len(), written.len());
    for (read, written) in read.iter().zip(&written) {
        assert_eq!(read.kind, written.kind, "{}", read.seq);
        assert!(read.payload == written.payload, "{}", read.seq);
    }
}

pub(crate) async fn sequence_numbers_have_no_holes_with_eight_writers_of_two_servers(
    database: &TestDatabase,
) {
    let stores = [database.store().await, database.store().await];
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let feed = stores[writer % 2].feed("bench").await.unwrap();
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
    let feed = stores[0].feed("bench").await.unwrap();
    let read: Vec<u64> =
        feed.read(0, ALL.0, ALL.1).await.unwrap().iter().map(|stored| stored.seq).collect();
    assert_eq!(read, places);
}

pub(crate) async fn a_known_key_is_answered_and_not_written_again(database: &TestDatabase) {
    let retention = Retention { messages: NonZeroU64::new(2), ..Retention::default() };
    let store = database.store_with(&keeping(retention)).await;
    let feed = store.feed("bench").await.unwrap();
    let known = |seq, same| Appended::Known { seq, same };
    let first = [keyed("1", "a"), message("2"), keyed("1", "a"), keyed("9", "a")];
    let answers = [new(1), new(2), known(1, true), known(1, false)];
    assert_eq!(feed.append(&first).await.unwrap(), answers);

    let other = database.store().await.feed("bench").await.unwrap();
    let binary = NewMessage { kind: PayloadKind::Binary, ..keyed("1", "a") };
    let to_one =
        NewMessage { recipients: Recipients::Only("x".parse().unwrap()), ..keyed("1", "a") };
    let again = [keyed("1", "a"), keyed("2", "a"), binary, to_one, keyed("1", "b")];
    let answers = [known(1, true), known(1, false), known(1, false), known(1, false), new(3)];
    assert_eq!(other.append(&again).await.unwrap(), answers);
    assert_eq!(other.append(&again[..1]).await.unwrap(), [known(1, true)]);
    assert_eq!(feed.range().await, Ok(KeptRange { oldest: 1, newest: 3 }));

    // A key is known for as long as its message is kept.
    assert_eq!(feed.trim().await, Ok(1));
    assert_eq!(feed.append(&again[..1]).await.unwrap(), [new(4)]);
    // Another feed has its own keys.
    let stranger = store.feed("other").await.unwrap();
    assert_eq!(stranger.append(&again[..1]).await.unwrap(), [new(1)]);
}

fn new(seq: u64) -> Appended {
    Appended::New { seq }
}

pub(crate) async fn a_read_is_bounded_by_messages_and_bytes_but_never_empty(
    database: &TestDatabase,
) {
    let store = database.store().await;
    let feed = store.feed("bench").await.unwrap();
    let other = store.feed("other").await.unwrap();
    other.append(&[message("0"), message("0")]).await.unwrap();
    let ten = "1234567890";
    feed.append(&(0..9).map(|_| message(ten)).collect::<Vec<_>>()).await.unwrap();
    for (after, messages, bytes, expected) in [
        (0, 3, 1000, 1..=3),
        (0, 100, 30, 1..=3),
        (0, 100, 39, 1..=3),
        (4, 100, 9, 5..=5),
        (4, 100, 0, 5..=5),
        (7, 100, 1000, 8..=9),
    ] {
        let read = feed.read(after, messages, bytes).await.unwrap();
        let places: Vec<u64> = read.iter().map(|stored| stored.seq).collect();
        assert_eq!(places, expected.collect::<Vec<_>>(), "{after} {messages} {bytes}");
    }
    for after in [9, 10, u64::MAX] {
        assert_eq!(feed.read(after, 100, 1000).await, Ok(vec![]), "{after}");
    }
}

pub(crate) async fn old_messages_are_removed_by_count_by_size_and_by_age(database: &TestDatabase) {
    let limits =
        |messages, bytes, age| Retention { messages: NonZeroU64::new(messages), bytes, age };
    let day = Some(Duration::from_hours(24));
    // 1,500 messages of ten bytes: several pieces of trimming.
    for (name, retention, kept) in [
        ("nothing", Retention::default(), 1500),
        ("count", limits(3, None, None), 3),
        ("size", limits(0, Some(45), None), 4),
        ("too-large", limits(0, Some(9), None), 1),
        ("age", limits(0, None, day), 1000),
        ("all", limits(1200, Some(11_000), day), 1000),
    ] {
        let feed = database.store_with(&keeping(retention)).await.feed(name).await.unwrap();
        feed.append(&vec![message("1234567890"); 1500]).await.unwrap();
        let mut raw = database.raw().await;
        raw.run(&format!(
            "UPDATE wirebench_messages SET published_at_ms = published_at_ms - 90000000 \
             WHERE seq <= 500 AND feed_id = (SELECT id FROM wirebench_feeds WHERE name = '{name}')"
        ))
        .await;
        assert_eq!(feed.trim().await, Ok(1500 - kept), "{name}");
        assert_eq!(feed.trim().await, Ok(0), "{name}");
        let oldest = 1500 - kept + 1;
        assert_eq!(feed.range().await, Ok(KeptRange { oldest, newest: 1500 }), "{name}");
        let read = feed.read(0, ALL.0, ALL.1).await.unwrap();
        assert_eq!((read[0].seq, read.len() as u64), (oldest, kept), "{name}");
    }
    // Age may remove everything. The place of the next message stays.
    let none = limits(0, None, Some(Duration::ZERO));
    let feed = database.store_with(&keeping(none)).await.feed("count").await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(feed.trim().await, Ok(3));
    assert_eq!(feed.range().await, Ok(KeptRange { oldest: 1501, newest: 1500 }));
    assert_eq!(new_places(&feed.append(&[message("1")]).await.unwrap()), [1501]);
}

pub(crate) async fn a_removed_feed_is_gone_and_other_feeds_stay(database: &TestDatabase) {
    let store = database.store().await;
    let feed = store.feed("bench").await.unwrap();
    let other = store.feed("other").await.unwrap();
    // Several pieces.
    feed.append(&vec![message("1"); 1500]).await.unwrap();
    other.append(&[message("2")]).await.unwrap();
    store.remove("bench").await.unwrap();
    store.remove("nobody").await.unwrap();

    assert_eq!(feed.read(0, 100, 1000).await, Ok(vec![]));
    assert!(feed.append(&[message("3")]).await.is_err(), "the feed is gone");
    assert_eq!(other.read(0, 100, 1000).await.unwrap().len(), 1);
    let again = store.feed("bench").await.unwrap();
    assert_ne!(again.epoch(), feed.epoch());
    assert_eq!(again.append(&[message("4")]).await, Ok(vec![Appended::New { seq: 1 }]));
}

pub(crate) async fn servers_that_open_a_new_database_at_once_agree(database: &TestDatabase) {
    let mut servers = JoinSet::new();
    for _ in 0..6 {
        let url = database.url();
        servers.spawn(async move {
            let store = Store::open(&url, &patient(), ()).await.unwrap();
            store.feed("bench").await.unwrap().epoch()
        });
    }
    let epochs = servers.join_all().await;
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

pub(crate) async fn a_locked_feed_is_not_available_until_it_is_released(database: &TestDatabase) {
    let patient = database.store().await.feed("bench").await.unwrap();
    patient.append(&[keyed("1", "first")]).await.unwrap();
    let store = database.hasty_store().await;
    let hasty = eventually("to open a feed", || store.feed("bench")).await;
    let mut raw = database.raw().await;
    raw.lock_feeds().await;
    let second = [keyed("2", "second")];
    let error = hasty.append(&second).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.is_temporary());
    // Readers do not wait for the lock.
    assert_eq!(patient.read(0, ALL.0, ALL.1).await.unwrap().len(), 1);
    raw.release().await;
    let appended = eventually("to append", || hasty.append(&second)).await;
    assert_eq!(appended[0].seq(), 2, "it is in the place of the one that failed");
}

pub(crate) async fn tables_of_a_newer_version_are_refused(database: &TestDatabase) {
    database.store().await;
    let mut raw = database.raw().await;
    raw.run(
        "INSERT INTO wirebench_migrations \
         (version, description, success, checksum, execution_time) VALUES (99, 'x', true, 'x', 1)",
    )
    .await;
    for _ in 0..2 {
        let error = Store::open(&database.url(), &patient(), ()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
        let text = error.to_string();
        assert!(text.contains("version 99 and were made by a newer wirebench"), "{text}");
        assert!(!text.contains(PASSWORD) && !error.is_temporary(), "{text}");
    }
    // The refusal holds no lock: once the row is gone, the store opens.
    raw.run("DELETE FROM wirebench_migrations WHERE version = 99").await;
    database.store().await.feed("bench").await.unwrap();
}

pub(crate) async fn missing_tables_are_reported_as_such(database: &TestDatabase) {
    let feed = database.store().await.feed("bench").await.unwrap();
    let mut raw = database.raw().await;
    raw.run("DELETE FROM wirebench_feeds").await;
    for error in [feed.range().await.unwrap_err(), feed.append(&[message("1")]).await.unwrap_err()]
    {
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
        assert!(error.to_string().contains("gone from `wirebench_feeds`"), "{error}");
    }
    raw.run("DROP TABLE wirebench_messages").await;
    let error = feed.read(0, 1, 1).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    assert!(error.to_string().starts_with("cannot read messages: "), "{error}");
}

#[derive(Default)]
struct Counts {
    statements: AtomicU64,
    read: AtomicU64,
    commits: AtomicU64,
    committed: AtomicU64,
}

impl StoreObserver for &'static Counts {
    fn queried(&self, statements: u64) {
        self.statements.fetch_add(statements, Ordering::SeqCst);
    }

    fn read(&self, messages: u64) {
        self.read.fetch_add(messages, Ordering::SeqCst);
    }

    fn committed(&self, messages: u64, took: Duration) {
        assert!(took > Duration::ZERO);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.committed.fetch_add(messages, Ordering::SeqCst);
    }
}

pub(crate) async fn the_observer_is_told_of_statements_rows_and_commits(database: &TestDatabase) {
    let counts: &'static Counts = Box::leak(Box::default());
    let store = Store::open(&database.url(), &patient(), counts).await.unwrap();
    let feed = store.feed("bench").await.unwrap();
    let statements = || counts.statements.swap(0, Ordering::SeqCst);
    statements();
    feed.append(&[keyed("1", "a"), message("2")]).await.unwrap();
    // Begin, lock, look the key up, insert, advance, commit. PostgreSQL also notifies.
    let tell = u64::from(database.kind() == Database::Postgres);
    assert_eq!(statements(), 6 + tell);
    feed.append(&[keyed("1", "a")]).await.unwrap();
    assert_eq!(statements(), 4);
    feed.read(0, ALL.0, ALL.1).await.unwrap();
    assert_eq!(statements(), 1);
    let counted = [&counts.read, &counts.commits, &counts.committed];
    assert_eq!(counted.map(|count| count.load(Ordering::SeqCst)), [2, 1, 2]);
}

pub(crate) async fn a_watcher_that_polls_learns_of_what_others_append(database: &TestDatabase) {
    watcher_learns(database, WatchMode::Poll(Duration::from_millis(5))).await;
    match (database.kind(), database.store().await.watch(WatchMode::Listen)) {
        (Database::Postgres, Ok(_)) => watcher_learns(database, WatchMode::Listen).await,
        (Database::Sqlite | Database::MySql, Err(error)) => {
            assert!(error.to_string().contains("poll it instead"), "{error}");
        }
        (kind, listens) => panic!("{kind:?}: {listens:?}"),
    }
}

async fn watcher_learns(database: &TestDatabase, mode: WatchMode) {
    let mut changes = database.store().await.watch(mode).unwrap();
    let other = database.store().await;
    let name = format!("{mode:?}");
    let feed = other.feed(&name).await.unwrap();
    let first = FeedNewest { feed: name.clone(), epoch: Some(feed.epoch()), newest: 0 };
    assert!(changes.next().await.unwrap().contains(&first), "the first answer has all feeds");
    assert_eq!(changes.next().now_or_never(), None, "nothing was appended");
    for newest in 1..=3 {
        feed.append(&[message("1")]).await.unwrap();
        let news = changes.next().await.unwrap();
        let told: Vec<_> = news.iter().map(|news| (&news.feed, news.newest)).collect();
        assert_eq!(told, [(&name, newest)]);
    }
    other.feed("new").await.unwrap().append(&[message("1")]).await.unwrap();
    let news = changes.next().await.unwrap();
    assert!(news.iter().any(|news| news.feed == "new"), "{news:?}");
}

pub(crate) async fn an_append_that_is_dropped_midway_leaves_no_trace_or_everything(
    database: &TestDatabase,
) {
    let feed = Arc::new(database.store().await.feed("bench").await.unwrap());
    let mut kept = 0;
    for round in 0..40_u64 {
        let batch = vec![message("1"); 3];
        // Dropped after some polls, in whichever state it is then.
        let append = feed.append(&batch);
        let patience = Duration::from_micros(round * 50);
        if tokio::time::timeout(patience, append).await.is_ok() {
            kept += 3;
        }
        let newest = feed.append(&[message("2")]).await.unwrap()[0].seq();
        kept += 1;
        assert!(newest == kept || newest == kept + 3, "{newest} after {kept}");
        kept = newest;
    }
    assert_eq!(feed.read(0, ALL.0, ALL.1).await.unwrap().len() as u64, kept);
}
