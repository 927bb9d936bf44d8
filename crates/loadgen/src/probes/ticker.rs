//! Tells when each probe is due, to some ten microseconds.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use wirebench_protocol::Timestamp;

use crate::upstream::SendSchedule;

/// The most probes that may be due and wait: those of ten seconds at the highest rate. More are not
/// published, and count as failed.
const BOUND: usize = 1_000;

/// The thread looks so often whether it is still needed.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// The times at which probes are due, by the clock of the host. The thread behind it ends when this
/// is dropped.
///
/// It is a thread, as the publisher of a server is: tokio's timers round up to the next millisecond,
/// which would be added to the delay of every probe.
pub(super) struct Ticker {
    due: mpsc::Receiver<Tick>,
}

/// A probe is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    pub(super) due: Timestamp,
    /// How many before it found no place, because nobody took them.
    pub(super) skipped: u64,
}

impl Ticker {
    /// Starts the thread.
    pub(super) fn start(schedule: SendSchedule) -> io::Result<Self> {
        let (sender, due) = mpsc::channel(BOUND);
        thread::Builder::new().name("prober".to_owned()).spawn(move || tick(schedule, &sender))?;
        Ok(Self { due })
    }

    /// Waits for the next probe. `None` once the schedule has ended.
    pub(super) async fn next(&mut self) -> Option<Tick> {
        self.due.recv().await
    }
}

fn tick(schedule: impl Iterator<Item = Timestamp>, sender: &mpsc::Sender<Tick>) {
    let mut skipped = 0;
    for due in schedule {
        if !sleep_until(due, sender) {
            return;
        }
        match sender.try_send(Tick { due, skipped }) {
            Ok(()) => skipped = 0,
            Err(mpsc::error::TrySendError::Full(_)) => skipped += 1,
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
}

/// Returns false if nobody waits any more.
fn sleep_until(due: Timestamp, sender: &mpsc::Sender<Tick>) -> bool {
    loop {
        if sender.is_closed() {
            return false;
        }
        let left = due.saturating_since(Timestamp::host_now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LONGEST_SLEEP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_probe_is_told_when_it_is_due_and_not_before() {
        let (start, interval) = (Timestamp::host_now(), Duration::from_millis(2));
        let mut ticker = Ticker::start(SendSchedule::new(interval, start, 1)).unwrap();
        let expected: Vec<_> = SendSchedule::new(interval, start, 1).take(20).collect();
        for due in expected {
            let tick = tokio::time::timeout(Duration::from_secs(30), ticker.next()).await;
            let tick = tick.unwrap().unwrap();
            assert_eq!((tick.due, tick.skipped), (due, 0));
            assert!(Timestamp::host_now() >= due);
        }
    }

    #[test]
    fn what_nobody_takes_is_counted_with_the_next() {
        let at = Timestamp::from_nanos;
        let (sender, mut receiver) = mpsc::channel(2);
        let mut taken = Vec::new();
        let last = std::iter::once_with(|| {
            taken.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
            at(6)
        });
        tick((1..6).map(at).chain(last), &sender);
        taken.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
        let taken: Vec<_> = taken.iter().map(|tick| (tick.due, tick.skipped)).collect();
        assert_eq!(taken, [(at(1), 0), (at(2), 0), (at(6), 3)]);
    }

    #[test]
    fn nothing_is_due_once_nobody_waits() {
        let (sender, receiver) = mpsc::channel(2);
        drop(receiver);
        let mut scheduled = 0;
        let schedule = std::iter::repeat_with(|| {
            scheduled += 1;
            Timestamp::from_nanos(u64::MAX)
        });
        tick(schedule, &sender);
        assert_eq!(scheduled, 1);
    }
}
