//! Short polling: ask every interval, and be answered at once.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use wirebench_measure::Event;
use wirebench_protocol::{Timestamp, Transport};

use super::polling::Poller;
use super::{Client, Opening, Settings};
use crate::error::SubscribeError;

/// How long a poll may wait for its answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Polls at a fixed rate; see [`Slots`].
pub(super) struct ShortPolling<'a> {
    poller: Poller<'a>,
    /// `None` until the first answer.
    slots: Option<Slots>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The request was announced and is to be sent.
    due: bool,
}

/// When to poll: at `start + n × interval`, whatever the answers take.
///
/// An answer that takes longer than the interval costs the slots that passed: the latest of them is
/// taken at once, and the ones before it are skipped. Polls never overlap and are never caught up.
#[derive(Debug)]
struct Slots {
    start: Instant,
    interval: Duration,
    /// The first slot that is neither taken nor skipped.
    next: u32,
}

impl Slots {
    /// Takes the slot to poll in: the time to wait for, or `None` when it has come.
    fn take(&mut self, now: Instant) -> Option<Instant> {
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

impl<'a> ShortPolling<'a> {
    pub(super) fn new(opening: Opening<'a>) -> Self {
        let poller = Poller::new(Transport::ShortPolling, opening);
        Self { poller, slots: None, timer: None, due: false }
    }

    /// Waits for the next slot; `false` when the connection closed meanwhile. When the slot has come, no
    /// timer is armed.
    async fn wait(&mut self) -> Result<bool, SubscribeError> {
        if self.poller.is_closed() {
            return Ok(false);
        }
        if let Some(due) = self.slots.as_mut().and_then(|slots| slots.take(Instant::now())) {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            timer.as_mut().reset(due);
            tokio::select! {
                biased;
                () = self.poller.connection().await?.closed() => return Ok(false),
                () = timer => {}
            }
        }
        Ok(!self.poller.is_closed())
    }
}

impl Client for ShortPolling<'_> {
    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.poller.event() {
                return Ok(Some(event));
            }
            if self.due {
                self.due = false;
                self.poller.poll(None, ANSWER).await?;
                if self.slots.is_none() {
                    let &Settings { interval, phase, .. } = self.poller.settings();
                    self.slots = Some(Slots { start: Instant::now() + phase, interval, next: 0 });
                }
                continue;
            }
            if !self.wait().await? {
                return Ok(None);
            }
            self.poller.connection().await?;
            self.due = true;
            return Ok(Some(Event::Request { at: Timestamp::now() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_passed_are_skipped_and_the_rate_stays_fixed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut slots = Slots { start: at(30), interval: Duration::from_millis(100), next: 0 };
        for (now, expected) in [
            (0, Some(30)),    // the phase
            (31, Some(130)),  // answered in time
            (135, Some(230)), // the rate is from start to start
            (330, None),      // on the slot
            (745, None),      // 430, 530 and 630 are skipped, 730 is taken late
            (750, Some(830)), // and nothing is caught up
        ] {
            assert_eq!(slots.take(at(now)), expected.map(at), "at {now} ms");
        }
    }

    #[test]
    fn without_an_interval_every_moment_is_a_slot() {
        let start = Instant::now();
        let mut slots = Slots { start, interval: Duration::ZERO, next: 0 };
        assert!((0..3).all(|_| slots.take(start).is_none()));
    }
}
