//! The names and units in which columns are shown to people.

use crate::columns::RunColumn;
use crate::numbers::{ABSENT, signed, whole_or_significant};
use crate::value::Value;

/// How the values of a column are shown.
pub(crate) struct DisplayUnit {
    /// The name of the column in words, without its unit.
    pub(crate) name: String,
    /// The unit in which values are shown.
    pub(crate) unit: &'static str,
    /// A value is divided by this to be in that unit.
    divisor: f64,
}

impl DisplayUnit {
    pub(crate) fn of(column: &RunColumn) -> Self {
        // The cost of one message, or of one write, stays in microseconds: it is only a few of them.
        let (ending, unit, divisor) = match (column.name, column.unit) {
            ("server_cpu_us_per_message", _) => ("", "µs", 1.0),
            ("server_cpu_floor_us", _) => ("_us", "µs", 1.0),
            ("server_rss_per_subscriber_bytes", _) => ("_bytes", "KiB", 1_024.0),
            (_, "µs") => ("_us", "ms", 1e3),
            (_, "s") => ("_s", "s", 1.0),
            (_, "B") => ("_bytes", "B", 1.0),
            (_, "1/s") => ("_per_s", "/s", 1.0),
            (_, unit) => ("", unit, 1.0),
        };
        let name = column.name.strip_suffix(ending).unwrap_or(column.name).replace("_us_", "_");
        Self { name: name.replace('_', " "), unit, divisor }
    }

    /// Writes a measured value, without its unit.
    pub(crate) fn number(&self, value: f64) -> String {
        whole_or_significant(value / self.divisor)
    }

    /// Writes a change of a measured value, with its sign.
    pub(crate) fn signed(&self, change: f64) -> String {
        signed(&whole_or_significant((change / self.divisor).abs()), change)
    }

    /// Writes the value of a setting with all its digits, without its unit.
    pub(crate) fn setting(&self, value: &Value) -> String {
        match value {
            Value::Blank => ABSENT.to_owned(),
            Value::Decimal(number) => (number / self.divisor).to_string(),
            Value::Text(_) | Value::Integer(_) | Value::Boolean(_) => value.to_string(),
        }
    }
}

/// Writes a setting with its name, value and unit: `poll interval 250 ms`.
pub(crate) fn setting_in_words(column: &RunColumn, value: &Value) -> String {
    let shown = DisplayUnit::of(column);
    format!("{} {} {}", shown.name, shown.setting(value), shown.unit).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::run_column;

    #[test]
    fn values_are_in_the_units_that_people_use() {
        for (name, value, shown) in [
            ("delivery_p99_us", 26_170.0, "delivery p99 26.2 ms"),
            ("delivery_p50_us", 26_000.0, "delivery p50 26 ms"),
            ("server_cpu_us_per_message", 1.544, "server cpu per message 1.54 µs"),
            ("server_rss_per_subscriber_bytes", 13_414.0, "server rss per subscriber 13.1 KiB"),
            ("requests", 30.0, "requests 30 "),
            ("bytes_per_message", 290.123, "bytes per message 290 B"),
        ] {
            let column = run_column(name).unwrap();
            let unit = DisplayUnit::of(column);
            assert_eq!(format!("{} {} {}", unit.name, unit.number(value), unit.unit), shown);
        }
    }
}
