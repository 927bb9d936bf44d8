//! What became of a metric: by how much it changed, how sure that is, and what to call it.

use super::statistics::{
    Effect, Group, Metric, Scale, can_tell, critical_size, fewest_runs, runs_to_find, testable,
};
use crate::{Better, RunColumn};

/// What became of one metric at one setting.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which metric.
    pub column: &'static RunColumn,
    /// Median over the runs of the base side; `None` where it was not measured, as for all here.
    pub base: Option<f64>,
    /// Median over the runs of the new side.
    pub new: Option<f64>,
    /// By how much, as a share of the base: 0.2 is 20 % more. `None` where the base is 0.
    pub relative: Option<Estimate>,
    /// By how much, in the unit of the column.
    pub absolute: Option<Estimate>,
    /// What to call it.
    pub verdict: Verdict,
}

/// A change, and where it lies for sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The most likely.
    pub change: f64,
    /// From and to; `None` where there are too few runs for one.
    pub interval: Option<(f64, f64)>,
}

/// What a change is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is for sure, large enough to matter, and to the better.
    Better,
    /// It is for sure, large enough to matter, and to the worse.
    Worse,
    /// It is for sure too small to matter.
    NoChange,
    /// The runs do not say.
    CannotTell(Doubt),
}

/// Why the runs do not say, and how many more a side would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// One of the sides did not measure it.
    NotMeasured,
    /// There is one run on a side, which has no spread to hold the change against.
    OneRun {
        /// How many more runs a side to make: up to [`RUNS_TO_MAKE`], or what the test needs.
        more: usize,
    },
    /// There are so few runs that even the largest change could be chance.
    TooFewRuns {
        /// How many more runs a side to make: up to [`RUNS_TO_MAKE`], or what the test needs.
        more: usize,
    },
    /// Runs of one side differ too much from each other.
    TooNoisy {
        /// How many more runs a side would do for a change of the threshold's size; `None` when a
        /// thousand would not.
        more: Option<usize>,
    },
    /// The change is about as large as the threshold: runs enough, and on neither side of it.
    AtThreshold,
}

/// How many runs a side to make, where nothing is known of their noise yet: they find a change of a
/// fifth where runs differ by 5 %, and suffice for the test in hundreds of settings. This is the one
/// number that is recommended, in every output and in the docs.
pub const RUNS_TO_MAKE: usize = 10;

/// What all metrics of a comparison are judged by.
pub(super) struct Judge {
    threshold: f64,
    /// How many standard errors are more than chance.
    critical: f64,
    /// For how many settings a change has to be told from chance.
    settings: usize,
    /// How many metrics are tested, over all settings.
    metrics: usize,
    /// How many runs a side it would take to test them all.
    fewest: usize,
}

impl Judge {
    pub(super) fn new(groups: &[Group], threshold: f64) -> Self {
        let (testable, settings) = testable(groups);
        let fewest = fewest_runs(groups.iter().filter(|group| group.varying() > 0).count());
        let metrics = testable.iter().map(|group| group.varying()).sum();
        Self { threshold, critical: critical_size(&testable), settings, metrics, fewest }
    }

    /// What became of a metric; `None` where no run of either side measured it.
    pub(super) fn change(
        &self,
        column: &'static RunColumn,
        group: &Group,
        metric: &Metric,
        sides: [Vec<Option<f64>>; 2],
    ) -> Option<Change> {
        let [base, new] = sides.map(|values| values.into_iter().flatten().collect::<Vec<f64>>());
        let (runs, medians) = ([base.len(), new.len()], [median(base), median(new)]);
        let mut change = Change {
            column,
            base: medians[0],
            new: medians[1],
            relative: None,
            absolute: None,
            verdict: Verdict::CannotTell(Doubt::NotMeasured),
        };
        let (Some(base), Some(new)) = (medians[0], medians[1]) else {
            return medians.iter().any(Option::is_some).then_some(change);
        };
        let is_new: Vec<bool> = (0..group.base + group.new).map(|run| run >= group.base).collect();
        let effect = metric.effect(&is_new);
        // One run of what a clock measured says nothing, not even when it is the same again.
        let is_certain = metric.is_constant() && (is_exact(column) || !runs.contains(&1));
        let on_scale = if is_certain {
            Estimate { change: 0.0, interval: Some((0.0, 0.0)) }
        } else if let Some(effect) = effect {
            self.estimate(effect, runs)
        } else {
            let change = if metric.scale == Scale::Ratio { (new / base).ln() } else { new - base };
            Estimate { change, interval: None }
        };
        (change.relative, change.absolute) = in_units(on_scale, metric.scale, base);
        change.verdict = if runs.contains(&1) && !is_certain {
            Verdict::CannotTell(Doubt::OneRun { more: self.missing_runs(runs) })
        } else {
            self.verdict(column, &change).unwrap_or_else(|| {
                Verdict::CannotTell(self.doubt(effect, on_scale, metric.scale, base, runs))
            })
        };
        Some(change)
    }

