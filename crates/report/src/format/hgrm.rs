//! `.hgrm`: the percentiles of one run as text, for HdrHistogram's plotters.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Values are recorded in nanoseconds and printed in milliseconds, as plots usually are.
const NANOS_PER_MILLI: f64 = 1e6;

/// The steps for each halving of the distance to 100 %, as in Java's
/// `outputPercentileDistribution`.
const STEPS: u32 = 5;

/// Returns the percentiles of a histogram of nanoseconds, in milliseconds.
///
/// The format is that of Java's `outputPercentileDistribution`, so that `plotFiles.html` and
/// similar tools can read it. An empty histogram has only its header and footer.
#[expect(clippy::cast_precision_loss, reason = "a value needs no more than 16 digits")]
pub fn hgrm(histogram: &Histogram<u64>) -> String {
    let millis = |nanos: u64| nanos as f64 / NANOS_PER_MILLI;
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS) {
        total += step.count_since_last_iteration();
        let value = millis(histogram.highest_equivalent(step.value_iterated_to()));
        let quantile = step.quantile_iterated_to();
        let _ = write!(text, "{value:12.3} {quantile:2.12} {total:10}");
        if quantile < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        histogram.mean() / NANOS_PER_MILLI,
        histogram.stdev() / NANOS_PER_MILLI
    );
    let _ = writeln!(
        text,
        "#[Max     = {:12.3}, Total count    = {:12}]",
        millis(histogram.max()),
        histogram.len()
    );
    let _ = writeln!(
        text,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        buckets(histogram),
        sub_buckets(histogram)
    );
    text
}

/// Returns how many values of the finest resolution one bucket holds: the next power of two that
/// keeps the significant digits.
fn sub_buckets(histogram: &Histogram<u64>) -> u64 {
    (2 * 10_u64.pow(u32::from(histogram.sigfig()))).next_power_of_two()
}

/// Returns how often the range of the first bucket doubles until the highest value is in it.
fn buckets(histogram: &Histogram<u64>) -> u32 {
    let first = u128::from(sub_buckets(histogram)) << histogram.low().max(1).ilog2();
    let high = u128::from(histogram.high());
    (1..=64).find(|buckets| first << (buckets - 1) > high).unwrap_or(64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;
    use wirebench_measure::Latency;

    use super::*;

    fn latency(millis: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        for millis in millis {
            latency.record(Duration::from_millis(millis));
        }
        latency
    }

    #[test]
    fn percentiles_look_as_java_prints_them() {
        assert_snapshot!(hgrm(latency(1..=100).histogram()));
    }

    #[test]
    fn the_header_and_the_footer_are_those_that_plotters_look_for() {
        let text = hgrm(latency(1..=100).histogram());
        let header: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header, ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
        let footer: Vec<&str> = text.lines().rev().take(3).collect();
        assert!(footer[2].starts_with("#[Mean    = "), "{}", footer[2]);
        assert!(footer[1].ends_with("Total count    =          100]"), "{}", footer[1]);
        assert!(footer[0].starts_with("#[Buckets = "), "{}", footer[0]);
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        let text = hgrm(latency([]).histogram());
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2);
    }
}
