//! Short polling: ask every interval, and be answered at once.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use wirebench_measure::Event;
use wirebench_protocol::{Timestamp, Transport};

use super::client::{Client, Opening};
use super::poller::Poller;
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;

/// How long the answer to a poll may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Polls at a fixed rate; see [`PollSchedule`].
pub(super) struct ShortPolling {
    poller: Poller,
    /// `None` until the first answer.
    schedule: Option<PollSchedule>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The next request was announced by an event and not sent yet.
    due: bool,
}

/// When to poll: at `start + n × interval`, however long the answers take.
///
/// If an answer takes longer than the interval, the latest time that passed is used at once and the
/// earlier ones are skipped. Polls never overlap, and skipped polls are not made up for.
#[derive(Debug)]
struct PollSchedule {
    start: Instant,
    interval: Duration,
    /// The number of the first poll that is neither used nor skipped.
    next: u32,
}

impl PollSchedule {
    /// Uses the next time to poll. Returns the time to wait for, or `None` if it has come.
    fn next(&mut self, now: Instant) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        let due = self.start + self.interval * self.next;
        let passed = now.saturating_duration_since(due).as_nanos() / self.interval.as_nanos();
        let skipped = u32::try_from(passed).unwrap_or(u32::MAX);
        self.next = self.next.saturating_add(skipped).saturating_add(1);
        (now < due).then_some(due)
    }
}

impl ShortPolling {
    /// Waits until the next poll is due. Returns false if the connection closed in the meantime. If
    /// the poll is due already, no timer is set.
    async fn wait(&mut self) -> bool {
        if self.poller.is_closed() {
            return false;
        }
        if let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.next(Instant::now()))
        {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            timer.as_mut().reset(due);
            tokio::select! {
                biased;
                () = self.poller.closed() => return false,
                () = timer => {}
            }
        }
        !self.poller.is_closed()
    }
}

impl<'a> Client<'a> for ShortPolling {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let poller = Poller::open(Transport::ShortPolling, &opening).await?;
        Ok(Self { poller, schedule: None, timer: None, due: false })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.poller.event() {
                return Ok(Some(event));
            }
            if self.due {
                self.due = false;
                self.poller.poll(None, ANSWER_TIMEOUT).await?;
                let &SubscriberSettings { interval, phase, .. } = self.poller.settings();
                self.schedule.get_or_insert_with(|| PollSchedule {
                    start: Instant::now() + phase,
                    interval,
                    next: 0,
                });
                continue;
            }
            if !self.wait().await {
                return Ok(None);
            }
            self.due = true;
            return Ok(Some(Event::Request { at: Timestamp::now() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_that_are_overdue_are_skipped_and_the_rate_stays_fixed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule =
            PollSchedule { start: at(30), interval: Duration::from_millis(100), next: 0 };
        for (now, expected) in [
            (0, Some(30)),    // the phase
            (31, Some(130)),  // answered in time
            (135, Some(230)), // the rate is from start to start
            (330, None),      // exactly on time
            (745, None),      // 430, 530 and 630 are skipped, 730 is used late
            (750, Some(830)), // and nothing is made up for
        ] {
            assert_eq!(schedule.next(at(now)), expected.map(at), "at {now} ms");
        }
    }

    #[test]
    fn without_an_interval_a_poll_is_always_due() {
        let start = Instant::now();
        let mut schedule = PollSchedule { start, interval: Duration::ZERO, next: 0 };
        assert!((0..3).all(|_| schedule.next(start).is_none()));
    }
}
