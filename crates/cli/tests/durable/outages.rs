//! A database that goes away, does not answer, or has no room, while a server uses it.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::history::History;
use crate::publisher::{Publisher, Way};
use crate::requests::{poll, post, until_accepted};
use crate::servers::sqlite_lock::SqliteLock;
use crate::servers::{ServerKind, SmallDisk};
use crate::stores::TestStore;
use crate::support::{Served, within};

/// Checks what a server answers while its database does not, by reason: publishing is refused, the
/// window is read, and older messages are not to be had.
async fn expect_outage(served: &Served, newest: &str, reason: &str) {
    let refused = post(served.url(), "\"refused\"").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.retry_after.as_deref(), Some("1"), "{refused:?}");
    assert!(refused.error().contains(reason), "{refused:?}");
    assert_eq!(poll(served.url(), newest).await.status, 204);
    let (epoch, seq) = newest.split_once('-').unwrap();
    let before = seq.parse::<u64>().unwrap() - 5;
    let recent = poll(served.url(), &format!("{epoch}-{before}")).await;
    assert_eq!(recent.status, 200, "the window is read: {recent:?}");
    assert_eq!(recent.json["messages"].as_array().unwrap().len(), 5);
}

/// The database crashes while publishers of every kind go on.
async fn a_crashing_database_loses_nothing(store: Option<TestStore>) {
    let Some(mut store) = store else { return };
    let mut served = store.serve();
    let acknowledged = Arc::new(Semaphore::new(0));
    let mut publishing = JoinSet::new();
    for mut publisher in Publisher::of_every_kind("") {
        let (url, acknowledged) = (served.url().to_owned(), Arc::clone(&acknowledged));
        publishing.spawn(async move {
            publisher.publish_until_gone(&url, &acknowledged).await;
            publisher
        });
    }
    for _ in 0..3 {
        within("acknowledgements", acknowledged.acquire_many(50)).await.unwrap().forget();
        store.crash();
        let refused = loop {
            let answer = post(served.url(), "\"of nobody\"").await;
            if answer.status != 201 {
                break answer;
            }
        };
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.error().contains("the database is not available"), "{refused:?}");
        // A reader of old messages is refused as well, and told when to come back.
        let old = poll(served.url(), "start").await;
        assert_eq!((old.status, old.retry_after.as_deref()), (503, Some("1")), "{old:?}");
        assert!(old.error().contains("the database is not available"), "{old:?}");
        store.start_again().await;
        // What was acknowledged meanwhile does not count.
        let _ = acknowledged.forget_permits(usize::MAX);
    }
    within("acknowledgements", acknowledged.acquire_many(50)).await.unwrap().forget();
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    let mut publishers = within("publishers", publishing.join_all()).await;

    let served = store.serve();
    for publisher in &mut publishers {
        publisher.publish(served.url(), 1).await;
    }
    let history = History::read(served.url()).await.without("of nobody");
    history.check(&publishers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_crashes_while_a_server_uses_it_loses_nothing() {
    a_crashing_database_loses_nothing(TestStore::server(ServerKind::Postgres).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_that_crashes_while_a_server_uses_it_loses_nothing() {
    a_crashing_database_loses_nothing(TestStore::server(ServerKind::MariaDb).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_that_crashes_while_a_server_uses_it_loses_nothing() {
    a_crashing_database_loses_nothing(TestStore::nats()).await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_waited_for_and_then_refused() {
    let Some(mut store) = TestStore::server(ServerKind::MariaDb).await else { return };
    let served = store.serve();
    let mut publisher = Publisher::new("a", Way::Post, true);
    publisher.publish(served.url(), 20).await;
    let newest = publisher.acknowledged[&19].clone();
    store.server_mut().freeze();
    expect_outage(&served, &newest, "no answer within").await;
    // Another server might have given these cursors. If each waited for those before it, the last
    // would be answered after ten minutes.
    let (epoch, _) = newest.split_once('-').unwrap();
    let unknown = (1_000..1_100).map(|seq| format!("{epoch}-{seq}"));
    let polls = unknown.map(async |cursor| poll(served.url(), &cursor).await.status);
    let statuses = within("answers to all", join_all(polls)).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    store.server_mut().thaw();
    until_accepted(served.url(), "\"accepted\"").await;
    publisher.publish(served.url(), 1).await;
    let history = History::read(served.url()).await;
    history.without("accepted").without("refused").check(&[publisher]);
}

#[tokio::test]
async fn a_locked_sqlite_file_is_waited_for_and_then_refused() {
    let store = TestStore::sqlite();
    let served = store.serve();
    let mut publisher = Publisher::new("a", Way::Post, true);
    publisher.publish(served.url(), 20).await;
    let Some(lock) = SqliteLock::take(store.file()) else { return };
    expect_outage(&served, &publisher.acknowledged[&19], "the database is not available").await;
    // SQLite lets readers read while somebody writes.
    assert_eq!(poll(served.url(), "start").await.status, 200);
    drop(lock);
    until_accepted(served.url(), "\"accepted\"").await;
    let history = History::read(served.url()).await;
    history.without("accepted").without("refused").check(&[publisher]);
}

/// Fills the disk of a store but for `left` bytes, and makes room again.
async fn a_full_disk_is_reported(store: &TestStore, disk: &SmallDisk, left: u64) {
    let served = store.serve();
    let mut publisher = Publisher::new(&incompressible(10_000), Way::Post, false);
    publisher.publish(served.url(), 20).await;
    let filler = disk.fill_but(left);
    publisher.publish_until_refused(served.url()).await;
    let newest = publisher.acknowledged.last_key_value().unwrap().1.clone();
    let refused = post(served.url(), &format!("\"{}\"", incompressible(10_000))).await;
    assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("1")), "{refused:?}");
    assert!(refused.error().contains("the disk of the database is full"), "{refused:?}");
    assert_eq!(poll(served.url(), &newest).await.status, 204);
    let kept = History::read(served.url()).await;
    assert_eq!(kept.check(std::slice::from_ref(&publisher)), 0, "what was refused is not there");

    std::fs::remove_file(filler).unwrap();
    until_accepted(served.url(), "\"accepted\"").await;
    publisher.publish(served.url(), 5).await;
    let history = History::read(served.url()).await.without("accepted");
    history.check(&[publisher]);
}

/// Returns text that no database makes much smaller: digits of a xorshift generator.
fn incompressible(length: usize) -> String {
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    let numbers = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:x}")
    });
    let mut text: String = numbers.take(length / 8).collect();
    text.truncate(length);
    text
}

#[tokio::test]
async fn sqlite_on_a_full_disk_refuses_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let store = TestStore::sqlite_on(&disk);
    a_full_disk_is_reported(&store, &disk, 300_000).await;
}

