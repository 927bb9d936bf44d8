//! Servers that are killed and frozen in turn, under publishers and subscribers that go on through
//! HAProxy.

use std::time::Instant;

use crate::nats_server::NatsServer;
use crate::programs::ProxyProgram;
use crate::proxied::{ProxiedServers, SERVERS, State};
use crate::traffic::Traffic;

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
    async fn run(self, server: usize, proxied: &mut ProxiedServers, traffic: &Traffic) {
        match self {
            Self::Kill => {
                proxied.servers[server].kill();
                traffic.acknowledged(20).await;
                proxied.servers[server].start_again();
            }
            Self::ShortFreeze => {
                proxied.servers[server].freeze();
                traffic.acknowledged(5).await;
                proxied.servers[server].thaw();
            }
            Self::Freeze => {
                proxied.servers[server].freeze();
                proxied.until_known(server, State::Down).await;
                traffic.acknowledged(20).await;
                proxied.servers[server].thaw();
            }
            Self::FreezeAndKillNext => {
                let next = (server + 1) % SERVERS;
                proxied.servers[server].freeze();
                proxied.until_known(server, State::Down).await;
                proxied.servers[next].kill();
                traffic.acknowledged(10).await;
                proxied.servers[next].start_again();
                proxied.until_known(next, State::Up).await;
                proxied.servers[server].thaw();
            }
        }
        proxied.until_known(server, State::Up).await;
        traffic.acknowledged(5).await;
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
    let traffic = Traffic::start(&proxied);
    let began = Instant::now();
    for round in 0..rounds {
        Round::ALL[round % Round::ALL.len()].run(round % SERVERS, &mut proxied, &traffic).await;
    }
    let took = began.elapsed();
    println!("{rounds} rounds in {took:.1?}: {}", traffic.finish(&proxied).await);
}
