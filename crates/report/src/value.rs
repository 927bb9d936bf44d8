//! One field of a table: how a value is written and read back.

use std::fmt;
use std::time::Duration;

use crate::ValueType;

/// One value. `Display` writes it as it stands in a CSV file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not measured, or no such thing here. Written as nothing, never as 0.
    Blank,
    /// Words; never empty, which would read as blank.
    Text(String),
    /// A count.
    Integer(u64),
    /// A finite number; with a dot, without exponent or needless zeros: `26170`, `26.5`.
    Decimal(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Value {
    /// Words, or blank when there are none.
    pub(crate) fn words(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Blank } else { Self::Text(text) }
    }

    /// A number as it is; blank when it is none.
    pub(crate) fn exact(number: f64) -> Self {
        if number.is_finite() { Self::Decimal(number) } else { Self::Blank }
    }

    /// A number computed from others, to six places: what lies behind them is rounding, not
    /// measure.
    pub(crate) fn computed(number: impl Into<Option<f64>>) -> Self {
        number.into().map_or(Self::Blank, |number| Self::exact((number * 1e6).round() / 1e6))
    }

    /// A duration in microseconds, exact to the nanosecond: at most three places.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
    pub(crate) fn micros(duration: impl Into<Option<Duration>>) -> Self {
        duration
            .into()
            .map_or(Self::Blank, |duration| Self::exact(duration.as_nanos() as f64 / 1e3))
    }

    /// A duration in seconds, to the microsecond.
    pub(crate) fn seconds(duration: impl Into<Option<Duration>>) -> Self {
        Self::computed(duration.into().map(|duration| duration.as_secs_f64()))
    }

    /// A count, or blank.
    pub(crate) fn count(count: impl Into<Option<u64>>) -> Self {
        count.into().map_or(Self::Blank, Self::Integer)
    }

    /// Reads back what `Display` wrote in a column of this kind; `None` when it is not of the kind.
    pub(crate) fn parse(text: &str, kind: ValueType) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Blank);
        }
        match kind {
            ValueType::Text => Some(Self::Text(text.to_owned())),
            ValueType::Integer => text.parse().ok().map(Self::Integer),
            ValueType::Decimal => {
                text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Decimal)
            }
            ValueType::Boolean => text.parse().ok().map(Self::Boolean),
        }
    }

    /// The number, if it is one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts stay below 2^53; a seed only identifies"
    )]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(count) => Some(*count as f64),
            Self::Decimal(number) => Some(*number),
            Self::Blank | Self::Text(_) | Self::Boolean(_) => None,
        }
    }

    /// The words, if it is words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Integer(count) => count.fmt(f),
            Self::Decimal(number) => number.fmt(f),
            Self::Boolean(flag) => flag.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, kind: ValueType, written: &str) {
        assert_eq!(value.to_string(), written);
        assert_eq!(Value::parse(written, kind).as_ref(), Some(value));
    }

    #[test]
    fn a_value_is_written_without_needless_digits_and_reads_back_the_same() {
        check(&Value::micros(Duration::from_micros(26_170)), ValueType::Decimal, "26170");
        check(&Value::micros(Duration::from_nanos(26_500)), ValueType::Decimal, "26.5");
        check(&Value::micros(Duration::from_nanos(1)), ValueType::Decimal, "0.001");
        check(
            &Value::micros(Duration::from_nanos(3_600_000_000_001)),
            ValueType::Decimal,
            "3600000000.001",
        );
        check(&Value::computed(1.0 / 3.0), ValueType::Decimal, "0.333333");
        check(&Value::exact(1e-7), ValueType::Decimal, "0.0000001");
        check(&Value::count(0), ValueType::Integer, "0");
        check(&Value::Integer(u64::MAX), ValueType::Integer, "18446744073709551615");
        check(&Value::Boolean(false), ValueType::Boolean, "false");
        check(&Value::words("a, \"b\""), ValueType::Text, "a, \"b\"");
    }

    #[test]
    fn what_is_not_there_is_blank_and_not_zero() {
        check(&Value::micros(None), ValueType::Decimal, "");
        check(&Value::count(None), ValueType::Integer, "");
        check(&Value::words(""), ValueType::Text, "");
        check(&Value::computed(f64::NAN), ValueType::Decimal, "");
        check(&Value::computed(f64::INFINITY), ValueType::Decimal, "");
    }

    #[test]
    fn what_is_not_of_the_kind_is_refused() {
        for (text, kind) in [
            ("1.5", ValueType::Integer),
            ("-1", ValueType::Integer),
            ("ten", ValueType::Decimal),
            ("inf", ValueType::Decimal),
            ("NaN", ValueType::Decimal),
            ("1", ValueType::Boolean),
        ] {
            assert_eq!(Value::parse(text, kind), None, "`{text}` as {kind}");
        }
    }
}
