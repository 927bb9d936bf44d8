//! What goes wrong while the window is open, and when.

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wirebench_measure::Window;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{CountWindow, Publisher};
use wirebench_scenario::{Faults, ServerFault};

use crate::control::Control;
use crate::crowd::{DriveError, during};
use crate::reach::Reach;
use crate::worker::Command;

/// What is to be done to the server process. Who started the process does it: the load generator cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOrder {
    /// Make it go away, or stand still. Done when it has.
    Down(ServerFault),
    /// Start it again at the same address, or let it go on. Done when it answers.
    Up,
}

/// Where a driver sends its orders.
#[derive(Clone, Debug)]
pub struct ServerHands(mpsc::Sender<Pending>);

/// Where whoever keeps the server takes them.
#[derive(Debug)]
pub struct ServerOrders(mpsc::Receiver<Pending>);

/// An order, and the way to say that it was carried out.
#[derive(Debug)]
pub struct Pending {
    /// What is to be done.
    pub order: ServerOrder,
    done: oneshot::Sender<Option<Control>>,
}

/// Both ends of the way from a driver to who keeps the server. One order is under way at a time.
pub fn server_hands() -> (ServerHands, ServerOrders) {
    let (sender, receiver) = mpsc::channel(1);
    (ServerHands(sender), ServerOrders(receiver))
}

impl ServerOrders {
    /// The next order; never, once the driver is done.
    pub async fn next(&mut self) -> Pending {
        match self.0.recv().await {
            Some(pending) => pending,
            None => std::future::pending().await,
        }
    }
}

impl Pending {
    /// Says that it was carried out; `control` is that of a server that was started anew.
    pub fn done(self, control: Option<Control>) {
        // A driver that was given up does not wait for it.
        let _ = self.done.send(control);
    }
}

impl ServerHands {
    /// Gives an order and waits until it was carried out.
    async fn order(&self, order: ServerOrder) -> Result<Option<Control>, DriveError> {
        let (done, carried_out) = oneshot::channel();
        self.0.send(Pending { order, done }).await.map_err(|_| DriveError::Hands)?;
        carried_out.await.map_err(|_| DriveError::Hands)
    }
}

/// What the disturbances of one run need.
pub(crate) struct Disturber<'a> {
    pub(crate) faults: Faults,
    pub(crate) window: Window,
    /// What a server that begins anew is to publish.
    pub(crate) publisher: Publisher,
    pub(crate) workers: Vec<mpsc::Sender<Command>>,
    pub(crate) reach: &'a Reach,
    pub(crate) hands: Option<ServerHands>,
    pub(crate) stop: &'a CancellationToken,
}

impl Disturber<'_> {
    /// Lets everything go wrong that the run asks for, and mends it. An interrupted run has no further
    /// faults; a server that is away is brought back all the same.
    pub(crate) async fn disturb(&self) -> Result<(), DriveError> {
        tokio::try_join!(self.stall(), self.cuts(), self.avalanche(), self.outage())?;
        Ok(())
    }

    async fn stall(&self) -> Result<(), DriveError> {
        if self.faults.stalled_share > 0.0 {
            self.tell(|| Command::Stall(true)).await?;
            self.until(self.window.to).await;
            self.tell(|| Command::Stall(false)).await?;
        }
        Ok(())
    }

    async fn cuts(&self) -> Result<(), DriveError> {
        let Some(cuts) = self.faults.cuts else { return Ok(()) };
        let mut at = self.window.from + cuts.every;
        while at < self.window.to && self.until(at).await {
            self.tell(|| Command::Sever(cuts.share)).await?;
            at = at + cuts.every;
        }
        Ok(())
    }

    async fn avalanche(&self) -> Result<(), DriveError> {
        let Some(after) = self.faults.avalanche_after else { return Ok(()) };
        if self.until(self.window.from + after).await {
            self.tell(|| Command::Sever(1.0)).await?;
        }
        Ok(())
    }

    async fn outage(&self) -> Result<(), DriveError> {
        let Some(outage) = self.faults.outage else { return Ok(()) };
        let hands = self.hands.as_ref().ok_or(DriveError::Hands)?;
        if !self.until(self.window.from + outage.after).await {
            return Ok(());
        }
        let ends = outage.fault != ServerFault::Freeze;
        self.reach.leave(ends).await.map_err(during("counting before the server goes"))?;
        let struck = Timestamp::now();
        if ends {
            self.tell(|| Command::Struck(Some(struck))).await?;
        }
        hands.order(ServerOrder::Down(outage.fault)).await?;
        self.until(struck + outage.down).await;
        let control = hands.order(ServerOrder::Up).await?;
        self.reach.come_back(control);
        if ends {
            let Window { from: from_ns, to: to_ns } = self.window;
            let counting = self.reach.count(CountWindow { from_ns, to_ns }).await;
            counting.map_err(during("announcing the window again"))?;
            // A server that took its time to start has nothing left to publish.
            if Timestamp::now() < self.window.to {
                let started = self.reach.start_publisher(&self.publisher).await;
                started.map_err(during("starting the publisher again"))?;
            }
        }
        self.tell(|| Command::Struck(None)).await
    }

    async fn tell(&self, command: impl Fn() -> Command) -> Result<(), DriveError> {
        for worker in &self.workers {
            worker.send(command()).await.map_err(|_| DriveError::Worker)?;
        }
        Ok(())
    }

    /// Waits until `at`; `false` when the run is interrupted before.
    async fn until(&self, at: Timestamp) -> bool {
        let left = at.saturating_since(Timestamp::now());
        self.stop.run_until_cancelled(tokio::time::sleep(left)).await.is_some()
    }
}
