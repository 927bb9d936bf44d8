//! What a comparison says, in words: the same in a terminal and in a pull request.

use std::path::PathBuf;

use super::differences::MACHINE_JSON;
use super::units::{ABSENT, Shown, percent};
use super::{Change, Compared, Comparison, Difference, Doubt, Estimate, Unpaired, Verdict};

impl Verdict {
    /// One word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoChange => "no-change",
            Self::CannotTell(_) => "cannot-tell",
        }
    }
}

impl Doubt {
    /// One word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotMeasured => "not-measured",
            Self::OneRun { .. } => "one-run",
            Self::TooFewRuns { .. } => "too-few-runs",
            Self::TooNoisy { .. } => "too-noisy",
            Self::AtThreshold => "at-threshold",
        }
    }

    /// How many more runs a side would do, where more runs would.
    pub const fn more_runs(self) -> Option<usize> {
        match self {
            Self::OneRun { more } | Self::TooFewRuns { more } => Some(more),
            Self::TooNoisy { more } => more,
            Self::NotMeasured | Self::AtThreshold => None,
        }
    }
}

/// The answer, in one sentence.
pub(super) fn headline(comparison: &Comparison) -> String {
    let threshold = comparison.noise_threshold;
    let count = |name| comparison.verdicts().filter(|verdict| verdict.name() == name).count();
    let all = comparison.verdicts().count();
    if all == 0 {
        return "Nothing could be compared.".to_owned();
    }
    let (better, same, unknown) = (count("better"), count("no-change"), count("cannot-tell"));
    let changes = comparison
        .settings
        .iter()
        .flat_map(|compared| compared.changes.iter().map(move |change| (compared, change)));
    let worse: Vec<String> = changes
        .filter(|(_, change)| change.verdict == Verdict::Worse)
        .map(|(compared, change)| {
            let [name, _, _, by, ..] = cells(change, threshold);
            let name = name.split(',').next().unwrap_or_default();
            format!("{name} of {} ({by})", compared.setting)
        })
        .collect();
    let worse = match worse.as_slice() {
        [] => "Nothing was found to be worse".to_owned(),
        worse => format!("Worse: {}", worse.join("; ")),
    };
    format!(
        "{worse}. Of {all} compared, {better} better, {same} unchanged, {unknown} cannot be told."
    )
}

/// What has to be known before the numbers are believed, most important first.
pub(super) fn warnings(comparison: &Comparison) -> Vec<String> {
    let unpaired = comparison.unpaired.iter().map(no_partner);
    let one_run =
        comparison.settings.iter().any(|compared| compared.base_runs.min(compared.new_runs) == 1);
    let one_run = one_run.then(|| {
        "one run has no spread to hold a change against: no verdict on latency; run with \
         `--repeat 5` or more"
            .to_owned()
    });
    let left_out = comparison.left_out.iter().map(|left_out| {
        format!("{} run {} left out: {}", left_out.side, left_out.run_id, left_out.reason)
    });
    let differences = comparison.differences.iter().map(differs);
    unpaired.chain(one_run).chain(left_out).chain(differences).collect()
}

fn no_partner(unpaired: &Unpaired) -> String {
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

/// The setting, and how many runs stand for it.
pub(super) fn heading(compared: &Compared) -> String {
    let Compared { setting, base_runs, new_runs, .. } = compared;
    format!("{setting}: {} against {new_runs}", runs(*base_runs))
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

/// One metric: its name and unit, both medians, the change, its interval, and the verdict.
pub(super) fn cells(change: &Change, threshold: f64) -> [String; 6] {
    let shown = Shown::of(change.column);
    let value = |value: Option<f64>| value.map_or(ABSENT.to_owned(), |value| shown.number(value));
    let unit = if shown.unit.is_empty() { String::new() } else { format!(", {}", shown.unit) };
    let (estimate, write): (Option<Estimate>, &dyn Fn(f64) -> String) = match change.relative {
        Some(relative) => (Some(relative), &percent),
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
        Doubt::OneRun { more } => format!("one run (+{more})"),
        Doubt::TooFewRuns { more } => format!("too few runs (+{more})"),
        Doubt::TooNoisy { more: Some(more) } => format!("too noisy (+{more})"),
        Doubt::TooNoisy { more: None } => "too noisy (over +1000)".to_owned(),
        Doubt::AtThreshold => format!("close to {}", threshold_text(threshold)),
    };
    format!("cannot tell: {why}")
}

/// The metrics that every run of both sides measured the same; the others are worth a line each.
pub(super) fn same_and_others(compared: &Compared) -> (Option<String>, Vec<&Change>) {
    let (same, others): (Vec<&Change>, Vec<&Change>) =
        compared.changes.iter().partition(|change| {
            let interval = change.absolute.and_then(|absolute| absolute.interval);
            change.verdict == Verdict::NoChange && interval == Some((0.0, 0.0))
        });
    let same: Vec<String> = same
        .into_iter()
        .map(|change| {
            let shown = Shown::of(change.column);
            let value = change.base.map_or(ABSENT.to_owned(), |value| shown.number(value));
            format!("{} {value} {}", shown.name, shown.unit).trim_end().to_owned()
        })
        .collect();
    let same = (!same.is_empty()).then(|| format!("The same in every run: {}.", same.join(", ")));
    (same, others)
}

/// How to read the numbers.
pub(super) fn legend(comparison: &Comparison) -> Vec<String> {
    let threshold = threshold_text(comparison.noise_threshold);
    let mut lines = vec![
        format!("base: {}; new: {}.", paths(&comparison.base), paths(&comparison.new)),
        format!("Values are medians over runs. A change matters from {threshold} on."),
        "change: between typical runs (trimmed means of logarithms), near that of the medians."
            .to_owned(),
        "interval: all hold at once with 95 %. The unit is the run, not the message.".to_owned(),
    ];
    let doubts = comparison.verdicts().filter_map(|verdict| match verdict {
        Verdict::CannotTell(doubt) => Some(doubt),
        Verdict::Better | Verdict::Worse | Verdict::NoChange => None,
    });
    let doubts: Vec<Doubt> = doubts.collect();
    let noisy = |doubt: &Doubt| matches!(doubt, Doubt::TooNoisy { .. });
    if doubts.iter().any(noisy) {
        lines.push(format!(
            "too noisy (+9): 9 more runs a side would find a change of {threshold}."
        ));
    }
    if doubts.iter().any(|doubt| !noisy(doubt) && doubt.more_runs().is_some()) {
        lines.push(
            "one run, too few runs (+2): 2 more a side would find a change far above the noise."
                .to_owned(),
        );
    }
    lines
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

fn threshold_text(threshold: f64) -> String {
    format!("{} %", (threshold * 1e4).round() / 100.0)
}
