//! The servers of one run, which share a feed.

use std::iter;
use std::sync::Arc;

use anyhow::Context;
use futures::future::{join_all, select_all, try_join_all};
use wirebench_loadgen::{ServerControl, ServerOrders, SeveralServers, Target, TrustedCertificates};

use super::server_process::{ServerPlan, ServerProcess};
use super::server_supervisor::ServerSupervisor;

/// The servers of one run. Orders of its faults concern the last one, which may be the only one. The
/// first one publishes.
#[derive(Debug)]
pub(crate) struct RunServers {
    /// All but the last.
    staying: Vec<ServerProcess>,
    last: ServerSupervisor,
    feed: String,
}

impl RunServers {
    /// Starts so many servers, each on a free port, and waits until all are ready.
    pub(crate) async fn start(plan: ServerPlan, instances: usize) -> anyhow::Result<Self> {
        let feed = plan.feed.clone();
        let mut staying = Vec::new();
        if instances > 1 {
            // The first one creates what all share.
            staying.push(ServerProcess::start(&plan, None).await?);
            let others = (2..instances).map(|_| ServerProcess::start(&plan, None));
            staying.extend(try_join_all(others).await?);
        }
        Ok(Self { staying, last: ServerSupervisor::start(plan).await?, feed })
    }

    fn all(&self) -> anyhow::Result<impl Iterator<Item = &ServerProcess>> {
        Ok(self.staying.iter().chain([self.last.server()?]))
    }

    /// Returns the URL of the first server: `http://127.0.0.1:…`.
    pub(crate) fn listening(&self) -> anyhow::Result<&str> {
        Ok(&self.all()?.next().context("a run has at least one server")?.listening)
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
        let entrances = iter::once(Some(entrance)).chain(iter::repeat(None));
        let all = self.all()?.zip(entrances).map(|(server, entrance)| {
            let at = entrance.unwrap_or(&server.listening);
            (format!("{at}/feeds/{}", self.feed), server.trusted.clone())
        });
        Ok(all.collect())
    }

    /// Returns the control of all of them together.
    pub(crate) fn control(&self) -> anyhow::Result<Arc<dyn ServerControl>> {
        let last = self.last.server()?.control_of(&self.feed);
        let mut staying = self.staying.iter().map(|server| server.control_of(&self.feed));
        Ok(match staying.next() {
            Some(first) => SeveralServers::new(first, staying.collect(), last).shared(),
            None => last,
        })
    }

    /// Carries out orders until a server ends without an order, or an order fails. Returns the reason.
    pub(crate) async fn run(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        let last = self.last.run(orders);
        if self.staying.is_empty() {
            return last.await;
        }
        let staying = self.staying.iter_mut().map(|server| Box::pin(server.ended()));
        tokio::select! {
            why = last => why,
            (how, ..) = select_all(staying) => anyhow::anyhow!("{how}"),
        }
    }

    /// Asks all servers to stop and waits until they have ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let staying = join_all(self.staying.into_iter().map(ServerProcess::stop));
        let (last, staying) = tokio::join!(self.last.stop(), staying);
        staying.into_iter().chain([last]).collect()
    }
}
