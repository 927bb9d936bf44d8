//! The columns of the tables: what each is called, and how it summarises the runs of a line. The
//! page gets them from here.

use serde::Serialize;

/// The number of lines that a heading may have: its name over up to three, and its unit.
pub(crate) const HEADING_LINES: usize = 4;

/// A column of a table.
#[derive(Debug)]
pub(crate) struct TableColumn {
    /// The column of `runs.csv` that it is taken from.
    pub(crate) column: &'static str,
    /// Its name over up to three lines, and its unit.
    pub(crate) heading: [&'static str; HEADING_LINES],
    /// A value is divided by this to be in that unit.
    pub(crate) divisor: f64,
    pub(crate) summary: Summary,
    /// True if the column is left out of a table that would be too wide with it.
    pub(crate) needs_room: bool,
    shown: Shown,
}

/// How one value is made of several runs. The page knows them by these names in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Summary {
    /// The median of a quantity, with three significant digits.
    Median,
    /// The median of a count.
    MedianCount,
    /// The highest of a quantity.
    Highest,
    /// The highest of a count. Invalid runs are included, so that no loss is left out.
    HighestCount,
    /// The lowest of a share in percent, never rounded up to 100. Invalid runs are included.
    LowestShare,
    /// From the lowest to the highest.
    Range,
}

/// In which tables a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Always,
    /// Where every line is one run.
    OneRun,
    /// Where a line is several runs. The heading then says how they are summarised.
    Repeats,
}

/// One of the tables.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) columns: Vec<&'static TableColumn>,
}

/// What some runs measure besides delivery and cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for a table of its own")]
pub(crate) struct Additional {
    /// The subscribers of a run sent messages.
    pub(crate) sent: bool,
    /// A run had faults.
    pub(crate) faults: bool,
    /// Subscribers of a run polled without a cursor.
    pub(crate) without_cursor: bool,
    /// A run had a timer for each connection, so that the amount of messages is what it shows.
    pub(crate) many_timers: bool,
    /// The server of a run had a store.
    pub(crate) store: bool,
    /// The subscribers of a run were on hosts with different clocks, or told the age of probes.
    pub(crate) hosts: bool,
    /// The crowd of a run had at least [`LARGE_CROWD`] subscribers.
    pub(crate) large_crowd: bool,
}

/// The number of subscribers from which on a table says how long they took to connect.
pub(crate) const LARGE_CROWD: u32 = 10_000;

/// Returns the tables: delivery, cost, and what some runs measure besides. `repeated` says that a
/// line may stand for several runs.
pub(crate) fn sections(repeated: bool, additional: Additional) -> Vec<Section> {
    let left_out = if repeated { Shown::OneRun } else { Shown::Repeats };
    let section = |title, columns: &'static [TableColumn]| Section {
        title,
        columns: columns.iter().filter(|column| column.shown != left_out).collect(),
    };
    let faults = if repeated { "Faults, the worst of all runs" } else { "Faults" };
    let mut sections = vec![section("Delivery, from due to read", DELIVERY), section("Cost", COST)];
    if additional.sent {
        sections.push(section("Upstream, from due at the sender", UPSTREAM));
        sections.push(section("Cost of upstream", UPSTREAM_COST));
    }
    if additional.faults {
        sections.push(section(faults, FAULTS));
    }
    if additional.many_timers {
        sections.push(section("Published", PUBLISHED));
    }
    if additional.without_cursor {
        let title = if repeated {
            "Lost without a cursor, the worst of all runs"
        } else {
            "Lost without a cursor"
        };
        sections.push(section(title, WITHOUT_CURSOR));
    }
    if additional.store {
        sections.push(section("Work of the database", STORE));
    }
    if additional.hosts {
        sections.push(section("Hosts, from due at the agent to read on its host", HOSTS));
    }
    if additional.large_crowd {
        sections.push(section("Connecting, with the ramp", CONNECTING));
    }
    sections
}

