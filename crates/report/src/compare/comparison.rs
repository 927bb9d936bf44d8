//! Compares two sides, and holds the result.

use std::path::{Path, PathBuf};

use super::differences::{Difference, differences};
use super::options::CompareOptions;
use super::pairs::{Pair, pairs};
use super::side::Side;
use super::verdict::{Change, Judge, Verdict};
use crate::columns::{Better, RunColumn};
use crate::row::Row;
use crate::settings::TransportSetting;
use crate::statistics::{Design, Metric, Samples};

/// The result of comparing two sides.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The smallest relative change that matters.
    pub noise_threshold: f64,
    /// The paths that were given for the base side.
    pub base: Vec<PathBuf>,
    /// The paths that were given for the new side.
    pub new: Vec<PathBuf>,
    /// What the sides were told apart by, if both are from the same runs.
    pub contrast: Option<Contrast>,
    /// What differs between the sides besides the measurements.
    pub differences: Vec<Difference>,
    /// The settings of which both sides have valid runs.
    pub settings: Vec<ComparedSetting>,
    /// The other settings.
    pub unpaired: Vec<UnpairedSetting>,
    /// Invalid runs, which were not used.
    pub left_out: Vec<LeftOut>,
    /// Valid runs, which were used, during which something else took processor time.
    pub disturbed: Vec<Disturbed>,
}

/// Two values of a setting, whose runs took turns.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// The setting.
    pub column: &'static RunColumn,
    /// Its value on the base side.
    pub base: String,
    /// Its value on the new side.
    pub new: String,
}

/// One transport at one setting, compared.
#[derive(Clone, Debug)]
pub struct ComparedSetting {
    /// The transport and its settings.
    pub setting: TransportSetting,
    /// The number of valid runs of the base side.
    pub base_runs: usize,
    /// The number of valid runs of the new side.
    pub new_runs: usize,
    /// The change of each metric that either side measured.
    pub changes: Vec<Change>,
}

/// A setting of which only one side has valid runs, or neither.
#[derive(Clone, Debug)]
pub struct UnpairedSetting {
    /// The transport and its settings.
    pub setting: TransportSetting,
    /// The number of valid and of invalid runs of the base side.
    pub base_runs: [usize; 2],
    /// The number of valid and of invalid runs of the new side.
    pub new_runs: [usize; 2],
}

/// An invalid run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `base` or `new`.
    pub side: &'static str,
    /// The run's id.
    pub run_id: String,
    /// Why it is invalid.
    pub reason: String,
}

/// A run that was used although something else took processor time from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbed {
    /// `base` or `new`.
    pub side: &'static str,
    /// The run's id.
    pub run_id: String,
    /// What took the processor time.
    pub reason: String,
}

/// Compares all settings of which both sides have valid runs. The same runs always give the same
/// result.
pub fn compare(base: &Side, new: &Side, options: &CompareOptions) -> Comparison {
    let pairs = pairs(base, new, None);
    Comparison {
        differences: differences(base, new),
        ..judged(base, new, pairs, Design::Independent, options)
    }
}

/// Compares the runs of two values of a setting in pairs: each with its neighbour, the run of the
/// other value in the same repeat. What changes slowly on a machine is then the same for both. Runs
/// whose neighbour is invalid are left out.
pub fn compare_neighbours(
    runs: &Side,
    contrast: &Contrast,
    options: &CompareOptions,
) -> Comparison {
    let [base, new] =
        [&contrast.base, &contrast.new].map(|value| runs.with_value(contrast.column, value));
    let pairs = pairs(&base, &new, Some(contrast.column));
    let pairs = pairs.into_iter().map(|pair| match (pair.base.as_slice(), pair.new.as_slice()) {
        // Reported with the runs that it has.
        ([], _) | (_, []) => pair,
        _ => pair.neighbours(),
    });
    Comparison {
        contrast: Some(contrast.clone()),
        ..judged(&base, &new, pairs.collect(), Design::Paired, options)
    }
}

