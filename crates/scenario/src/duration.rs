//! Durations as people write them: `25ms`, `1.5s`, `1h30m`.

use std::fmt::Write as _;
use std::time::Duration;

/// The units, largest first, each with its length in nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Longer names that people write for a unit. Misspelt names are recognised by their similarity.
const NAMES: [(&str, &str); 15] = [
    ("hour", "h"),
    ("hours", "h"),
    ("min", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("sec", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("milliseconds", "ms"),
    ("µs", "us"),
    ("micros", "us"),
    ("microseconds", "us"),
    ("nanoseconds", "ns"),
];

/// Reads a duration such as `25ms`, `1.5s` or `1h30m`: numbers, each with its unit, the largest
/// unit first. Only the last number may have a fraction. Returns `None` for any other text, and for
/// fractions of a nanosecond. The longest duration is 2^64 − 1 ns, about 584 years; longer ones
/// become that.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total: u128 = 0;
    loop {
        let (number, after) = split_number(rest);
        let (name, next) =
            after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        // The search goes on behind the last unit, so that units come in falling order.
        let (_, nanos) = units.find(|(unit, _)| *unit == name)?;
        total = total.checked_add(scaled(number, *nanos)?)?;
        rest = next;
        if rest.is_empty() {
            return Some(Duration::from_nanos(u64::try_from(total).unwrap_or(u64::MAX)));
        }
        if number.contains('.') {
            return None;
        }
    }
}

/// Returns the shortest text that [`parse_duration`] reads as this duration: in one unit, or in
/// whole hours, minutes and seconds.
pub fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let whole = UNITS
        .iter()
        .filter(|(_, length)| nanos.is_multiple_of(*length))
        .map(|(unit, length)| format!("{}{unit}", nanos / length));
    let fractions = UNITS[2..5].iter().filter(|(_, length)| !nanos.is_multiple_of(*length)).map(
        |(unit, length)| {
            let digits = length.ilog10() as usize;
            let fraction = format!("{:0digits$}", nanos % length);
            format!("{}.{}{unit}", nanos / length, fraction.trim_end_matches('0'))
        },
    );
    // Of equally short texts the first wins: whole numbers, in the largest unit.
    whole.chain(fractions).chain(clock(nanos)).min_by_key(String::len).unwrap_or_default()
}

/// Returns what was probably meant by a text that is not a duration: `5 sconds` is `5s`.
pub(crate) fn nearest_duration(text: &str) -> Option<String> {
    let text = text.trim().replace(',', ".");
    let (number, written) = split_number(&text);
    let written = written.trim().to_lowercase();
    let short = UNITS.iter().map(|(unit, _)| (*unit, *unit));
    let (likeness, unit) = short
        .chain(NAMES)
        .map(|(name, unit)| (strsim::normalized_damerau_levenshtein(name, &written), unit))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let meant = format!("{number}{unit}");
    (likeness > 0.6 && parse_duration(&meant).is_some()).then_some(meant)
}

/// Splits a text behind the digits and points that it starts with.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

/// Returns `number` × `unit`, exactly. `None` if it is not a number or not a whole number of
/// nanoseconds.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let digits = u32::try_from(fraction.len()).ok()?;
    let one = 10_u128.checked_pow(digits)?;
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let parts = fraction.checked_mul(unit)?;
    if !parts.is_multiple_of(one) {
        return None;
    }
    whole.parse::<u128>().ok()?.checked_mul(unit)?.checked_add(parts / one)
}

/// Returns whole seconds as in `1h30m5s`. `None` below a second and for fractions of a second.
fn clock(nanos: u128) -> Option<String> {
    let mut rest = nanos;
    let mut text = String::new();
    for (unit, length) in &UNITS[..3] {
        if rest >= *length {
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    (rest == 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_one_or_more_numbers_each_with_its_unit() {
        let cases = [
            ("25ms", 25_000_000),
            ("2s", 2_000_000_000),
            ("1.5s", 1_500_000_000),
            ("0.0005s", 500_000),
            ("500us", 500_000),
            ("7ns", 7),
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1h0.5s", 3_600_500_000_000),
            ("99999999h", u64::MAX),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_duration_is_refused() {
        let wrong = [
            "",
            "s",
            "5",
            "5 s",
            " 5s",
            "5sconds",
            "-5s",
            "+5s",
            "5.s",
            ".5s",
            "1.2.3s",
            "1e3s",
            "30m1h",
            "1s1s",
            "1.5h30m",
            "0.5ns",
            "1.0000000001s",
            "5S",
            "5µs",
        ];
        for text in wrong {
            assert_eq!(parse_duration(text), None, "accepted `{text}`");
        }
    }

    #[test]
    fn a_duration_is_written_as_its_shortest_text() {
        for text in
            ["0s", "25ms", "2s", "1.5s", "0.5s", "50us", "5m", "90s", "90m", "2h1s", "1.5ms", "1us"]
        {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_likely_meaning_is_found() {
        let cases = [
            ("5 sconds", Some("5s")),
            ("5S", Some("5s")),
            ("1.5 min", Some("1.5m")),
            ("5µs", Some("5us")),
            ("1,5s", Some("1.5s")),
            ("soon", None),
            ("-5s", None),
            ("5", None),
        ];
        for (text, meant) in cases {
            assert_eq!(nearest_duration(text).as_deref(), meant, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_survives_its_text(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Some(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9.hmsun µ-]{0,12}") {
            let _ = (parse_duration(&text), nearest_duration(&text));
        }
    }
}
