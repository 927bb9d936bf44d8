//! Who waits for the next message.

use std::task::{Context, Waker};

use parking_lot::Mutex;
use slab::Slab;

/// The tasks that wait for one feed.
///
/// `tokio::sync::watch` would do, and did: its waiters are a linked list through the tasks themselves,
/// so that waking a thousand touches a thousand scattered places twice, under one lock. Here the
/// publisher takes one dense list away and wakes from it without a lock.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(Mutex<Beds>);

#[derive(Debug, Default)]
struct Beds {
    /// How often everybody was woken: a bed of an earlier night is empty.
    night: u64,
    wakers: Slab<Waker>,
}

/// Where a task sleeps, for it to find its bed again.
#[derive(Debug, Default)]
pub(crate) struct Bed(Option<(u64, usize)>);

impl Sleepers {
    /// Puts the task to sleep until the next [`Sleepers::wake`]. Whoever calls this looks again after
    /// it, in case the wake-up came just before.
    pub(crate) fn sleep(&self, bed: &mut Bed, context: &Context<'_>) {
        let mut beds = self.lock();
        match bed.0 {
            Some((night, key)) if night == beds.night => {
                beds.wakers[key].clone_from(context.waker());
            }
            _ => bed.0 = Some((beds.night, beds.wakers.insert(context.waker().clone()))),
        }
    }

    /// Takes a task that stopped waiting out of its bed.
    pub(crate) fn leave(&self, bed: &mut Bed) {
        if let Some((night, key)) = bed.0.take() {
            let mut beds = self.lock();
            if night == beds.night {
                beds.wakers.remove(key);
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn wake(&self) {
        let wakers = {
            let mut beds = self.lock();
            if beds.wakers.is_empty() {
                return;
            }
            beds.night += 1;
            let room = Slab::with_capacity(beds.wakers.len());
            std::mem::replace(&mut beds.wakers, room)
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Beds> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn a_bed_is_kept_through_the_night_and_given_up_when_left() {
        let (sleepers, waker) = (Sleepers::default(), noop_waker());
        let context = Context::from_waker(&waker);
        let (mut one, mut other) = (Bed::default(), Bed::default());
        sleepers.sleep(&mut one, &context);
        sleepers.sleep(&mut one, &context);
        sleepers.sleep(&mut other, &context);
        assert_eq!(sleepers.lock().wakers.len(), 2);
        sleepers.leave(&mut one);
        sleepers.leave(&mut one);
        assert_eq!(sleepers.lock().wakers.len(), 1);
        sleepers.wake();
        sleepers.sleep(&mut one, &context);
        sleepers.leave(&mut other);
        assert_eq!(sleepers.lock().wakers.len(), 1, "a bed of last night is not somebody else's");
    }
}
