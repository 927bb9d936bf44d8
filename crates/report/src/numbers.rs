//! Numbers as people read them: medians, significant digits, signs.

/// Stands for a value that is missing. Never a 0.
pub(crate) const ABSENT: &str = "–";

/// Returns the median: the mean of the two values in the middle if their number is even.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Writes a whole number with commas between its thousands: `20,000`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes three significant digits, and all digits before the dot: `0.0123`, `26.2`, `1340`.
pub(crate) fn significant(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    // Rounded first: 9.996 has one digit less behind the dot than it seems.
    let rounded = format!("{number:.2e}");
    let exponent: i32 =
        rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let places = usize::try_from(2 - exponent).unwrap_or(0);
    format!("{number:.places$}")
}

/// Writes whole numbers as they are, and others with three significant digits.
pub(crate) fn whole_or_significant(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}")
    } else {
        significant(number)
    }
}

/// Writes a percentage to two places, rounded down, so that only 100 reads as all.
pub(crate) fn share(percent: f64) -> String {
    let hundredths = (percent * 100.0 + 1e-6).floor() / 100.0;
    format!("{hundredths:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a ratio with three significant digits, at least two of them behind the dot up to 10:
/// `1.00`, `35.9`.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 9.995 { format!("{ratio:.2}") } else { significant(ratio) }
}

/// Writes a relative change in percent, with its sign: `+1.4 %`, `−20 %`.
pub(crate) fn signed_percent(ratio: f64) -> String {
    let percent = (ratio * 100.0).abs();
    let text = if percent < 9.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    signed(&text, ratio) + " %"
}

/// Puts the sign of `number` before the digits in `text`. What is rounded to 0 has no sign.
pub(crate) fn signed(text: &str, number: f64) -> String {
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = match number {
        _ if is_zero => "",
        number if number < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_by_commas() {
        let texts = [0, 999, 1_000, 20_000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "20,000", "1,234,567"]);
    }

    #[test]
    fn numbers_keep_three_significant_digits() {
        for (number, text) in [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (0.999_6, "1.00"),
            (9.996, "10.0"),
            (26.17, "26.2"),
            (99.96, "100"),
            (525.4, "525"),
            (1_340.2, "1340"),
        ] {
            assert_eq!(significant(number), text);
        }
    }

    #[test]
    fn whole_numbers_stay_whole() {
        for (number, text) in [(0.0, "0"), (26.0, "26"), (26.17, "26.2"), (13_414.0, "13414")] {
            assert_eq!(whole_or_significant(number), text);
        }
    }

    #[test]
    fn a_share_below_100_percent_is_never_shown_as_100() {
        for (percent, text) in
            [(100.0, "100"), (99.999, "99.99"), (97.5, "97.5"), (0.0, "0"), (66.666_67, "66.66")]
        {
            assert_eq!(share(percent), text);
        }
    }

    #[test]
    fn the_median_of_an_even_number_of_values_lies_between_the_two_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 9.0, 1.0, 2.0]), Some(3.0));
    }

    #[test]
    fn a_change_has_a_sign_unless_it_is_rounded_to_0() {
        for (ratio, text) in [
            (0.204, "+20 %"),
            (-0.204, "−20 %"),
            (0.014_4, "+1.4 %"),
            (0.099_6, "+10 %"),
            (-0.000_4, "0.0 %"),
            (0.0, "0.0 %"),
            (11.0, "+1100 %"),
        ] {
            assert_eq!(signed_percent(ratio), text);
        }
    }
}
