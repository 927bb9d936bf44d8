//! The paced publisher: works against deadlines, on a thread of its own.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use wirebench_protocol::control::{self, PublisherReport};
use wirebench_protocol::{PayloadFileError, Timestamp, read_payload_file};

use crate::feed::Feed;
use crate::pace::Schedule;
use crate::payload::JsonPayload;

/// A message is late when it enters the feed this much after it was due. Well above the wake-up
/// latency of a thread, well below any interval at which people read a table.
const LATE: Duration = Duration::from_millis(5);

/// Different payloads that a publisher of a given size cycles through.
const VARIETY: usize = 16;

/// A publisher at work. Dropping it stops it.
#[derive(Debug)]
pub struct PacedPublisher {
    /// Closing this channel is the signal to stop; nothing is ever sent.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<PublisherReport>>,
}

/// Why a publisher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The rate is not a number of messages per second.
    #[error("`rate` must be above 0 and at most 1,000,000 messages per second, found {0}")]
    Rate(f64),
    /// No JSON string is that short, or no subscriber would take it.
    #[error("`payload` must be 2 to {} bytes, found {found}", crate::MAX_PAYLOAD_BYTES)]
    Size {
        /// The size that was asked for, in bytes.
        found: usize,
    },
    /// The file to replay is not a payload file.
    #[error("the payload file {0}")]
    File(#[from] PayloadFileError),
    /// The system gave no thread.
    #[error("cannot start the publisher's thread: {0}")]
    Thread(#[source] io::Error),
}

impl PacedPublisher {
    /// Starts to publish to `feed` as `plan` says, from now on, until stopped. Late messages are
    /// also added to `late` as they happen.
    ///
    /// A thread of its own rather than a task: `tokio`'s timers round up to the next millisecond,
    /// which would be charged to every transport as delay.
    ///
    /// # Errors
    /// A plan that cannot be carried out; nothing is published then.
    pub fn start(
        feed: Feed,
        plan: &control::Publisher,
        late: Arc<AtomicU64>,
    ) -> Result<Self, PublisherError> {
        if !(plan.rate > 0.0 && plan.rate <= 1e6) {
            return Err(PublisherError::Rate(plan.rate));
        }
        let payloads = payloads(&plan.payload, plan.seed)?;
        let schedule = Schedule::new(plan.rate, plan.pace, plan.seed, Timestamp::now());
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("publisher".into())
            .spawn(move || publish(&feed, schedule, &payloads, &stopped, &late))
            .map_err(PublisherError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops publishing and says what was done. Nothing is published once this returns; it blocks
    /// for no longer than one message takes.
    pub fn stop(mut self) -> PublisherReport {
        self.stop = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// Publishes each message at the time it is due until the channel closes. When a message is late, the
/// next ones follow at once until the schedule is caught up: none is skipped.
fn publish(
    feed: &Feed,
    schedule: Schedule,
    payloads: &[JsonPayload],
    stopped: &mpsc::Receiver<()>,
    late: &AtomicU64,
) -> PublisherReport {
    let mut report = PublisherReport::default();
    for (due, payload) in schedule.zip(payloads.iter().cycle()) {
        let wait = due.saturating_since(Timestamp::now());
        if stopped.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout) {
            break;
        }
        if Timestamp::now().saturating_since(due) > LATE {
            report.late += 1;
            late.fetch_add(1, Ordering::Relaxed);
        }
        feed.publish_due(payload, due);
        report.published += 1;
    }
    report
}

fn payloads(plan: &control::Payload, seed: u64) -> Result<Vec<JsonPayload>, PublisherError> {
    match plan {
        control::Payload::Bytes(size @ 2..=crate::MAX_PAYLOAD_BYTES) => Ok(of_size(*size, seed)),
        control::Payload::Bytes(size) => Err(PublisherError::Size { found: *size }),
        control::Payload::File(path) => of_file(path),
    }
}

/// JSON strings of exactly `size` bytes, quotes included; letters and digits, hardly compressible.
fn of_size(size: usize, seed: u64) -> Vec<JsonPayload> {
    let mut random = StdRng::seed_from_u64(seed);
    let text = || format!("\"{}\"", Alphanumeric.sample_string(&mut random, size - 2));
    std::iter::repeat_with(text)
        .take(VARIETY)
        .map(|json| JsonPayload::from_json(json.as_bytes()).expect("letters and digits in quotes"))
        .collect()
}

/// Returns the values of a payload file.
fn of_file(path: &Path) -> Result<Vec<JsonPayload>, PublisherError> {
    let mut payloads = Vec::new();
    read_payload_file(path, |json| {
        payloads.push(JsonPayload::from_json(json.as_bytes()).expect("the file holds JSON values"));
    })?;
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use wirebench_protocol::After;
    use wirebench_protocol::control::Pace;

    use super::*;

    fn plan(rate: f64, payload: control::Payload) -> control::Publisher {
        control::Publisher { rate, pace: Pace::Exact, payload, seed: 1 }
    }

    #[tokio::test]
    async fn messages_are_stamped_with_the_time_they_were_due() {
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
    fn nothing_is_published_once_stop_returned() {
        let feed = Feed::new(10);
        let plan = plan(1e6, control::Payload::Bytes(2));
        let report = PacedPublisher::start(feed.clone(), &plan, Arc::default()).unwrap().stop();
        assert_eq!(report.published, feed.published());
    }

    #[test]
    fn a_payload_has_exactly_the_size_asked_for_and_the_seed_decides_it() {
        for size in [2, 3, 256] {
            let payloads = of_size(size, 9);
            assert!(payloads.iter().all(|payload| payload.as_bytes().len() == size));
            assert_eq!(payloads, of_size(size, 9));
        }
    }

    #[test]
    fn a_plan_that_cannot_be_carried_out_is_refused() {
        for (rate, size) in [(0.0, 9), (f64::NAN, 9), (-1.0, 9), (1e9, 9), (1.0, 1), (1.0, 1 << 30)]
        {
            let plan = plan(rate, control::Payload::Bytes(size));
            assert!(
                PacedPublisher::start(Feed::new(1), &plan, Arc::default()).is_err(),
                "{rate} {size}"
            );
        }
    }
}
