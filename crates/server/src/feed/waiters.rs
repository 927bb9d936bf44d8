//! The tasks that wait for the next message of a feed.

use std::task::{Context, Waker};

use parking_lot::Mutex;
use slab::Slab;

/// The tasks that wait for one feed.
///
/// `tokio::sync::watch` was used here before. Its waiters are a linked list through the tasks
/// themselves, so that waking a thousand of them touches a thousand scattered places twice, under
/// one lock. Here the publisher takes one dense list away and wakes from it without a lock.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    /// The number of wake-ups so far. A waiter of an earlier round is no longer in the list.
    round: u64,
    wakers: Slab<Waker>,
}

/// The place of a waiting task in the list.
#[derive(Debug, Default)]
pub(super) struct Waiter(Option<(u64, usize)>);

impl Waiters {
    /// Registers the task to be woken by the next [`Waiters::wake`]. The caller must look at the
    /// feed again afterwards, in case the wake-up came just before.
    pub(super) fn register(&self, waiter: &mut Waiter, context: &Context<'_>) {
        let mut list = self.0.lock();
        match waiter.0 {
            Some((round, key)) if round == list.round => {
                list.wakers[key].clone_from(context.waker());
            }
            _ => waiter.0 = Some((list.round, list.wakers.insert(context.waker().clone()))),
        }
    }

    /// Removes the waiter of a task that was dropped before it was woken.
    pub(super) fn remove(&self, waiter: &mut Waiter) {
        if let Some((round, key)) = waiter.0.take() {
            let mut list = self.0.lock();
            if round == list.round {
                list.wakers.remove(key);
            }
        }
    }

    /// Wakes every task that waits.
    pub(super) fn wake(&self) {
        let wakers = {
            let mut list = self.0.lock();
            if list.wakers.is_empty() {
                return;
            }
            list.round += 1;
            let room = Slab::with_capacity(list.wakers.len());
            std::mem::replace(&mut list.wakers, room)
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn a_waiter_keeps_its_place_until_it_is_woken_or_removed() {
        let (waiters, waker) = (Waiters::default(), noop_waker());
        let context = Context::from_waker(&waker);
        let waiting = || waiters.0.lock().wakers.len();
        let (mut one, mut other) = (Waiter::default(), Waiter::default());
        waiters.register(&mut one, &context);
        waiters.register(&mut one, &context);
        waiters.register(&mut other, &context);
        assert_eq!(waiting(), 2);
        waiters.remove(&mut one);
        waiters.remove(&mut one);
        assert_eq!(waiting(), 1);
        waiters.wake();
        waiters.register(&mut one, &context);
        waiters.remove(&mut other);
        assert_eq!(waiting(), 1, "a waiter of an earlier round has no place in the list");
    }
}
