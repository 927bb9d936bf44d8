//! How certain a change is: runs are shuffled between the two sides, and a real change has to
//! exceed the largest one that arises by chance.
//!
//! Nothing here depends on transports or columns: a [`Samples`] is what was measured at one
//! setting.

/// The share of comparisons that may raise a false alarm, over all metrics and settings together.
pub(crate) const FALSE_ALARMS: f64 = 0.05;

/// The number of shuffles, besides the runs as they are. More would only change the third digit of
/// an interval.
const SHUFFLES: usize = 999;

/// From this many runs on, one run in so many is left out at each end, so that a disturbed run does
/// not decide.
const TRIM: usize = 8;

/// How the runs of the two sides belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Design {
    /// Each run is by itself. Chance deals all runs to the two sides.
    #[default]
    Independent,
    /// Each run of the base has a neighbour on the new side, at the same place of its side. Chance
    /// swaps neighbours.
    Paired,
}

impl Design {
    /// Returns true if so many runs of base and new can tell any change from chance.
    pub(crate) fn can_tell(self, base: usize, new: usize, settings: usize) -> bool {
        // The opposite deal has a change of the same size.
        let extreme = if base == new { 2.0 } else { 1.0 };
        let ways = match self {
            Self::Independent => ways_to_deal(base, new),
            Self::Paired => (0..base.min(new)).map(|_| 2.0).product(),
        };
        extreme * count(settings) <= FALSE_ALARMS * ways
    }

    /// Returns the fewest runs a side with which a change can be told from chance in one of
    /// `settings` settings. With fewer, even the most extreme deal is too likely.
    pub(crate) fn fewest_runs(self, settings: usize) -> usize {
        // Four are the fewest for one setting.
        (4..1_000)
            .find(|runs| self.can_tell(*runs, *runs, settings))
            .expect("a thousand runs can be dealt in more ways than there are settings")
    }

    /// Returns the degrees of freedom of so many runs a side.
    fn freedom(self, runs: usize) -> f64 {
        match self {
            Self::Independent => 2.0 * (count(runs) - 1.0),
            Self::Paired => count(runs) - 1.0,
        }
    }

    /// Deals the runs to the two sides anew.
    fn deal(self, is_new: &mut [bool], random: &mut SplitMix) {
        match self {
            Self::Independent => random.shuffle(is_new),
            Self::Paired => {
                let (base, new) = is_new.split_at_mut(is_new.len() / 2);
                for (base, new) in base.iter_mut().zip(new) {
                    if random.next() >> 63 == 1 {
                        std::mem::swap(base, new);
                    }
                }
            }
        }
    }
}

/// The metrics of the runs of one setting. Runs keep their place in every metric, so that shuffling
/// moves whole runs: the metrics of a run depend on each other, and that dependence has to stay.
#[derive(Debug)]
pub(crate) struct Samples {
    /// The number of runs of the base side; the others are new.
    pub(crate) base: usize,
    pub(crate) new: usize,
    pub(crate) design: Design,
    pub(crate) metrics: Vec<Metric>,
}

impl Samples {
    /// Returns for each run whether it belongs to the new side.
    pub(crate) fn is_new(&self) -> Vec<bool> {
        (0..self.base + self.new).map(|run| run >= self.base).collect()
    }

    /// Returns how many of its metrics vary.
    pub(crate) fn varying(&self) -> usize {
        self.metrics.iter().filter(|metric| !metric.is_constant()).count()
    }
}

/// One metric of all runs of a setting.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) scale: Scale,
    /// The place of each run that measured it, and its value on the scale. The lowest comes first,
    /// so that no shuffle has to sort.
    ranked: Vec<(usize, f64)>,
    /// The value of each run on the scale.
    values: Vec<Option<f64>>,
}

/// The scale on which a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Logarithms: a change is a ratio, and noise that multiplies is the same at both ends.
    Ratio,
    /// The values themselves, if one of them is 0 and has no ratio to another.
    Difference,
}

impl Metric {
    /// Takes the value of each run, those of the base first; `None` if the run did not measure it.
    pub(crate) fn new(values: &[Option<f64>]) -> Self {
        let scale = if values.iter().flatten().all(|value| *value > 0.0) {
            Scale::Ratio
        } else {
            Scale::Difference
        };
        let on_scale = |value: f64| if scale == Scale::Ratio { value.ln() } else { value };
        let values: Vec<Option<f64>> = values.iter().map(|value| value.map(on_scale)).collect();
        let measured = values.iter().enumerate();
        let mut ranked: Vec<_> =
            measured.filter_map(|(run, value)| Some((run, (*value)?))).collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self { scale, ranked, values }
    }

    /// Returns true if every run measured the same. Then chance has no part in it.
    pub(crate) fn is_constant(&self) -> bool {
        self.ranked.first().map(|first| first.1) == self.ranked.last().map(|last| last.1)
    }

