//! The sentences of a comparison, which are the same in a terminal and in a pull request.

use std::path::PathBuf;

use crate::columns::Better;
use crate::compare::comparison::{
    ComparedSetting, Comparison, Contrast, Disturbed, UnpairedSetting,
};
use crate::compare::differences::{Difference, MACHINE_JSON};
use crate::compare::verdict::{Change, Doubt, Estimate, Verdict};
use crate::numbers::{ABSENT, signed_percent};
use crate::units::DisplayUnit;

/// The number of undecided metrics that the headline names.
const NAMED: usize = 3;

/// The most additional runs a side that are recommended.
const WORTHWHILE: usize = 100;

/// Returns the answer: what got worse, what could not be decided, and how many of the others got
/// better or stayed the same.
pub(super) fn headline(comparison: &Comparison) -> String {
    let count = |name| comparison.verdicts().filter(|verdict| verdict.name() == name).count();
    let all = comparison.verdicts().count();
    if all == 0 {
        return "Nothing could be compared.".to_owned();
    }
    let (better, same) = (count("better"), count("no-change"));
    let worse = named(comparison, |verdict| verdict == Verdict::Worse);
    let undecided = named(comparison, |verdict| matches!(verdict, Verdict::CannotTell(_)));
    let first = match (worse.as_slice(), undecided.is_empty()) {
        ([], true) => "Nothing got worse.".to_owned(),
        ([], false) => "Nothing is known to be worse, but not all is known.".to_owned(),
        (worse, _) => format!("Worse: {}.", worse.join("; ")),
    };
    let doubt = match undecided.as_slice() {
        [] => String::new(),
        few if few.len() <= NAMED => {
            format!(" {} of {all} could not be decided: {}.", few.len(), few.join("; "))
        }
        many => format!(
            " {} of {all} could not be decided: {}; and {} more.",
            many.len(),
            many[..NAMED].join("; "),
            many.len() - NAMED
        ),
    };
    format!("{first}{doubt} Of {all} compared, {better} better, {same} unchanged.")
}

/// Returns the metrics with a certain verdict and their change. Those that seem to have got worse
/// the most come first.
fn named(comparison: &Comparison, is: impl Fn(Verdict) -> bool) -> Vec<String> {
    let changes = comparison
        .settings
        .iter()
        .flat_map(|compared| compared.changes.iter().map(move |change| (compared, change)));
    let mut named: Vec<(f64, String)> = changes
        .filter(|(_, change)| is(change.verdict))
        .map(|(compared, change)| {
            let [name, _, _, by, ..] = cells(change, comparison.noise_threshold);
            let name = name.split(',').next().unwrap_or_default();
            let by = if by == ABSENT { "not measured on one side".to_owned() } else { by };
            let relative = change.relative.map_or(0.0, |relative| relative.change);
            let sign = if change.column.better == Better::Higher { -1.0 } else { 1.0 };
            (sign * relative, format!("{name} of {} ({by})", compared.setting))
        })
        .collect();
    named.sort_by(|a, b| b.0.total_cmp(&a.0));
    named.into_iter().map(|(_, text)| text).collect()
}

/// Returns what the reader has to know before believing the numbers, the most important first.
/// Other differences between the sides are separate, in [`differing`].
pub(super) fn warnings(comparison: &Comparison) -> Vec<String> {
    let unpaired = comparison.unpaired.iter().map(no_partner);
    let left_out = comparison.left_out.iter().map(|left_out| {
        format!("{} run {} left out: {}", left_out.side, left_out.run_id, left_out.reason)
    });
    let disturbed = disturbed(&comparison.disturbed);
    unpaired.chain(advice(comparison)).chain(left_out).chain(disturbed).collect()
}

