//! Which transports share the first place in a column.
//!
//! Transports that the runs cannot tell apart share the place. A leader is alone in it only if its
//! lead is larger than what the same measurement, repeated, could undo. With enough repeats the
//! permutation test of [`crate::statistics`] decides that. With fewer, the lead has to exceed a
//! fixed share. A lead of 4.9 % or of 5.1 % then decides whether a second transport is named beside
//! the leader; but for the lone leader to change from A to B, the ratio of both has to move by that
//! share twice.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use super::columns::{Summary, TableColumn};
use super::lines::{TableLine, compared, lines, sections_of};
use crate::columns::{Better, run_column};
use crate::question::Question;
use crate::row::Row;
use crate::settings::VaryingSettings;
use crate::statistics::larger;

/// The lead that counts if the runs are too few for a test: 5 %.
const NEAR: f64 = 0.05;

/// The lead that counts for values that differ by more than 5 % between runs of the same: processor
/// time, memory, the time and rate of reconnecting, and percentiles of few messages.
const NEAR_OF_NOISY: f64 = 0.25;

/// The lead that counts for the longest delivery, which is one of millions: twice as long.
const NEAR_OF_EXTREME: f64 = 1.0;

/// The 99th percentile is as steady as a median if at least so many messages lie above it. Messages
/// count and not deliveries, because all deliveries of a message share its luck.
const STEADY_TAIL_MESSAGES: f64 = 10.0;

/// How it was decided which lines share the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Basis {
    /// By a fixed share, because there is one run of each.
    OneRun,
    /// By a fixed share, or by ranges that overlap if more lines share the place then.
    FewRuns,
    /// By the test that comparisons use.
    Tested,
}

/// The first place in one column, among lines that are compared with each other.
pub(crate) struct FirstPlace {
    /// For each line, true if it has or shares the place.
    pub(crate) shares: Vec<bool>,
    /// The line with the best value.
    pub(crate) leader: usize,
    pub(crate) basis: Basis,
}

/// How lines compare in one column.
pub(crate) enum Ranking {
    /// The column does not rate, or fewer than two lines have a value in it and may be best.
    Nothing,
    /// All lines that may be best read the same.
    Same,
    /// A line that was disturbed has a better value than all that may be best, so none is best.
    Disturbed {
        /// The disturbed line with the best value.
        by: usize,
    },
    /// One or several lines have the first place.
    First(FirstPlace),
}

impl Ranking {
    /// Returns the first place, if one or several lines have it.
    pub(crate) fn first(self) -> Option<FirstPlace> {
        match self {
            Self::First(first) => Some(first),
            Self::Nothing | Self::Same | Self::Disturbed { .. } => None,
        }
    }
}

/// Returns the first place in a column. `None` if the column does not rate, if fewer than two lines
/// may have the place, or if all of them read the same.
pub(crate) fn first_place(group: &[TableLine<'_>], column: &TableColumn) -> Option<FirstPlace> {
    ranking(group, column).first()
}

/// Returns how lines compare in a column.
pub(crate) fn ranking<'a, L: Borrow<TableLine<'a>>>(group: &[L], column: &TableColumn) -> Ranking {
    let rates = run_column(column.column).is_some_and(|it| it.better != Better::Neither);
    if !rates || column.summary == Summary::Range {
        return Ranking::Nothing;
    }
    let group: Vec<&TableLine<'a>> = group.iter().map(Borrow::borrow).collect();
    let entries: Vec<(usize, f64, String)> = group
        .iter()
        .enumerate()
        .filter(|(_, line)| line.may_be_best())
        .filter_map(|(at, line)| line.cell(column).map(|(value, text)| (at, value, text)))
        .collect();
    let burdens: Vec<f64> = entries.iter().map(|(_, value, _)| burden(column, *value)).collect();
    let least = (0..burdens.len()).min_by(|a, b| burdens[*a].total_cmp(&burdens[*b]));
    let Some(leader) = least else { return Ranking::Nothing };
    if let Some(by) = disturbed_and_better(&group, column, burdens[leader]) {
        return Ranking::Disturbed { by };
    }
    if entries.len() < 2 {
        return Ranking::Nothing;
    }
    let (_, _, first) = &entries[0];
    if entries.iter().all(|(_, _, text)| text == first) {
        return Ranking::Same;
    }
    let lines: Vec<&TableLine<'_>> = entries.iter().map(|(at, ..)| group[*at]).collect();
    let (behind, basis) = behind(&lines, &burdens, leader, column);
    let mut shares = vec![false; group.len()];
    for ((at, _, text), behind) in entries.iter().zip(behind) {
        // Lines that read the same share the place.
        shares[*at] = !behind || *text == entries[leader].2;
    }
    Ranking::First(FirstPlace { shares, leader: entries[leader].0, basis })
}

/// Returns the line with the best value of those that were disturbed, if it is better than that of
/// the leader: then no line is best.
fn disturbed_and_better(
    group: &[&TableLine<'_>],
    column: &TableColumn,
    leader: f64,
) -> Option<usize> {
    let counts = |line: &TableLine<'_>| {
        line.is_usable() && line.is_disturbed() && !line.forgets_its_cursor()
    };
    let disturbed = group.iter().enumerate().filter(|(_, line)| counts(line));
    let burdens =
        disturbed.filter_map(|(at, line)| Some((at, burden(column, line.cell(column)?.0))));
    let better = burdens.filter(|(_, burden)| *burden < leader);
    better.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)
}

