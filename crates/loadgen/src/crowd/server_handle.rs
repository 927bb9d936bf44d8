//! How a run orders what its faults do to a process: that of a server, or of NATS.
//!
//! The load generator cannot stop or start a process that it did not start. It sends an order; the
//! owner of the process carries it out and reports back.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use wirebench_scenario::ServerFault;

use super::error::DriveError;
use crate::server_control::ServerControl;

/// What to do to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOrder {
    /// Stop, kill or freeze it. Carried out once that has happened.
    Down(ServerFault),
    /// Start it again at the same address, or let it continue. Carried out once it answers.
    Up,
}

/// The sending end: gives orders to the owner of the process.
#[derive(Clone, Debug)]
pub struct ServerHandle(mpsc::Sender<PendingOrder>);

/// The receiving end: the owner of the process takes orders from it.
#[derive(Debug)]
pub struct ServerOrders(mpsc::Receiver<PendingOrder>);

/// An order, and the way to report that it was carried out.
#[derive(Debug)]
pub struct PendingOrder {
    /// What to do.
    pub order: ServerOrder,
    done: oneshot::Sender<Option<Arc<dyn ServerControl>>>,
}

/// Returns both ends of a channel for orders. One order is under way at a time.
pub fn server_handle() -> (ServerHandle, ServerOrders) {
    let (sender, receiver) = mpsc::channel(1);
    (ServerHandle(sender), ServerOrders(receiver))
}

impl ServerOrders {
    /// Returns the next order. Never returns once the run is over.
    pub async fn next(&mut self) -> PendingOrder {
        match self.0.recv().await {
            Some(pending) => pending,
            None => std::future::pending().await,
        }
    }
}

impl PendingOrder {
    /// Reports that the order was carried out. `control` is that of a server that was started
    /// again, unless the former one outlives it.
    pub fn done(self, control: Option<Arc<dyn ServerControl>>) {
        // Nobody receives it if the run was given up.
        let _ = self.done.send(control);
    }
}

impl ServerHandle {
    /// Gives an order and waits until it was carried out.
    pub(super) async fn order(
        &self,
        order: ServerOrder,
    ) -> Result<Option<Arc<dyn ServerControl>>, DriveError> {
        let (done, carried_out) = oneshot::channel();
        let sent = self.0.send(PendingOrder { order, done }).await;
        sent.map_err(|_| DriveError::ServerOrder)?;
        carried_out.await.map_err(|_| DriveError::ServerOrder)
    }
}
