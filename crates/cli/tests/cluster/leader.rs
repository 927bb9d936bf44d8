//! Three servers of NATS, of which the one that leads the stream is killed or frozen, and which are
//! restarted in turn.

use std::time::Instant;

use crate::nats_cluster::NatsCluster;
use crate::programs::ProxyProgram;
use crate::proxied::ProxiedServers;
use crate::traffic::Traffic;

/// How often the leader is killed and frozen, unless `WIREBENCH_LEADER_ROUNDS` says otherwise.
const ROUNDS: usize = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures, shown if the test fails or if asked for")]
async fn nothing_is_missed_when_the_leader_of_the_stream_is_killed_or_frozen_and_all_are_restarted()
{
    if !ProxyProgram::Haproxy.is_there() {
        return;
    }
    let Some(mut nats) = NatsCluster::start().await else { return };
    let rounds = std::env::var("WIREBENCH_LEADER_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let proxied = ProxiedServers::start(&nats.url()).await;
    let traffic = Traffic::start(&proxied);
    for _ in 0..rounds {
        let leader = nats.leader().await;
        nats.server_mut(leader).kill();
        let began = Instant::now();
        traffic.acknowledged(20).await;
        println!("the leader died: published again after {:.1?}", began.elapsed());
        nats.server_mut(leader).start_again();
        nats.until_current().await;

        let leader = nats.leader().await;
        nats.server_mut(leader).suspend();
        let began = Instant::now();
        traffic.acknowledged(20).await;
        println!("the leader was frozen: published again after {:.1?}", began.elapsed());
        nats.server_mut(leader).resume();
        nats.until_current().await;
    }
    for number in 0..3 {
        let began = Instant::now();
        nats.server_mut(number).stop();
        traffic.acknowledged(20).await;
        println!("server {number} was stopped: published again after {:.1?}", began.elapsed());
        nats.server_mut(number).start_again();
        nats.until_current().await;
    }
    println!("{rounds} leaders killed and frozen: {}", traffic.finish(&proxied).await);
}
