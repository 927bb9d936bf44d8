//! How far this process reads another host's clock from its own.

use std::sync::atomic::{AtomicI64, Ordering};

/// The shift of this process's clock, in nanoseconds: what [`Timestamp::now`](crate::Timestamp::now)
/// adds to the clock of the host.
///
/// It is 0 unless it is set. An agent sets it so that its readings are readings of its
/// controller's clock. All threads of the process share one shift.
#[derive(Debug)]
pub struct ClockShift;

/// A reader needs no other memory to be in step with the shift, so all accesses are relaxed. On the
/// measured path, a relaxed load is a plain load.
static SHIFT_NS: AtomicI64 = AtomicI64::new(0);

impl ClockShift {
    /// Sets the shift. Readings that were taken before keep the old one.
    pub fn set(nanos: i64) {
        SHIFT_NS.store(nanos, Ordering::Relaxed);
    }

    /// Returns the shift, in nanoseconds.
    pub fn get() -> i64 {
        SHIFT_NS.load(Ordering::Relaxed)
    }
}
