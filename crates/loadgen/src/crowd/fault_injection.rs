//! What goes wrong while the window is open, and when.

use tokio_util::sync::CancellationToken;
use wirebench_measure::Window;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{CountWindow, Publisher};
use wirebench_scenario::{Faults, Outage, OutageOf, ServerFault};

use super::error::{DriveError, during};
use super::part::PartCommand;
use super::parts::Members;
use super::restartable_server::RestartableServer;
use super::server_handle::{ServerHandle, ServerOrder};

/// Injects the faults of one run.
pub(super) struct FaultInjector<'a> {
    pub(super) faults: Faults,
    pub(super) window: Window,
    /// The publisher of a server that was started again, if the run has one.
    pub(super) publisher: Option<Publisher>,
    pub(super) members: Members,
    pub(super) server: &'a RestartableServer,
    /// Carries out what the faults do to the process of the server, or of NATS.
    pub(super) handle: Option<ServerHandle>,
    pub(super) stop: &'a CancellationToken,
}

impl FaultInjector<'_> {
    /// Injects every fault that the run asks for, and undoes it. An interrupted run has no further
    /// faults, but a server that is away is brought back.
    pub(super) async fn inject(&self) -> Result<(), DriveError> {
        tokio::try_join!(self.stall(), self.cuts(), self.avalanche(), self.outage())?;
        Ok(())
    }

    /// Stops a share of the subscribers from reading for the whole window.
    async fn stall(&self) -> Result<(), DriveError> {
        if self.faults.stalled_share > 0.0 {
            self.tell(PartCommand::StallReaders(true)).await?;
            self.until(self.window.to).await;
            self.tell(PartCommand::StallReaders(false)).await?;
        }
        Ok(())
    }

    /// Cuts a share of the connections again and again.
    async fn cuts(&self) -> Result<(), DriveError> {
        let Some(cuts) = self.faults.cuts else { return Ok(()) };
        let mut at = self.window.from + cuts.every;
        while at < self.window.to && self.until(at).await {
            self.tell(PartCommand::CutConnections(cuts.share)).await?;
            at = at + cuts.every;
        }
        Ok(())
    }

    /// Cuts all connections once.
    async fn avalanche(&self) -> Result<(), DriveError> {
        let Some(after) = self.faults.avalanche_after else { return Ok(()) };
        if self.until(self.window.from + after).await {
            self.tell(PartCommand::CutConnections(1.0)).await?;
        }
        Ok(())
    }

    /// Takes a server or NATS away for a while.
    async fn outage(&self) -> Result<(), DriveError> {
        let Some(outage) = self.faults.outage else { return Ok(()) };
        let handle = self.handle.as_ref().ok_or(DriveError::ServerOrder)?;
        if !self.until(self.window.from + outage.after).await {
            return Ok(());
        }
        match outage.of {
            OutageOf::Server => self.outage_of_server(outage, handle).await,
            OutageOf::Backbone => self.outage_of_nats(outage, handle).await,
        }
    }

    /// Takes NATS away. The servers stay, and keep their subscribers.
    async fn outage_of_nats(
        &self,
        outage: Outage,
        handle: &ServerHandle,
    ) -> Result<(), DriveError> {
        let began = Timestamp::now();
        handle.order(ServerOrder::Down(outage.fault)).await?;
        self.until(began + outage.down).await;
        handle.order(ServerOrder::Up).await.map(drop)
    }

    async fn outage_of_server(
        &self,
        outage: Outage,
        handle: &ServerHandle,
    ) -> Result<(), DriveError> {
        let ends = match outage.fault {
            ServerFault::Stop | ServerFault::Kill => true,
            ServerFault::Freeze => false,
        };
        let leaving = self.server.leave(ends).await;
        let anew = leaving.map_err(during("counting before the server goes away"))?;
        let began = Timestamp::now();
        if ends {
            self.tell(PartCommand::SetFaultTime(Some(began))).await?;
        }
        handle.order(ServerOrder::Down(outage.fault)).await?;
        self.until(began + outage.down).await;
        let control = handle.order(ServerOrder::Up).await?;
        let back = self.server.come_back(control).await;
        back.map_err(during("counting again after the server came back"))?;
        if anew {
            self.publish_again().await?;
        }
        self.tell(PartCommand::SetFaultTime(None)).await
    }

    /// Announces the window to a server that was started again, and starts the publisher.
    async fn publish_again(&self) -> Result<(), DriveError> {
        let Window { from: from_ns, to: to_ns } = self.window;
        let counting = self.server.count(CountWindow { from_ns, to_ns }).await;
        counting.map_err(during("announcing the window again"))?;
        // If the server took long to start, the window may be over.
        if let Some(publisher) = &self.publisher
            && Timestamp::now() < self.window.to
        {
            let started = self.server.start_publisher(publisher).await;
            started.map_err(during("starting the publisher again"))?;
        }
        Ok(())
    }

    /// Sends a command to every part of the crowd.
    async fn tell(&self, command: PartCommand) -> Result<(), DriveError> {
        Ok(self.members.tell(&command).await?)
    }

    /// Waits until `at`. Returns false if the run is interrupted before.
    async fn until(&self, at: Timestamp) -> bool {
        let left = at.saturating_since(Timestamp::now());
        self.stop.run_until_cancelled(tokio::time::sleep(left)).await.is_some()
    }
}
