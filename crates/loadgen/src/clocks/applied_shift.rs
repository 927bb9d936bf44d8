//! The shift that a process counts with, and how far it may be wrong.

use std::time::Duration;

use wirebench_protocol::ClockShift;

use super::clock_offset::ClockOffset;

/// The shift with which this process counts in the clock of its controller, and the most by which
/// its readings have been wrong since it was set.
///
/// The shift stays as it is for a whole run, so that no reading of the run jumps. Clocks drift
/// apart meanwhile. So the offset is measured again and again, and the bound grows with what is
/// found ([`Self::observe`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedShift {
    shift_ns: i64,
    bound: Duration,
}

impl AppliedShift {
    /// Sets the [`ClockShift`] of this process. Do this between runs only.
    pub fn apply(offset: ClockOffset) -> Self {
        ClockShift::set(offset.offset_ns);
        Self::of(offset)
    }

    fn of(offset: ClockOffset) -> Self {
        Self { shift_ns: offset.offset_ns, bound: offset.bound() }
    }

    /// Takes a later measurement into account: the shift is wrong by what lies between the two, and
    /// by the bound of the later one. Between two measurements, clocks are assumed to drift one
    /// way.
    pub fn observe(&mut self, later: ClockOffset) {
        let drift = Duration::from_nanos(later.offset_ns.abs_diff(self.shift_ns));
        self.bound = self.bound.max(drift.saturating_add(later.bound()));
    }

    /// Returns the most by which readings of this process have differed from those of its
    /// controller.
    #[must_use]
    pub fn bound(&self) -> Duration {
        self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_covers_what_the_clocks_drifted_and_never_shrinks() {
        let measured = |offset_ns, round_trip_us| ClockOffset {
            offset_ns,
            round_trip: Duration::from_micros(round_trip_us),
        };
        let mut shift = AppliedShift::of(measured(-1_000_000, 200));
        assert_eq!(shift.bound(), Duration::from_micros(100));
        for (later, bound_us) in [
            (measured(-1_010_000, 100), 100),
            (measured(-1_090_000, 60), 120),
            (measured(-1_000_000, 20), 120),
            (measured(-700_000, 400), 500),
        ] {
            shift.observe(later);
            assert_eq!(shift.bound(), Duration::from_micros(bound_us), "{later:?}");
        }
        shift.observe(measured(i64::MAX, 0));
        assert!(shift.bound() > Duration::from_hours(1_000_000));
    }

    #[test]
    fn one_clock_has_a_bound_of_nothing() {
        assert_eq!(AppliedShift::of(ClockOffset::NONE).bound(), Duration::ZERO);
    }
}
