//! A database that goes away and returns.

use std::time::Duration;

use wirebench_store::{
    FeedWriter, Store, StoreError, StoreErrorKind, UnacknowledgedError, WatchMode,
};

use crate::servers::{DatabaseServer, PASSWORD, ServerKind};
use crate::support::{eventually, hasty, keyed, patient, within};
use crate::test_database::TestDatabase;
use crate::writer_cases::publish_eventually;

/// Checks that an error says that the database is away, and no password.
fn assert_away(error: &StoreError) {
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert_no_password(error);
}

fn assert_no_password(error: &StoreError) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(PASSWORD), "{text}");
}

async fn a_server_that_crashes_and_returns_is_used_again(kind: ServerKind) {
    let Some(mut server) = DatabaseServer::start(kind).await else { return };
    let database = TestDatabase::on(&server, "feeds");
    let store = database.hasty_store().await;
    let feed = eventually("to open a feed", || store.feed("bench")).await;
    let writer = FeedWriter::start(feed.clone(), |_, _| {});
    let mode = match kind {
        ServerKind::Postgres => WatchMode::Listen,
        ServerKind::MariaDb => WatchMode::Poll(Duration::from_millis(20)),
    };
    let mut changes = store.watch(mode).unwrap();
    while changes.next().await.is_err() {}

    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let first = keyed("1", &format!("first-{round}"));
        acknowledged.push(publish_eventually(&writer, &first).await.seq());
        server.crash();
        assert_away(&feed.range().await.unwrap_err());
        assert_away(&feed.read(0, 1, 1).await.unwrap_err());
        let refused = writer.publish(keyed("2", &format!("later-{round}"))).await.unwrap_err();
        let UnacknowledgedError::Store(error) = refused else { panic!("{refused:?}") };
        assert_away(&error);
        assert_away(&Store::open(&database.url(), &hasty(), ()).await.unwrap_err());
        while changes.next().await.is_ok() {}

        server.start_again().await;
        // Nobody has to open the store again.
        let again = publish_eventually(&writer, &first).await;
        assert_eq!(Some(&again.seq()), acknowledged.last(), "what was acknowledged is there");
        let second = keyed("3", &format!("second-{round}"));
        let seq = publish_eventually(&writer, &second).await.seq();
        acknowledged.push(seq);
        let news = within("a watcher that returns", async {
            loop {
                if let Ok(news) = changes.next().await
                    && news.iter().any(|news| news.newest == seq)
                {
                    return news;
                }
            }
        })
        .await;
        let told: Vec<_> = news.iter().map(|news| (news.feed.as_str(), news.newest)).collect();
        assert_eq!(told, [("bench", seq)]);
    }
    let kept = eventually("to read", || feed.read(0, 100, u64::MAX)).await;
    let kept: Vec<u64> = kept.iter().map(|stored| stored.seq).collect();
    assert_eq!(kept, acknowledged, "nothing was lost, and nothing that was refused is there");
}

#[tokio::test]
async fn postgres_that_crashes_and_returns_is_used_again() {
    a_server_that_crashes_and_returns_is_used_again(ServerKind::Postgres).await;
}

#[tokio::test]
async fn mariadb_that_crashes_and_returns_is_used_again() {
    a_server_that_crashes_and_returns_is_used_again(ServerKind::MariaDb).await;
}

/// The other databases make their tables in one transaction.
#[tokio::test]
async fn mariadb_goes_on_with_tables_that_were_half_made_when_a_server_was_killed() {
    let Some(server) = DatabaseServer::start(ServerKind::MariaDb).await else { return };
    let database = TestDatabase::on(&server, "feeds");
    database.store().await;
    let mut raw = database.raw().await;
    raw.run("UPDATE wirebench_migrations SET success = FALSE").await;
    raw.run("DROP TABLE wirebench_messages").await;
    let feed = database.store().await.feed("bench").await.unwrap();
    assert_eq!(feed.append(&[keyed("1", "k")]).await.unwrap()[0].seq(), 1);
    database.store().await;
    let unfinished = "SELECT COUNT(*) FROM wirebench_migrations WHERE NOT success";
    assert_eq!(server.sql("feeds", unfinished).trim(), "0");
}

async fn refusals_say_no_password(kind: ServerKind) {
    let Some(server) = DatabaseServer::start(kind).await else { return };
    let right = server.url("feeds");
    let ssl_mode = match kind {
        ServerKind::Postgres => "sslmode",
        ServerKind::MariaDb => "ssl-mode",
    };
    for url in [
        // No such database.
        right.clone(),
        // Another password, which is no less secret.
        right.replace(PASSWORD, &format!("{PASSWORD}x")),
        right.replace("wirebench:", "nobody:"),
        format!("{right}&{ssl_mode}=nonsense"),
    ] {
        let error = Store::open(&url.parse().unwrap(), &patient(), ()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other, "{error}");
        assert!(error.to_string().contains("***"), "the store is named: {error}");
        assert_no_password(&error);
    }
    let database = TestDatabase::on(&server, "feeds");
    let store = database.store().await;
    let feed = store.feed("bench").await.unwrap();
    let text = format!("{store:?} {feed:?} {:?} {}", database.url(), database.url());
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn refusals_of_postgres_say_no_password() {
    refusals_say_no_password(ServerKind::Postgres).await;
}

#[tokio::test]
async fn refusals_of_mariadb_say_no_password() {
    refusals_say_no_password(ServerKind::MariaDb).await;
}

#[tokio::test]
async fn a_store_in_a_folder_that_is_not_there_or_in_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/none/feeds.db", folder.path().display());
    let error = Store::open(&url.parse().unwrap(), &patient(), ()).await.unwrap_err();
    assert!(error.to_string().contains("there is no folder"), "{error}");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a database, but long enough to be looked at".repeat(40)).unwrap();
    let url = format!("sqlite:{}", file.display());
    let error = Store::open(&url.parse().unwrap(), &patient(), ()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Other, "{error}");
    assert!(error.to_string().contains("file is not a database"), "{error}");
}
