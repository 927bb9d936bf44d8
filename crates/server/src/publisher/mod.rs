//! The paced publisher: publishes each message when it is due, on a thread of its own.

mod acknowledged;
mod counts;

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc as queue;
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{self, PublisherReport};
use wirebench_protocol::publishing::{PayloadError, PublisherPayload, Timers, payloads};

use self::acknowledged::{DueMessage, QUEUE_MESSAGES, publish_until_acknowledged};
use self::counts::Counts;
use crate::feed::{Acknowledgement, Feed, JsonPayload, MessagePayload};

/// The pause before a message that the feed refused is published again.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// The highest rate of all timers together, in messages per second.
const MAX_RATE: f64 = 1e6;

/// The maximum number of timers.
const MAX_TIMERS: usize = 1_000_000;

/// A publisher at work. Dropping it stops it.
#[derive(Debug)]
pub struct PacedPublisher {
    /// Closing this channel is the signal to stop. Nothing is ever sent.
    stop: Option<mpsc::Sender<()>>,
    /// Returns the answer to the last message, if the database had not committed it yet. Earlier
    /// messages are committed before it.
    thread: Option<JoinHandle<Option<Acknowledgement>>>,
    /// Publishes what the thread hands to it. `None` if the thread publishes by itself.
    task: Option<AbortOnDropHandle<()>>,
    counts: Counts,
}

/// Where the thread of a publisher hands its messages.
enum Outlet {
    /// To the feed. A durable feed takes messages without waiting for its database.
    Feed(Feed, Counts),
    /// To the task that publishes each until it is acknowledged.
    Task(queue::Sender<DueMessage>),
}

/// Why a publisher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The rate is out of range.
    #[error(
        "`rate` times `timers` must be above 0 and at most 1,000,000 messages per second, found \
         {0}"
    )]
    Rate(f64),
    /// The number of timers is out of range.
    #[error("`timers` must be 1 to 1,000,000, found {0}")]
    Timers(usize),
    /// The payloads cannot be published.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The system has no thread for the publisher.
    #[error("cannot start the publisher's thread: {0}")]
    Thread(#[source] io::Error),
}

impl PacedPublisher {
    /// Starts to publish to `feed` as `plan` says, until stopped. Late messages are added to `late`
    /// as they happen. A plan that asks for acknowledgements needs a tokio runtime.
    ///
    /// The publisher is a thread and not a task, because tokio's timers round up to the next
    /// millisecond. That would be charged to every transport as delay.
    ///
    /// # Errors
    /// The plan cannot be carried out. Nothing is published then.
    pub fn start(
        feed: Feed,
        plan: &control::Publisher,
        late: Arc<AtomicU64>,
    ) -> Result<Self, PublisherError> {
        if !(1..=MAX_TIMERS).contains(&plan.timers) {
            return Err(PublisherError::Timers(plan.timers));
        }
        let rate = plan.rate * timer_count(plan.timers);
        if !(rate > 0.0 && rate <= MAX_RATE) {
            return Err(PublisherError::Rate(rate));
        }
        let payloads = payloads(&plan.payload, plan.seed)?;
        let payloads: Vec<_> = payloads.into_iter().map(message_payload).collect();
        let timers = Timers::new(plan, Timestamp::now());
        let counts = Counts::new(late);
        let (outlet, task) = if plan.until_acknowledged {
            let (sender, queued) = queue::channel(QUEUE_MESSAGES);
            let publishing = publish_until_acknowledged(feed, queued, counts.clone());
            (Outlet::Task(sender), Some(AbortOnDropHandle::new(tokio::spawn(publishing))))
        } else {
            (Outlet::Feed(feed, counts.clone()), None)
        };
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publish(&outlet, timers, &payloads, &stopped))
            .map_err(PublisherError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), task, counts })
    }

    /// Stops publishing and returns what was done. No message enters the feed after this returns,
    /// except those that a durable feed has taken and its database has not committed yet. It blocks
    /// for no longer than one message takes.
    pub fn stop(mut self) -> PublisherReport {
        self.end_thread();
        self.counts.report()
    }

    /// The same, and waits until the database has committed what was published, or refused it. What
    /// has to be acknowledged is published again for at most half a minute.
    pub async fn stop_and_commit(mut self) -> PublisherReport {
        if let Some(last) = self.end_thread() {
            // A message that is not committed is not in the feed.
            let _ = last.await;
        }
        if let Some(task) = self.task.take() {
            // It is not aborted before, and a panic in it was reported.
            let _ = task.await;
        }
        self.counts.report()
    }

    fn end_thread(&mut self) -> Option<Acknowledgement> {
        self.stop = None;
        self.thread.take().and_then(|thread| thread.join().ok()).flatten()
    }
}