/// Returns which lines are certainly behind the leader, and how that was decided.
fn behind(
    lines: &[&TableLine<'_>],
    burdens: &[f64],
    leader: usize,
    column: &TableColumn,
) -> (Vec<bool>, Basis) {
    let near = lines.iter().map(|line| near(line, column)).fold(NEAR, f64::max);
    let beyond: Vec<bool> = burdens.iter().map(|it| *it > burdens[leader] * (1.0 + near)).collect();
    let samples: Vec<Vec<f64>> = lines.iter().map(|line| sample(line, column)).collect();
    if samples.iter().all(|sample| sample.len() < 2) {
        return (beyond, Basis::OneRun);
    }
    // The worst of all runs, invalid ones included, is not a sample that can be tested.
    if matches!(column.summary, Summary::HighestCount | Summary::LowestShare) {
        return (beyond, Basis::FewRuns);
    }
    if let Some(larger) = larger(&samples, leader, NEAR) {
        return (larger, Basis::Tested);
    }
    let highest = samples[leader].iter().copied().fold(f64::MIN, f64::max);
    let apart = samples.iter().map(|sample| sample.iter().all(|value| *value > highest));
    (beyond.iter().zip(apart).map(|(beyond, apart)| *beyond && apart).collect(), Basis::FewRuns)
}

/// Returns the lead that counts in this column, for this line.
fn near(line: &TableLine<'_>, column: &TableColumn) -> f64 {
    match column.column {
        "delivery_max_us" => NEAR_OF_EXTREME,
        "server_cpu_us_per_message"
        | "server_cpu_floor_ratio"
        | "server_rss_per_subscriber_bytes"
        | "back_99_ms"
        | "reconnects_peak_per_s" => NEAR_OF_NOISY,
        "delivery_p99_us" if !line.runs.iter().all(|row| has_steady_tail(row)) => NEAR_OF_NOISY,
        _ => NEAR,
    }
}

fn has_steady_tail(row: &Row) -> bool {
    row.number("published").is_some_and(|published| published * 0.01 >= STEADY_TAIL_MESSAGES)
}

/// Returns the values of the runs of a line in this column.
fn sample(line: &TableLine<'_>, column: &TableColumn) -> Vec<f64> {
    let values = line.runs.iter().filter_map(|row| row.number(column.column));
    values.map(|value| burden(column, value / column.divisor)).collect()
}

/// Converts a value so that lower is better. Of a share, what is missing counts: 99 % is not nearly
/// as good as 100 %.
fn burden(column: &TableColumn, value: f64) -> f64 {
    if column.summary == Summary::LowestShare { 100.0 - value } else { value }
}

/// In which columns the transport of each row has or shares the first place at its setting.
pub(crate) struct FirstPlaces {
    /// For each row, the names of those columns; empty for an invalid run.
    pub(crate) of_rows: Vec<Vec<&'static str>>,
    /// How that was decided.
    pub(crate) bases: Vec<Basis>,
}

/// Returns the first places in all tables of these rows.
pub(crate) fn first_places(rows: &[Row], question: Question<'_>) -> FirstPlaces {
    let lines = lines(rows, &VaryingSettings::of(rows));
    let mut found = FirstPlaces { of_rows: vec![Vec::new(); rows.len()], bases: Vec::new() };
    for section in sections_of(&lines, question) {
        for group in compared(&lines) {
            for column in &section.columns {
                let Some(first) = first_place(group, column) else { continue };
                found.bases.push(first.basis);
                let sharing = group.iter().zip(first.shares).filter(|(_, shares)| *shares);
                let runs = sharing.flat_map(|(line, _)| &line.group.runs);
                for at in runs.filter(|at| rows[**at].is_valid()) {
                    found.of_rows[*at].push(column.column);
                }
            }
        }
    }
    found
}

/// Returns the end of a sentence: which lines, besides the best, are marked as best.
pub(crate) fn near_the_best(bases: impl Iterator<Item = Basis>) -> String {
    let bases: BTreeSet<Basis> = bases.collect();
    let tested = bases.contains(&Basis::Tested);
    let share = "within 5 % (25 %: processor time, memory, reconnecting, the p99 of few messages; \
                 max: twice as long)";
    if bases.contains(&Basis::FewRuns) {
        let tested = if tested {
            "or not told from it by the runs (the test of `compare`); where \
             they are too few for it, "
        } else {
            "or "
        };
        return format!("{tested}{share}, or with runs that overlap the best's");
    }
    if bases.contains(&Basis::OneRun) {
        return format!("or too close for one run to tell: {share}");
    }
    "or not told from it by the runs (the test of `compare`)".to_owned()
}
