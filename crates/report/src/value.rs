//! One field of a CSV file: how a value is written and read back.

use std::fmt;
use std::time::Duration;

use serde_json::{Number, Value as Json};

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Words.
    Text,
    /// A count, from 0.
    Integer,
    /// A number, with a dot where it is not whole.
    Decimal,
    /// `true` or `false`.
    Boolean,
}

/// One value. `Display` writes it as it stands in a CSV file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not measured, or not applicable. Written as nothing, never as 0.
    Blank,
    /// Words. Never empty, because that would read as blank.
    Text(String),
    /// A count.
    Integer(u64),
    /// A finite number, written without exponent and without needless zeros: `26170`, `26.5`.
    Decimal(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Value {
    /// Returns words, or blank if `text` is empty.
    pub(crate) fn words(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Blank } else { Self::Text(text) }
    }

    /// Returns a number as it is, or blank if it is not finite.
    pub(crate) fn exact(number: f64) -> Self {
        if number.is_finite() { Self::Decimal(number) } else { Self::Blank }
    }

    /// Returns a number that was computed from others, to six places.
    pub(crate) fn computed(number: impl Into<Option<f64>>) -> Self {
        number.into().map_or(Self::Blank, |number| Self::exact(to_six_places(number)))
    }

    /// Returns a duration in microseconds, exact to the nanosecond: at most three places.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
    pub(crate) fn micros(duration: impl Into<Option<Duration>>) -> Self {
        duration
            .into()
            .map_or(Self::Blank, |duration| Self::exact(duration.as_nanos() as f64 / 1e3))
    }

    /// Returns a duration in seconds, to the microsecond.
    pub(crate) fn seconds(duration: impl Into<Option<Duration>>) -> Self {
        Self::computed(duration.into().map(|duration| duration.as_secs_f64()))
    }

    /// Returns a count, or blank for `None`.
    pub(crate) fn count(count: impl Into<Option<u64>>) -> Self {
        count.into().map_or(Self::Blank, Self::Integer)
    }

    /// Reads back what `Display` wrote in a column of this type; `None` if it is not of the type.
    pub(crate) fn parse(text: &str, value_type: ValueType) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Blank);
        }
        match value_type {
            ValueType::Text => Some(Self::Text(text.to_owned())),
            ValueType::Integer => text.parse().ok().map(Self::Integer),
            ValueType::Decimal => {
                text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Decimal)
            }
            ValueType::Boolean => text.parse().ok().map(Self::Boolean),
        }
    }

    /// Returns the number, if the value is one.
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

    /// Returns the words, if the value is words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Blank | Self::Integer(_) | Self::Decimal(_) | Self::Boolean(_) => None,
        }
    }

    /// Returns the value as JSON. Blank is `null`.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Blank => Json::Null,
            Self::Text(text) => Json::from(text.as_str()),
            Self::Integer(count) => Json::from(*count),
            Self::Decimal(number) => json_number(*number),
            Self::Boolean(flag) => Json::from(*flag),
        }
    }
}

/// Rounds to six places. What lies behind them is rounding, not measurement.
pub(crate) fn to_six_places(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// Returns a finite number without needless zeros, as in the CSV file: `26170`, not `26170.0`.
#[expect(clippy::cast_possible_truncation, reason = "whole, and far below 2^63")]
pub(crate) fn json_number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "words",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Boolean => "`true` or `false`",
        })
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

    fn check(value: &Value, value_type: ValueType, written: &str) {
        assert_eq!(value.to_string(), written);
        assert_eq!(Value::parse(written, value_type).as_ref(), Some(value));
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
    fn a_missing_value_is_blank_and_not_zero() {
        check(&Value::micros(None), ValueType::Decimal, "");
        check(&Value::count(None), ValueType::Integer, "");
        check(&Value::words(""), ValueType::Text, "");
        check(&Value::computed(f64::NAN), ValueType::Decimal, "");
        check(&Value::computed(f64::INFINITY), ValueType::Decimal, "");
    }

    #[test]
    fn text_of_another_type_is_refused() {
        for (text, value_type) in [
            ("1.5", ValueType::Integer),
            ("-1", ValueType::Integer),
            ("ten", ValueType::Decimal),
            ("inf", ValueType::Decimal),
            ("NaN", ValueType::Decimal),
            ("1", ValueType::Boolean),
        ] {
            assert_eq!(Value::parse(text, value_type), None, "`{text}` as {value_type}");
        }
    }
}
