//! How long a connection may keep the server waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::vitals::{Closed, Vitals};
use crate::limits::Limits;

/// Waits with a connection that has no request under way: long for the first byte of one, less long for
/// the rest of its head.
///
/// The timer is not reset with every request, which would cost each of them a lock: it runs on, and is
/// set anew when it rings too early.
#[derive(Debug, Default)]
pub(super) struct Patience {
    waits: Option<Wait>,
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Wait {
    until: Instant,
    /// Part of a head is here.
    heard: bool,
    /// After how many requests this began.
    requests: u32,
}

impl Patience {
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
        let (heard, requests) = (vitals.heard(), vitals.requests());
        let same = |wait: &Wait| wait.heard == heard && wait.requests == requests;
        let wait = self.waits.take().filter(same).unwrap_or_else(|| {
            let time = if heard { limits.head_time } else { limits.idle_time };
            Wait { until: Instant::now() + time, heard, requests }
        });
        let until = self.waits.insert(wait).until;
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
}
