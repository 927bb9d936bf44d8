//! The thread that publishes.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wirebench_protocol::control::Publisher;
use wirebench_protocol::publishing::{PublisherPayload, Timers, payloads};
use wirebench_protocol::{Epoch, Seq, Timestamp};
use wirebench_scenario::TargetFile;

use super::message::{OutgoingMessage, PublishOutcome};
use super::route::PublishRoute;
use super::tally::PublishTally;
use crate::failure::TargetFailure;

/// Timers of the event loop fire at the next millisecond or the one after. The last of the time
/// until a message is due passes without them.
const TIMER_GRANULARITY: Duration = Duration::from_millis(2);

/// A publisher at work. Dropping it stops it when the message under way is answered.
#[derive(Debug)]
pub(crate) struct RunningPublisher {
    stop: CancellationToken,
    /// Told when the thread has ended.
    ended: oneshot::Receiver<()>,
}

/// What the thread needs.
struct PublisherTask {
    run: Epoch,
    plan: Publisher,
    payloads: Vec<Box<RawValue>>,
    tally: Arc<Mutex<PublishTally>>,
    stop: CancellationToken,
    /// The number of the next message.
    next: Seq,
}

impl RunningPublisher {
    /// Starts to publish on a thread of its own. The first message is published at once, before the
    /// schedule begins, and returns when it was accepted.
    ///
    /// It is a thread with its own event loop and not a task, because tokio's timers round up to the
    /// next millisecond, which would be charged to the server as delay.
    ///
    /// # Errors
    ///
    /// The first message was not accepted, or there is none.
    pub(crate) async fn start(
        file: Arc<TargetFile>,
        run: Epoch,
        port: Option<u16>,
        plan: &Publisher,
        tally: Arc<Mutex<PublishTally>>,
    ) -> Result<Self, TargetFailure> {
        let stop = CancellationToken::new();
        let mut task = PublisherTask {
            run,
            plan: plan.clone(),
            payloads: json_payloads(plan)?,
            tally,
            stop: stop.clone(),
            next: 1,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(TargetFailure::Publisher)?;
        let ((accepted, first), (end, ended)) = (oneshot::channel(), oneshot::channel());
        let publish = async move {
            let opened = match PublishRoute::open(&file, run, port).await {
                Ok(mut route) => task.first(&mut route).await.map(|()| route),
                Err(error) => Err(error),
            };
            match opened {
                Ok(mut route) => {
                    let _ = accepted.send(Ok(()));
                    task.publish(&mut route).await;
                    route.close().await;
                }
                Err(error) => _ = accepted.send(Err(error)),
            }
        };
        thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || {
                runtime.block_on(publish);
                drop(runtime);
                let _ = end.send(());
            })
            .map_err(TargetFailure::Publisher)?;
        let publisher = Self { stop, ended };
        let first = first.await;
        first.map_err(|_| TargetFailure::Publisher(io::Error::other("its thread panicked")))??;
        Ok(publisher)
    }

    /// Stops the publisher and waits until the message under way is answered, for 20 s at most.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let _ = (&mut self.ended).await;
    }
}

impl Drop for RunningPublisher {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl PublisherTask {
    /// Publishes the first message, which has to be accepted.
    async fn first(&mut self, route: &mut PublishRoute) -> Result<(), TargetFailure> {
        match self.one(route, Timestamp::now()).await? {
            PublishOutcome::Accepted | PublishOutcome::Handed => Ok(()),
            PublishOutcome::Refused(why) | PublishOutcome::Unanswered(why) => {
                Err(TargetFailure::NotAccepted(why))
            }
        }
    }

    /// Publishes each message when it is due, one at a time, until it is stopped. So the order is
    /// certain. When an answer takes long, the next messages follow at once until the schedule is
    /// caught up: their due times do not move.
    async fn publish(&mut self, route: &mut PublishRoute) {
        for due in Timers::new(&self.plan, Timestamp::now()) {
            if !self.is_due(due, route).await {
                return;
            }
            // What the first message has shown to be valid stays valid.
            let _ = self.one(route, due).await;
        }
    }

    /// Publishes a message and counts what became of it. A number that the server has refused is
    /// given to the next message.
    async fn one(
        &mut self,
        route: &mut PublishRoute,
        due: Timestamp,
    ) -> Result<PublishOutcome, TargetFailure> {
        let seq = self.next;
        let at = usize::try_from(seq - 1).unwrap_or_default() % self.payloads.len();
        let message = OutgoingMessage::new(self.run, seq, due, &self.payloads[at]);
        let outcome = route.publish(&message).await?;
        let now = Timestamp::now();
        let mut tally = self.tally.lock();
        match &outcome {
            PublishOutcome::Accepted => tally.published(seq, due, Some(now)),
            PublishOutcome::Handed | PublishOutcome::Unanswered(_) => {
                tally.published(seq, due, None);
            }
            PublishOutcome::Refused(_) => {
                tally.refused(due);
                return Ok(outcome);
            }
        }
        drop(tally);
        self.next += 1;
        Ok(outcome)
    }

    /// Waits until a message is due. Returns false if the publisher is stopped before.
    async fn is_due(&self, due: Timestamp, route: &mut PublishRoute) -> bool {
        let left = || due.saturating_since(Timestamp::now());
        // In the event loop, where a connection that the server closes is noticed.
        let most = left().saturating_sub(TIMER_GRANULARITY);
        if !most.is_zero() {
            let waited = timeout(most, route.attend());
            _ = self.stop.run_until_cancelled(waited).await;
        }
        if self.stop.is_cancelled() {
            return false;
        }
        thread::sleep(left());
        true
    }
}

/// Returns the payloads of a plan.
fn json_payloads(plan: &Publisher) -> Result<Vec<Box<RawValue>>, TargetFailure> {
    let json = |payload| match payload {
        PublisherPayload::Json(json) => RawValue::from_string(json)
            .map_err(|error| TargetFailure::NotAccepted(error.to_string())),
        PublisherPayload::Binary(_) => {
            Err(TargetFailure::NotAccepted("a target takes no payloads of bytes".to_owned()))
        }
    };
    payloads(&plan.payload, plan.seed)?.into_iter().map(json).collect()
}
