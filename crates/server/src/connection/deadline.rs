//! How long a connection without a request under way may stay open.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use wirebench_protocol::Transport;

use super::activity::ConnectionActivity;
use crate::limits::Limits;
use crate::metrics::CloseReason;

/// The shortest time for which a connection between two polls is kept while the server stops, even
/// if it has polled more often than that.
const MIN_POLL_WAIT: Duration = Duration::from_secs(1);

/// The deadline of a connection that has no request under way: a long one for the first byte of a
/// request, a shorter one for the rest of its head. While the server stops, only two kinds of
/// connections have time left: those between two polls, and those in the middle of a head.
///
/// The timer is not reset with every request, which would cost each of them a lock. It runs on, and
/// is set again when it fires too early.
#[derive(Debug, Default)]
pub(super) struct ConnectionDeadline {
    /// The connection speaks HTTP/2, where only the first bytes are known to be the head of a
    /// request. Those between two requests may be an acknowledgement.
    is_http2: bool,
    wait: Option<Wait>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The number of requests after which the connection last began to wait, and when it did.
    last: Option<(u32, Instant)>,
    /// The time between the last two of those moments. `None` before the second.
    poll_period: Option<Duration>,
    /// When the connection noticed that the server stops.
    stopped: Option<Instant>,
}

/// The connection waits for a request, or for the rest of one.
#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    /// Part of a head has come.
    partial_head: bool,
    /// The number of requests after which this wait began.
    requests: u32,
}

impl ConnectionDeadline {
    pub(super) fn new(is_http2: bool) -> Self {
        Self { is_http2, ..Self::default() }
    }

    /// Called when the server stops. From now on, a connection is kept only while a request is
    /// expected.
    pub(super) fn stop(&mut self) {
        self.stopped = Some(Instant::now());
    }

    /// Returns true once [`stop`](Self::stop) was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Returns the reason when the deadline has passed. Pending for as long as a request is under
    /// way.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        activity: &ConnectionActivity,
        limits: &Limits,
    ) -> Poll<CloseReason> {
        if activity.is_active() {
            self.wait = None;
            return Poll::Pending;
        }
        let requests = activity.requests();
        let partial_head = activity.has_partial_head() && !(self.is_http2 && requests > 0);
        let same = |wait: &Wait| wait.partial_head == partial_head && wait.requests == requests;
        let wait = match self.wait.filter(same) {
            Some(wait) => wait,
            None => self.begin(partial_head, requests),
        };
        let until = self.until(wait, activity, limits);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= until {
                let reason = if partial_head { CloseReason::SlowHead } else { CloseReason::Idle };
                return Poll::Ready(reason);
            }
            timer.as_mut().reset(until);
        }
    }

    fn begin(&mut self, partial_head: bool, requests: u32) -> Wait {
        let since = Instant::now();
        if self.last.is_none_or(|(before, _)| before != requests) {
            let last = self.last.filter(|_| requests > 1);
            self.poll_period = last.map(|(_, before)| since - before);
            self.last = Some((requests, since));
        }
        *self.wait.insert(Wait { since, partial_head, requests })
    }

    fn until(&self, wait: Wait, activity: &ConnectionActivity, limits: &Limits) -> Instant {
        let head = wait.since + limits.head_time;
        let Some(stopped) = self.stopped else {
            return if wait.partial_head { head } else { wait.since + limits.idle_time };
        };
        let drained = stopped + limits.drain_time;
        if wait.partial_head {
            return head.min(drained);
        }
        if !activity.transport().is_some_and(Transport::polls) {
            return stopped;
        }
        // A subscriber that is late by its whole poll period is not expected any more.
        match (self.last, self.poll_period) {
            (Some((_, since)), Some(period)) => {
                drained.min(since + MIN_POLL_WAIT.max(period.saturating_mul(2)))
            }
            _ => drained,
        }
    }
}