/// Advises how many runs to make. Every output takes the number from here. `None` if more runs
/// would not decide anything.
pub(super) fn advice(comparison: &Comparison) -> Option<String> {
    let mut runs = None;
    let mut very_noisy = false;
    for compared in &comparison.settings {
        for change in &compared.changes {
            let Verdict::CannotTell(doubt) = change.verdict else { continue };
            very_noisy |= is_very_noisy(doubt);
            let more = doubt.more_runs().filter(|_| !is_very_noisy(doubt));
            let there = compared.base_runs.min(compared.new_runs);
            runs = runs.max(more.map(|more| there + more));
        }
    }
    let repeat = runs.map(|runs| {
        format!("to decide more, make {runs} runs of each side (`wirebench run --repeat {runs}`)")
    });
    let quiet = very_noisy.then(|| {
        format!(
            "what is very noisy would take more than {WORTHWHILE} runs a side: use a quieter \
             machine, or a larger `--noise-threshold`"
        )
    });
    let parts: Vec<String> = repeat.into_iter().chain(quiet).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Returns true if it would take more runs than anybody makes.
fn is_very_noisy(doubt: Doubt) -> bool {
    let Doubt::TooNoisy { more } = doubt else { return false };
    more.is_none_or(|more| more > WORTHWHILE)
}

/// Returns a sentence for each difference besides the measurements.
pub(super) fn differing(comparison: &Comparison) -> Vec<String> {
    comparison.differences.iter().map(differs).collect()
}

/// Returns the same in one sentence if there are more than two.
pub(super) fn differing_in_short(comparison: &Comparison) -> Vec<String> {
    let differences = &comparison.differences;
    if differences.len() <= 2 {
        return differing(comparison);
    }
    let names: Vec<String> =
        differences.iter().map(|it| format!("{} {}", it.about.name(), it.field)).collect();
    vec![format!(
        "{} things differ besides what was measured: {}",
        differences.len(),
        names.join(", ")
    )]
}

/// Returns a line for each disturbed run. Of many, it returns the first few and how many more there
/// are.
fn disturbed(runs: &[Disturbed]) -> Vec<String> {
    const NAMED: usize = 4;
    let line =
        |run: &Disturbed| format!("{} run {} was disturbed: {}", run.side, run.run_id, run.reason);
    let mut lines: Vec<String> = runs.iter().take(NAMED).map(line).collect();
    match runs.len().saturating_sub(NAMED) {
        0 => {}
        1 => lines.push("1 more run was disturbed".to_owned()),
        more => lines.push(format!("{more} more runs were disturbed")),
    }
    lines
}

fn no_partner(unpaired: &UnpairedSetting) -> String {
    let side = |name, [valid, invalid]: [usize; 2]| match (valid, invalid) {
        (0, 0) => format!("{name} has no run of it"),
        (0, invalid) => format!("{name} has no valid run of it ({invalid} invalid)"),
        (valid, _) => format!("{name} has {}", runs(valid)),
    };
    let (base, new) = (side("base", unpaired.base_runs), side("new", unpaired.new_runs));
    format!("{} not compared: {base}, {new}", unpaired.setting)
}

fn differs(difference: &Difference) -> String {
    let Difference { about, field, base, new } = difference;
    let values = |values: &[String]| match values {
        [a, b, c, .., last] => format!("{a}, {b}, {c} … {last}"),
        few => few.join(", "),
    };
    let (base, new) = (values(base), values(new));
    if *field == MACHINE_JSON {
        return format!(
            "machine not known to be the same: {MACHINE_JSON} is {base} for base, {new} for new"
        );
    }
    if base == new {
        return format!("{} differs within each side: {field}: {base}", about.name());
    }
    format!("{} differs: {field}: base {base}, new {new}", about.name())
}

/// Returns the setting and the number of its runs on each side.
pub(super) fn heading(comparison: &Comparison, compared: &ComparedSetting) -> String {
    let ComparedSetting { setting, base_runs, new_runs, .. } = compared;
    match &comparison.contrast {
        Some(Contrast { base, new, .. }) => {
            let pairs = if *base_runs == 1 { "pair" } else { "pairs" };
            format!("{setting}: {new} against {base}, {base_runs} {pairs} of runs")
        }
        None => format!("{setting}: {} against {new_runs}", runs(*base_runs)),
    }
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

/// Returns the cells of a metric: its name and unit, both medians, the change, its interval, and
/// the verdict.
pub(super) fn cells(change: &Change, threshold: f64) -> [String; 6] {
    let shown = DisplayUnit::of(change.column);
    let value = |value: Option<f64>| value.map_or(ABSENT.to_owned(), |value| shown.number(value));
    let unit = if shown.unit.is_empty() { String::new() } else { format!(", {}", shown.unit) };
    let (estimate, write): (Option<Estimate>, &dyn Fn(f64) -> String) = match change.relative {
        Some(relative) => (Some(relative), &signed_percent),
        None => (change.absolute, &|change| shown.signed(change)),
    };
    let by = estimate.map_or(ABSENT.to_owned(), |estimate| write(estimate.change));
    let interval = estimate
        .and_then(|estimate| estimate.interval)
        .map_or(ABSENT.to_owned(), |(low, high)| format!("{} to {}", write(low), write(high)));
    let verdict = verdict(change.verdict, threshold);
    [format!("{}{unit}", shown.name), value(change.base), value(change.new), by, interval, verdict]
}

fn verdict(verdict: Verdict, threshold: f64) -> String {
    let doubt = match verdict {
        Verdict::Better => return "better".to_owned(),
        Verdict::Worse => return "worse".to_owned(),
        Verdict::NoChange => return "no change".to_owned(),
        Verdict::CannotTell(doubt) => doubt,
    };
    let why = match doubt {
        Doubt::NotMeasured => "not measured".to_owned(),
        Doubt::OneRun { .. } => "one run".to_owned(),
        Doubt::TooFewRuns { .. } => "too few runs".to_owned(),
        Doubt::TooNoisy { .. } if is_very_noisy(doubt) => "very noisy".to_owned(),
        Doubt::TooNoisy { .. } => "too noisy".to_owned(),
        Doubt::AtThreshold => format!("close to {}", threshold_text(threshold)),
    };
    format!("cannot tell: {why}")
}

/// Returns a sentence for the metrics that every run of both sides measured the same, and the other
/// metrics, each of which gets a line.
pub(super) fn same_and_others(compared: &ComparedSetting) -> (Option<String>, Vec<&Change>) {
    let (same, others): (Vec<&Change>, Vec<&Change>) =
        compared.changes.iter().partition(|change| {
            let interval = change.absolute.and_then(|absolute| absolute.interval);
            change.verdict == Verdict::NoChange && interval == Some((0.0, 0.0))
        });
    let same: Vec<String> = same
        .into_iter()
        .map(|change| {
            let shown = DisplayUnit::of(change.column);
            let value = change.base.map_or(ABSENT.to_owned(), |value| shown.number(value));
            format!("{} {value} {}", shown.name, shown.unit).trim_end().to_owned()
        })
        .collect();
    let same = (!same.is_empty()).then(|| format!("The same in every run: {}.", same.join(", ")));
    (same, others)
}

/// Explains how to read the numbers.
pub(super) fn legend(comparison: &Comparison) -> Vec<String> {
    let threshold = threshold_text(comparison.noise_threshold);
    let (base, new) = (paths(&comparison.base), paths(&comparison.new));
    let (sides, change, unit) = match &comparison.contrast {
        Some(Contrast { column, base: old, new }) => (
            format!("base: {old}; new: {new} ({} in {base}).", column.name.replace('_', " ")),
            "change: from a run to its neighbour (trimmed mean of logarithms).",
            "The unit is the pair of runs, not the message.",
        ),
        None => (
            format!("base: {base}; new: {new}."),
            "change: between typical runs (trimmed means of logarithms), near that of the medians.",
            "The unit is the run, not the message.",
        ),
    };
    vec![
        sides,
        format!("Values are medians over runs. A change matters from {threshold} on."),
        change.to_owned(),
        format!("interval: all hold at once with 95 %. {unit}"),
    ]
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

fn threshold_text(threshold: f64) -> String {
    format!("{} %", (threshold * 1e4).round() / 100.0)
}
