//! How long a connection may keep the server waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use wirebench_protocol::Transport;

use super::vitals::{Closed, Vitals};
use crate::limits::Limits;

/// The shortest time that a connection between two polls is given while the server stops, however fast
/// it has polled before.
const PAUSE_LEAST: Duration = Duration::from_secs(1);

/// Waits with a connection that has no request under way: long for the first byte of one, less long for
/// the rest of its head. While the server stops, it waits only for a connection that is between two
/// polls, and for one that is in the middle of a head.
///
/// The timer is not reset with every request, which would cost each of them a lock: it runs on, and is
/// set anew when it rings too early.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// The connection speaks HTTP/2: only its first bytes are known to be a head. Those that come between
    /// two requests may as well be an acknowledgement.
    http2: bool,
    waits: Option<Wait>,
    timer: Option<Pin<Box<Sleep>>>,
    /// After how many requests the connection last began to wait for another, and when.
    last: Option<(u32, Instant)>,
    /// The time between the last two of those moments. `None` before the second.
    period: Option<Duration>,
    /// When the connection noticed that the server stops.
    stopped: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    /// Part of a head is here.
    heard: bool,
    /// After how many requests this began.
    requests: u32,
}

impl Patience {
    pub(super) fn new(http2: bool) -> Self {
        Self { http2, ..Self::default() }
    }

    /// The server stops: from now on, connections are waited for only as long as they are expected.
    pub(super) fn stop(&mut self) {
        self.stopped = Some(Instant::now());
    }

    /// Returns true once [`stop`](Self::stop) was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Ready with the reason when patience is over; pending for ever while a request is answered.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        vitals: &Vitals,
        limits: &Limits,
    ) -> Poll<Closed> {
        if vitals.is_busy() {
            self.waits = None;
            return Poll::Pending;
        }
        let requests = vitals.requests();
        let heard = vitals.heard() && !(self.http2 && requests > 0);
        let same = |wait: &Wait| wait.heard == heard && wait.requests == requests;
        let wait = match self.waits.filter(same) {
            Some(wait) => wait,
            None => self.begin(heard, requests),
        };
        let until = self.until(wait, vitals, limits);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= until {
                return Poll::Ready(if heard { Closed::Head } else { Closed::Idle });
            }
            timer.as_mut().reset(until);
        }
    }

    fn begin(&mut self, heard: bool, requests: u32) -> Wait {
        let since = Instant::now();
        if self.last.is_none_or(|(before, _)| before != requests) {
            self.period = self.last.filter(|_| requests > 1).map(|(_, before)| since - before);
            self.last = Some((requests, since));
        }
        *self.waits.insert(Wait { since, heard, requests })
    }

    fn until(&self, wait: Wait, vitals: &Vitals, limits: &Limits) -> Instant {
        let head = wait.since + limits.head_time;
        let Some(stopped) = self.stopped else {
            return if wait.heard { head } else { wait.since + limits.idle_time };
        };
        let drained = stopped + limits.drain_time;
        if wait.heard {
            return head.min(drained);
        }
        if !vitals.transport().is_some_and(Transport::polls) {
            return stopped;
        }
        // Twice its period late, a subscriber is taken for gone.
        match (self.last, self.period) {
            (Some((_, since)), Some(period)) => {
                drained.min(since + PAUSE_LEAST.max(period.saturating_mul(2)))
            }
            _ => drained,
        }
    }
}
