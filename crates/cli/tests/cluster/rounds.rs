//! Servers that are killed and frozen in turn, under publishers and subscribers that go on through
//! HAProxy.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::Value;
use wirebench_protocol::Cursor;

use crate::history::History;
use crate::nats_server::NatsServer;
use crate::programs::ProxyProgram;
use crate::proxied::{ProxiedServers, SERVERS, State};
use crate::publisher::Publisher;
use crate::publishing::RunningPublishers;
use crate::subscriber::{Kind, RunningSubscriber, Seen};
use crate::support::within;

/// The number of rounds, unless `WIREBENCH_CLUSTER_ROUNDS` says otherwise: each of the four kinds,
/// twice at each server.
const ROUNDS: usize = 24;

/// What happens to a server in a round. It is back at the end.
#[derive(Clone, Copy, Debug)]
enum Round {
    /// It is killed.
    Kill,
    /// It is frozen until it is given up.
    Freeze,
    /// It is frozen, and goes on before or after it is given up.
    ShortFreeze,
    /// It is frozen until it is given up, and the next server is killed meanwhile.
    FreezeAndKillNext,
}

impl Round {
    const ALL: [Self; 4] = [Self::Kill, Self::ShortFreeze, Self::Freeze, Self::FreezeAndKillNext];

    /// Does it to a server. The publishers go on meanwhile, through the servers that are left.
    async fn run(self, server: usize, proxied: &mut ProxiedServers, going_on: &RunningPublishers) {
        match self {
            Self::Kill => {
                proxied.servers[server].kill();
                going_on.acknowledged(20).await;
                proxied.servers[server].start_again();
            }
            Self::ShortFreeze => {
                proxied.servers[server].freeze();
                going_on.acknowledged(5).await;
                proxied.servers[server].thaw();
            }
            Self::Freeze => {
                proxied.servers[server].freeze();
                proxied.until_known(server, State::Down).await;
                going_on.acknowledged(20).await;
                proxied.servers[server].thaw();
            }
            Self::FreezeAndKillNext => {
                let next = (server + 1) % SERVERS;
                proxied.servers[server].freeze();
                proxied.until_known(server, State::Down).await;
                proxied.servers[next].kill();
                going_on.acknowledged(10).await;
                proxied.servers[next].start_again();
                proxied.until_known(next, State::Up).await;
                proxied.servers[server].thaw();
            }
        }
        proxied.until_known(server, State::Up).await;
        going_on.acknowledged(5).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures, shown if the test fails or if asked for")]
async fn subscribers_that_move_between_servers_that_are_killed_and_frozen_miss_nothing() {
    if !ProxyProgram::Haproxy.is_there() {
        return;
    }
    let Some(nats) = NatsServer::start() else { return };
    let rounds = std::env::var("WIREBENCH_CLUSTER_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut proxied = ProxiedServers::start(&nats.url()).await;
    let url = format!("http://{}", proxied.in_turn.address);
    let publishing = RunningPublishers::start(&url);
    let subscribers: Vec<(Kind, RunningSubscriber)> = Kind::all()
        .map(|kind| {
            let proxy =
                if kind.needs_sticky_sessions() { &proxied.sticky } else { &proxied.in_turn };
            (kind, RunningSubscriber::start(kind, proxy.address))
        })
        .collect();
    let began = Instant::now();
    for round in 0..rounds {
        Round::ALL[round % Round::ALL.len()].run(round % SERVERS, &mut proxied, &publishing).await;
    }
    let took = began.elapsed();

    let publishers = publishing.finish(&url).await;
    let history = check_kept(&proxied, &publishers).await;
    let mut moved_at = HashSet::new();
    for (kind, subscriber) in subscribers {
        let Seen { received, moved_at: its, interruptions } =
            subscriber.finish(history.len() as u64).await;
        history.check_received(&received);
        println!("{kind:?}: {interruptions} interruptions");
        moved_at.extend(its);
    }
    for server in &proxied.servers {
        for cursor in &moved_at {
            check_cursor(&server.url(), *cursor).await;
        }
        println!("{}", server.logged());
    }
    println!(
        "{rounds} rounds in {took:.1?}: {} messages, {} cursors that are valid on every server",
        history.len(),
        moved_at.len()
    );
}

/// Checks that every server has the same messages, and these are what was acknowledged.
async fn check_kept(proxied: &ProxiedServers, publishers: &[Publisher]) -> History {
    let history = History::read(&proxied.servers[0].url()).await;
    assert_eq!(history.check(publishers), 0, "everything was repeated until it was acknowledged");
    for server in &proxied.servers[1..] {
        assert_eq!(History::read(&server.url()).await, history);
    }
    history
}

/// Checks that a server goes on after a cursor with the next message.
async fn check_cursor(url: &str, cursor: Cursor) {
    let url = format!("{url}/feeds/bench/short-polling?after={cursor}");
    let answer = within("a poll", reqwest::get(&url)).await.unwrap();
    if answer.status() == 204 {
        assert_eq!(answer.headers()["feed-cursor"], cursor.to_string());
        return;
    }
    assert_eq!(answer.status(), 200, "{url}");
    let batch: Value = within("its body", answer.json()).await.unwrap();
    assert!(batch.get("gap").is_none(), "{url}: {batch}");
    assert_eq!(batch["messages"][0]["seq"], cursor.seq + 1, "{url}: {batch}");
}
