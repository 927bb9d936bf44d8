//! Groups runs by their transport and their settings.
//!
//! The tables, the comparison and the pages all use these groups.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

use wirebench_protocol::control::PayloadKind;
use wirebench_protocol::{HttpStack, ShortPollingMode, Transport};
use wirebench_scenario::FeedStore;

use crate::columns::{COLUMNS, Role, RunColumn};
use crate::numbers::ABSENT;
use crate::row::Row;
use crate::units::setting_in_words;
use crate::value::Value;

/// Settings that only some transports have. They are blank in the runs of the others, and runs that
/// differ in them are still compared with each other.
const OF_SOME_TRANSPORTS: [&str; 6] = [
    "poll_interval_us",
    "hold_us",
    "socket_io_mode",
    "poll_cursor",
    "push_timer_us",
    "short_polling_mode",
];

/// The setting of all transports that is blank over HTTP/2, where there is no choice. Its blank is no
/// value that another could differ from: the version of HTTP tells such runs from the others.
const OF_HTTP_1: &str = "http_stack";

/// The settings that are not the same in all rows.
#[derive(Debug)]
pub(crate) struct VaryingSettings {
    /// Settings of all transports. Transports are compared where these agree.
    pub(crate) shared: Vec<&'static RunColumn>,
    /// Settings of some transports.
    pub(crate) own: Vec<&'static RunColumn>,
}

/// All runs of one transport at one setting.
#[derive(Debug)]
pub(crate) struct RunGroup<'a> {
    /// The name of the transport, as in the file.
    pub(crate) transport: &'a str,
    /// The values of [`VaryingSettings::shared`].
    pub(crate) shared: Vec<Value>,
    /// The values of [`VaryingSettings::own`].
    pub(crate) own: Vec<Value>,
    /// The places of its runs among the rows that were grouped.
    pub(crate) runs: Vec<usize>,
}

/// A transport and the settings that tell its runs from the others.
#[derive(Clone, Debug)]
pub struct TransportSetting {
    /// The name of the transport.
    pub transport: String,
    /// The settings that vary, in the order of [`COLUMNS`]. Blank ones are left out.
    pub values: Vec<(&'static RunColumn, Value)>,
}

impl VaryingSettings {
    /// Returns the settings that vary among `rows`.
    pub(crate) fn of<R: Borrow<Row>>(rows: &[R]) -> Self {
        Self::among(COLUMNS.iter().filter(|column| is_setting(column)), rows)
    }

    /// Returns those of `columns` that vary among `rows`.
    pub(crate) fn among<R: Borrow<Row>>(
        columns: impl Iterator<Item = &'static RunColumn>,
        rows: &[R],
    ) -> Self {
        let (own, shared) = columns
            .filter(|column| column.name != "transport" && varies(rows, column))
            .partition(|column| is_of_some_transports(column));
        Self { shared, own }
    }

    /// Groups the rows, in the order in which each group first occurs.
    pub(crate) fn groups<'a, R: Borrow<Row>>(&self, rows: &'a [R]) -> Vec<RunGroup<'a>> {
        let mut groups: Vec<RunGroup<'a>> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let row: &Row = row.borrow();
            let values = |columns: &[&RunColumn]| -> Vec<Value> {
                columns.iter().map(|column| setting(row, column)).collect()
            };
            let (shared, own) = (values(&self.shared), values(&self.own));
            let transport = row.text("transport").unwrap_or(ABSENT);
            let found = groups.iter_mut().find(|group| {
                group.transport == transport && group.shared == shared && group.own == own
            });
            match found {
                Some(group) => group.runs.push(at),
                None => groups.push(RunGroup { transport, shared, own, runs: vec![at] }),
            }
        }
        groups
    }
}

impl RunGroup<'_> {
    /// Orders groups by their shared settings, then by transport, then by the transport's own
    /// settings.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        compare_values(&self.shared, &other.shared)
            .then_with(|| position(self.transport).cmp(&position(other.transport)))
            .then_with(|| self.transport.cmp(other.transport))
            .then_with(|| compare_values(&self.own, &other.own))
    }

    /// Returns what tells this group from the others that `settings` made.
    pub(crate) fn setting(&self, settings: &VaryingSettings) -> TransportSetting {
        let columns = settings.shared.iter().chain(&settings.own).copied();
        let values = columns.zip(self.shared.iter().chain(&self.own).cloned());
        let mut values: Vec<_> = values.filter(|(_, value)| *value != Value::Blank).collect();
        values.sort_by_key(|(column, _)| COLUMNS.iter().position(|it| it.name == column.name));
        TransportSetting { transport: self.transport.to_owned(), values }
    }
}

