//! A line of small bars.

use std::time::Duration;

/// From the lowest bar to the highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The least and the greatest of some delays, on a logarithmic scale. Several lines that share one
/// can be compared with each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    lowest: f64,
    highest: f64,
}

impl Scale {
    /// Returns the scale that has room for all of these, and is at least a factor of two wide: small
    /// differences should look small. `None` if there are none.
    pub(super) fn of(values: impl Iterator<Item = Duration>) -> Option<Self> {
        let logarithms = values.map(logarithm);
        let (lowest, highest) = logarithms
            .fold((f64::MAX, f64::MIN), |(lowest, highest), it| (lowest.min(it), highest.max(it)));
        (lowest <= highest).then(|| Self { lowest, highest: highest.max(lowest + 1.0) })
    }

    /// Returns a bar for each value, and a space where there is none.
    pub(super) fn line(self, values: impl Iterator<Item = Option<Duration>>) -> String {
        values.map(|value| value.map_or(' ', |value| self.bar(value))).collect()
    }

    fn bar(self, value: Duration) -> char {
        let share = (logarithm(value) - self.lowest) / (self.highest - self.lowest);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
        let bar = (share.clamp(0.0, 1.0) * 7.0).round() as usize;
        BARS[bar.min(BARS.len() - 1)]
    }
}

/// A delay of less than a microsecond is drawn as one: the clocks are not better.
fn logarithm(value: Duration) -> f64 {
    value.max(Duration::from_micros(1)).as_secs_f64().log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[Option<u64>]) -> String {
        let values = || values.iter().map(|value| value.map(Duration::from_millis));
        Scale::of(values().flatten()).unwrap().line(values())
    }

    #[test]
    fn each_bar_is_as_high_as_the_logarithm_of_its_value() {
        assert_eq!(line(&[Some(1), Some(2), Some(4), None, Some(128)]), "▁▂▃ █");
    }

    #[test]
    fn a_small_difference_looks_small_and_equal_values_are_low() {
        assert_eq!(line(&[Some(100), Some(110)]), "▁▂");
        assert_eq!(line(&[Some(5), Some(5)]), "▁▁");
        assert_eq!(line(&[Some(0), Some(1)]), "▁█");
    }

    #[test]
    fn nothing_has_no_scale() {
        assert!(Scale::of(std::iter::empty()).is_none());
    }
}
