//! Numbers as people read them: milliseconds, three significant digits, signs.

use std::fmt;

use super::pairs::Setting;
use crate::{RunColumn, Value};

/// What is not there. Never a 0.
pub(crate) const ABSENT: &str = "–";

/// How the values of a column are shown: its name without the unit, the unit, and what a value is
/// divided by to be in it.
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    divisor: f64,
}

impl Shown {
    pub(crate) fn of(column: &RunColumn) -> Self {
        // Costs of one message stay in microseconds: they are a few of them.
        let (ending, unit, divisor) = match (column.name, column.unit) {
            ("server_cpu_us_per_message", _) => ("", "µs", 1.0),
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

    /// A value, without its unit.
    pub(crate) fn number(&self, value: f64) -> String {
        significant(value / self.divisor)
    }

    /// A change, with its sign.
    pub(crate) fn signed(&self, change: f64) -> String {
        signed(&significant((change / self.divisor).abs()), change)
    }
}

/// A relative change in percent, with its sign: `+1.4 %`, `−20 %`.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = (ratio * 100.0).abs();
    let text = if percent < 9.95 { format!("{percent:.1}") } else { format!("{percent:.0}") };
    signed(&text, ratio) + " %"
}

/// What rounds to nothing has no sign.
fn signed(text: &str, number: f64) -> String {
    let nothing = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = match number {
        _ if nothing => "",
        number if number < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{text}")
}

/// Three significant digits, and all digits before the dot: `0.0123`, `26.2`, `1340`. Whole numbers
/// stay whole.
pub(crate) fn significant(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    // Rounding first: 9.996 has one digit less behind the dot than it seems.
    let rounded = format!("{number:.2e}");
    let exponent: i32 =
        rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let places = usize::try_from(2 - exponent).unwrap_or(0);
    format!("{number:.places$}")
}

/// As it is called in a heading: `short-polling, subscribers 1000, poll interval 250 ms`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transport)?;
        for (column, value) in &self.values {
            let Shown { name, unit, divisor } = Shown::of(column);
            match value {
                Value::Decimal(number) => write!(f, ", {name} {}", number / divisor)?,
                other => write!(f, ", {name} {other}")?,
            }
            if !unit.is_empty() {
                write!(f, " {unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::COLUMNS;

    #[test]
    fn a_change_has_a_sign_unless_it_rounds_to_nothing() {
        for (ratio, text) in [
            (0.204, "+20 %"),
            (-0.204, "−20 %"),
            (0.014_4, "+1.4 %"),
            (0.099_6, "+10 %"),
            (-0.000_4, "0.0 %"),
            (0.0, "0.0 %"),
            (11.0, "+1100 %"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }

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
            let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
            let units = Shown::of(column);
            assert_eq!(format!("{} {} {}", units.name, units.number(value), units.unit), shown);
        }
    }
}
