//! Keeps the server of one run: watches it, and does to it what the faults of the run ask for.

use anyhow::{Context, bail};
use wirebench_loadgen::{ControlClient, PendingOrder, ServerOrder, ServerOrders};
use wirebench_scenario::ServerFault;

use crate::child::{ServerPlan, ServerProcess};

/// A server and its keeper.
#[derive(Debug)]
pub(crate) struct Keeper {
    plan: ServerPlan,
    /// `None` while the server is gone as it was ordered to be.
    server: Option<ServerProcess>,
    /// Stands still, as ordered.
    frozen: bool,
}

impl Keeper {
    /// Starts the server.
    pub(crate) async fn start(plan: ServerPlan) -> anyhow::Result<Self> {
        let server = ServerProcess::start(&plan, None).await?;
        Ok(Self {
            plan: ServerPlan { address: Some(server.address()?), ..plan },
            server: Some(server),
            frozen: false,
        })
    }

    /// The server, which is there before the first order and after the last.
    pub(crate) fn server(&self) -> anyhow::Result<&ServerProcess> {
        self.server.as_ref().context("the server is gone")
    }

    /// Carries out orders for as long as the server goes away on none but those. Returns how it did.
    pub(crate) async fn keep(&mut self, orders: &mut ServerOrders) -> anyhow::Error {
        loop {
            let watched = self.server.as_mut();
            let gone = async {
                match watched {
                    Some(server) => server.gone().await,
                    None => std::future::pending().await,
                }
            };
            let pending = tokio::select! {
                how = gone => return anyhow::anyhow!("{how}"),
                pending = orders.next() => pending,
            };
            if let Err(error) = self.carry_out(pending).await {
                return error;
            }
        }
    }

    async fn carry_out(&mut self, pending: PendingOrder) -> anyhow::Result<()> {
        match (pending.order, self.server.take()) {
            (ServerOrder::Down(ServerFault::Freeze), Some(server)) => {
                server.freeze()?;
                (self.server, self.frozen) = (Some(server), true);
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
            (ServerOrder::Up, Some(server)) if self.frozen => {
                server.thaw()?;
                (self.server, self.frozen) = (Some(server), false);
                pending.done(None);
            }
            (ServerOrder::Up, None) => {
                let server = ServerProcess::start(&self.plan, self.plan.address).await?;
                let control = ControlClient::new(&server.control, &server.control_token);
                self.server = Some(server);
                pending.done(Some(control));
            }
            (order, _) => bail!("cannot carry out {order:?} now"),
        }
        Ok(())
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => {
                if self.frozen {
                    server.thaw()?;
                }
                server.stop().await
            }
            None => Ok(()),
        }
    }
}
