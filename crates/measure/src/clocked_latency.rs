//! Delays between two clocks: only those that are above the clocks' disagreement mean something.

use std::time::Duration;

use crate::latency::Latency;

/// Delays from a reading of one clock to a reading of another, and how far the two may disagree.
///
/// A delay below that bound may be nothing but the disagreement, so it is `None`. Delays that were
/// negative are not in the histogram. They count as the smallest, so that a percentile is one of all
/// deliveries.
#[derive(Clone, Copy, Debug)]
pub struct ClockedLatency<'a> {
    /// The delays that were not negative.
    latency: &'a Latency,
    /// How many were negative.
    negative: u64,
    bound: Duration,
}

impl<'a> ClockedLatency<'a> {
    /// Returns the delays of which `negative` more were negative. Without a bound there is one
    /// clock: then every delay means something, and a negative one is a mistake that is judged
    /// elsewhere.
    pub fn new(latency: &'a Latency, negative: u64, bound: Option<Duration>) -> Self {
        let negative = if bound.is_some() { negative } else { 0 };
        Self { latency, negative, bound: bound.unwrap_or_default() }
    }

    /// Returns the smallest delay; `None` as well if some were negative.
    pub fn min(&self) -> Option<Duration> {
        self.of_all(self.latency.min())
    }

    /// Returns the mean; `None` as well if some were negative.
    pub fn mean(&self) -> Option<Duration> {
        self.of_all(self.latency.mean())
    }

    /// Returns the standard deviation; `None` if the mean is.
    pub fn stddev(&self) -> Option<Duration> {
        self.mean().and_then(|_| self.latency.stddev())
    }

    /// Returns the largest delay.
    pub fn max(&self) -> Option<Duration> {
        self.trusted(self.latency.max())
    }

    /// Returns the delay that `percentile` percent of all deliveries do not exceed. `None` as for
    /// [`Latency::percentile`], and below the bound.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 16 digits")]
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        if self.negative == 0 {
            return self.trusted(self.latency.percentile(percentile));
        }
        let (negative, others) = (self.negative as f64, self.latency.len() as f64);
        let all = negative + others;
        let beyond = percentile.min(100.0 - percentile) / 100.0;
        let place = percentile / 100.0 * all - negative;
        if all * beyond < 1.0 - 1e-9 || place <= 0.0 {
            return None;
        }
        self.trusted(self.latency.value_at_percentile(place / others * 100.0))
    }

    fn of_all(&self, delay: Option<Duration>) -> Option<Duration> {
        self.trusted(delay).filter(|_| self.negative == 0)
    }

    fn trusted(&self, delay: Option<Duration>) -> Option<Duration> {
        delay.filter(|delay| *delay >= self.bound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latency(millis: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        millis.into_iter().for_each(|millis| latency.record(Duration::from_millis(millis)));
        latency
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_below_the_bound_is_not_known() {
        let latency = latency(1..=100);
        let with = |bound| ClockedLatency::new(&latency, 0, Some(bound));
        assert_eq!(with(MS).percentile(50.0), latency.percentile(50.0));
        assert_eq!(with(60 * MS).percentile(50.0), None);
        assert_eq!(with(60 * MS).percentile(99.0), latency.percentile(99.0));
        assert_eq!((with(2 * MS).min(), with(2 * MS).mean()), (None, latency.mean()));
        assert_eq!((with(60 * MS).mean(), with(60 * MS).stddev()), (None, None));
        assert_eq!((with(60 * MS).max(), with(200 * MS).max()), (latency.max(), None));
    }

    #[test]
    fn negative_delays_are_the_smallest_of_all() {
        let latency = latency(1..=60);
        let with = ClockedLatency::new(&latency, 40, Some(Duration::ZERO));
        assert_eq!((with.min(), with.mean(), with.stddev()), (None, None, None));
        assert_eq!(with.percentile(40.0), None, "the 40th of 100 was negative");
        let near = |found: Option<Duration>, millis: f64| {
            (found.unwrap().as_secs_f64() * 1e3 / millis - 1.0).abs() < 0.001
        };
        assert!(near(with.percentile(50.0), 10.0));
        assert!(near(with.percentile(99.0), 59.0));
        assert_eq!(with.max(), latency.max());
    }

    #[test]
    fn one_clock_knows_every_delay() {
        let latency = latency(1..=100);
        let one = ClockedLatency::new(&latency, 3, None);
        assert_eq!((one.min(), one.mean()), (latency.min(), latency.mean()));
        assert_eq!(one.percentile(99.0), latency.percentile(99.0));
        let nothing = ClockedLatency::new(&Latency::new(), 5, Some(MS)).percentile(50.0);
        assert_eq!(nothing, None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_one_of_all_deliveries(
            delays in prop::collection::vec(-500..500_i64, 1..200), bound in 0..300_u64,
            percentile in 1.0..99.9_f64,
        ) {
            let mut sorted = delays.clone();
            sorted.sort_unstable();
            let positive = delays.iter().filter_map(|delay| u64::try_from(*delay).ok());
            let latency = latency(positive);
            let negative = delays.iter().filter(|delay| **delay < 0).count() as u64;
            let bound = Duration::from_millis(bound);
            let found = ClockedLatency::new(&latency, negative, Some(bound)).percentile(percentile);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss,
                clippy::cast_precision_loss, reason = "small numbers")]
            let at = |slack: f64| {
                let place = (percentile / 100.0 * sorted.len() as f64 + slack).ceil();
                sorted[(place.max(1.0) as usize - 1).min(sorted.len() - 1)] as f64
            };
            // Rounding may take a neighbour where the place is a whole number.
            if let Some(found) = found {
                let millis = found.as_secs_f64() * 1e3;
                prop_assert!(millis >= at(-1e-6) * 0.999 && millis <= at(1e-6) * 1.001);
                prop_assert!(found >= bound);
            }
        }
    }
}