#[tokio::test]
async fn postgres_on_a_full_disk_refuses_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let Some(store) = TestStore::server_on(ServerKind::Postgres, &disk).await else { return };
    a_full_disk_is_reported(&store, &disk, 3_000_000).await;
}

/// MariaDB may end itself when it cannot undo a transaction for want of room. Then somebody has
/// to start it again; what was acknowledged is there.
#[tokio::test]
async fn mariadb_on_a_full_disk_loses_nothing_even_if_it_ends_itself() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let Some(mut store) = TestStore::server_on(ServerKind::MariaDb, &disk).await else { return };
    let served = store.serve();
    let mut publisher = Publisher::new(&incompressible(10_000), Way::Post, false);
    publisher.publish(served.url(), 20).await;
    let filler = disk.fill_but(3_000_000);
    publisher.publish_until_refused(served.url()).await;
    let newest = publisher.acknowledged.last_key_value().unwrap().1.clone();
    assert_eq!(poll(served.url(), &newest).await.status, 204);
    std::fs::remove_file(filler).unwrap();
    within("room", async {
        while post(served.url(), "\"accepted\"").await.status != 201 {
            store.server_mut().start_again_if_ended().await;
        }
    })
    .await;
    publisher.publish(served.url(), 5).await;
    History::read(served.url()).await.without("accepted").check(&[publisher]);
}
