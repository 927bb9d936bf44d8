//! One run as a row of `runs.csv`, whether just measured or read back.

use crate::{COLUMNS, Column, RunRecord, Value};

/// The values of one run, aligned with [`COLUMNS`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    values: Vec<Value>,
}

impl Row {
    /// The row of a run that was measured.
    #[must_use]
    pub fn of(record: &RunRecord<'_>) -> Self {
        Self { values: COLUMNS.iter().map(|column| (column.value)(record)).collect() }
    }

    /// The row of values that were read for each of [`COLUMNS`].
    pub(crate) fn of_values(values: Vec<Value>) -> Self {
        debug_assert_eq!(values.len(), COLUMNS.len());
        Self { values }
    }

    /// All values, in the order of [`COLUMNS`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value in a column; `None` only when there is no column of that name.
    pub fn value(&self, column: &str) -> Option<&Value> {
        value_in(COLUMNS, &self.values, column)
    }

    /// The number in a column; `None` when it is blank, not a number, or no such column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.value(column)?.number()
    }

    /// The words in a column; `None` when it is blank, not of words, or no such column.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.value(column)?.text()
    }

    /// Whether the run may be used. A row that does not say so may not.
    pub fn is_valid(&self) -> bool {
        self.value("valid") == Some(&Value::Boolean(true))
    }

    /// What took processor time from the run, for a run that was disturbed; `None` for one that was not, or
    /// is not known to have been.
    pub fn disturbance(&self) -> Option<&str> {
        (self.value("disturbed") == Some(&Value::Boolean(true)))
            .then(|| self.text("disturbed_reason").unwrap_or("no reason given"))
    }
}

pub(crate) fn value_in<'a, Extract>(
    columns: &[Column<Extract>],
    values: &'a [Value],
    name: &str,
) -> Option<&'a Value> {
    values.get(columns.iter().position(|column| column.name == name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{measurement, record, run};

    #[test]
    fn a_value_is_found_by_the_name_of_its_column() {
        let (run, measurement) = (run(), measurement());
        let row = Row::of(&record(&run, &measurement));
        assert_eq!(row.text("transport"), Some("long-polling"));
        assert_eq!(row.number("subscribers"), Some(3.0));
        assert_eq!(row.number("poll_interval_us"), None, "long polling has none");
        assert_eq!(row.number("transport"), None);
        assert_eq!(row.value("no_such_column"), None);
        assert!(row.is_valid());
    }
}
