//! The lines of the tables: the runs of one transport at one setting, summarised.

use wirebench_scenario::FeedTimers;

use super::columns::{Additional, Emphasis, LARGE_CROWD, Section, Summary, TableColumn, sections};
use crate::numbers::{median, share, significant};
use crate::question::Question;
use crate::row::Row;
use crate::settings::{RunGroup, VaryingSettings};

/// All runs of one transport at one setting.
#[derive(Debug)]
pub(crate) struct TableLine<'a> {
    pub(crate) group: RunGroup<'a>,
    /// The runs that count: the valid ones, or all if none is valid.
    pub(crate) runs: Vec<&'a Row>,
    /// The runs that do not count.
    pub(crate) invalid: Vec<&'a Row>,
}

/// Returns the lines of the tables, ordered by setting and then by transport.
pub(crate) fn lines<'a>(rows: &'a [Row], settings: &VaryingSettings) -> Vec<TableLine<'a>> {
    let mut groups = settings.groups(rows);
    groups.sort_by(RunGroup::order);
    groups.into_iter().map(|group| TableLine::new(group, rows)).collect()
}

/// Splits the lines into those that are compared with each other, because they agree in all shared
/// settings.
pub(crate) fn compared<'l, 'a>(
    lines: &'l [TableLine<'a>],
) -> impl Iterator<Item = &'l [TableLine<'a>]> {
    lines.chunk_by(|a, b| a.group.shared == b.group.shared)
}

/// Returns all rows of these lines.
pub(crate) fn rows_of<'l, 'a>(
    lines: &'l [TableLine<'a>],
) -> impl Iterator<Item = &'a Row> + Clone + use<'l, 'a> {
    lines.iter().flat_map(|line| line.runs.iter().chain(&line.invalid)).copied()
}

/// Returns true if a line stands for several runs.
pub(crate) fn are_repeated(lines: &[TableLine<'_>]) -> bool {
    lines.iter().any(|line| line.group.runs.len() > 1)
}

/// Returns the tables that show these lines, in the order in which they answer the question.
pub(crate) fn sections_of(lines: &[TableLine<'_>], question: Question<'_>) -> Vec<Section> {
    let rows = || rows_of(lines);
    let sent = rows().any(|row| row.number("upstream_sent").is_some());
    let faults = rows().any(|row| row.text("faults").is_some());
    let without_cursor = rows().any(Row::forgets_its_cursor);
    let many_timers =
        rows().any(|row| row.text("timers") == Some(FeedTimers::PerConnection.name()));
    let store = rows().any(|row| row.number("store_queries_per_s").is_some());
    let large_crowd =
        rows().any(|row| row.number("subscribers").is_some_and(|n| n >= f64::from(LARGE_CROWD)));
    let hosts = rows().any(|row| {
        row.number("clock_bound_ms").or_else(|| row.number("same_host_count")).is_some()
    });
    let additional =
        Additional { sent, faults, without_cursor, many_timers, store, hosts, large_crowd };
    let leading = question.figures(rows());
    let emphasis = Emphasis { focus: question.focus, leading: &leading };
    sections(are_repeated(lines), additional, emphasis)
}

impl<'a> TableLine<'a> {
    fn new(group: RunGroup<'a>, rows: &'a [Row]) -> Self {
        let all = group.runs.iter().map(|at| &rows[*at]);
        let (mut runs, mut invalid): (Vec<_>, Vec<_>) = all.partition(|row| row.is_valid());
        if runs.is_empty() {
            std::mem::swap(&mut runs, &mut invalid);
        }
        Self { group, runs, invalid }
    }

    /// Returns true if the runs that count are valid.
    pub(crate) fn is_usable(&self) -> bool {
        self.runs.iter().all(|row| row.is_valid())
    }

    /// Returns true if the line may be called best: in the table, the page, Markdown and JSON
    /// alike. One whose subscribers polled without a cursor may not: the messages that it lost have
    /// no delay and no cost.
    pub(crate) fn may_be_best(&self) -> bool {
        self.is_usable() && !self.is_disturbed() && !self.forgets_its_cursor()
    }

    /// Returns true if the subscribers polled without a cursor.
    pub(crate) fn forgets_its_cursor(&self) -> bool {
        self.runs.iter().any(|row| row.forgets_its_cursor())
    }

    /// Returns true if a run that counts was disturbed: the line then cannot be called best.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.runs.iter().any(|row| row.disturbance().is_some())
    }

    /// Returns the number by which the line is compared in a column, and its text.
    pub(crate) fn cell(&self, column: &TableColumn) -> Option<(f64, String)> {
        let runs = sorted(&self.runs, column);
        // Losses of invalid runs count too: the worst of all runs is shown.
        let all = || [runs.clone(), sorted(&self.invalid, column)].concat().into_iter();
        match column.summary {
            Summary::Median => median(runs).map(|number| (number, significant(number))),
            Summary::MedianCount => median(runs).map(|number| (number, count(number))),
            Summary::Highest => runs.last().map(|number| (*number, significant(*number))),
            Summary::HighestCount => {
                all().max_by(f64::total_cmp).map(|number| (number, count(number)))
            }
            Summary::LowestShare => {
                all().min_by(f64::total_cmp).map(|number| (number, share(number)))
            }
            Summary::Range => match runs.as_slice() {
                [low, .., high] => {
                    Some((high - low, format!("{}–{}", significant(*low), significant(*high))))
                }
                _ => None,
            },
        }
    }
}

/// Returns the values of a column in its unit, from the lowest to the highest.
fn sorted(rows: &[&Row], column: &TableColumn) -> Vec<f64> {
    let values = rows.iter().filter_map(|row| row.number(column.column));
    let mut values: Vec<f64> = values.map(|number| number / column.divisor).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn count(number: f64) -> String {
    format!("{number:.0}")
}
