//! Subscribers that come while NATS is away.

use std::time::Duration;

use wirebench_protocol::Transport;

use crate::nats_server::NatsServer;
use crate::publisher::{Publisher, Way};
use crate::server::ClusterServer;
use crate::subscriber::{Kind, RunningSubscriber};
use crate::support::within;

/// Waits until a server has this many Socket.IO sessions.
async fn until_sessions(server: &ClusterServer, count: usize) {
    let wanted = format!("wirebench_sessions_open {count}");
    within(&wanted, async {
        loop {
            let metrics = reqwest::get(format!("{}/metrics", server.url())).await.unwrap();
            if metrics.text().await.unwrap().lines().any(|line| line == wanted) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The other transports are refused with a status, and come back. After a refusal of a namespace no
/// client of Socket.IO does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_over_socket_io_that_comes_while_nats_is_away_waits_for_it() {
    let Some(mut nats) = NatsServer::start() else { return };
    let server = ClusterServer::start(&nats.url());
    let mut publisher = Publisher::new("a", Way::Post, true);
    publisher.publish(&server.url(), 20).await;
    nats.kill();
    let kinds = Kind::all().filter(|kind| kind.transport == Transport::SocketIo);
    let subscribers: Vec<_> =
        kinds.map(|kind| RunningSubscriber::start(kind, server.address)).collect();
    until_sessions(&server, subscribers.len()).await;
    nats.start_again();
    for subscriber in subscribers {
        let kind = subscriber.kind;
        assert_eq!(subscriber.finish(20).await.received.len(), 20, "{kind}");
    }
}
