//! The clock that delivery is measured with.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ClockShift;

/// A reading of `CLOCK_MONOTONIC`, in nanoseconds since an arbitrary start.
///
/// On Linux this clock is the same for all processes of a host that are in one time namespace, and
/// it is never set back. A subscriber in one process can therefore measure the age of a message that
/// another process published. `std::time::Instant` reads the same clock, but cannot be sent to
/// another process.
///
/// The clocks of two hosts have nothing in common. A process that works for a controller on another
/// host therefore reads its own clock with a [`ClockShift`], which turns the reading into one of
/// the controller's clock, up to the bound with which the shift was measured. Readings of two
/// hosts may be compared only so, and only up to that bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Reads the clock of this host and adds the shift of this process.
    pub fn now() -> Self {
        Self::host_now().shifted(ClockShift::get())
    }

    /// Reads the clock of this host, without the shift of this process.
    ///
    /// Two processes of one host can compare these readings whatever their shifts are.
    pub fn host_now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        // The monotonic clock starts near boot: neither part is ever negative.
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Self(seconds * 1_000_000_000 + nanos)
    }

    /// Returns what the clock of this host showed at this reading: the shift of this process is
    /// taken away.
    #[must_use]
    pub fn host_clock(self) -> Self {
        // The negative of the least number has no place in an `i64`, and the clock of no host is
        // 292 years ahead.
        self.shifted(ClockShift::get().saturating_neg())
    }

    /// Returns this reading on a clock that is ahead by `nanos`. Saturates at both ends of the
    /// clock.
    #[must_use]
    pub const fn shifted(self, nanos: i64) -> Self {
        Self(self.0.saturating_add_signed(nanos))
    }

    /// Returns the reading that is sent as `nanos`.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the number that is sent, in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to this reading; `None` if `earlier` is in fact later.
    pub fn checked_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// Returns the time from `earlier` to this reading; zero if `earlier` is in fact later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the end of the clock, about 584 years after its start.
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the start of the clock.
    fn sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_go_back() {
        let first = Timestamp::now();
        assert!(Timestamp::now() >= first);
    }

    #[test]
    fn a_negative_difference_is_none_or_saturates() {
        let (early, late) = (Timestamp::from_nanos(5), Timestamp::from_nanos(8));
        assert_eq!(late.checked_since(early), Some(Duration::from_nanos(3)));
        assert_eq!(early.checked_since(late), None);
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }
}
