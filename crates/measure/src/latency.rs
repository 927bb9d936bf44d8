//! A histogram of durations.

use std::sync::LazyLock;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Durations from 1 ns to one hour, kept to three significant digits (HdrHistogram).
///
/// An empty one allocates nothing. The first value allocates the whole histogram, which never
/// grows.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// `None` until the first value, because there is one of these for every worker and second.
    histogram: Option<Histogram<u64>>,
    /// The number of values above the highest, which the histogram counts as the highest.
    saturated: u64,
}

/// The highest value that is told apart. It is the same for every `Latency`, so that any two of
/// them can be merged.
const HIGHEST: Duration = Duration::from_hours(1);
const HIGHEST_NS: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

static EMPTY: LazyLock<Histogram<u64>> = LazyLock::new(empty);

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        .expect("1 ns to 1 h at 3 digits are bounds that HdrHistogram accepts")
}

impl Latency {
    /// Returns a histogram without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. Above one hour it counts as one hour, and in [`Latency::saturated`].
    pub fn record(&mut self, value: Duration) {
        self.record_many(value, 1);
    }

    /// Adds a value this many times.
    pub fn record_many(&mut self, value: Duration, times: u64) {
        if value > HIGHEST {
            self.saturated += times;
        }
        let nanos = u64::try_from(value.as_nanos()).map_or(HIGHEST_NS, |ns| ns.min(HIGHEST_NS));
        self.histogram
            .get_or_insert_with(empty)
            .record_n(nanos, times)
            .expect("a value of at most one hour is within the bounds");
    }

    /// Adds all values of another. The result does not depend on the order of merging.
    pub fn merge(&mut self, other: &Self) {
        self.saturated += other.saturated;
        let Some(theirs) = &other.histogram else { return };
        match &mut self.histogram {
            Some(ours) => ours.add(theirs).expect("all latencies share their bounds"),
            none => *none = Some(theirs.clone()),
        }
    }

    /// Returns how many values were recorded.
    pub fn len(&self) -> u64 {
        self.histogram().len()
    }

    /// Returns true if no value was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many values were above one hour.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// Sets how many values were above one hour, of a histogram that was read from a text.
    pub(crate) fn set_saturated(&mut self, saturated: u64) {
        self.saturated = saturated;
    }

    /// Returns the smallest value, to the histogram's precision; `None` if empty.
    pub fn min(&self) -> Option<Duration> {
        self.recorded().map(|histogram| Duration::from_nanos(histogram.min()))
    }

    /// Returns the mean; `None` if empty.
    pub fn mean(&self) -> Option<Duration> {
        self.recorded().and_then(|histogram| from_float_nanos(histogram.mean()))
    }

    /// Returns the standard deviation of the values themselves (not an estimate for a larger
    /// population); `None` if empty.
    pub fn stddev(&self) -> Option<Duration> {
        self.recorded().and_then(|histogram| from_float_nanos(histogram.stdev()))
    }

    /// Returns the largest value, to the histogram's precision; `None` if empty.
    pub fn max(&self) -> Option<Duration> {
        self.recorded().map(|histogram| Duration::from_nanos(histogram.max()))
    }

    /// Returns the value that `percentile` percent (0 to 100) of the values do not exceed, to the
    /// histogram's precision. This is for results that people read.
    ///
    /// `None` if there are too few values: fewer than one value is then expected above the
    /// percentile (or below it, for percentiles under 50). The 50th takes 2 values, the 99th 100,
    /// the 99.9th 1,000. With fewer, the number would be the maximum under another name.
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        self.supports(percentile).then(|| self.value_at_percentile(percentile)).flatten()
    }

    /// Returns the same with any number of values; `None` only if empty. This is for decisions
    /// during a run, for which the maximum of a few values is the right substitute.
    pub fn value_at_percentile(&self, percentile: f64) -> Option<Duration> {
        self.recorded()
            .map(|histogram| Duration::from_nanos(histogram.value_at_percentile(percentile)))
    }

    /// Returns true if there are enough values for a percentile: at least 1 / (1 − q) of them for
    /// the quantile q = `percentile` / 100, or 1 / q where that is more.
    #[expect(clippy::cast_precision_loss, reason = "only small counts are near the limit")]
    pub fn supports(&self, percentile: f64) -> bool {
        let share_beyond = percentile.min(100.0 - percentile) / 100.0;
        // The tolerance is for shares such as 1 - 0.999, which binary fractions cannot represent
        // exactly.
        self.len() as f64 * share_beyond >= 1.0 - 1e-9
    }

    /// Returns the histogram of nanoseconds. Its bounds are always the same, even if it is empty.
    pub fn histogram(&self) -> &Histogram<u64> {
        self.histogram.as_ref().unwrap_or(&EMPTY)
    }

    fn recorded(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_ref()
    }
}

