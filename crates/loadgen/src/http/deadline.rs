//! A deadline that is moved with every answer and almost never sets a timer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A point in time by which something has to happen.
///
/// Moving it later only writes a number. The timer behind it fires at the old time and is then set
/// to the new one, so the timer is set once per length of the deadline and not once per request.
#[derive(Debug)]
pub(crate) struct Deadline {
    timer: Pin<Box<Sleep>>,
    at: Instant,
}

impl Deadline {
    /// Creates a deadline `after` from now.
    pub(crate) fn new(after: Duration) -> Self {
        let at = Instant::now() + after;
        Self { timer: Box::pin(tokio::time::sleep_until(at)), at }
    }

    /// Moves the deadline to `after` from now, earlier or later.
    pub(crate) fn set(&mut self, after: Duration) {
        self.at = Instant::now() + after;
        if self.at < self.timer.deadline() {
            self.timer.as_mut().reset(self.at);
        }
    }

    /// Returns ready once the deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= self.at {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_holds_no_matter_how_often_it_is_moved() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_secs(9)).await;
        deadline.set(Duration::from_secs(10));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 19);
        deadline.set(Duration::from_mins(1));
        deadline.set(Duration::from_secs(1));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
