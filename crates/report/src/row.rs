//! The rows of the CSV files, whether just measured or read back.

use wirebench_protocol::{Delivery, SocketIoMode, Transport};

use crate::columns::{AGENT_COLUMNS, COLUMNS, Column, RunRecord, SecondRecord, TIMELINE_COLUMNS};
use crate::value::Value;

/// Stands for a reason where an old file has none.
const NO_REASON: &str = "no reason given";

/// The values of one run, aligned with [`COLUMNS`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    values: Vec<Value>,
}

impl Row {
    /// Returns the row of a run that was measured.
    #[must_use]
    pub fn of(record: &RunRecord<'_>) -> Self {
        Self { values: COLUMNS.iter().map(|column| (column.extract)(record)).collect() }
    }

    /// Returns the row of values that were read for each of [`COLUMNS`].
    pub(crate) fn of_values(values: Vec<Value>) -> Self {
        debug_assert_eq!(values.len(), COLUMNS.len());
        Self { values }
    }

    /// Returns all values, in the order of [`COLUMNS`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the value in a column; `None` only if there is no column of that name.
    pub fn value(&self, column: &str) -> Option<&Value> {
        value_in(COLUMNS, &self.values, column)
    }

    /// Returns the number in a column; `None` if it is blank, not a number, or if there is no such
    /// column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.value(column)?.number()
    }

    /// Returns the words in a column; `None` if it is blank, not words, or if there is no such
    /// column.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.value(column)?.text()
    }

    /// Returns the transport; `None` for one of a newer version.
    pub fn transport(&self) -> Option<Transport> {
        self.text("transport")?.parse().ok()
    }

    /// Returns what carried the session; `None` unless the transport is Socket.IO.
    pub fn socket_io_mode(&self) -> Option<SocketIoMode> {
        self.text("socket_io_mode")?.parse().ok()
    }

    /// Returns how messages reached the subscribers; `None` if the transport is unknown.
    pub fn delivery(&self) -> Option<Delivery> {
        Some(self.transport()?.delivery_in(self.socket_io_mode()))
    }

    /// Returns true if the subscribers polled without a cursor: they lost messages and were not
    /// told, and the run measures that.
    pub fn forgets_its_cursor(&self) -> bool {
        self.value("poll_cursor") == Some(&Value::Boolean(false))
    }

    /// Returns false if the clocks of the run's hosts disagree by more than its fastest delivery took.
    /// Then its histogram has delays that mean nothing, and lacks those that came out negative.
    pub(crate) fn clocks_tell_delivery(&self) -> bool {
        self.number("clock_bound_ms").is_none() || self.number("delivery_min_us").is_some()
    }

    /// Returns true if the run may be used. A row that does not say so may not.
    pub fn is_valid(&self) -> bool {
        self.value("valid") == Some(&Value::Boolean(true))
    }

    /// Returns why a run that is not valid must not be used.
    pub fn invalid_reason(&self) -> &str {
        self.text("invalid_reason").unwrap_or(NO_REASON)
    }

    /// Returns what took processor time from the run, if it was disturbed. `None` if it was not, or
    /// if that is not known.
    pub fn disturbance(&self) -> Option<&str> {
        (self.value("disturbed") == Some(&Value::Boolean(true)))
            .then(|| self.text("disturbed_reason").unwrap_or(NO_REASON))
    }
}

/// The values of one second of one run, aligned with [`TIMELINE_COLUMNS`].
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineRow {
    values: Vec<Value>,
}

impl TimelineRow {
    /// Returns the row of a second that was measured.
    #[must_use]
    pub fn of(record: &SecondRecord<'_>) -> Self {
        Self { values: TIMELINE_COLUMNS.iter().map(|column| (column.extract)(record)).collect() }
    }

    /// Returns the row of values that were read for each of [`TIMELINE_COLUMNS`].
    pub(crate) fn of_values(values: Vec<Value>) -> Self {
        debug_assert_eq!(values.len(), TIMELINE_COLUMNS.len());
        Self { values }
    }

    /// Returns all values, in the order of [`TIMELINE_COLUMNS`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the value in a column; `None` only if there is no column of that name.
    pub fn value(&self, column: &str) -> Option<&Value> {
        value_in(TIMELINE_COLUMNS, &self.values, column)
    }

    /// Returns the number in a column; `None` if it is blank, not a number, or if there is no such
    /// column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.value(column)?.number()
    }

    /// Returns the words in a column; `None` if it is blank, not words, or if there is no such
    /// column.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.value(column)?.text()
    }
}

/// The values of one agent in one run, aligned with [`AGENT_COLUMNS`].
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRow {
    values: Vec<Value>,
}

impl AgentRow {
    /// Returns the row of values that were read for each of [`AGENT_COLUMNS`].
    pub(crate) fn of_values(values: Vec<Value>) -> Self {
        debug_assert_eq!(values.len(), AGENT_COLUMNS.len());
        Self { values }
    }

    /// Returns all values, in the order of [`AGENT_COLUMNS`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

fn value_in<'a, Extract>(
    columns: &[Column<Extract>],
    values: &'a [Value],
    name: &str,
) -> Option<&'a Value> {
    values.get(columns.iter().position(|column| column.name == name)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wirebench_measure::Measurement;

    use super::*;
    use crate::testing::{measurement, record, run};

    #[test]
    fn a_histogram_below_the_bound_of_the_clocks_tells_nothing() {
        let clocks_tell = |clock_bound| {
            let measurement = Measurement { clock_bound, ..measurement() };
            Row::of(&record(&run(), &measurement)).clocks_tell_delivery()
        };
        assert!(clocks_tell(None) && clocks_tell(Some(Duration::from_millis(1))));
        assert!(!clocks_tell(Some(Duration::from_secs(1))));
    }

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
