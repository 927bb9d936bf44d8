//! `kill -9` in a loop.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::history::History;
use crate::publisher::Publisher;
use crate::servers::{DatabaseServer, ServerKind};
use crate::stores::{TestStore, serve_from};
use crate::subscriber::Subscriber;
use crate::support::{Served, publish, within};

/// How often a server is killed, unless `WIREBENCH_KILL_ROUNDS` says otherwise.
const ROUNDS: u32 = 8;

/// Every so many rounds, a server is killed while it starts.
const KILLED_STARTS: u32 = 4;

/// The clients of a server that is killed again and again.
struct Clients {
    publishers: Vec<Publisher>,
    subscriber: Subscriber,
}

impl Clients {
    /// Has all publishers publish until `count` messages are acknowledged, and kills the server
    /// while they go on.
    async fn outlive_a_server(self, store: &TestStore, count: u32) -> Self {
        let Self { publishers, mut subscriber } = self;
        let mut served = store.serve();
        let acknowledged = Arc::new(Semaphore::new(0));
        let mut publishing = JoinSet::new();
        for mut publisher in publishers {
            let (url, acknowledged) = (served.url().to_owned(), Arc::clone(&acknowledged));
            publishing.spawn(async move {
                publisher.publish_until_gone(&url, &acknowledged).await;
                publisher
            });
        }
        let url = served.url().to_owned();
        let receiving = tokio::spawn(async move {
            subscriber.receive_until_gone(&url).await;
            subscriber
        });
        within("acknowledgements", acknowledged.acquire_many(count)).await.unwrap().forget();
        // SIGKILL.
        served.child.kill().unwrap();
        served.child.wait().unwrap();
        let publishers = within("publishers", publishing.join_all()).await;
        Self { publishers, subscriber: within("a subscriber", receiving).await.unwrap() }
    }
}

/// Kills a server that has just been started. How far it has come differs from round to round.
fn kill_a_start(mut command: Command, round: u32) {
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis((round * 7 % 60).into()));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Kills servers of a store again and again, and compares what was acknowledged with what is kept.
#[expect(clippy::print_stdout, reason = "the figures, shown if the test fails or if asked for")]
async fn nothing_is_lost_or_repeated(store: &TestStore) {
    let rounds = std::env::var("WIREBENCH_KILL_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut clients =
        Clients { publishers: Publisher::of_every_kind(""), subscriber: Subscriber::new() };
    for round in 0..rounds {
        if round % KILLED_STARTS == 0 {
            kill_a_start(store.command(&[]), round);
        }
        clients = clients.outlive_a_server(store, 1 + round * 37 % 150).await;
    }

    let served = store.serve();
    let Clients { mut publishers, mut subscriber } = clients;
    for publisher in &mut publishers {
        publisher.publish(served.url(), 1).await;
    }
    let history = History::read(served.url()).await;
    let not_acknowledged = history.check(&publishers);
    subscriber.receive(served.url(), history.len()).await;
    history.check_received(&subscriber.received);
    let acknowledged = history.len() - not_acknowledged;
    println!(
        "{rounds} rounds: {acknowledged} messages acknowledged and kept, {not_acknowledged} kept \
         without an acknowledgement"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_a_sqlite_file_that_are_killed_lose_and_repeat_nothing() {
    nothing_is_lost_or_repeated(&TestStore::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_postgres_that_are_killed_lose_and_repeat_nothing() {
    let Some(store) = TestStore::server(ServerKind::Postgres).await else { return };
    nothing_is_lost_or_repeated(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_mariadb_that_are_killed_lose_and_repeat_nothing() {
    let Some(store) = TestStore::server(ServerKind::MariaDb).await else { return };
    nothing_is_lost_or_repeated(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_a_nats_that_are_killed_lose_and_repeat_nothing() {
    let Some(store) = TestStore::nats() else { return };
    nothing_is_lost_or_repeated(&store).await;
}

/// Kills servers while they make the tables of new stores, and has others use what is left of them.
fn tables_are_made_in_the_end(urls: impl Iterator<Item = String>) {
    for (round, url) in (0..).zip(urls) {
        kill_a_start(serve_from(&url, &[]), round);
        let served = Served::of(&mut serve_from(&url, &[]));
        publish(served.url(), "1");
    }
}

/// The number of stores in which a server is killed while it makes the tables.
const NEW_STORES: u32 = 12;

#[test]
fn a_server_that_is_killed_while_it_makes_a_sqlite_file_leaves_one_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = |n| format!("sqlite:{}", folder.path().join(format!("{n}.db")).display());
    tables_are_made_in_the_end((0..NEW_STORES).map(file));
}

async fn databases_can_be_used_in_the_end(kind: ServerKind) {
    let Some(server) = DatabaseServer::start(kind).await else { return };
    tables_are_made_in_the_end((0..NEW_STORES).map(|n| {
        let name = format!("feeds_{n}");
        server.create(&name);
        server.url(&name)
    }));
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_makes_tables_in_postgres_leaves_what_can_be_used() {
    databases_can_be_used_in_the_end(ServerKind::Postgres).await;
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_makes_tables_in_mariadb_leaves_what_can_be_used() {
    databases_can_be_used_in_the_end(ServerKind::MariaDb).await;
}