    /// Returns the change from base to new; `is_new` says of each run to which side it belongs.
    /// `None` with fewer than two runs on a side, because they have no spread.
    pub(crate) fn effect(&self, design: Design, is_new: &[bool]) -> Option<Effect> {
        match design {
            Design::Independent => self.independent_effect(is_new),
            Design::Paired => self.paired_effect(is_new),
        }
    }

    /// Returns the typical change from a run to its neighbour.
    fn paired_effect(&self, is_new: &[bool]) -> Option<Effect> {
        let pairs = is_new.len() / 2;
        let change = |pair: usize| {
            let change = self.values[pairs + pair]? - self.values[pair]?;
            Some(if is_new[pair] { -change } else { change })
        };
        let mut changes: Vec<f64> = (0..pairs).filter_map(change).collect();
        if changes.len() < 2 {
            return None;
        }
        changes.sort_by(f64::total_cmp);
        let mut typical = Typical::of_runs(changes.len());
        for change in &changes {
            typical.add(*change);
        }
        let (change, squared) = typical.mean_and_squared_error();
        let spread = (squared * count(changes.len())).sqrt();
        Some(Effect { change, error: squared.sqrt(), spread })
    }

    fn independent_effect(&self, is_new: &[bool]) -> Option<Effect> {
        let mut runs = [0, 0];
        for (run, _) in &self.ranked {
            runs[usize::from(is_new[*run])] += 1;
        }
        if runs[0] < 2 || runs[1] < 2 {
            return None;
        }
        let mut sides = runs.map(Typical::of_runs);
        for (run, value) in &self.ranked {
            sides[usize::from(is_new[*run])].add(*value);
        }
        let [(base, base_error), (new, new_error)] = sides.map(Typical::mean_and_squared_error);
        Some(Effect {
            change: new - base,
            error: (base_error + new_error).sqrt(),
            spread: (base_error * count(runs[0]) + new_error * count(runs[1])).sqrt(),
        })
    }
}

/// A change on the metric's scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    pub(crate) change: f64,
    /// The standard error of the change.
    pub(crate) error: f64,
    /// The standard error that one run a side would have.
    pub(crate) spread: f64,
}

impl Effect {
    /// Returns how many standard errors the change is.
    fn size(self) -> f64 {
        if self.change == 0.0 { 0.0 } else { self.change.abs() / self.error }
    }
}

/// A trimmed mean and its error, after Yuen: for the error, the values left out count as the
/// outermost values that are kept. Takes values one by one, the lowest first.
struct Typical {
    runs: usize,
    /// The number of values left out at each end.
    trimmed: usize,
    seen: usize,
    /// The lowest and the highest value that are kept.
    low: f64,
    high: f64,
    /// Sums of the values that are kept, above the lowest, so that equal values have no error at
    /// all.
    sum: f64,
    squares: f64,
}

impl Typical {
    fn of_runs(runs: usize) -> Self {
        Self { runs, trimmed: runs / TRIM, seen: 0, low: 0.0, high: 0.0, sum: 0.0, squares: 0.0 }
    }

    fn add(&mut self, value: f64) {
        if self.seen == self.trimmed {
            self.low = value;
        }
        if self.seen >= self.trimmed && self.seen + self.trimmed < self.runs {
            let above = value - self.low;
            self.sum += above;
            self.squares += above * above;
            self.high = value;
        }
        self.seen += 1;
    }

