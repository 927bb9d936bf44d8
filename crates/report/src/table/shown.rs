//! The columns of the tables: what each shows of the runs of a line, and what it is called.

use super::grid::HEADING;
use super::lines::Line;

/// A column of a table.
pub(crate) struct Shown {
    pub(crate) column: &'static str,
    /// Its name over up to three lines, and its unit.
    pub(crate) heading: [&'static str; HEADING],
    /// What the value is divided by to be in that unit.
    pub(crate) divisor: f64,
    pub(crate) take: Summary,
    when: When,
}

/// What stands for several runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summary {
    /// The median of a quantity, to three significant digits.
    Median,
    /// The median of a count.
    MedianCount,
    /// The highest of a quantity.
    Highest,
    /// The highest of a count, over the invalid runs too: a loss is not left out.
    HighestCount,
    /// The lowest of a share, over the invalid runs too, in percent; never rounded up to 100.
    LowestShare,
    /// From the lowest to the highest.
    Range,
}

/// In which tables a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// Where every line is one run.
    OneRun,
    /// Where a line is several runs: its name then says what stands for them.
    Repeats,
}

/// One of the tables.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) columns: Vec<&'static Shown>,
}

/// The tables of these lines: delivery, cost, and the faults where anything went wrong on purpose.
pub(crate) fn parts(lines: &[Line<'_>]) -> Vec<Section> {
    let repeated = lines.iter().any(|line| line.runs.len() + line.invalid.len() > 1);
    let all = lines.iter().flat_map(|line| line.runs.iter().chain(&line.invalid));
    let went_wrong = all.into_iter().any(|row| row.text("faults").is_some());
    let left_out = if repeated { When::OneRun } else { When::Repeats };
    let part = |title, columns: &'static [Shown]| Section {
        title,
        columns: columns.iter().filter(|shown| shown.when != left_out).collect(),
    };
    let of_runs = if repeated { "Faults, the worst of all runs" } else { "Faults" };
    let mut parts = vec![part("Delivery, from due to read", DELIVERY), part("Cost", COST)];
    parts.extend(went_wrong.then(|| part(of_runs, FAULTS)));
    parts
}

const fn shown(
    column: &'static str,
    heading: [&'static str; HEADING],
    divisor: f64,
    take: Summary,
) -> Shown {
    Shown { column, heading, divisor, take, when: When::Always }
}

impl Shown {
    const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Its name in one line, with its unit behind a comma.
    pub(crate) fn name(&self) -> String {
        let [first, second, third, unit] = self.heading;
        let words: Vec<&str> =
            [first, second, third].into_iter().filter(|word| !word.is_empty()).collect();
        let comma = if unit.is_empty() { "" } else { ", " };
        format!("{}{comma}{unit}", words.join(" "))
    }
}

pub(super) const DELIVERY: &[Shown] = &[
    shown("delivery_p50_us", ["", "", "p50", "ms"], 1e3, Summary::Median),
    shown("delivery_p99_us", ["", "", "p99", "ms"], 1e3, Summary::Median),
    shown("delivery_p99_us", ["", "p99", "range", "ms"], 1e3, Summary::Range).when(When::Repeats),
    shown("delivery_max_us", ["", "", "max", "ms"], 1e3, Summary::Highest).when(When::OneRun),
    shown("delivery_max_us", ["", "max of", "all runs", "ms"], 1e3, Summary::Highest)
        .when(When::Repeats),
    shown("missing", ["", "", "missing", ""], 1.0, Summary::HighestCount).when(When::OneRun),
    shown("missing", ["missing,", "most of", "any run", ""], 1.0, Summary::HighestCount)
        .when(When::Repeats),
];

pub(super) const COST: &[Shown] = &[
    shown("requests", ["", "", "requests", ""], 1.0, Summary::MedianCount),
    shown("empty_responses", ["", "empty", "answers", ""], 1.0, Summary::MedianCount),
    shown("connections_opened", ["", "", "connections", ""], 1.0, Summary::MedianCount),
    shown("bytes_per_message", ["bytes", "per", "message", "B"], 1.0, Summary::Median),
    shown(
        "server_cpu_us_per_message",
        ["server", "CPU per", "message", "µs"],
        1.0,
        Summary::Median,
    ),
    shown(
        "server_rss_per_subscriber_bytes",
        ["server", "memory per", "subscriber", "KiB"],
        1_024.0,
        Summary::Median,
    ),
];

pub(super) const FAULTS: &[Shown] = &[
    shown("delivered_ratio", ["", "", "delivered", "%"], 0.01, Summary::LowestShare),
    shown("missed_signalled", ["", "missed,", "signalled", ""], 1.0, Summary::HighestCount),
    shown("missed_silently", ["", "missed in", "silence", ""], 1.0, Summary::HighestCount),
    shown("duplicate", ["", "", "repeated", ""], 1.0, Summary::HighestCount),
    shown("back_99_ms", ["", "99 %", "back", "s"], 1e3, Summary::Highest),
    shown(
        "reconnects_peak_per_s",
        ["", "peak of", "reconnects", "1/s"],
        1.0,
        Summary::HighestCount,
    ),
];
