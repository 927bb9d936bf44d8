//! The columns of the tables: what each is called, and how it summarises the runs of a line. The
//! page gets them from here.

use serde::Serialize;
use wirebench_scenario::Figure;

use crate::columns::{Better, run_column};

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
    /// The columns of `runs.csv` that answer the question. Behind each is its ratio to the best.
    pub(crate) leading: Vec<&'static str>,
}

impl Section {
    /// Returns true if the ratio to the best is shown behind a column: it answers the question, and
    /// its best value is the lowest of a quantity.
    pub(crate) fn has_ratio(&self, column: &TableColumn) -> bool {
        let is_quantity =
            matches!(column.summary, Summary::Median | Summary::MedianCount | Summary::Highest);
        let lower = run_column(column.column).is_some_and(|it| it.better == Better::Lower);
        self.leading.contains(&column.column) && is_quantity && lower && !column.needs_room
    }

    /// Puts the columns of these figures first, in their order.
    fn lead_with(&mut self, focus: &[Figure]) {
        self.columns.sort_by_key(|column| place_in(focus, column));
    }

    /// Returns the place of the first of these figures that is in this table.
    fn place_in(&self, figures: &[Figure]) -> usize {
        self.columns.iter().map(|column| place_in(figures, column)).min().unwrap_or(usize::MAX)
    }
}

/// Returns the place of a column among these figures; the greatest number if it is none of them.
fn place_in(figures: &[Figure], column: &TableColumn) -> usize {
    let place = figures.iter().position(|figure| figure.column() == column.column);
    place.unwrap_or(usize::MAX)
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

/// Which figures the tables are read for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emphasis<'a> {
    /// The figures that the scenario names.
    pub(crate) focus: &'a [Figure],
    /// The figures that answer the question: those, or what the runs suggest.
    pub(crate) leading: &'a [Figure],
}

/// Returns the tables: delivery, cost, and what some runs measure besides. `repeated` says that a
/// line may stand for several runs. A table with a figure that answers the question goes before the
/// others. In it, the figures that the scenario names go first; it is there even if the runs do not
/// ask for it.
pub(crate) fn sections(
    repeated: bool,
    additional: Additional,
    emphasis: Emphasis<'_>,
) -> Vec<Section> {
    let asked = |columns: &[TableColumn]| {
        columns.iter().any(|column| place_in(emphasis.focus, column) < usize::MAX)
    };
    let additional = Additional {
        sent: additional.sent || asked(UPSTREAM) || asked(UPSTREAM_COST),
        faults: additional.faults || asked(FAULTS),
        many_timers: additional.many_timers || asked(PUBLISHED),
        store: additional.store || asked(STORE),
        hosts: additional.hosts || asked(HOSTS),
        large_crowd: additional.large_crowd || asked(CONNECTING),
        ..additional
    };
    let mut sections = all_sections(repeated, additional);
    for section in &mut sections {
        section.leading = emphasis.leading.iter().map(|figure| figure.column()).collect();
        section.lead_with(emphasis.focus);
    }
    sections.sort_by_key(|section| section.place_in(emphasis.leading));
    sections
}

/// Returns the column of a table that has a figure. `repeated` says that a line may stand for
/// several runs.
pub(crate) fn column_of(figure: Figure, repeated: bool) -> Option<&'static TableColumn> {
    let left_out = if repeated { Shown::OneRun } else { Shown::Repeats };
    let tables = [DELIVERY, COST, UPSTREAM, UPSTREAM_COST, FAULTS, STORE, CONNECTING];
    tables.into_iter().flatten().find(|column| {
        column.column == figure.column()
            && column.summary != Summary::Range
            && column.shown != left_out
    })
}

fn all_sections(repeated: bool, additional: Additional) -> Vec<Section> {
    let left_out = if repeated { Shown::OneRun } else { Shown::Repeats };
    let section = |title, columns: &'static [TableColumn]| Section {
        title,
        columns: columns.iter().filter(|column| column.shown != left_out).collect(),
        leading: Vec::new(),
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
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        // A word that is broken over two lines is whole again.
        words.join(" ").replace("- ", "")
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
    column("connections_opened", ["", "connec-", "tions", ""], 1.0, Summary::MedianCount),
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
