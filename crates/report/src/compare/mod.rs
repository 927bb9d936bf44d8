//! Did it get better or worse: two sides, each of some runs, compared metric by metric.
//!
//! # Method
//!
//! **The unit is the run.** Messages of one run share its machine, its minute and its queues: a
//! million of them say how that run went, and not how the next will go. Each run gives one number
//! for each metric, and only the spread between runs tells what is noise (Kalibera and Jones,
//! *Rigorous Benchmarking in Reasonable Time*, ISMM 2013). A percentile is therefore that of each
//! run, not of all messages poured together, which would be the percentile of the worst run.
//!
//! **Change** is the ratio of typical runs: the difference of the means of logarithms, because
//! noise of times multiplies. From 8 runs a side on, one run in eight is left out at either end,
//! with Yuen's error for trimmed means (*Biometrika* 61, 1974), so that a disturbed run does not
//! decide. A metric that is 0 somewhere has no logarithm and is compared by differences.
//!
//! **What chance can do** is found by chance: whole runs are dealt anew to the two sides, 999
//! times, in every setting at once, and each time the largest change over all metrics and settings
//! is noted, in standard errors. A change is real when fewer than 5 % of the deals have as large a
//! one *anywhere*: the single-step max-T test of Westfall and Young (*Resampling-Based Multiple
//! Testing*, 1993). When nothing changed all deals are equally likely, so that at most 5 % of
//! comparisons raise any false alarm, whatever the distribution of the noise, however few the runs,
//! however much the metrics hang together. That is why it was preferred:
//!
//! - to a *bootstrap* over runs, whose intervals are too short with few of them (Hesterberg, *The
//!   American Statistician* 69, 2015), and benchmarks have 3 to 10;
//! - to *Student's t* with Holm's correction, which trusts the normal distribution in the far tail
//!   just where two modes between runs are common, and pays for p50 and p99 as if they were strangers;
//! - to *ranks* (Mann and Whitney), which see that two sides are apart, but not how far: with the
//!   metrics of four transports no result is extreme enough below 7 runs a side, and here with 5.
//!
//! **Intervals** are the change, give or take as many standard errors as that test allows. They hold
//! together, for all metrics at once, with 95 %, and exclude "no change" exactly where the test does.
//! For changes other than none they rest on the standard errors being right (Janssen, *Statistics &
//! Probability Letters* 36, 1997; Chung and Romano, *Annals of Statistics* 41, 2013), no longer on
//! symmetry alone.
//!
//! **Verdicts**: *better* or *worse* when the interval excludes no change and the change is at least
//! the noise threshold; *no change* when the whole interval lies within the threshold, never because
//! nothing was found; else *cannot tell*, and one sentence says how many runs would do: 10 a side,
//! or as many more as the noise asks for to find a change of the
//! threshold's size in four of five comparisons (not of the size just seen: Hoenig and Heisey, *The
//! American Statistician* 55, 2001). Fewer than 4 runs a side cannot tell anything, and with more
//! settings it takes 5 or 6: their most extreme deal is too likely.
//!
//! What this cannot see: whatever changed *between* the two sides beside what was meant to. Let runs of
//! both take turns. A busy neighbour is seen in the runs themselves: those that were disturbed are used,
//! and named in a warning.

mod csv;
mod differences;
mod json;
mod markdown;
mod pairs;
#[cfg(test)]
mod proof;
mod ranking;
mod side;
mod statistics;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod units;
mod verdict;
mod words;

use std::path::{Path, PathBuf};

pub use differences::{About, Difference};
pub use pairs::Setting;
pub(crate) use ranking::larger;
pub use side::{Side, SideError};
pub(crate) use verdict::median;
pub use verdict::{Change, Doubt, Estimate, RUNS_TO_MAKE, Verdict};

use crate::{COLUMNS, Row, RunColumn, Style};
use pairs::{Pair, pairs};
use statistics::{Group, Metric};
use verdict::Judge;

