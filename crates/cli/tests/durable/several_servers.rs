//! Two servers on one table or stream.

use futures::future::join_all;

use crate::history::History;
use crate::publisher::Publisher;
use crate::servers::ServerKind;
use crate::stores::TestStore;
use crate::subscriber::Subscriber;
use crate::support::within;

/// The number of messages that each publisher has acknowledged.
const EACH: usize = 40;

/// Publishers of every kind publish to two servers at once. Subscribers of both receive everything,
/// in order and without holes.
async fn each_delivers_what_the_other_takes(store: &TestStore, arguments: &[&str]) {
    let servers = [store.serve_with(arguments), store.serve_with(arguments)];
    let publish = servers.each_ref().map(|served| async {
        let mut publishers = Publisher::of_every_kind(&format!("{}.", served.child.id()));
        let publishing =
            publishers.iter_mut().map(|publisher| publisher.publish(served.url(), EACH));
        join_all(publishing).await;
        publishers
    });
    let at_least = servers.len() * Publisher::of_every_kind("").len() * EACH;
    let receive = servers.each_ref().map(|served| async {
        let mut subscriber = Subscriber::new();
        subscriber.receive(served.url(), at_least).await;
        subscriber
    });
    let (publishers, mut subscribers) = within("publishers and subscribers", async {
        tokio::join!(join_all(publish), join_all(receive))
    })
    .await;
    let publishers: Vec<Publisher> = publishers.into_iter().flatten().collect();
    let count = publishers.iter().map(|publisher| publisher.acknowledged.len()).sum();
    for (subscriber, served) in subscribers.iter_mut().zip(&servers) {
        subscriber.receive(served.url(), count).await;
    }
    let history = History::read(servers[0].url()).await;
    assert_eq!((history.check(&publishers), history.len()), (0, count));
    assert_eq!(History::read(servers[1].url()).await, history);
    for subscriber in subscribers {
        history.check_received(&subscriber.received);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_a_sqlite_file_deliver_what_either_takes() {
    each_delivers_what_the_other_takes(&TestStore::sqlite(), &["--store-poll", "100ms"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_postgres_deliver_what_either_takes() {
    let Some(store) = TestStore::server(ServerKind::Postgres).await else { return };
    each_delivers_what_the_other_takes(&store, &["--store-poll", "100ms"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_postgres_tells_deliver_what_either_takes() {
    let Some(store) = TestStore::server(ServerKind::Postgres).await else { return };
    each_delivers_what_the_other_takes(&store, &["--store-poll", "listen"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_mariadb_deliver_what_either_takes() {
    let Some(store) = TestStore::server(ServerKind::MariaDb).await else { return };
    each_delivers_what_the_other_takes(&store, &["--store-poll", "100ms"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_a_nats_deliver_what_either_takes() {
    let Some(store) = TestStore::nats() else { return };
    each_delivers_what_the_other_takes(&store, &[]).await;
}