fn message_payload(payload: PublisherPayload) -> MessagePayload {
    match payload {
        PublisherPayload::Json(json) => JsonPayload::from_json(json.as_bytes())
            .expect("a publisher's payload is a JSON value of at most 1 MiB")
            .into(),
        PublisherPayload::Binary(bytes) => MessagePayload::Binary(Bytes::from(bytes)),
    }
}

/// Publishes each message when it is due, until the channel closes. When a message is late, the
/// next ones follow at once until the schedule is caught up. No message is skipped. Returns the
/// answer to the last message if it comes later.
fn publish(
    outlet: &Outlet,
    timers: Timers,
    payloads: &[MessagePayload],
    stopped: &mpsc::Receiver<()>,
) -> Option<Acknowledgement> {
    let mut last = None;
    for (due, payload) in timers.zip(payloads.iter().cycle()) {
        let wait = due.saturating_since(Timestamp::now());
        if has_to_stop(stopped, wait) {
            break;
        }
        // Only a durable feed takes no message, when too many wait for its database.
        loop {
            match outlet.take(payload, due) {
                Ok(answer) => {
                    last = answer;
                    break;
                }
                Err(NoRoom) if has_to_stop(stopped, REFUSED_PAUSE) => return last,
                Err(NoRoom) => {}
            }
        }
    }
    last
}

/// A message was not taken, because too many wait.
struct NoRoom;

impl Outlet {
    /// Takes a message. Returns its answer if that comes later.
    fn take(
        &self,
        payload: &MessagePayload,
        due: Timestamp,
    ) -> Result<Option<Acknowledgement>, NoRoom> {
        match self {
            Self::Feed(feed, counts) => {
                let entered = Timestamp::now();
                let answer = match feed.publish_due(payload.clone(), due).at_once() {
                    Ok(Ok(_)) => None,
                    Err(committing) => Some(committing),
                    Ok(Err(_)) => return Err(NoRoom),
                };
                counts.add(due, entered);
                Ok(answer)
            }
            Self::Task(queue) => {
                let message = DueMessage { payload: payload.clone(), due };
                queue.try_send(message).map(|()| None).map_err(|_| NoRoom)
            }
        }
    }
}

/// Waits for a time, or until the publisher has to stop. Returns true if it has to.
fn has_to_stop(stopped: &mpsc::Receiver<()>, wait: Duration) -> bool {
    stopped.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout)
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a million timers")]
fn timer_count(timers: usize) -> f64 {
    timers as f64
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use wirebench_protocol::After;
    use wirebench_protocol::control::Pace;

    use super::*;

    fn plan(rate: f64, payload: control::Payload) -> control::Publisher {
        control::Publisher {
            rate,
            pace: Pace::Exact,
            payload,
            seed: 1,
            timers: 1,
            until_acknowledged: false,
        }
    }

    #[tokio::test]
    async fn messages_are_stamped_with_the_time_at_which_they_were_due() {
        let feed = Feed::new(100);
        let start = feed.locate(After::Newest).unwrap();
        let plan = plan(1_000.0, control::Payload::Bytes(20));
        let publisher = PacedPublisher::start(feed.clone(), &plan, Arc::default()).unwrap();
        let mut follow = feed.follow(start);
        let mut stamps = Vec::new();
        while stamps.len() < 20 {
            stamps.extend(
                follow.next().await.unwrap().entries.iter().map(|entry| entry.published_at),
            );
        }
        let report = publisher.stop();
        assert!(report.published >= 20);
        let gaps = stamps.windows(2).map(|pair| pair[1].saturating_since(pair[0]));
        assert!(gaps.into_iter().all(|gap| gap == Duration::from_millis(1)), "{stamps:?}");
    }

    #[test]
    fn nothing_is_published_after_stop_has_returned() {
        let feed = Feed::new(10);
        let plan = plan(1e6, control::Payload::Bytes(2));
        let report = PacedPublisher::start(feed.clone(), &plan, Arc::default()).unwrap().stop();
        assert_eq!(report.published, feed.published());
    }

    #[test]
    fn a_plan_that_cannot_be_carried_out_is_an_error() {
        for (rate, size) in [(0.0, 9), (f64::NAN, 9), (-1.0, 9), (1e9, 9), (1.0, 1), (1.0, 1 << 30)]
        {
            let plan = plan(rate, control::Payload::Bytes(size));
            assert!(
                PacedPublisher::start(Feed::new(1), &plan, Arc::default()).is_err(),
                "{rate} {size}"
            );
        }
        for (rate, timers) in [(1.0, 0), (1.0, 1_000_001), (1e5, 11)] {
            let plan = plan(rate, control::Payload::Bytes(9));
            let plan = control::Publisher { timers, ..plan };
            let started = PacedPublisher::start(Feed::new(1), &plan, Arc::default());
            assert!(started.is_err(), "{rate} {timers}");
        }
    }
}
