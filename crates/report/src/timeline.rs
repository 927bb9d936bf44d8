//! `timeline.csv`: a line for each second of each run.

use std::path::{Path, PathBuf};

use wirebench_measure::Second;
use wirebench_scenario::Run;

use crate::csv::{Table, read_values};
use crate::row::value_in;
use crate::{Column, ReadError, Role, SCHEMA_VERSION, Value, ValueType, WriteError};

/// A column of `timeline.csv`.
pub type SecondColumn = Column<fn(&SecondRecord<'_>) -> Value>;

/// What a line of `timeline.csv` is made from.
#[derive(Clone, Copy, Debug)]
pub struct SecondRecord<'a> {
    /// The run that the second is of.
    pub run: &'a Run,
    /// What happened in it.
    pub second: &'a Second,
}

/// What a value of `timeline.csv` is taken by.
type Extract = fn(&SecondRecord<'_>) -> Value;

const fn identity(kind: ValueType, name: &'static str, value: Extract) -> SecondColumn {
    Column::new(Role::Identity, kind, name, value)
}

const fn measured(kind: ValueType, name: &'static str, value: Extract) -> SecondColumn {
    Column::new(Role::Measured, kind, name, value)
}

/// The columns of `timeline.csv`, in the order of the file. New ones go at the end, and none ever
/// goes.
pub const TIMELINE_COLUMNS: &[SecondColumn] = &[
    identity(ValueType::Integer, "schema_version", |_| Value::Integer(SCHEMA_VERSION))
        .means("Version of this table's format."),
    identity(ValueType::Text, "run_id", |r| Value::words(&*r.run.id)).means("The run, as in runs.csv."),
    identity(ValueType::Text, "transport", |r| Value::words(r.run.transport.name()))
        .means("How the messages travelled."),
    identity(ValueType::Integer, "t_s", |r| Value::Integer(r.second.index)).unit("s").means(
        "From the opening of the measured window to the start of this second; the \
         drain follows the window.",
    ),
    measured(ValueType::Integer, "published", |r| Value::count(r.second.published))
        .means("Messages that were due in this second, by the server's count."),
    measured(ValueType::Integer, "received", |r| Value::Integer(r.second.seen.received))
        .higher_is_better()
        .means("Deliveries made in this second of messages due in the window."),
    measured(ValueType::Decimal, "delivery_p50_us", |r| delivery(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Median of those deliveries: from when a message was due to its last byte \
         read, before decoding.",
        ),
    measured(ValueType::Decimal, "delivery_p99_us", |r| delivery(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("99th percentile of those deliveries."),
    measured(ValueType::Decimal, "delivery_max_us", |r| Value::micros(r.second.seen.delivery.max()))
        .unit("µs")
        .lower_is_better()
        .means("The longest of those deliveries."),
    measured(ValueType::Integer, "requests", |r| Value::Integer(r.second.seen.requests))
        .lower_is_better()
        .means("HTTP requests sent in this second, as far as it lies in the window."),
    measured(ValueType::Integer, "empty_responses", |r| Value::Integer(r.second.seen.empty))
        .lower_is_better()
        .means(
            "Answers in this second that carried no message, as far as it lies in the \
         window.",
        ),
    measured(ValueType::Integer, "connections", |r| Value::Integer(r.second.connections))
        .means("TCP connections open at the end of this second."),
    measured(ValueType::Integer, "bytes_up", |r| Value::Integer(r.second.bytes_up))
        .unit("B")
        .lower_is_better()
        .means("Bytes from subscribers to server in this second."),
    measured(ValueType::Integer, "bytes_down", |r| Value::Integer(r.second.bytes_down))
        .unit("B")
        .lower_is_better()
        .means("Bytes from server to subscribers in this second."),
    measured(ValueType::Decimal, "server_cpu_ratio", |r| Value::computed(r.second.server_cpu_ratio()))
        .lower_is_better()
        .means(
            "Processor time of the server divided by the time that passed between its readings; 1 is one \
         core. Blank for a part of a second shorter than 100 ms.",
        ),
    measured(ValueType::Integer, "server_rss_bytes", |r| Value::count(r.second.server_rss_bytes))
        .unit("B")
        .lower_is_better()
        .means("Resident memory of the server at the end of this second."),
    measured(ValueType::Decimal, "loadgen_cpu_ratio", |r| Value::computed(r.second.loadgen_cpu_ratio()))
        .lower_is_better()
        .means(
            "Processor time of the load generator divided by the time that passed between its readings; 1 \
         is one core. Blank for a part of a second shorter than 100 ms.",
        ),
    measured(ValueType::Decimal, "loadgen_lag_p99_us", |r| {
        Value::micros(r.second.seen.lag.percentile(99.0))
    })
    .unit("µs")
    .lower_is_better()
    .means("99th percentile of how late the load generator's own event loop ran."),
    // Appended.
    measured(ValueType::Decimal, "length_s", |r| Value::seconds(r.second.length)).unit("s").means(
        "How long this second was: 1, except for the last one of the window and the last one of the \
         drain. Counts are those of this length.",
    ),
];

/// Every file of this schema version has at least so many of [`TIMELINE_COLUMNS`]; the others were
/// appended.
const FIRST_COLUMNS: usize = 18;

fn delivery(r: &SecondRecord<'_>, percentile: f64) -> Value {
    Value::micros(r.second.seen.delivery.percentile(percentile))
}

/// The values of one second of one run, aligned with [`TIMELINE_COLUMNS`].
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineRow {
    values: Vec<Value>,
}

impl TimelineRow {
    /// The row of a second that was measured.
    #[must_use]
    pub fn of(record: &SecondRecord<'_>) -> Self {
        Self { values: TIMELINE_COLUMNS.iter().map(|column| (column.value)(record)).collect() }
    }

    /// All values, in the order of [`TIMELINE_COLUMNS`].
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value in a column; `None` only when there is no column of that name.
    pub fn value(&self, column: &str) -> Option<&Value> {
        value_in(TIMELINE_COLUMNS, &self.values, column)
    }

    /// The number in a column; `None` when it is blank, not a number, or no such column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.value(column)?.number()
    }

    /// The words in a column; `None` when it is blank, not of words, or no such column.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.value(column)?.text()
    }
}

/// A `timeline.csv` that is being written.
#[derive(Debug)]
pub struct TimelineCsv(Table);

impl TimelineCsv {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// When the file is there already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        Table::create(path.into(), TIMELINE_COLUMNS).map(Self)
    }

    /// Adds a row and hands it to the system at once.
    pub fn append(&mut self, row: &TimelineRow) -> Result<(), WriteError> {
        self.0.append(row.values())
    }
}

/// Reads a `timeline.csv`, by the rules of [`read`](crate::read).
pub fn read_timeline(path: &Path) -> Result<Vec<TimelineRow>, ReadError> {
    read_values(path, TIMELINE_COLUMNS, FIRST_COLUMNS)
        .map(|lines| lines.into_iter().map(|values| TimelineRow { values }).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use insta::assert_snapshot;
    use tempfile::tempdir;
    use wirebench_measure::{CpuTime, Recorder};
    use wirebench_protocol::Timestamp;

    use super::*;
    use crate::testing::{measurement, run};

    fn cpu(used_micros: u64, passed_millis: u64) -> CpuTime {
        let elapsed = Duration::from_millis(passed_millis);
        CpuTime { used: Duration::from_micros(used_micros), elapsed }
    }

    fn seconds() -> [Second; 2] {
        let full = Second {
            index: 0,
            from: Timestamp::from_nanos(5_000_000_000),
            length: Duration::from_secs(1),
            published: Some(10),
            seen: measurement().seen,
            connections: 3,
            bytes_up: 8_190,
            bytes_down: 16_770,
            server_cpu: Some(cpu(1_540, 1_000)),
            server_rss_bytes: Some(7_864_320),
            loadgen_cpu: cpu(23_400, 1_000),
        };
        let quiet = Second {
            index: 1,
            length: Duration::from_millis(400),
            published: None,
            seen: Recorder::new(),
            server_cpu: None,
            server_rss_bytes: None,
            loadgen_cpu: cpu(9_360, 400),
            ..full.clone()
        };
        [full, quiet]
    }

    #[test]
    fn what_is_written_reads_back_the_same_and_looks_like_this() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("timeline.csv");
        let run = run();
        let rows =
            seconds().map(|second| TimelineRow::of(&SecondRecord { run: &run, second: &second }));
        let mut file = TimelineCsv::create(&path).unwrap();
        for row in &rows {
            file.append(row).unwrap();
        }
        assert_eq!(read_timeline(&path).unwrap(), rows);
        assert_snapshot!(fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn a_file_from_before_a_column_was_appended_reads_with_that_column_blank() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("timeline.csv");
        let names: Vec<&str> = TIMELINE_COLUMNS[..18].iter().map(|column| column.name).collect();
        assert_eq!(names.last(), Some(&"loadgen_lag_p99_us"));
        let header = names.join(",");
        fs::write(&path, format!("{header}\n1,sse-1,sse,0,10,30,,,,0,0,3,8190,16770,,,0.0234,\n"))
            .unwrap();
        let rows = read_timeline(&path).unwrap();
        assert_eq!(rows[0].number("received"), Some(30.0));
        assert_eq!(rows[0].value("length_s"), Some(&Value::Blank));
    }

    #[test]
    fn every_column_says_what_it_means() {
        for column in TIMELINE_COLUMNS {
            assert!(column.meaning.ends_with('.'), "{}", column.name);
        }
    }
}