/// What is compared when nothing else is asked for: what a subscriber notices (how soon, how late
/// at worst, whether at all), and what it costs at either end.
///
/// Every further metric makes all others harder to tell, so each is here once: not p75 to p95,
/// which lie between p50 and p99; not the maximum, which is one delivery of millions and differs
/// twofold between runs of the same; not what follows from another column (`received` from
/// `missing`, `overhead_ratio` from `bytes_per_message`). A count that is the same in every run, as
/// most should be, costs the others nothing.
pub const METRICS: [&str; 8] = [
    "delivery_p50_us",
    "delivery_p99_us",
    "missing",
    "reconnects",
    "requests",
    "bytes_per_message",
    "server_cpu_us_per_message",
    "server_rss_per_subscriber_bytes",
];

/// How to compare.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// The smallest relative change that matters: 0.05 is 5 %, the default. With 0 every change
    /// does, and nothing that varies is ever unchanged.
    pub noise_threshold: f64,
    /// Which columns; [`METRICS`] by default. Those that do not rate are ignored.
    pub metrics: Vec<&'static RunColumn>,
}

impl Default for CompareOptions {
    fn default() -> Self {
        let column = |name| COLUMNS.iter().find(|column| column.name == name);
        Self { noise_threshold: 0.05, metrics: METRICS.into_iter().filter_map(column).collect() }
    }
}

/// What came of comparing two sides.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The smallest relative change that matters.
    pub noise_threshold: f64,
    /// What was given for the base side.
    pub base: Vec<PathBuf>,
    /// What was given for the new side.
    pub new: Vec<PathBuf>,
    /// What, other than the measurements, is not the same.
    pub differences: Vec<Difference>,
    /// The settings that both sides have valid runs of.
    pub settings: Vec<Compared>,
    /// The settings that they have not.
    pub unpaired: Vec<Unpaired>,
    /// Runs that are invalid and were not used.
    pub left_out: Vec<LeftOut>,
    /// Valid runs, which were used, during which something else took processor time.
    pub disturbed: Vec<Disturbed>,
}

/// One transport at one setting, compared.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which.
    pub setting: Setting,
    /// Valid runs of the base side.
    pub base_runs: usize,
    /// Valid runs of the new side.
    pub new_runs: usize,
    /// What became of each metric that either side measured.
    pub changes: Vec<Change>,
}

/// A setting that only one side has valid runs of, or none.
#[derive(Clone, Debug)]
pub struct Unpaired {
    /// Which.
    pub setting: Setting,
    /// Runs of the base side, valid and not.
    pub base_runs: [usize; 2],
    /// Runs of the new side, valid and not.
    pub new_runs: [usize; 2],
}

/// A run that is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `base` or `new`.
    pub side: &'static str,
    /// Which.
    pub run_id: String,
    /// Why.
    pub reason: String,
}

/// A run that was used although something else took processor time from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbed {
    /// `base` or `new`.
    pub side: &'static str,
    /// Which.
    pub run_id: String,
    /// What took the time.
    pub reason: String,
}

/// Compares all settings that both sides have. The same runs always give the same result.
pub fn compare(base: &Side, new: &Side, options: &CompareOptions) -> Comparison {
    let (comparable, others): (Vec<Pair<'_>>, Vec<Pair<'_>>) =
        pairs(base, new).into_iter().partition(|pair| {
            [&pair.base, &pair.new].into_iter().all(|rows| rows.iter().any(|row| row.is_valid()))
        });
    let paths = |side: &Side| side.paths().map(Path::to_owned).collect();
    Comparison {
        noise_threshold: options.noise_threshold,
        base: paths(base),
        new: paths(new),
        differences: differences::differences(base, new),
        settings: compared(&comparable, options),
        unpaired: others.into_iter().map(unpaired).collect(),
        left_out: left_out("base", base).chain(left_out("new", new)).collect(),
        disturbed: disturbed("base", base).chain(disturbed("new", new)).collect(),
    }
}

impl Comparison {
    /// Whether anything got worse. What cannot be told is no regression, and neither is what could
    /// not be compared: see [`Comparison::is_complete`].
    pub fn regressed(&self) -> bool {
        self.verdicts().any(|verdict| verdict == Verdict::Worse)
    }