const fn column(
    column: &'static str,
    heading: [&'static str; HEADING_LINES],
    divisor: f64,
    summary: Summary,
) -> TableColumn {
    TableColumn { column, heading, divisor, summary, needs_room: false, shown: Shown::Always }
}

impl TableColumn {
    const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    const fn where_there_is_room(self) -> Self {
        Self { needs_room: true, ..self }
    }

    /// Returns its name in one line, with its unit behind a comma.
    pub(crate) fn name(&self) -> String {
        let comma = if self.unit().is_empty() { "" } else { ", " };
        format!("{}{comma}{}", self.name_without_unit(), self.unit())
    }

    /// Returns its name in one line.
    pub(crate) fn name_without_unit(&self) -> String {
        let [words @ .., _] = self.heading;
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Returns its unit; empty for a count.
    pub(crate) fn unit(&self) -> &'static str {
        let [.., unit] = self.heading;
        unit
    }
}

pub(super) const DELIVERY: &[TableColumn] = &[
    column("delivery_p50_us", ["", "", "p50", "ms"], 1e3, Summary::Median),
    column("delivery_p99_us", ["", "", "p99", "ms"], 1e3, Summary::Median),
    column("delivery_p99_us", ["", "p99", "range", "ms"], 1e3, Summary::Range)
        .shown(Shown::Repeats),
    column("delivery_max_us", ["", "", "max", "ms"], 1e3, Summary::Highest).shown(Shown::OneRun),
    column("delivery_max_us", ["", "max of", "all runs", "ms"], 1e3, Summary::Highest)
        .shown(Shown::Repeats),
    column("missing", ["", "", "missing", ""], 1.0, Summary::HighestCount).shown(Shown::OneRun),
    column("missing", ["missing,", "most of", "any run", ""], 1.0, Summary::HighestCount)
        .shown(Shown::Repeats),
];

pub(super) const COST: &[TableColumn] = &[
    column("requests", ["", "", "requests", ""], 1.0, Summary::MedianCount),
    column("empty_responses", ["", "empty", "answers", ""], 1.0, Summary::MedianCount),
    column("connections_opened", ["", "", "connections", ""], 1.0, Summary::MedianCount),
    column("bytes_per_message", ["bytes", "per", "message", "B"], 1.0, Summary::Median),
    column(
        "server_cpu_us_per_message",
        ["server", "CPU per", "message", "µs"],
        1.0,
        Summary::Median,
    ),
    column(
        "server_cpu_floor_ratio",
        ["server", "CPU per", "message", "× floor"],
        1.0,
        Summary::Median,
    )
    .where_there_is_room(),
    column(
        "server_rss_per_subscriber_bytes",
        ["server", "memory per", "subscriber", "KiB"],
        1_024.0,
        Summary::Median,
    ),
];

pub(super) const UPSTREAM: &[TableColumn] = &[
    column("upstream_sent", ["", "", "sent", ""], 1.0, Summary::MedianCount),
    column("upstream_ack_p50_us", ["", "answer", "p50", "ms"], 1e3, Summary::Median),
    column("upstream_ack_p99_us", ["", "answer", "p99", "ms"], 1e3, Summary::Median),
    column("upstream_echo_p50_us", ["own", "echo", "p50", "ms"], 1e3, Summary::Median),
    column("upstream_echo_p99_us", ["own", "echo", "p99", "ms"], 1e3, Summary::Median),
    column("upstream_others_p50_us", ["", "others", "p50", "ms"], 1e3, Summary::Median),
    column("upstream_others_p99_us", ["", "others", "p99", "ms"], 1e3, Summary::Median),
];

pub(super) const UPSTREAM_COST: &[TableColumn] = &[
    column(
        "upstream_requests_per_message",
        ["requests", "per", "message", ""],
        1.0,
        Summary::Median,
    ),
    column("upstream_bytes_per_message", ["bytes", "per", "message", "B"], 1.0, Summary::Median),
    column(
        "upstream_second_connections",
        ["", "second", "connections", ""],
        1.0,
        Summary::MedianCount,
    ),
    column("upstream_repeated", ["", "", "repeated", ""], 1.0, Summary::HighestCount),
    column("upstream_refused", ["", "", "refused", ""], 1.0, Summary::HighestCount),
    column("upstream_unacknowledged", ["", "not", "answered", ""], 1.0, Summary::HighestCount),
];

pub(super) const PUBLISHED: &[TableColumn] = &[
    column("published", ["", "", "messages", ""], 1.0, Summary::MedianCount),
    column("expected", ["", "deliveries", "due", ""], 1.0, Summary::MedianCount),
];

pub(super) const WITHOUT_CURSOR: &[TableColumn] = &[
    column("delivered_ratio", ["", "", "delivered", "%"], 0.01, Summary::LowestShare),
    column("missed_silently", ["", "missed in", "silence", ""], 1.0, Summary::HighestCount),
];

pub(super) const STORE: &[TableColumn] = &[
    column("store_queries_per_s", ["", "", "statements", "1/s"], 1.0, Summary::Median),
    column("store_queries_per_message", ["statements", "per", "message", ""], 1.0, Summary::Median),
    column("store_rows_per_message", ["rows read", "per", "message", ""], 1.0, Summary::Median),
    column("store_commit_p50_us", ["", "commit", "p50", "ms"], 1e3, Summary::Median),
    column("store_commit_p99_us", ["", "commit", "p99", "ms"], 1e3, Summary::Median),
    column("replayed_from_store", ["read from", "the", "database", ""], 1.0, Summary::MedianCount),
];

pub(super) const HOSTS: &[TableColumn] = &[
    column("same_host_count", ["", "", "deliveries", ""], 1.0, Summary::MedianCount),
    column("same_host_p50_ms", ["", "same host", "p50", "ms"], 1.0, Summary::Median),
    column("same_host_p99_ms", ["", "same host", "p99", "ms"], 1.0, Summary::Median),
    column("clock_bound_ms", ["", "clocks", "differ by", "ms"], 1.0, Summary::Highest),
];

pub(super) const CONNECTING: &[TableColumn] = &[
    column("all_connected_s", ["", "all", "connected", "s"], 1.0, Summary::Median),
    column("connect_p50_us", ["", "connect", "p50", "ms"], 1e3, Summary::Median),
    column("connect_p99_us", ["", "connect", "p99", "ms"], 1e3, Summary::Median),
];

pub(super) const FAULTS: &[TableColumn] = &[
    column("delivered_ratio", ["", "", "delivered", "%"], 0.01, Summary::LowestShare),
    column("missed_signalled", ["", "missed,", "signalled", ""], 1.0, Summary::HighestCount),
    column("missed_silently", ["", "missed in", "silence", ""], 1.0, Summary::HighestCount),
    column("duplicate", ["", "", "repeated", ""], 1.0, Summary::HighestCount),
    column("back_99_ms", ["", "99 %", "back", "s"], 1e3, Summary::Highest),
    column(
        "reconnects_peak_per_s",
        ["", "peak of", "reconnects", "1/s"],
        1.0,
        Summary::HighestCount,
    ),
];