fn judged(
    base: &Side,
    new: &Side,
    pairs: Vec<Pair<'_>>,
    design: Design,
    options: &CompareOptions,
) -> Comparison {
    let (comparable, others): (Vec<Pair<'_>>, Vec<Pair<'_>>) =
        pairs.into_iter().partition(|pair| {
            [&pair.base, &pair.new].into_iter().all(|rows| rows.iter().any(|row| row.is_valid()))
        });
    let paths = |side: &Side| side.paths().map(Path::to_owned).collect();
    Comparison {
        noise_threshold: options.noise_threshold,
        base: paths(base),
        new: paths(new),
        contrast: None,
        differences: Vec::new(),
        settings: compared(&comparable, design, options),
        unpaired: others.into_iter().map(unpaired).collect(),
        left_out: left_out("base", base).chain(left_out("new", new)).collect(),
        disturbed: disturbed("base", base).chain(disturbed("new", new)).collect(),
    }
}

impl Comparison {
    /// Returns true if anything got worse. A metric that cannot be decided is no regression, and
    /// neither is one that could not be compared: see [`Comparison::is_complete`].
    pub fn regressed(&self) -> bool {
        self.verdicts().any(|verdict| verdict == Verdict::Worse)
    }

    /// Returns true if every setting of the base side has valid runs on the new side. Otherwise the
    /// absence of a regression says nothing.
    pub fn is_complete(&self) -> bool {
        !self.settings.is_empty() && self.unpaired.iter().all(|unpaired| unpaired.base_runs[0] == 0)
    }

    /// Returns true if any setting has runs on both sides, valid or not. Otherwise the two results
    /// answer different questions.
    pub fn has_runs_in_common(&self) -> bool {
        let common =
            |it: &UnpairedSetting| [it.base_runs, it.new_runs].iter().all(|runs| *runs != [0, 0]);
        !self.settings.is_empty() || self.unpaired.iter().any(common)
    }

    /// Returns the verdict on each metric of each setting.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.settings.iter().flat_map(|compared| &compared.changes).map(|change| change.verdict)
    }
}

fn compared(pairs: &[Pair<'_>], design: Design, options: &CompareOptions) -> Vec<ComparedSetting> {
    let valid = |rows: &[&Row], column: &RunColumn| -> Vec<Option<f64>> {
        let valid = rows.iter().filter(|row| row.is_valid());
        valid.map(|row| row.number(column.name)).collect()
    };
    let metrics: Vec<&'static RunColumn> =
        options.metrics.iter().copied().filter(|column| column.better != Better::Neither).collect();
    let samples: Vec<Samples> = pairs
        .iter()
        .map(|pair| {
            let metrics = metrics.iter().map(|column| {
                Metric::new(&[valid(&pair.base, column), valid(&pair.new, column)].concat())
            });
            let count = |rows: &[&Row]| rows.iter().filter(|row| row.is_valid()).count();
            let (base, new) = (count(&pair.base), count(&pair.new));
            Samples { base, new, design, metrics: metrics.collect() }
        })
        .collect();
    let judge = Judge::new(design, &samples, options.noise_threshold);
    pairs
        .iter()
        .zip(&samples)
        .map(|(pair, samples)| ComparedSetting {
            setting: pair.setting.clone(),
            base_runs: samples.base,
            new_runs: samples.new,
            changes: metrics
                .iter()
                .zip(&samples.metrics)
                .filter_map(|(column, metric)| {
                    let sides = [&pair.base, &pair.new].map(|rows| valid(rows, column));
                    judge.change(column, samples, metric, sides)
                })
                .collect(),
        })
        .collect()
}

fn unpaired(pair: Pair<'_>) -> UnpairedSetting {
    let count = |rows: &[&Row]| {
        let valid = rows.iter().filter(|row| row.is_valid()).count();
        [valid, rows.len() - valid]
    };
    UnpairedSetting {
        base_runs: count(&pair.base),
        new_runs: count(&pair.new),
        setting: pair.setting,
    }
}

fn left_out(name: &'static str, side: &Side) -> impl Iterator<Item = LeftOut> {
    side.rows().filter(|row| !row.is_valid()).map(move |row| LeftOut {
        side: name,
        run_id: row.text("run_id").unwrap_or_default().to_owned(),
        reason: row.invalid_reason().to_owned(),
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
