//! Supervises the server of one run: notices when it ends by itself, and carries out the orders of
//! the faults.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use wirebench_loadgen::{PendingOrder, ServerOrder, ServerOrders};
use wirebench_scenario::ServerFault;

use super::server_process::{ServerPlan, ServerProcess};

/// The server of one run, and what orders have changed about it.
#[derive(Debug)]
pub(crate) struct ServerSupervisor {
    plan: ServerPlan,
    /// The address of the first server. Each further one listens there as well.
    address: SocketAddr,
    /// `None` while the server is down, as ordered.
    server: Option<ServerProcess>,
    /// True while the server is suspended, as ordered.
    suspended: bool,
}

impl ServerSupervisor {
    /// Starts the server.
    pub(crate) async fn start(plan: ServerPlan) -> anyhow::Result<Self> {
        let server = ServerProcess::start(&plan, None).await?;
        Ok(Self { plan, address: server.address()?, server: Some(server), suspended: false })
    }

    /// Returns the server. There is one before the first order and after the last.
    pub(crate) fn server(&self) -> anyhow::Result<&ServerProcess> {
        self.server.as_ref().context("the server is gone")
    }

    /// Carries out orders until the server ends without an order, or an order fails. Returns the
    /// reason.
    pub(crate) async fn run(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        loop {
            let server = self.server.as_mut();
            let ended = async {
                match server {
                    Some(server) => server.ended().await,
                    None => std::future::pending().await,
                }
            };
            let order = tokio::select! {
                how = ended => return anyhow::anyhow!("{how}"),
                order = orders.next() => order,
            };
            if let Err(error) = self.carry_out(order).await {
                return error;
            }
        }
    }

    async fn carry_out(&mut self, pending: PendingOrder) -> anyhow::Result<()> {
        match (pending.order, self.server.take()) {
            (ServerOrder::Down(ServerFault::Freeze), Some(server)) => {
                server.suspend()?;
                (self.server, self.suspended) = (Some(server), true);
                pending.done(None);
            }
            (ServerOrder::Down(ServerFault::Stop), Some(server)) => {
                server.stop().await?;
                pending.done(None);
            }
            (ServerOrder::Down(ServerFault::Kill), Some(server)) => {
                server.kill().await?;
                pending.done(None);
            }
            (ServerOrder::Up, Some(server)) if self.suspended => {
                server.resume()?;
                (self.server, self.suspended) = (Some(server), false);
                pending.done(None);
            }
            (ServerOrder::Up, None) => {
                let server = ServerProcess::start(&self.plan, Some(self.address)).await?;
                let control = server.control_of(&self.plan.feed);
                self.server = Some(server);
                pending.done(Some(control));
            }
            (order, _) => bail!("cannot carry out {order:?} now"),
        }
        Ok(())
    }

    /// Asks the server to stop and waits until it has ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => {
                if self.suspended {
                    server.resume()?;
                }
                server.stop().await
            }
            None => Ok(()),
        }
    }
}