    fn mean_and_squared_error(self) -> (f64, f64) {
        let (runs, kept) = (count(self.runs), count(self.runs - 2 * self.trimmed));
        let (range, trimmed) = (self.high - self.low, count(self.trimmed));
        let sum = self.sum + trimmed * range;
        let squares = self.squares + trimmed * range * range;
        let deviation = (squares - sum * sum / runs).max(0.0);
        (self.low + self.sum / kept, deviation / (kept * (kept - 1.0)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "runs, metrics and settings are few")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Returns the number of standard errors that the largest change over all metrics and settings
/// exceeds by chance alone in at most [`FALSE_ALARMS`] of all ways to deal the runs to the two
/// sides. Infinite if there are too few runs for any change to be more than chance.
pub(crate) fn critical_size(groups: &[&Samples]) -> f64 {
    let mut dealt: Vec<Vec<bool>> = groups.iter().map(|samples| samples.is_new()).collect();
    if groups.is_empty() {
        return f64::INFINITY;
    }
    let mut random = SplitMix(0);
    let mut largest = vec![largest_size(groups, &dealt)];
    for _ in 0..SHUFFLES {
        for (group, is_new) in groups.iter().zip(&mut dealt) {
            group.design.deal(is_new, &mut random);
        }
        largest.push(largest_size(groups, &dealt));
    }
    largest.sort_by(|a, b| b.total_cmp(a));
    let is_few = |above: &usize| count(*above) <= FALSE_ALARMS * count(largest.len());
    let above = (0..largest.len()).take_while(is_few).last().unwrap_or(0);
    largest[above]
}

fn largest_size(groups: &[&Samples], dealt: &[Vec<bool>]) -> f64 {
    groups
        .iter()
        .zip(dealt)
        .flat_map(|(group, is_new)| group.metrics.iter().map(move |metric| (metric, group, is_new)))
        .filter(|(metric, ..)| !metric.is_constant())
        .filter_map(|(metric, group, is_new)| metric.effect(group.design, is_new))
        .map(Effect::size)
        .fold(0.0, f64::max)
}

/// Returns the samples in which a change could be told from chance at all, and for how many
/// settings that has to hold. The others are not tested, and so must not make it harder for these
/// (Tarone, *Biometrics* 46, 1990). Which they are follows from the number of runs alone, never
/// from what they measured.
pub(crate) fn testable(groups: &[Samples]) -> (Vec<&Samples>, usize) {
    let able = |settings: usize| -> Vec<&Samples> {
        let varying = groups.iter().filter(|group| group.varying() > 0);
        varying.filter(|group| group.design.can_tell(group.base, group.new, settings)).collect()
    };
    (1..=groups.len())
        .map(|settings| (able(settings), settings))
        .find(|(able, settings)| able.len() <= *settings)
        .unwrap_or_default()
}

fn ways_to_deal(base: usize, new: usize) -> f64 {
    (1..=new).map(|run| count(base + run) / count(run)).product()
}

/// Returns the runs a side with which a change of `smallest`, on the metric's scale, is found in
/// four of five comparisons, if runs spread as these did and `metrics` are compared: the usual
/// estimate by the normal distribution, with Student's correction. `None` above a thousand.
pub(crate) fn runs_to_find(
    design: Design,
    effect: Effect,
    smallest: f64,
    metrics: usize,
) -> Option<usize> {
    let tail = FALSE_ALARMS / (2.0 * count(metrics.max(1)));
    (3..=1_000).find(|runs| {
        let freedom = design.freedom(*runs);
        let sizes = student(normal(tail), freedom) + student(normal(0.2), freedom);
        sizes * effect.spread <= smallest * count(*runs).sqrt()
    })
}

/// Returns the value that a normal variable exceeds with this probability, to 4.5e-4 (Abramowitz
/// and Stegun 26.2.23).
fn normal(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let above = (0.010_328 * t + 0.802_853) * t + 2.515_517;
    let below = ((0.001_308 * t + 0.189_269) * t + 1.432_788) * t + 1.0;
    t - above / below
}

/// Returns Student's quantile from the normal one, by the first two terms of its expansion
/// (26.7.5).
fn student(z: f64, freedom: f64) -> f64 {
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + first / freedom + second / freedom.powi(2)
}

/// A generator of random numbers (`SplitMix64`) that does not change with the version of a library:
/// the same runs must always get the same verdict.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle(&mut self, items: &mut [bool]) {
        for last in (1..items.len()).rev() {
            let wide = u128::from(self.next()) * (last as u128 + 1);
            let other = usize::try_from(wide >> 64).expect("less than the number of items");
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(base: &[f64], new: &[f64]) -> Samples {
        let values: Vec<Option<f64>> = base.iter().chain(new).copied().map(Some).collect();
        let metrics = vec![Metric::new(&values)];
        Samples { base: base.len(), new: new.len(), design: Design::Independent, metrics }
    }

    fn effect(group: &Samples) -> Effect {
        group.metrics[0].effect(group.design, &group.is_new()).unwrap()
    }

    /// Expected: worked out separately from the textbook formulas, to five places.
    #[test]
    fn with_few_runs_a_change_is_welchs_difference_of_mean_logarithms() {
        let effect = effect(&group(&[10.0, 11.0, 12.0], &[14.0, 15.0, 17.0, 18.0]));
        assert!((effect.change - 0.372_54).abs() < 1e-5, "{effect:?}");
        assert!((effect.error - 0.077_84).abs() < 1e-5, "{effect:?}");
    }

    #[test]
    fn one_run_of_eight_at_each_end_does_not_decide() {
        let quiet = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07];
        let mut disturbed = quiet;
        disturbed[7] = 50.0;
        let [quiet, disturbed] = [quiet, disturbed].map(|new| effect(&group(&new, &[1.0, 1.1])));
        assert!((quiet.change - disturbed.change).abs() < 1e-12);
        assert!((quiet.error - disturbed.error).abs() < 1e-12);
    }

    #[test]
    fn values_that_are_all_the_same_have_no_error_and_no_change() {
        let same = group(&[0.1; 7], &[0.1; 7]);
        assert!(same.metrics[0].is_constant());
        assert!(effect(&same).size() <= 0.0);
        assert!(critical_size(&[&same]) <= 0.0);
    }

    #[test]
    fn a_metric_that_is_the_same_everywhere_costs_the_others_nothing() {
        let [base, new] = [[1.0, 1.1, 1.2, 1.15, 1.3], [1.4, 1.2, 1.25, 1.5, 1.33]];
        let alone = critical_size(&[&group(&base, &new)]);
        let mut accompanied = group(&base, &new);
        accompanied.metrics.push(Metric::new(&[Some(7.0); 10]));
        assert!((critical_size(&[&accompanied]) - alone).abs() < 1e-12);
    }

    #[test]
    fn three_runs_a_side_cannot_tell_and_four_can() {
        assert_eq!(Design::Independent.fewest_runs(1), 4);
        assert_eq!(Design::Independent.fewest_runs(4), 5);
        assert_eq!(Design::Independent.fewest_runs(23), 6);
        assert!(
            Design::Independent.can_tell(3, 10, 1),
            "many runs of one side make up for few of the other"
        );
        let apart = |runs| {
            let side = |from: u32| -> Vec<f64> { (from..from + runs).map(f64::from).collect() };
            let group = group(&side(100), &side(1_000));
            effect(&group).size() > critical_size(&[&group])
        };
        assert!(!apart(3));
        assert!(apart(4));
    }

    #[test]
    fn a_setting_with_too_few_runs_costs_the_others_nothing() {
        let groups = [group(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0]), group(&[1.0; 10], &[2.0; 10])];
        let tested: Vec<usize> = testable(&groups).0.iter().map(|group| group.base).collect();
        assert_eq!(tested, [10]);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        assert!((normal(0.025) - 1.959_96).abs() < 5e-4);
        assert!((normal(0.2) - 0.841_62).abs() < 5e-4);
        assert!((student(normal(0.025), 18.0) - 2.100_92).abs() < 2e-3);
    }

    #[test]
    fn the_runs_that_would_do_grow_with_the_square_of_the_noise() {
        let runs = |spread| {
            let effect = Effect { change: 0.0, error: 0.0, spread };
            runs_to_find(Design::Independent, effect, 0.05, 8)
        };
        let (quiet, noisy) = (runs(0.1).unwrap(), runs(0.2).unwrap());
        assert!((3.5..=4.0).contains(&(count(noisy) / count(quiet))), "{quiet} {noisy}");
        assert_eq!(runs(1.0), None);
    }

    /// Neighbours that drift together: the spread between pairs is ten times that within them.
    fn drifting(change: f64) -> Samples {
        let drift = [1.0, 1.5, 2.0, 1.2, 1.8, 1.1, 1.6, 1.4];
        let wobble = [0.01, -0.01, 0.02, -0.02, 0.005, -0.015, 0.01, 0.0];
        let new: Vec<f64> =
            drift.iter().zip(wobble).map(|(base, wobble)| base * (1.0 + change + wobble)).collect();
        Samples { design: Design::Paired, ..group(&drift, &new) }
    }

    #[test]
    fn a_drift_that_neighbours_share_does_not_hide_a_change() {
        let paired = drifting(0.1);
        let independent = Samples { design: Design::Independent, ..drifting(0.1) };
        let size = |samples: &Samples| effect(samples).size() / critical_size(&[samples]);
        assert!(size(&paired) > 1.0, "{paired:?}");
        assert!(size(&independent) < 1.0, "{independent:?}");
        assert!((effect(&paired).change - 0.1_f64.ln_1p()).abs() < 0.01);
    }

    #[test]
    fn neighbours_that_differ_by_chance_show_no_change() {
        let same = drifting(0.0);
        assert!(effect(&same).size() < critical_size(&[&same]));
    }

    #[test]
    fn a_pair_of_which_one_run_measured_nothing_does_not_count() {
        let mut samples = drifting(0.1);
        let mut values: Vec<Option<f64>> = (1..=16).map(|n| Some(f64::from(n))).collect();
        values[3] = None;
        values[12] = None;
        samples.metrics = vec![Metric::new(&values)];
        let expected: f64 = [0, 1, 2, 5, 6, 7]
            .map(|at| f64::ln(f64::from(at + 9) / f64::from(at + 1)))
            .iter()
            .sum::<f64>()
            / 6.0;
        assert!((effect(&samples).change - expected).abs() < 1e-12);
    }

    #[test]
    fn five_pairs_cannot_tell_and_six_can() {
        assert_eq!(Design::Paired.fewest_runs(1), 6);
        assert!(!Design::Paired.can_tell(5, 5, 1));
        assert_eq!(Design::Paired.fewest_runs(4), 8);
    }
}