/// Compares the values, whether or not memory was allocated for them.
impl PartialEq for Latency {
    fn eq(&self, other: &Self) -> bool {
        self.saturated == other.saturated && self.histogram() == other.histogram()
    }
}

fn from_float_nanos(nanos: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(nanos / 1e9).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latency(values: impl IntoIterator<Item = Duration>) -> Latency {
        let mut latency = Latency::new();
        for value in values {
            latency.record(value);
        }
        latency
    }

    fn near(found: Option<Duration>, expected: Duration) -> bool {
        found.is_some_and(|found| found.abs_diff(expected) <= expected / 1_000)
    }

    #[test]
    fn an_empty_histogram_has_no_statistics_and_allocates_nothing() {
        let latency = Latency::new();
        assert!(latency.is_empty());
        assert!(latency.histogram.is_none());
        assert_eq!(latency.histogram().len(), 0);
        for statistic in [
            latency.min(),
            latency.mean(),
            latency.stddev(),
            latency.max(),
            latency.percentile(50.0),
        ] {
            assert_eq!(statistic, None);
        }
    }

    #[test]
    fn statistics_are_those_of_the_values() {
        let latency = latency((1..=1_000).map(Duration::from_millis));
        assert_eq!(latency.len(), 1_000);
        assert!(near(latency.min(), Duration::from_millis(1)));
        assert!(near(latency.percentile(50.0), Duration::from_millis(500)));
        assert!(near(latency.percentile(99.0), Duration::from_millis(990)));
        assert!(near(latency.max(), Duration::from_secs(1)));
        assert!(near(latency.mean(), Duration::from_micros(500_500)));
        // sqrt((1000² − 1) / 12) ms
        assert!(near(latency.stddev(), Duration::from_micros(288_675)));
    }

    #[test]
    fn a_percentile_that_the_sample_cannot_support_is_none() {
        for (percentile, least) in [
            (50.0, 2),
            (75.0, 4),
            (90.0, 10),
            (95.0, 20),
            (99.0, 100),
            (99.9, 1_000),
            (25.0, 4),
            (1.0, 100),
        ] {
            let of = |count: u64| latency((1..=count).map(Duration::from_millis));
            let (enough, short) = (of(least), of(least - 1));
            assert_eq!(enough.percentile(percentile), enough.value_at_percentile(percentile));
            assert!(enough.percentile(percentile).is_some(), "p{percentile} of {least}");
            assert_eq!(short.percentile(percentile), None, "p{percentile} of {}", least - 1);
            assert!(short.value_at_percentile(percentile).is_some(), "p{percentile}");
        }
        assert!(latency((1..=3).map(Duration::from_millis)).percentile(50.0).is_some());
        assert_eq!(latency((1..=20).map(Duration::from_millis)).percentile(99.0), None);
    }

    #[test]
    fn a_value_above_an_hour_counts_as_an_hour_and_is_reported() {
        let latency = latency([HIGHEST, HIGHEST + Duration::from_nanos(1), Duration::MAX]);
        assert_eq!(latency.saturated(), 2);
        assert_eq!(latency.len(), 3);
        assert!(near(latency.max(), HIGHEST));
    }

    #[test]
    fn a_value_of_zero_is_a_value() {
        let latency = latency([Duration::ZERO]);
        assert_eq!(latency.len(), 1);
        assert_eq!(latency.max(), Some(Duration::ZERO));
    }

    #[test]
    fn merging_an_empty_histogram_allocates_nothing() {
        let mut merged = Latency::new();
        merged.merge(&Latency::new());
        assert!(merged.histogram.is_none());
    }

    fn any_latency() -> impl Strategy<Value = Latency> {
        prop::collection::vec(0..2 * HIGHEST_NS, 0..20)
            .prop_map(|nanos| latency(nanos.into_iter().map(Duration::from_nanos)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn merging_is_the_same_as_recording_everything_in_one(
            left in prop::collection::vec(0..2 * HIGHEST_NS, 0..20),
            right in prop::collection::vec(0..2 * HIGHEST_NS, 0..20),
        ) {
            let [left, right] = [left, right].map(|v| v.into_iter().map(Duration::from_nanos));
            let mut merged = latency(left.clone());
            merged.merge(&latency(right.clone()));
            prop_assert_eq!(merged, latency(left.chain(right)));
        }

        #[test]
        fn percentiles_do_not_fall(latency in any_latency(), a in 0.0..=100.0, b in 0.0..=100.0) {
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(latency.value_at_percentile(low) <= latency.value_at_percentile(high));
            prop_assert!(latency.value_at_percentile(100.0) == latency.max());
        }
    }
}
