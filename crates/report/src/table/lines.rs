//! The lines of a table: runs of one transport at one setting, and what stands for them.

use std::cmp::Ordering;

use wirebench_protocol::Transport;

use super::{ABSENT, Shown, Summary};
use crate::{COLUMNS, Role, Row, RunColumn, Value};

/// Settings of one transport alone: runs that differ in them are still compared with the others.
pub(super) const OWN: [&str; 2] = ["poll_interval_us", "hold_us"];

/// The settings that are not the same in all rows.
pub(crate) struct Settings {
    /// Of all transports: the values of a column are compared where these agree.
    pub(crate) shared: Vec<&'static RunColumn>,
    pub(crate) own: Vec<&'static RunColumn>,
}

impl Settings {
    pub(crate) fn varying(rows: &[Row]) -> Self {
        let (own, shared) = COLUMNS
            .iter()
            .filter(|column| column.part == Role::Setting || column.name == "scenario")
            .filter(|column| column.name != "transport" && varies(rows, column))
            .partition(|column| OWN.contains(&column.name));
        Self { shared, own }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'static RunColumn> + '_ {
        self.shared.iter().chain(&self.own).copied()
    }
}

fn varies(rows: &[Row], column: &RunColumn) -> bool {
    let own = OWN.contains(&column.name);
    let mut values = rows
        .iter()
        .map(|row| setting(row, column))
        // Blank on the transports that have no such setting.
        .filter(|value| !(own && *value == Value::Blank));
    let first = values.next();
    values.any(|value| Some(&value) != first.as_ref())
}

/// The value of a setting; the size of replayed payloads was measured and is none.
fn setting(row: &Row, column: &RunColumn) -> Value {
    if column.name == "payload_bytes" && row.text("payload_source").is_some() {
        return Value::Blank;
    }
    row.value(column.name).cloned().unwrap_or(Value::Blank)
}

/// All runs of one transport at one setting.
pub(crate) struct Line<'a> {
    pub(crate) shared: Vec<Value>,
    pub(crate) own: Vec<Value>,
    pub(crate) transport: &'a str,
    /// Those that count: the valid ones, or all where none is valid.
    pub(crate) runs: Vec<&'a Row>,
    /// Those that do not.
    pub(crate) invalid: Vec<&'a Row>,
}

impl Line<'_> {
    pub(crate) fn is_usable(&self) -> bool {
        self.runs.iter().all(|row| row.is_valid())
    }

    /// Whether it may be called best, in the table, the page, Markdown and JSON alike.
    pub(crate) fn may_be_best(&self) -> bool {
        self.is_usable() && !self.is_disturbed()
    }

    /// Returns true if a run that counts was disturbed: the line then cannot be called best.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.runs.iter().any(|row| row.disturbance().is_some())
    }

    fn order(&self, other: &Self) -> Ordering {
        order(&self.shared, &other.shared)
            .then_with(|| place(self.transport).cmp(&place(other.transport)))
            .then_with(|| self.transport.cmp(other.transport))
            .then_with(|| order(&self.own, &other.own))
    }

    /// What stands in a column: the number it is compared by, and its text.
    pub(crate) fn cell(&self, shown: &Shown) -> Option<(f64, String)> {
        let values = |rows: &[&Row]| -> Vec<f64> {
            let mut values: Vec<f64> = rows
                .iter()
                .filter_map(|row| row.number(shown.column))
                .map(|number| number / shown.divisor)
                .collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let runs = values(&self.runs);
        match shown.take {
            Summary::Median => median(&runs).map(|number| (number, significant(number))),
            Summary::MedianCount => median(&runs).map(|number| (number, format!("{number:.0}"))),
            Summary::Highest => runs.last().map(|number| (*number, significant(*number))),
            Summary::HighestCount => {
                let invalid = values(&self.invalid);
                let highest = runs.last().into_iter().chain(invalid.last()).copied();
                highest.max_by(f64::total_cmp).map(|number| (number, format!("{number:.0}")))
            }
            Summary::LowestShare => {
                let invalid = values(&self.invalid);
                let lowest = runs.first().into_iter().chain(invalid.first()).copied();
                lowest.min_by(f64::total_cmp).map(|number| (number, share(number)))
            }
            Summary::Range if runs.len() < 2 => None,
            Summary::Range => {
                let (low, high) = (runs.first()?, runs.last()?);
                Some((high - low, format!("{}–{}", significant(*low), significant(*high))))
            }
        }
    }
}

/// The lines of the tables: by setting, then by transport.
pub(crate) fn lines<'a>(rows: &'a [Row], settings: &Settings) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for row in rows {
        let values = |columns: &[&RunColumn]| -> Vec<Value> {
            columns.iter().map(|column| setting(row, column)).collect()
        };
        let (shared, own) = (values(&settings.shared), values(&settings.own));
        let transport = row.text("transport").unwrap_or(ABSENT);
        let at = lines.iter().position(|line| {
            line.transport == transport && line.shared == shared && line.own == own
        });
        if let Some(at) = at {
            lines[at].runs.push(row);
        } else {
            let (runs, invalid) = (vec![row], Vec::new());
            lines.push(Line { shared, own, transport, runs, invalid });
        }
    }
    for line in &mut lines {
        if line.runs.iter().any(|row| row.is_valid()) {
            (line.runs, line.invalid) = line.runs.iter().copied().partition(|row| row.is_valid());
        }
    }
    lines.sort_by(Line::order);
    lines
}

fn place(transport: &str) -> usize {
    Transport::ALL
        .iter()
        .position(|known| known.name() == transport)
        .unwrap_or(Transport::ALL.len())
}

fn order(left: &[Value], right: &[Value]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => left.to_string().cmp(&right.to_string()),
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Of values in order; between the two in the middle where there are two.
fn median(values: &[f64]) -> Option<f64> {
    let upper = values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(*upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, *upper))
}

/// A percentage to two places, rounded down: 100 is all.
fn share(percent: f64) -> String {
    let hundredths = (percent * 100.0 + 1e-6).floor() / 100.0;
    format!("{hundredths:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Three significant digits, and all digits before the dot: `0.0123`, `26.2`, `1340`.
fn significant(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    // Rounding first: 9.996 has one digit less behind the dot than it seems.
    let rounded = format!("{number:.2e}");
    let exponent: i32 =
        rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let places = usize::try_from(2 - exponent).unwrap_or(0);
    format!("{number:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_share_that_is_not_all_is_never_shown_as_all() {
        for (percent, text) in
            [(100.0, "100"), (99.999, "99.99"), (97.5, "97.5"), (0.0, "0"), (66.666_67, "66.66")]
        {
            assert_eq!(share(percent), text);
        }
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
