//! A store that cannot be used, and the end of a server that had one.

use std::net::TcpListener;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::history::History;
use crate::publisher::{Publisher, Way};
use crate::servers::sqlite_lock::SqliteLock;
use crate::servers::{DatabaseServer, PASSWORD, ServerKind, SmallDisk};
use crate::stores::{TestStore, serve_from};
use crate::support::{Served, finish};

#[tokio::test]
async fn an_orderly_stop_keeps_what_was_acknowledged_and_the_ready_line_names_the_store() {
    let store = TestStore::sqlite();
    let mut served = store.serve();
    assert_eq!(served.ready["store"], json!(store.url()));
    let mut publisher = Publisher::new("a", Way::Post, true);
    publisher.publish(served.url(), 20).await;
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let served = store.serve();
    let history = History::read(served.url()).await;
    assert_eq!((history.check(&[publisher]), history.len()), (0, 20));
}

/// Checks that a server of this store ends with an error that says why, and without a ready line.
/// Nothing that it says has a password, however much it logs.
pub(crate) fn expect_refusal(url: &str, reason: &str) {
    let child = serve_from(url, &["--log", "trace"]).spawn().unwrap();
    let ended = finish(child, "serve");
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{reason}: {}", ended.stderr);
    let error = ended.stderr.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(error.contains(reason) && error.contains("open the store"), "{reason}: {error}");
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = TempDir::new().unwrap();
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    expect_refusal(&url("missing/feeds.db"), "there is no folder");
    std::fs::write(folder.path().join("text.db"), "a text and no database\n".repeat(100)).unwrap();
    expect_refusal(&url("text.db"), "file is not a database");
    std::fs::write(folder.path().join("short.db"), "a text").unwrap();
    expect_refusal(&url("short.db"), "file is not a database");
    std::fs::create_dir(folder.path().join("folder.db")).unwrap();
    expect_refusal(&url("folder.db"), "it is a folder");
}

#[test]
fn a_locked_file_is_refused() {
    let store = TestStore::sqlite();
    drop(store.serve());
    let Some(_lock) = SqliteLock::take(store.file()) else { return };
    expect_refusal(&store.url(), "the database is not available");
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let store = TestStore::sqlite_on(&disk);
    drop(store.serve());
    disk.make_read_only();
    expect_refusal(&store.url(), "attempt to write a readonly database");
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    const PROGRAM: &str = "import sqlite3, sys\n\
                           database = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                           database.execute(sys.argv[2])\n";
    let store = TestStore::sqlite();
    drop(store.serve());
    let changed =
        Command::new("python3").args(["-c", PROGRAM]).arg(store.file()).arg(NEWER_VERSION).status();
    if changed.is_err() && std::env::var_os("WIREBENCH_REQUIRE_PYTHON").is_none() {
        return;
    }
    assert!(changed.unwrap().success());
    expect_refusal(&store.url(), "version 99 and were made by a newer wirebench");
}

const NEWER_VERSION: &str = "INSERT INTO wirebench_migrations (version, description, success, \
                             checksum, execution_time) VALUES (99, 'x', true, 'x', 1)";

async fn a_server_that_is_no_store_is_refused(kind: ServerKind) {
    let Some(mut server) = DatabaseServer::start(kind).await else { return };
    let url = server.url("feeds");
    let (unknown_database, wrong_password) = match kind {
        ServerKind::Postgres => ("does not exist", "password authentication failed"),
        ServerKind::MariaDb => ("Unknown database", "Access denied"),
    };
    expect_refusal(&url, unknown_database);
    server.create("feeds");
    expect_refusal(&url.replace(PASSWORD, &format!("{PASSWORD}%40")), wrong_password);
    drop(Served::of(&mut serve_from(&url, &[])));
    server.sql("feeds", NEWER_VERSION);
    expect_refusal(&url, "version 99 and were made by a newer wirebench");
    server.crash();
    expect_refusal(&url, "the database is not available");

    // Over TCP: nobody listens, somebody listens and says nothing, no such host.
    let (address, _) = url.split_once("/feeds?").unwrap();
    let at = |host: &str| format!("{}/feeds", address.replace("localhost", host));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    expect_refusal(&at(&host), "no connection to it was to be had in time");
    drop(listener);
    expect_refusal(&at(&host), "the database is not available");
    expect_refusal(&at("nowhere.invalid"), "the database is not available");
}

#[tokio::test]
async fn postgres_that_is_no_store_is_refused() {
    a_server_that_is_no_store_is_refused(ServerKind::Postgres).await;
}

#[tokio::test]
async fn mariadb_that_is_no_store_is_refused() {
    a_server_that_is_no_store_is_refused(ServerKind::MariaDb).await;
}