    fn estimate(&self, effect: Effect, runs: [usize; 2]) -> Estimate {
        let Effect { change, error, .. } = effect;
        let sure = self.critical.is_finite() && can_tell(runs[0], runs[1], self.settings);
        let reach = self.critical * error;
        Estimate { change, interval: sure.then_some((change - reach, change + reach)) }
    }

    /// What can be said for sure, if anything.
    fn verdict(&self, column: &RunColumn, change: &Change) -> Option<Verdict> {
        let (low, high) = change.absolute?.interval?;
        // There is no share of nothing: from a base of 0, any change matters.
        let matters = |share: f64| share.abs() >= self.threshold;
        let relative = change.relative;
        if (low > 0.0 || high < 0.0) && relative.is_none_or(|relative| matters(relative.change)) {
            let is_better = (low > 0.0) == (column.better == Better::Higher);
            return Some(if is_better { Verdict::Better } else { Verdict::Worse });
        }
        let (low, high) = relative.and_then(|relative| relative.interval).unwrap_or((low, high));
        let within = if relative.is_some() { self.threshold } else { 0.0 };
        (low >= -within && high <= within).then_some(Verdict::NoChange)
    }

    fn doubt(
        &self,
        effect: Option<Effect>,
        on_scale: Estimate,
        scale: Scale,
        base: f64,
        runs: [usize; 2],
    ) -> Doubt {
        let (Some(effect), Some(_)) = (effect, on_scale.interval) else {
            return Doubt::TooFewRuns { more: self.missing_runs(runs) };
        };
        let smallest = match scale {
            Scale::Ratio => self.threshold.ln_1p(),
            Scale::Difference if base > 0.0 => self.threshold * base,
            Scale::Difference => effect.change.abs(),
        };
        match runs_to_find(effect, smallest, self.metrics) {
            Some(enough) if enough <= runs[0].min(runs[1]) => Doubt::AtThreshold,
            enough => {
                let more = |enough: usize| enough.max(RUNS_TO_MAKE) - runs[0].min(runs[1]);
                Doubt::TooNoisy { more: enough.map(more) }
            }
        }
    }

    /// How many more a side to make, so that the test has enough.
    fn missing_runs(&self, runs: [usize; 2]) -> usize {
        self.fewest.max(RUNS_TO_MAKE).saturating_sub(runs[0].min(runs[1])).max(1)
    }
}

/// Whether a value is counted, so that one run says all: not what a clock measured.
fn is_exact(column: &RunColumn) -> bool {
    !["µs", "s"].contains(&column.unit)
}

/// Relative to the base, and in the unit of the column.
fn in_units(on_scale: Estimate, scale: Scale, base: f64) -> (Option<Estimate>, Option<Estimate>) {
    let map = |estimate: Estimate, unit: &dyn Fn(f64) -> f64| Estimate {
        change: unit(estimate.change),
        interval: estimate.interval.map(|(low, high)| (unit(low), unit(high))),
    };
    match scale {
        Scale::Ratio => {
            let relative = map(on_scale, &f64::exp_m1);
            (Some(relative), Some(map(relative, &|share| share * base)))
        }
        Scale::Difference => {
            let relative = (base > 0.0).then(|| map(on_scale, &|change| change / base));
            (relative, Some(on_scale))
        }
    }
}

/// Between the two in the middle where there are two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}
