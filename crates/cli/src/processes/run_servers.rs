//! The servers of one run, which share a feed.

use std::sync::Arc;

use anyhow::Context;
use futures::future::{join_all, select_all, try_join_all};
use wirebench_loadgen::{ServerControl, ServerOrders, SeveralServers, Target, TrustedCertificates};

use super::server_process::{ServerPlan, ServerProcess};
use super::server_supervisor::ServerSupervisor;

/// The servers of one run. Orders of its faults concern the first one, which is alone then.
#[derive(Debug)]
pub(crate) struct RunServers {
    first: ServerSupervisor,
    others: Vec<ServerProcess>,
    feed: String,
}

impl RunServers {
    /// Starts so many servers, each on a free port, and waits until all are ready.
    pub(crate) async fn start(plan: ServerPlan, instances: usize) -> anyhow::Result<Self> {
        let feed = plan.feed.clone();
        // The first one creates what all share.
        let first = ServerSupervisor::start(plan.clone()).await?;
        let others = (1..instances).map(|_| ServerProcess::start(&plan, None));
        Ok(Self { first, others: try_join_all(others).await?, feed })
    }

    /// Returns the URL of the first server: `http://127.0.0.1:…`.
    pub(crate) fn listening(&self) -> anyhow::Result<&str> {
        Ok(&self.first.server()?.listening)
    }

    /// Returns where the subscribers subscribe: at `entrance`, which is the first server or a proxy in
    /// front of it, and at the others.
    pub(crate) async fn target(&self, entrance: &str) -> anyhow::Result<Target> {
        let mut addresses = self.addresses(entrance)?.into_iter();
        let (first, trusted) = addresses.next().context("a run has at least one server")?;
        let mut target = Target::resolve_trusting(&first, &trusted).await?;
        for (other, trusted) in addresses {
            target.others.push(Target::resolve_trusting(&other, &trusted).await?);
        }
        Ok(target)
    }

    /// Returns the URL of the feed on each server, and which certificates to trust there. The first
    /// one is reached at `entrance`.
    pub(crate) fn addresses(
        &self,
        entrance: &str,
    ) -> anyhow::Result<Vec<(String, TrustedCertificates)>> {
        let first = self.first.server()?;
        let others = self.others.iter().map(|other| (&*other.listening, other));
        let all = [(entrance, first)].into_iter().chain(others);
        let feed = &self.feed;
        Ok(all.map(|(at, it)| (format!("{at}/feeds/{feed}"), it.trusted.clone())).collect())
    }

    /// Returns the control of all of them together.
    pub(crate) fn control(&self) -> anyhow::Result<Arc<dyn ServerControl>> {
        let first = self.first.server()?.control_of(&self.feed);
        if self.others.is_empty() {
            return Ok(first);
        }
        let others = self.others.iter().map(|other| other.control_of(&self.feed)).collect();
        Ok(SeveralServers::new(first, others).shared())
    }

    /// Carries out orders until a server ends without an order, or an order fails. Returns the reason.
    pub(crate) async fn run(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        let first = self.first.run(orders);
        if self.others.is_empty() {
            return first.await;
        }
        let others = self.others.iter_mut().map(|other| Box::pin(other.ended()));
        tokio::select! {
            why = first => why,
            (how, ..) = select_all(others) => anyhow::anyhow!("{how}"),
        }
    }

    /// Asks all servers to stop and waits until they have ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let others = join_all(self.others.into_iter().map(ServerProcess::stop));
        let (first, others) = tokio::join!(self.first.stop(), others);
        others.into_iter().chain([first]).collect()
    }
}
