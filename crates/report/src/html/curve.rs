//! Reduces a histogram to what a chart can show.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The number of points for each factor of ten on the percentile axis.
const POINTS_PER_DECADE: i32 = 20;
/// The axis ends at percentile 99.99999; above it is only the maximum.
const DECADES: i32 = 7;
/// The number of bins for each factor of ten of a delay. Each is 2.3 % wide.
pub(super) const BINS_PER_DECADE: i32 = 100;

/// The deliveries of one run.
#[derive(Serialize)]
pub(super) struct Curve {
    /// The number of deliveries.
    count: u64,
    /// Microseconds at each of [`percentile_axis`], as far as there are enough deliveries.
    percentiles_us: Vec<f64>,
    max_us: f64,
    /// The bins that are not empty, with their counts. Bin *i* begins at 10^(*i* / 100) ns.
    bins: Vec<(i32, u64)>,
}

/// Returns 1 / (1 − *p*) for the shares *p* at which every curve is drawn.
pub(super) fn percentile_axis() -> Vec<f64> {
    (0..=POINTS_PER_DECADE * DECADES)
        .map(|at| to_four_digits(10_f64.powf(f64::from(at) / f64::from(POINTS_PER_DECADE))))
        .collect()
}

/// Returns `None` if the histogram is empty.
#[expect(clippy::cast_precision_loss, reason = "to draw, four digits are plenty")]
pub(super) fn curve(histogram: &Histogram<u64>) -> Option<Curve> {
    if histogram.is_empty() {
        return None;
    }
    let count = histogram.len();
    let percentiles_us = percentile_axis()
        .into_iter()
        // Above 1 − 1/count, every percentile is the maximum.
        .take_while(|fold| *fold <= count as f64)
        .map(|fold| micros(histogram.value_at_quantile(1.0 - 1.0 / fold)))
        .collect();
    let mut bins: Vec<(i32, u64)> = Vec::new();
    for value in histogram.iter_recorded() {
        let bin = bin(value.value_iterated_to());
        match bins.last_mut() {
            Some((last, count)) if *last == bin => *count += value.count_at_value(),
            _ => bins.push((bin, value.count_at_value())),
        }
    }
    Some(Curve { count, percentiles_us, max_us: micros(histogram.max()), bins })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the logarithm of a u64 is below 20"
)]
fn bin(nanos: u64) -> i32 {
    ((nanos.max(1) as f64).log10() * f64::from(BINS_PER_DECADE)).floor() as i32
}

#[expect(clippy::cast_precision_loss, reason = "to draw, four digits are plenty")]
fn micros(nanos: u64) -> f64 {
    to_four_digits(nanos as f64 / 1e3)
}

/// Rounds to four significant digits. The histogram has three, and the page should stay small.
fn to_four_digits(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        for value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    #[test]
    fn a_curve_ends_where_there_are_no_more_deliveries() {
        let curve = curve(&histogram((1..=100).map(|millis| millis * 1_000_000))).unwrap();
        assert_eq!(curve.count, 100);
        assert_eq!(curve.percentiles_us.len(), 41, "two factors of ten, and their ends");
        assert!(curve.percentiles_us.is_sorted());
        assert!((curve.percentiles_us[20] / 90_000.0 - 1.0).abs() < 0.01, "p90");
        assert!((curve.max_us / 100_000.0 - 1.0).abs() < 0.001);
    }

    #[test]
    fn every_delivery_is_in_one_bin() {
        let curve = curve(&histogram([1, 10, 10, 1_000_000, 1_001_000, 5_000_000_000])).unwrap();
        assert_eq!(curve.bins.iter().map(|(_, count)| count).sum::<u64>(), 6);
        assert!(curve.bins.is_sorted_by(|a, b| a.0 < b.0), "{:?}", curve.bins);
        assert_eq!(curve.bins[..2], [(0, 1), (100, 2)]);
    }

    #[test]
    fn without_deliveries_there_is_no_curve() {
        assert!(curve(&histogram([])).is_none());
    }
}
