//! Polls a future only after it has woken the task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A flag that a future sets when it wakes the task, for futures that are seldom ready: the end of
/// the server, a heartbeat, a message from a subscriber.
///
/// A task that waits for several things polls all of them whenever one is ready. At ten thousand
/// deliveries a second that is most of its time: each poll of a timer, a socket or a cancellation
/// takes a lock or touches memory that nothing else of the delivery needs. Through this flag, a
/// future is polled the first time, after it was ready, and when it has woken the task itself.
#[derive(Debug, Default)]
pub(crate) struct WakeFlag(Option<Arc<Flag>>);

#[derive(Debug)]
struct Flag {
    /// True if the future has to be polled.
    woken: AtomicBool,
    /// The task that waits.
    task: Waker,
}

impl WakeFlag {
    /// Calls `poll` if the future may be ready. Otherwise returns `Pending`.
    pub(crate) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let flag = match &self.0 {
            Some(flag) if flag.task.will_wake(context.waker()) => flag,
            // This is the first poll, or the task has moved: the future does not have this waker
            // yet.
            _ => self.0.insert(Arc::new(Flag {
                woken: AtomicBool::new(true),
                task: context.waker().clone(),
            })),
        };
        // A load is cheaper than a swap, and nearly always enough.
        if !flag.woken.load(Ordering::Acquire) || !flag.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(flag));
        let polled = poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            // A future that was ready has kept no waker, so it has to be polled again.
            flag.woken.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::StreamExt;
    use futures::channel::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_future_is_polled_once_for_each_time_that_it_wakes_the_task() {
        let (sender, mut receiver) = mpsc::unbounded();
        let (mut flag, mut polls) = (WakeFlag::default(), 0);
        let mut poll = |context: &mut Context<'_>| {
            flag.poll(context, |context| {
                polls += 1;
                receiver.poll_next_unpin(context)
            })
        };
        for _ in 0..10 {
            let idle = poll_fn(|context| Poll::Ready(poll(context))).await;
            assert!(idle.is_pending());
        }
        sender.unbounded_send("one").unwrap();
        sender.unbounded_send("two").unwrap();
        assert_eq!(poll_fn(&mut poll).await, Some("one"));
        assert_eq!(poll_fn(&mut poll).await, Some("two"));
        drop(sender);
        assert_eq!(poll_fn(&mut poll).await, None);
        assert_eq!(polls, 4, "the first poll, one for each message, and one for the end");
    }
}
