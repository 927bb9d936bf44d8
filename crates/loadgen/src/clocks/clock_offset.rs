//! How far another host's clock is from this host's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}
