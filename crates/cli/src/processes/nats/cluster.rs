//! The servers of NATS over which the servers of one run share a feed.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::{join_all, select_all, try_join_all};
use tokio::time::{sleep, timeout};
use wirebench_loadgen::{PendingOrder, ServerOrder, ServerOrders};
use wirebench_store::{Store, StoreError, StoreOptions, StoreUrl};

use super::process::{NatsProcess, Peers};

/// How long the servers may take until they have found each other, and to choose a leader.
const AGREE_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause between two questions whether they have.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// A feed that is created and removed, to find out whether the servers take one.
const TRIAL_FEED: &str = "trial";

/// The servers of NATS of one run: one, or several that keep each message of the feed together.
/// Orders of the faults of the run concern the one that leads its stream.
#[derive(Debug)]
pub(crate) struct NatsCluster {
    servers: Vec<NatsProcess>,
    /// The feed of the run.
    feed: String,
    /// The server that is away, as ordered.
    away: Option<usize>,
}

impl NatsCluster {
    /// Starts so many servers, and waits until they can keep a feed. `instead` is that of
    /// [`NatsProcess::start`].
    ///
    /// # Errors
    /// A server cannot be started, or they have not found each other within 30 s.
    pub(crate) async fn start(servers: usize, feed: &str, instead: &str) -> anyhow::Result<Self> {
        let peers = if servers > 1 { peers(servers)? } else { vec![None] };
        let starting = peers.into_iter().map(|peers| NatsProcess::start(instead, peers));
        let servers = try_join_all(starting).await?;
        let cluster = Self { servers, feed: feed.to_owned(), away: None };
        if cluster.servers.len() > 1 {
            let trying = timeout(AGREE_TIMEOUT, cluster.try_until_ready()).await;
            trying.with_context(|| {
                let seconds = AGREE_TIMEOUT.as_secs();
                format!(
                    "the NATS servers that were started for the run form no cluster in {seconds} s"
                )
            })??;
        }
        Ok(cluster)
    }

    /// Returns the URL of all of them, each of which keeps every message. It contains no secret.
    pub(crate) fn url(&self) -> String {
        match &*self.servers {
            [only] => only.url(),
            all => {
                let urls: Vec<_> = all.iter().map(NatsProcess::url).collect();
                format!("{}?replicas={}", urls.join(","), all.len())
            }
        }
    }

    /// Carries out orders until a server ends without an order, or an order fails. Returns the reason.
    pub(crate) async fn run(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        loop {
            let ended = self.servers.iter_mut().map(|server| Box::pin(server.ended()));
            let order = tokio::select! {
                (how, ..) = select_all(ended) => return anyhow::anyhow!("{how}"),
                order = orders.next() => order,
            };
            if let Err(error) = self.carry_out(order).await {
                return error;
            }
        }
    }

    /// Ends all servers and removes what they have kept.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let ended = join_all(self.servers.into_iter().map(NatsProcess::stop)).await;
        ended.into_iter().collect()
    }

    async fn carry_out(&mut self, pending: PendingOrder) -> anyhow::Result<()> {
        match (pending.order, self.away.take()) {
            (ServerOrder::Down(fault), None) => {
                let leader = self.leader().await?;
                self.server(leader)?.down(fault).await?;
                self.away = Some(leader);
            }
            (ServerOrder::Up, Some(away)) => self.server(away)?.up().await?,
            (order, _) => bail!("cannot carry out {order:?} of NATS now"),
        }
        pending.done(None);
        Ok(())
    }

    fn server(&mut self, number: usize) -> anyhow::Result<&mut NatsProcess> {
        let server = self.servers.get_mut(number);
        server.with_context(|| format!("the run has started no NATS server `{number}`"))
    }

    /// Returns the number of the server that leads the stream of the feed.
    async fn leader(&self) -> anyhow::Result<usize> {
        if self.servers.len() == 1 {
            return Ok(0);
        }
        let asking = async {
            let store = self.open().await?;
            loop {
                let leader = store.leader(&self.feed).await?;
                if let Some(number) = leader.and_then(|name| name.parse().ok()) {
                    return Ok::<usize, StoreError>(number);
                }
                sleep(ASK_INTERVAL).await;
            }
        };
        let leader = timeout(AGREE_TIMEOUT, asking).await;
        let leader = leader.context("no NATS server leads the feed of the run")?;
        leader.context("cannot find the NATS server that leads the feed of the run")
    }

    /// Tries to keep a feed on all servers until that works.
    async fn try_until_ready(&self) -> anyhow::Result<()> {
        loop {
            let trial = async {
                let store = self.open().await?;
                store.feed(TRIAL_FEED).await?;
                store.remove(TRIAL_FEED).await
            };
            match trial.await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!("the NATS servers form no cluster yet: {error}"),
            }
            sleep(ASK_INTERVAL).await;
        }
    }

    async fn open(&self) -> Result<Store, StoreError> {
        let url: StoreUrl = self.url().parse().expect("a URL of NATS is one of a store");
        Store::open(&url, &StoreOptions::default(), ()).await
    }
}

/// Returns how each server of a cluster finds the others, at ports that are free now.
fn peers(servers: usize) -> anyhow::Result<Vec<Option<Peers>>> {
    // All are taken at once, so that they differ.
    let listeners: Result<Vec<_>, _> =
        (0..servers).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    let listeners = listeners.context("cannot find free ports for the NATS servers")?;
    let routes: Result<Vec<_>, _> = listeners
        .iter()
        .map(|listener| Ok(format!("nats://{}", listener.local_addr()?)))
        .collect::<std::io::Result<_>>();
    let routes = routes.context("cannot find free ports for the NATS servers")?;
    let all_routes = routes.join(",");
    let with = |(number, own_route): (usize, String)| {
        Some(Peers { name: number.to_string(), own_route, all_routes: all_routes.clone() })
    };
    Ok(routes.into_iter().enumerate().map(with).collect())
}
