//! The server of one run: started before it, ended after it, and in between stopped, killed or
//! frozen on the orders of the run's faults.

use std::sync::Arc;
use std::time::Duration;

use wirebench_loadgen::{PendingOrder, ServerControl, ServerOrder, ServerOrders};
use wirebench_protocol::Epoch;
use wirebench_scenario::{ServerFault, TargetFile};

use crate::control::TargetControl;
use crate::failure::TargetFailure;
use crate::process::{ProcessTree, StartedServer, StopOutcome, free_port};

/// How long a server may take until it is ready. Some compile or load a lot first.
const START_TIME: Duration = Duration::from_secs(30);

/// The server of a target in one run.
#[derive(Debug)]
pub struct TargetServer {
    file: Arc<TargetFile>,
    control: Arc<TargetControl>,
    /// The port on which each of its processes listens. `None` if wirebench does not start it.
    port: Option<u16>,
    /// `None` while the server is down, as ordered, and if wirebench does not start it.
    started: Option<StartedServer>,
    /// True while the server is suspended, as ordered.
    suspended: bool,
}

impl TargetServer {
    /// Starts the server, if the target file says how, and waits until it is ready, for 30 s at
    /// most. Otherwise finds its process, if the file names one.
    ///
    /// # Errors
    ///
    /// It cannot be started or found, ends, or is not ready in time.
    pub async fn start(file: Arc<TargetFile>, run: Epoch) -> Result<Self, TargetFailure> {
        Self::start_within(file, run, START_TIME).await
    }

    /// The same, with another limit.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn start_within(
        file: Arc<TargetFile>,
        run: Epoch,
        within: Duration,
    ) -> Result<Self, TargetFailure> {
        if file.process.command.0.is_empty() {
            let running = running(&file)?;
            let control = TargetControl::new(Arc::clone(&file), run, None, running);
            let control = Arc::new(control);
            return Ok(Self { file, control, port: None, started: None, suspended: false });
        }
        let port = free_port().map_err(TargetFailure::Prepare)?;
        let started = StartedServer::start(&file, port, within).await?;
        let control = TargetControl::new(Arc::clone(&file), run, Some(port), None);
        control.server_started(started.tree()).await;
        let (control, started) = (Arc::new(control), Some(started));
        Ok(Self { file, control, port: Some(port), started, suspended: false })
    }

    /// Returns the port of the server, if wirebench has started it.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns what a run asks of it.
    pub fn control(&self) -> Arc<dyn ServerControl> {
        Arc::clone(&self.control) as Arc<dyn ServerControl>
    }

    /// Carries out orders until the server ends without an order, or an order fails. Returns the
    /// reason.
    pub async fn run(&mut self, orders: &mut ServerOrders) -> TargetFailure {
        loop {
            let started = self.started.as_mut();
            let ended = async {
                match started {
                    Some(started) => started.ended().await,
                    None => std::future::pending().await,
                }
            };
            let order = tokio::select! {
                failure = ended => return failure,
                order = orders.next() => order,
            };
            if let Err(failure) = self.carry_out(order).await {
                return failure;
            }
        }
    }

    async fn carry_out(&mut self, pending: PendingOrder) -> Result<(), TargetFailure> {
        match (pending.order, self.started.take()) {
            (ServerOrder::Down(ServerFault::Freeze), Some(server)) => {
                server.suspend();
                (self.started, self.suspended) = (Some(server), true);
            }
            (ServerOrder::Down(ServerFault::Stop), Some(server)) => {
                self.control.server_ends().await;
                server.stop().await;
            }
            (ServerOrder::Down(ServerFault::Kill), Some(server)) => {
                self.control.server_ends().await;
                server.kill().await;
            }
            (ServerOrder::Up, Some(server)) => {
                server.resume();
                (self.started, self.suspended) = (Some(server), false);
            }
            (ServerOrder::Up, None) => {
                let port = self.port.ok_or(TargetFailure::NotStarted)?;
                let server = StartedServer::start(&self.file, port, START_TIME).await?;
                self.control.server_started(server.tree()).await;
                self.started = Some(server);
            }
            (ServerOrder::Down(_), None) => return Err(TargetFailure::NotStarted),
        }
        // The control outlives the server.
        pending.done(None);
        Ok(())
    }

    /// Asks the server to end and waits until it has. A server that wirebench has not started goes
    /// on.
    pub async fn stop(self) -> StopOutcome {
        let Some(server) = self.started else { return StopOutcome::Ended };
        if self.suspended {
            server.resume();
        }
        server.stop().await
    }
}

/// Returns true if the process of the server is known, because wirebench starts it or the target
/// file names it. It is on this machine then.
pub fn has_process(file: &TargetFile) -> bool {
    let process = &file.process;
    !process.command.0.is_empty() || process.pid != 0 || !process.process_name.is_empty()
}

/// Returns the processes of a server that runs already, if the target file names them.
fn running(file: &TargetFile) -> Result<Option<ProcessTree>, TargetFailure> {
    let process = &file.process;
    if process.pid != 0 {
        return ProcessTree::of_pid(process.pid).map(Some);
    }
    if process.process_name.is_empty() {
        return Ok(None);
    }
    ProcessTree::of_name(&process.process_name).map(Some)
}