/// As in a heading: `short-polling, subscribers 1000, poll interval 250 ms`.
impl fmt::Display for TransportSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transport)?;
        for (column, value) in &self.values {
            write!(f, ", {}", setting_in_words(column, value))?;
        }
        Ok(())
    }
}

/// Returns the place of a transport in the order in which transports are always listed. Unknown
/// names, from files of a newer version, come last.
pub(crate) fn position(transport: &str) -> usize {
    transport.parse().map_or(Transport::COUNT, |transport: Transport| transport as usize)
}

/// Returns true if two rows agree in every setting that all transports have.
pub(crate) fn agree_in_shared_settings(left: &Row, right: &Row) -> bool {
    COLUMNS
        .iter()
        .filter(|column| column.role == Role::Setting && column.name != "transport")
        .filter(|column| !is_of_some_transports(column))
        .all(|column| setting(left, column) == setting(right, column))
}

/// Returns the value of a setting. The size of replayed payloads is measured, so it is not a
/// setting.
fn setting(row: &Row, column: &RunColumn) -> Value {
    if column.name == "payload_bytes" && row.text("payload_source").is_some() {
        return Value::Blank;
    }
    match row.value(column.name) {
        None | Some(Value::Blank) => before_it_was_recorded(row, column.name),
        Some(value) => value.clone(),
    }
}

/// The settings that had only one value before there was a column for it.
pub(crate) const ONCE_FIXED: [&str; 5] =
    ["payload_kind", "store", "short_polling_mode", OF_HTTP_1, "servers"];

/// Returns the value of a setting before there was a column for it, if it was one of
/// [`ONCE_FIXED`]: payloads were JSON, feeds in memory, short polls had a cursor, there was one server,
/// and it spoke HTTP/1.1 in its own way, whatever that was. Blank for other settings.
fn before_it_was_recorded(row: &Row, name: &str) -> Value {
    let polls = || row.number("poll_interval_us").is_some();
    match name {
        "payload_kind" => Value::words(PayloadKind::Json.name()),
        "servers" => Value::Integer(1),
        "store" => Value::words(FeedStore::Memory.name()),
        "short_polling_mode" if polls() => Value::words(ShortPollingMode::default().name()),
        OF_HTTP_1 if row.number("http_version") == Some(1.0) => {
            Value::words(HttpStack::default().name())
        }
        _ => Value::Blank,
    }
}

fn is_setting(column: &RunColumn) -> bool {
    column.role == Role::Setting || column.name == "scenario"
}

pub(crate) fn is_of_some_transports(column: &RunColumn) -> bool {
    OF_SOME_TRANSPORTS.contains(&column.name)
}

fn varies<R: Borrow<Row>>(rows: &[R], column: &RunColumn) -> bool {
    let ignores_blank = is_of_some_transports(column) || column.name == OF_HTTP_1;
    let mut values = rows
        .iter()
        .map(|row| setting(row.borrow(), column))
        .filter(|value| !(ignores_blank && *value == Value::Blank));
    let first = values.next();
    values.any(|value| Some(&value) != first.as_ref())
}

fn compare_values(left: &[Value], right: &[Value]) -> Ordering {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_in_the_order_of_the_list_and_unknown_names_come_last() {
        for (at, transport) in Transport::ALL.iter().enumerate() {
            assert_eq!(position(transport.name()), at);
        }
        assert_eq!(position("carrier-pigeon"), Transport::COUNT);
    }

    #[test]
    fn the_settings_of_some_transports_are_settings() {
        for name in OF_SOME_TRANSPORTS.into_iter().chain(ONCE_FIXED) {
            assert!(
                COLUMNS.iter().any(|column| column.name == name && is_setting(column)),
                "{name}"
            );
        }
    }
}
