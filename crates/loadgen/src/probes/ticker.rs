//! Tells when each probe is due, to some ten microseconds.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use wirebench_protocol::Timestamp;

use crate::upstream::SendSchedule;

/// The most probes that may be due and not taken. More are not published, and count as failed.
const BOUND: usize = 64;

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

fn tick(schedule: SendSchedule, sender: &mpsc::Sender<Tick>) {
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
    fn what_nobody_takes_is_counted_and_a_dropped_ticker_ends_its_thread() {
        let start = Timestamp::from_nanos(0);
        let schedule = || SendSchedule::new(Duration::from_nanos(10), start, 1);
        let (sender, mut due) = mpsc::channel(2);
        let ticking = thread::spawn(move || tick(schedule(), &sender));
        let first = due.blocking_recv().unwrap();
        assert_eq!(first.skipped, 0);
        // All of them were due long ago: the channel is full again and again while this reads.
        let skipped = std::iter::from_fn(|| due.blocking_recv()).find(|tick| tick.skipped > 0);
        assert!(skipped.is_some());
        drop(due);
        ticking.join().unwrap();
    }
}
