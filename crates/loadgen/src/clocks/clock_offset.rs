//! How far another host's clock is from this host's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host_clock::HostClock;

/// How far the clock of another host is from the clock of this one, as far as that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ClockOffset {
    /// What to add to a reading of this host's clock to get one of the other's, in nanoseconds.
    pub offset_ns: i64,
    /// How long question and answer of the sample were under way together. Zero for one clock.
    pub round_trip: Duration,
}

impl ClockOffset {
    /// The offset of a clock from itself.
    pub const NONE: Self = Self { offset_ns: 0, round_trip: Duration::ZERO };

    /// Returns the most by which the offset may be wrong: half of the round trip, rounded up. It is
    /// wrong by so much if one of the two ways took all of the time.
    #[must_use]
    pub fn bound(self) -> Duration {
        Duration::from_nanos(self.round_trip.as_nanos().div_ceil(2).try_into().unwrap_or(u64::MAX))
    }

    /// Returns [`Self::NONE`] if both hosts say that they have the same clock, and this measurement
    /// otherwise.
    ///
    /// It is also returned if it contradicts them. Two virtual machines that were started from one
    /// snapshot say that they are one host, and are not.
    #[must_use]
    pub fn unless_shared(self, ours: Option<&HostClock>, theirs: Option<&HostClock>) -> Self {
        let is_possible = u128::from(self.offset_ns.unsigned_abs()) <= self.bound().as_nanos();
        if ours.is_some() && ours == theirs && is_possible { Self::NONE } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(offset_ns: i64, round_trip_ns: u64) -> ClockOffset {
        ClockOffset { offset_ns, round_trip: Duration::from_nanos(round_trip_ns) }
    }

    #[test]
    fn the_bound_is_half_of_the_round_trip_rounded_up() {
        assert_eq!(measured(9, 7).bound(), Duration::from_nanos(4));
        assert_eq!(measured(9, 8).bound(), Duration::from_nanos(4));
        assert_eq!(ClockOffset::NONE.bound(), Duration::ZERO);
    }

    #[test]
    fn one_clock_has_no_offset_unless_the_measurement_contradicts() {
        let clock = |boot_id: &str| HostClock::of(boot_id, Some("time:[4026531834]"));
        let (ours, other) = (clock("a"), clock("b"));
        let near = measured(-40, 80);
        assert_eq!(near.unless_shared(Some(&ours), Some(&ours)), ClockOffset::NONE);
        assert_eq!(near.unless_shared(Some(&ours), Some(&other)), near);
        assert_eq!(near.unless_shared(None, None), near, "nobody says that they share one");
        let far = measured(41, 80);
        assert_eq!(far.unless_shared(Some(&ours), Some(&ours)), far);
        let furthest = measured(i64::MIN, 80);
        assert_eq!(furthest.unless_shared(Some(&ours), Some(&ours)), furthest);
    }
}
