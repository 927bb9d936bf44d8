//! Polling only what was woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A gate before something that is seldom ready: the end of the server, a heartbeat, a message from a
/// subscriber.
///
/// A task that waits for several things polls all of them whenever one is ready. At ten thousand
/// deliveries a second that is where its time goes: each poll of a timer, a socket or a cancellation
/// takes a lock or touches memory that nothing else of the delivery needs. Behind a gate a thing is
/// polled the first time, after it was ready, and when it has woken the task itself.
#[derive(Debug, Default)]
pub(crate) struct Gate(Option<Arc<Signal>>);

#[derive(Debug)]
struct Signal {
    /// Set when what is behind the gate has something to say.
    woken: AtomicBool,
    /// The task that waits.
    task: Waker,
}

impl Gate {
    /// Polls what is behind the gate, if there is a reason to.
    pub(crate) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let signal = match &self.0 {
            Some(signal) if signal.task.will_wake(context.waker()) => signal,
            // The first poll, or a task that moved: nothing has this task's waker yet.
            _ => self.0.insert(Arc::new(Signal {
                woken: AtomicBool::new(true),
                task: context.waker().clone(),
            })),
        };
        // Looked at before it is taken: a load is cheaper, and nearly always enough.
        if !signal.woken.load(Ordering::Acquire) || !signal.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(signal));
        let polled = poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            // What is ready has kept no waker: it is to be asked again.
            signal.woken.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for Signal {
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
    async fn what_is_behind_the_gate_is_polled_once_for_each_time_it_wakes() {
        let (sender, mut receiver) = mpsc::unbounded();
        let (mut gate, mut polls) = (Gate::default(), 0);
        let mut poll = |context: &mut Context<'_>| {
            gate.poll(context, |context| {
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
