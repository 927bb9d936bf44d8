//! The change of a metric: how large it is, how certain it is, and the verdict.

use crate::columns::{Better, RunColumn};
use crate::numbers::median;
use crate::statistics::{
    Design, Effect, Metric, Samples, Scale, critical_size, runs_to_find, testable,
};

/// The change of one metric at one setting.
#[derive(Clone, Debug)]
pub struct Change {
    /// The metric.
    pub column: &'static RunColumn,
    /// The median over the runs of the base side; `None` if it was not measured.
    pub base: Option<f64>,
    /// The median over the runs of the new side; `None` if it was not measured.
    pub new: Option<f64>,
    /// The change as a share of the base: 0.2 is 20 % more. `None` if the base is 0 or either side
    /// was not measured.
    pub relative: Option<Estimate>,
    /// The change in the unit of the column; `None` if either side was not measured.
    pub absolute: Option<Estimate>,
    /// The verdict.
    pub verdict: Verdict,
}

/// A change and its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The most likely change.
    pub change: f64,
    /// The lower and the upper end; `None` if there are too few runs for an interval.
    pub interval: Option<(f64, f64)>,
}

/// What can be said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The change is certain, large enough to matter, and for the better.
    Better,
    /// The change is certain, large enough to matter, and for the worse.
    Worse,
    /// The change is certainly too small to matter.
    NoChange,
    /// The runs do not decide.
    CannotTell(Doubt),
}

/// Why the runs do not decide, and how many more a side would be enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// One of the sides did not measure it.
    NotMeasured,
    /// There is only one run on a side, so there is no spread to compare the change to.
    OneRun {
        /// How many more runs a side to make: up to [`RUNS_TO_MAKE`], or as many as the test needs.
        more: usize,
    },
    /// There are so few runs that even the largest change could be chance.
    TooFewRuns {
        /// How many more runs a side to make: up to [`RUNS_TO_MAKE`], or as many as the test needs.
        more: usize,
    },
    /// Runs of one side differ too much from each other.
    TooNoisy {
        /// How many more runs a side would show a change of the threshold's size; `None` if a
        /// thousand would not.
        more: Option<usize>,
    },
    /// There are enough runs, but the change is about as large as the threshold.
    AtThreshold,
}

/// The number of runs a side that is recommended, in every output and in the docs. They show a
/// change of a fifth if runs differ by 5 %, and are enough for the test in hundreds of settings.
pub const RUNS_TO_MAKE: usize = 10;

impl Verdict {
    /// Returns one word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoChange => "no-change",
            Self::CannotTell(_) => "cannot-tell",
        }
    }

    /// Returns why the runs do not decide, if they do not.
    pub const fn doubt(self) -> Option<Doubt> {
        match self {
            Self::CannotTell(doubt) => Some(doubt),
            Self::Better | Self::Worse | Self::NoChange => None,
        }
    }
}

impl Doubt {
    /// Returns one word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotMeasured => "not-measured",
            Self::OneRun { .. } => "one-run",
            Self::TooFewRuns { .. } => "too-few-runs",
            Self::TooNoisy { .. } => "too-noisy",
            Self::AtThreshold => "at-threshold",
        }
    }

    /// Returns how many more runs a side would be enough, if more runs help.
    pub const fn more_runs(self) -> Option<usize> {
        match self {
            Self::OneRun { more } | Self::TooFewRuns { more } => Some(more),
            Self::TooNoisy { more } => more,
            Self::NotMeasured | Self::AtThreshold => None,
        }
    }
}

/// What all metrics of a comparison are judged by.
pub(super) struct Judge {
    threshold: f64,
    design: Design,
    /// A change of more standard errors than this is more than chance.
    critical: f64,
    /// The number of settings in which a change has to be told from chance.
    settings: usize,
    /// The number of metrics that are tested, over all settings.
    metrics: usize,
    /// The number of runs a side that it would take to test them all.
    fewest: usize,
}

impl Judge {
    pub(super) fn new(design: Design, settings: &[Samples], threshold: f64) -> Self {
        let varying = settings.iter().filter(|samples| samples.varying() > 0).count();
        let fewest = design.fewest_runs(varying);
        let (testable, settings) = testable(settings);
        let metrics = testable.iter().map(|samples| samples.varying()).sum();
        let critical = critical_size(&testable);
        Self { threshold, design, critical, settings, metrics, fewest }
    }

    /// Returns the change of a metric; `None` if no run of either side measured it.
    pub(super) fn change(
        &self,
        column: &'static RunColumn,
        samples: &Samples,
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
        let effect = metric.effect(self.design, &samples.is_new());
        // One run of what a clock measured says nothing, not even if the other side measured the
        // same.
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
        let enough = self.design.can_tell(runs[0], runs[1], self.settings);
        let sure = self.critical.is_finite() && enough;
        let reach = self.critical * error;
        Estimate { change, interval: sure.then_some((change - reach, change + reach)) }
    }

    /// Returns the verdict, if it is certain.
    fn verdict(&self, column: &RunColumn, change: &Change) -> Option<Verdict> {
        let (low, high) = change.absolute?.interval?;
        // A change from a base of 0 has no share, so any change matters.
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
        match runs_to_find(self.design, effect, smallest, self.metrics) {
            Some(enough) if enough <= runs[0].min(runs[1]) => Doubt::AtThreshold,
            enough => {
                let more = |enough: usize| enough.max(RUNS_TO_MAKE) - runs[0].min(runs[1]);
                Doubt::TooNoisy { more: enough.map(more) }
            }
        }
    }

    /// Returns how many more runs a side to make, so that the test has enough.
    fn missing_runs(&self, runs: [usize; 2]) -> usize {
        self.fewest.max(RUNS_TO_MAKE).saturating_sub(runs[0].min(runs[1])).max(1)
    }
}

/// Returns true if a value is counted and not measured by a clock, so that one run is enough.
fn is_exact(column: &RunColumn) -> bool {
    !["µs", "s"].contains(&column.unit)
}

/// Returns the change relative to the base, and in the unit of the column.
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
