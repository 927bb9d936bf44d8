//! The columns of `agents.csv`.

use wirebench_measure::{AgentMeasurement, ClockedLatency, DISTURBED_CPU_RATIO, Measurement};
use wirebench_scenario::Run;

use super::column::{Column, Role, SCHEMA_VERSION};
use crate::value::Value;
use crate::value::ValueType::{self, Decimal, Integer, Text};

/// A column of `agents.csv`.
pub type AgentColumn = Column<fn(&AgentRecord<'_>) -> Value>;

/// What a line of `agents.csv` is made from.
#[derive(Clone, Copy, Debug)]
pub struct AgentRecord<'a> {
    /// The run.
    pub run: &'a Run,
    /// What the whole run measured.
    pub measurement: &'a Measurement,
    /// What the agent measured.
    pub agent: &'a AgentMeasurement,
}

/// The type of the functions that take a value of `agents.csv` from a record.
type ExtractFromAgent = fn(&AgentRecord<'_>) -> Value;

const fn identity(
    value_type: ValueType,
    name: &'static str,
    extract: ExtractFromAgent,
) -> AgentColumn {
    Column::new(Role::Identity, value_type, name, extract)
}

const fn setting(
    value_type: ValueType,
    name: &'static str,
    extract: ExtractFromAgent,
) -> AgentColumn {
    Column::new(Role::Setting, value_type, name, extract)
}

const fn measured(
    value_type: ValueType,
    name: &'static str,
    extract: ExtractFromAgent,
) -> AgentColumn {
    Column::new(Role::Measured, value_type, name, extract)
}

/// Every file of this schema version has at least so many of [`AGENT_COLUMNS`]; the others were appended.
pub(crate) const FIRST_AGENT_COLUMNS: usize = 29;

/// The columns of `agents.csv`, in the order of the file. A new one goes at the end, and none is ever
/// removed.
pub const AGENT_COLUMNS: &[AgentColumn] = &[
    identity(Integer, "schema_version", |_| Value::Integer(SCHEMA_VERSION))
        .means("Version of this file's format."),
    identity(Text, "run_id", |r| Value::words(&*r.run.id)).means("The run, as in runs.csv."),
    identity(Text, "transport", |r| Value::words(r.run.transport.name()))
        .means("The transport that carried the messages."),
    identity(Text, "agent", |r| Value::words(&*r.agent.info.name)).means("The name of the agent."),
    setting(Text, "labels", |r| text(&r.agent.info.labels))
        .means("Its labels, `key=value`, separated by commas."),
    setting(Text, "host", |r| text(&r.agent.info.host)).means("The name of its machine."),
    setting(Text, "cpu", |r| r.agent.info.cpu.as_deref().map_or(Value::Blank, Value::words))
        .means("The processor of its machine."),
    setting(Integer, "cores", |r| Value::Integer(r.agent.info.cores as u64))
        .means("The cores that it may use."),
    setting(Integer, "workers", |r| Value::Integer(r.agent.loadgen.workers as u64))
        .means("Its worker threads."),
    setting(Integer, "subscribers", |r| Value::Integer(r.agent.info.subscribers))
        .means("The subscribers that it was given."),
    measured(Integer, "subscribed", |r| Value::Integer(r.agent.subscribed)).higher_is_better().means(
        "Those of them that were subscribed at the end of the run. 0 if the agent was lost.",
    ),
    measured(Integer, "received", |r| Value::Integer(r.agent.seen.received))
        .higher_is_better()
        .means("Deliveries made of messages due in the window."),
    measured(Integer, "duplicate", |r| Value::Integer(r.agent.seen.duplicate))
        .lower_is_better()
        .means("Repeats of messages of the window."),
    measured(Integer, "gap_missed", |r| Value::Integer(r.agent.seen.gap_missed))
        .lower_is_better()
        .means("Messages that announced gaps said were missed."),
    measured(Integer, "from_the_future", |r| Value::Integer(r.agent.seen.from_the_future))
        .lower_is_better()
        .means("Deliveries that arrived before they were due: the clocks differ."),
    measured(Decimal, "delivery_p50_us", |r| delivery(r, 50.0)).unit("µs").lower_is_better().means(
        "Median of its deliveries: from when a message was due to its last byte read, before \
         decoding. Blank below `clock_bound_us`.",
    ),
    measured(Decimal, "delivery_p99_us", |r| delivery(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("99th percentile of its deliveries. Blank below `clock_bound_us`."),
    measured(Decimal, "connect_p99_us", |r| {
        Value::micros(r.agent.seen.connect.percentile(99.0))
    })
    .unit("µs")
    .lower_is_better()
    .means("99th percentile of the time from dialling to the subscription."),
    measured(Integer, "reconnects", |r| Value::Integer(r.agent.traffic.reconnects))
        .means("Subscriptions that broke and were resumed, over the whole run."),
    measured(Integer, "connections_opened", |r| Value::Integer(r.agent.traffic.opened))
        .means("TCP connections opened, over the whole run."),
    measured(Integer, "bytes_up", |r| Value::Integer(r.agent.traffic.bytes_up))
        .unit("B")
        .lower_is_better()
        .means("Bytes from its subscribers to the server in the window."),
    measured(Integer, "bytes_down", |r| Value::Integer(r.agent.traffic.bytes_down))
        .unit("B")
        .lower_is_better()
        .means("Bytes from the server to its subscribers in the window."),
    measured(Decimal, "cpu_ratio", |r| {
        Value::computed(r.agent.cpu_ratio(r.measurement.duration))
    })
    .lower_is_better()
    .means("Share of its workers' time in which it was busy, 0 to 1. Above 0.85 the run is invalid."),
    measured(Decimal, "lag_p99_us", |r| Value::micros(r.agent.seen.lag.percentile(99.0)))
        .unit("µs")
        .lower_is_better()
        .means("99th percentile of how late its event loop ran."),
    measured(Integer, "rss_peak_bytes", |r| Value::count(r.agent.loadgen.rss_peak_bytes))
        .unit("B")
        .lower_is_better()
        .means("The maximum resident memory of the agent during the run."),
    measured(Decimal, "other_cpu_ratio", |r| {
        Value::computed(r.agent.other_load.as_ref().and_then(|load| load.other_ratio))
    })
    .lower_is_better()
    .means(
        "Share of the processor time of its machine that other programs used in the window, 0 to 1, \
         other agents and a server on that machine included.",
    ),
    measured(Decimal, "clock_offset_us", |r| {
        Value::computed(r.agent.info.clock.bound.map(|_| micros(r.agent.info.clock.offset_ns)))
    })
    .unit("µs")
    .means("What is added to its clock to get that of the controller. Blank if it is the same clock."),
    measured(Decimal, "clock_bound_us", |r| Value::micros(r.agent.info.clock.bound))
        .unit("µs")
        .lower_is_better()
        .means(
            "By how much that may be wrong: half of the least round trip, and what was found at \
             later measurements. Blank if it is the same clock.",
        ),
    measured(Text, "lost", |r| r.agent.lost.as_deref().map_or(Value::Blank, Value::words))
        .means("Why the agent was lost. Blank: it did all that it was asked."),
    measured(Decimal, "wall_clock_bound_us", |r| {
        Value::micros(r.agent.info.clock.wall_clock_bound)
    })
    .unit("µs")
    .lower_is_better()
    .means(
        "By how much the wall clock of its machine may be wrong: its offset, root dispersion and half \
         of the root delay, as its `chronyd` tells them. No delay is measured with it. Blank without a \
         synchronised one.",
    ),
];

/// Words are never empty: that would read as blank.
fn text(words: &str) -> Value {
    if words.is_empty() { Value::Blank } else { Value::words(words) }
}

fn delivery(r: &AgentRecord<'_>, percentile: f64) -> Value {
    let seen = &r.agent.seen;
    let bound = r.agent.info.clock.bound;
    let within = ClockedLatency::new(&seen.delivery, seen.from_the_future, bound);
    Value::micros(within.percentile(percentile))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
fn micros(nanos: i64) -> f64 {
    nanos as f64 / 1e3
}

/// Returns the values of an agent in a run, in the order of [`AGENT_COLUMNS`].
pub(crate) fn agent_values(record: &AgentRecord<'_>) -> Vec<Value> {
    AGENT_COLUMNS.iter().map(|column| (column.extract)(record)).collect()
}

/// Returns a sentence for each agent on whose machine other programs used more than a twentieth of
/// the processor time.
pub fn disturbed_agents(measurement: &Measurement) -> Vec<String> {
    let disturbed = measurement.agents.iter().filter_map(|agent| {
        let ratio = agent.other_load.as_ref()?.other_ratio?;
        (ratio > DISTURBED_CPU_RATIO).then(|| {
            let percent = ratio * 100.0;
            format!(
                "agent `{}`: other programs on its machine used {percent:.0} % of the processor time",
                agent.info.name
            )
        })
    });
    disturbed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_says_what_it_means() {
        for column in AGENT_COLUMNS {
            assert!(column.meaning.ends_with('.'), "{}", column.name);
        }
    }
}