    /// Whether every setting of the base side has valid runs on the new side. Where it has not, the
    /// absence of a regression says nothing.
    pub fn is_complete(&self) -> bool {
        !self.settings.is_empty() && self.unpaired.iter().all(|unpaired| unpaired.base_runs[0] == 0)
    }

    /// Whether any setting has runs on both sides, valid or not. Two results without one are of
    /// different questions.
    pub fn has_runs_in_common(&self) -> bool {
        let common = |it: &Unpaired| [it.base_runs, it.new_runs].iter().all(|runs| *runs != [0, 0]);
        !self.settings.is_empty() || self.unpaired.iter().any(common)
    }

    /// For a terminal or a plain file. What differs beside the measurements is folded into one line
    /// where it is much, unless `verbose`.
    pub fn to_text(&self, style: Style, verbose: bool) -> String {
        text::text(self, style, verbose)
    }

    /// For a pull request.
    pub fn to_markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// For programs: one object, with a `schema_version`.
    pub fn to_json(&self) -> String {
        json::json(self)
    }

    /// For spreadsheets: a line for each setting and metric. Values are in the units of `runs.csv`.
    pub fn to_csv(&self) -> String {
        csv::csv(self)
    }

    fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.settings.iter().flat_map(|compared| &compared.changes).map(|change| change.verdict)
    }
}

fn compared(pairs: &[Pair<'_>], options: &CompareOptions) -> Vec<Compared> {
    let valid = |rows: &[&Row], column: &RunColumn| -> Vec<Option<f64>> {
        let valid = rows.iter().filter(|row| row.is_valid());
        valid.map(|row| row.number(column.name)).collect()
    };
    let metrics: Vec<&'static RunColumn> = options
        .metrics
        .iter()
        .copied()
        .filter(|column| column.better != crate::Better::Neither)
        .collect();
    let groups: Vec<Group> = pairs
        .iter()
        .map(|pair| {
            let metrics = metrics.iter().map(|column| {
                Metric::new(&[valid(&pair.base, column), valid(&pair.new, column)].concat())
            });
            let count = |rows: &[&Row]| rows.iter().filter(|row| row.is_valid()).count();
            Group { base: count(&pair.base), new: count(&pair.new), metrics: metrics.collect() }
        })
        .collect();
    let judge = Judge::new(&groups, options.noise_threshold);
    pairs
        .iter()
        .zip(&groups)
        .map(|(pair, group)| Compared {
            setting: pair.setting.clone(),
            base_runs: group.base,
            new_runs: group.new,
            changes: metrics
                .iter()
                .zip(&group.metrics)
                .filter_map(|(column, metric)| {
                    let sides = [&pair.base, &pair.new].map(|rows| valid(rows, column));
                    judge.change(column, group, metric, sides)
                })
                .collect(),
        })
        .collect()
}

fn unpaired(pair: Pair<'_>) -> Unpaired {
    let count = |rows: &[&Row]| {
        let valid = rows.iter().filter(|row| row.is_valid()).count();
        [valid, rows.len() - valid]
    };
    Unpaired { base_runs: count(&pair.base), new_runs: count(&pair.new), setting: pair.setting }
}

fn left_out(name: &'static str, side: &Side) -> impl Iterator<Item = LeftOut> {
    side.rows().filter(|row| !row.is_valid()).map(move |row| LeftOut {
        side: name,
        run_id: row.text("run_id").unwrap_or_default().to_owned(),
        reason: row.text("invalid_reason").unwrap_or("no reason given").to_owned(),
    })
}

fn disturbed(name: &'static str, side: &Side) -> impl Iterator<Item = Disturbed> {
    side.rows().filter(|row| row.is_valid()).filter_map(move |row| {
        Some(Disturbed {
            side: name,
            run_id: row.text("run_id").unwrap_or_default().to_owned(),
            reason: row.disturbance()?.to_owned(),
        })
    })
}
