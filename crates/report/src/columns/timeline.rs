//! The columns of `timeline.csv`.

use wirebench_measure::Second;
use wirebench_scenario::Run;

use super::column::{Column, Role, SCHEMA_VERSION};
use crate::value::Value;
use crate::value::ValueType::{self, Decimal, Integer, Text};

/// A column of `timeline.csv`.
pub type SecondColumn = Column<fn(&SecondRecord<'_>) -> Value>;

/// What a line of `timeline.csv` is made from.
#[derive(Clone, Copy, Debug)]
pub struct SecondRecord<'a> {
    /// The run that the second belongs to.
    pub run: &'a Run,
    /// What happened in that second.
    pub second: &'a Second,
}

/// The type of the functions that take a value of `timeline.csv` from a record.
type ExtractFromSecond = fn(&SecondRecord<'_>) -> Value;

const fn identity(
    value_type: ValueType,
    name: &'static str,
    extract: ExtractFromSecond,
) -> SecondColumn {
    Column::new(Role::Identity, value_type, name, extract)
}

const fn measured(
    value_type: ValueType,
    name: &'static str,
    extract: ExtractFromSecond,
) -> SecondColumn {
    Column::new(Role::Measured, value_type, name, extract)
}

/// The columns of `timeline.csv`, in the order of the file. A new one goes at the end, and none is
/// ever removed.
pub const TIMELINE_COLUMNS: &[SecondColumn] = &[
    identity(Integer, "schema_version", |_| Value::Integer(SCHEMA_VERSION))
        .means("Version of this file's format."),
    identity(Text, "run_id", |r| Value::words(&*r.run.id)).means("The run, as in runs.csv."),
    identity(Text, "transport", |r| Value::words(r.run.transport.name()))
        .means("The transport that carried the messages."),
    identity(Integer, "t_s", |r| Value::Integer(r.second.index)).unit("s").means(
        "From the opening of the measured window to the start of this second; the \
         drain follows the window.",
    ),
    measured(Integer, "published", |r| Value::count(r.second.published))
        .means("Messages that were due in this second, by the server's count."),
    measured(Integer, "received", |r| Value::Integer(r.second.seen.received))
        .higher_is_better()
        .means("Deliveries made in this second of messages due in the window."),
    measured(Decimal, "delivery_p50_us", |r| delivery(r, 50.0)).unit("µs").lower_is_better().means(
        "Median of those deliveries: from when a message was due to its last byte \
         read, before decoding.",
    ),
    measured(Decimal, "delivery_p99_us", |r| delivery(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("99th percentile of those deliveries."),
    measured(Decimal, "delivery_max_us", |r| Value::micros(r.second.delivery().max()))
        .unit("µs")
        .lower_is_better()
        .means("The longest of those deliveries."),
    measured(Integer, "requests", |r| Value::Integer(r.second.seen.requests))
        .lower_is_better()
        .means("HTTP requests sent in this second, as far as it lies in the window."),
    measured(Integer, "empty_responses", |r| Value::Integer(r.second.seen.empty))
        .lower_is_better()
        .means(
            "Answers in this second that carried no message, as far as it lies in the \
         window.",
        ),
    measured(Integer, "connections", |r| Value::Integer(r.second.connections))
        .means("TCP connections open at the end of this second."),
    measured(Integer, "bytes_up", |r| Value::Integer(r.second.bytes_up))
        .unit("B")
        .lower_is_better()
        .means("Bytes from subscribers to server in this second."),
    measured(Integer, "bytes_down", |r| Value::Integer(r.second.bytes_down))
        .unit("B")
        .lower_is_better()
        .means("Bytes from server to subscribers in this second."),
    measured(Decimal, "server_cpu_ratio", |r| Value::computed(r.second.server_cpu_ratio()))
        .lower_is_better()
        .means(
            "Processor time of the server divided by the time that passed between its readings; 1 \
             is one core. Blank for a part of a second shorter than 100 ms.",
        ),
    measured(Integer, "server_rss_bytes", |r| Value::count(r.second.server_rss_bytes))
        .unit("B")
        .lower_is_better()
        .means("Resident memory of the server at the end of this second."),
    measured(Decimal, "loadgen_cpu_ratio", |r| Value::computed(r.second.loadgen_cpu_ratio()))
        .lower_is_better()
        .means(
            "Processor time of the load generator divided by the time that passed between its \
             readings; 1 is one core. Blank for a part of a second shorter than 100 ms.",
        ),
    measured(Decimal, "loadgen_lag_p99_us", |r| Value::micros(r.second.seen.lag.percentile(99.0)))
        .unit("µs")
        .lower_is_better()
        .means("99th percentile of how late the load generator's own event loop ran."),
    // Appended.
    measured(Decimal, "length_s", |r| Value::seconds(r.second.length)).unit("s").means(
        "How long this second was: 1, except for the last one of the window and the last one of \
         the drain. Counts are those of this length.",
    ),
];

/// Every file of this schema version has at least so many of [`TIMELINE_COLUMNS`]; the others were
/// appended.
pub(crate) const FIRST_TIMELINE_COLUMNS: usize = 18;

fn delivery(r: &SecondRecord<'_>, percentile: f64) -> Value {
    Value::micros(r.second.delivery().percentile(percentile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_says_what_it_means() {
        for column in TIMELINE_COLUMNS {
            assert!(column.meaning.ends_with('.'), "{}", column.name);
        }
    }
}
