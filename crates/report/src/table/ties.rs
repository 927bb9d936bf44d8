//! Who shares the first place in a column: what the runs cannot tell apart is not told apart.
//!
//! A leader is named alone only where its lead is larger than what the same comparison, made again,
//! could undo. With enough repeats the test of [`crate::compare`] decides that. With fewer, the
//! lead has to exceed a fixed share: a lead of 4.9 % or of 5.1 % then decides whether a second
//! transport is named beside the leader, but for the leader to change from A alone to B alone, the
//! ratio of both has to move by that share twice.

use super::lines::Line;
use super::{Shown, Summary};
use crate::compare::larger;
use crate::{Better, COLUMNS, Row, Value};

/// The lead that counts, where the runs are too few for a test: 5 %.
const NEAR: f64 = 0.05;

/// For what differs more than that between runs of the same: processor time, memory, the time and
/// rate of coming back, and percentiles that rest on few messages.
const NEAR_OF_NOISY: f64 = 0.25;

/// For the longest delivery, which is one of millions: it has to be twice as long.
const NEAR_OF_EXTREME: f64 = 1.0;

/// The least messages above the 99th percentile for it to be as steady as a median. Messages and
/// not deliveries count: all deliveries of a message share its luck.
const STEADY_TAIL: f64 = 10.0;

/// How it was decided who shares the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Basis {
    /// By a fixed share, since there is one run of each.
    OneRun,
    /// By a fixed share, or by ranges that overlap where that is more.
    FewRuns,
    /// By the test of a comparison.
    Tested,
}

/// Who shares the first place in one column, among lines that are compared with each other.
pub(crate) struct FirstPlace {
    /// For each line, whether it does.
    pub(crate) shares: Vec<bool>,
    pub(crate) basis: Basis,
}

/// The first place in a column; `None` where it does not rate, where fewer than two lines may be
/// named, or where all of them read the same.
pub(crate) fn first_place(group: &[Line<'_>], shown: &Shown) -> Option<FirstPlace> {
    let rates = COLUMNS.iter().any(|c| c.name == shown.column && c.better != Better::Neither);
    if !rates || shown.take == Summary::Range {
        return None;
    }
    let entries: Vec<(usize, f64, String)> = group
        .iter()
        .enumerate()
        .filter(|(_, line)| line.may_be_best())
        .filter_map(|(at, line)| line.cell(shown).map(|(value, text)| (at, value, text)))
        .collect();
    let (_, _, first) = entries.first()?;
    if entries.iter().all(|(_, _, text)| text == first) {
        return None;
    }
    let burdens: Vec<f64> = entries.iter().map(|(_, value, _)| burden(shown, *value)).collect();
    let leader = (0..burdens.len()).min_by(|a, b| burdens[*a].total_cmp(&burdens[*b]))?;
    // If a disturbed line has a better value than the leader, nobody is marked: the leader is not
    // the best.
    let mut disturbed = group.iter().filter(|line| line.is_usable() && line.is_disturbed());
    if disturbed.any(|line| {
        line.cell(shown).is_some_and(|(value, _)| burden(shown, value) < burdens[leader])
    }) {
        return None;
    }
    let lines: Vec<&Line<'_>> = entries.iter().map(|(at, ..)| &group[*at]).collect();
    let (behind, basis) = behind(&lines, &burdens, leader, shown);
    let mut shares = vec![false; group.len()];
    for ((at, _, text), behind) in entries.iter().zip(behind) {
        // What reads the same is the same.
        shares[*at] = !behind || *text == entries[leader].2;
    }
    Some(FirstPlace { shares, basis })
}

/// Which lines are behind the leader for sure, and how that was decided.
fn behind(
    lines: &[&Line<'_>],
    burdens: &[f64],
    leader: usize,
    shown: &Shown,
) -> (Vec<bool>, Basis) {
    let near = lines.iter().map(|line| near(line, shown)).fold(NEAR, f64::max);
    let beyond: Vec<bool> = burdens.iter().map(|it| *it > burdens[leader] * (1.0 + near)).collect();
    let samples: Vec<Vec<f64>> = lines.iter().map(|line| sample(line, shown)).collect();
    if samples.iter().all(|sample| sample.len() < 2) {
        return (beyond, Basis::OneRun);
    }
    // The worst of all runs, the invalid ones included, is no sample to test.
    if matches!(shown.take, Summary::HighestCount | Summary::LowestShare) {
        return (beyond, Basis::FewRuns);
    }
    if let Some(larger) = larger(&samples, leader, NEAR) {
        return (larger, Basis::Tested);
    }
    let highest = samples[leader].iter().copied().fold(f64::MIN, f64::max);
    let apart = samples.iter().map(|sample| sample.iter().all(|value| *value > highest));
    (beyond.iter().zip(apart).map(|(beyond, apart)| *beyond && apart).collect(), Basis::FewRuns)
}

/// The lead that counts in this column, for this line.
fn near(line: &Line<'_>, shown: &Shown) -> f64 {
    match shown.column {
        "delivery_max_us" => NEAR_OF_EXTREME,
        "server_cpu_us_per_message"
        | "server_rss_per_subscriber_bytes"
        | "back_99_ms"
        | "reconnects_peak_per_s" => NEAR_OF_NOISY,
        "delivery_p99_us" if !line.runs.iter().all(|row| has_steady_tail(row)) => NEAR_OF_NOISY,
        _ => NEAR,
    }
}

fn has_steady_tail(row: &Row) -> bool {
    row.number("published").is_some_and(|published| published * 0.01 >= STEADY_TAIL)
}

/// What each run of a line has in this column.
fn sample(line: &Line<'_>, shown: &Shown) -> Vec<f64> {
    let values = line.runs.iter().filter_map(|row| row.value(shown.column).and_then(Value::number));
    values.map(|value| burden(shown, value / shown.divisor)).collect()
}

/// A value so that the lower is the better one. Of a share what is lacking counts: 99 % are not
/// nearly as good as 100.
fn burden(shown: &Shown, value: f64) -> f64 {
    if shown.take == Summary::LowestShare { 100.0 - value } else { value }
}
