//! The paced publisher: publishes each message when it is due, on a thread of its own.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::{self, PublisherReport};
use wirebench_protocol::publishing::{PayloadError, PublisherPayload, Timers, payloads};

use crate::feed::{Acknowledgement, Feed, JsonPayload, MessagePayload};

/// A message is late if it enters the feed more than this after it was due. It is well above the
/// time that a thread takes to wake up, and well below any interval that a reader of a table cares
/// about.
const LATE: Duration = Duration::from_millis(5);

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
    thread: Option<JoinHandle<Ended>>,
}

/// What the thread of a publisher leaves behind.
#[derive(Debug, Default)]
struct Ended {
    report: PublisherReport,
    /// The answer to the last message, if the database had not committed it yet. Earlier messages
    /// are committed before it.
    last: Option<Acknowledgement>,
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
    /// as they happen.
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
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publish(&feed, timers, &payloads, &stopped, &late))
            .map_err(PublisherError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops publishing and returns what was done. No message enters the feed after this returns,
    /// except those that a durable feed has taken and its database has not committed yet. It blocks
    /// for no longer than one message takes.
    pub fn stop(self) -> PublisherReport {
        self.end().report
    }

    /// The same, and waits until the database has committed what was published, or refused it.
    pub async fn stop_and_commit(self) -> PublisherReport {
        let Ended { report, last } = self.end();
        if let Some(last) = last {
            // A message that is not committed is not in the feed.
            let _ = last.await;
        }
        report
    }

    fn end(mut self) -> Ended {
        self.stop = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
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
/// next ones follow at once until the schedule is caught up. No message is skipped. A durable feed
/// takes messages without waiting for its database.
fn publish(
    feed: &Feed,
    timers: Timers,
    payloads: &[MessagePayload],
    stopped: &mpsc::Receiver<()>,
    late: &AtomicU64,
) -> Ended {
    let mut report = PublisherReport::default();
    let mut last = None;
    for (due, payload) in timers.zip(payloads.iter().cycle()) {
        let wait = due.saturating_since(Timestamp::now());
        if has_to_stop(stopped, wait) {
            break;
        }
        let mut entered = Timestamp::now();
        // Only a durable feed refuses a message, when too many wait for its database.
        last = loop {
            match feed.publish_due(payload.clone(), due).at_once() {
                Ok(Ok(_)) => break None,
                Err(committing) => break Some(committing),
                Ok(Err(_)) if has_to_stop(stopped, REFUSED_PAUSE) => {
                    return Ended { report, last };
                }
                Ok(Err(_)) => entered = Timestamp::now(),
            }
        };
        if entered.saturating_since(due) > LATE {
            report.late += 1;
            late.fetch_add(1, Ordering::Relaxed);
        }
        report.published += 1;
    }
    Ended { report, last }
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
        control::Publisher { rate, pace: Pace::Exact, payload, seed: 1, timers: 1 }
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
