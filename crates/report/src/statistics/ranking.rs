//! Several samples of one metric, compared to the one with the lowest typical value.

use super::permutation::{Design, Metric, Samples, Scale, critical_size};
use crate::numbers::median;

/// Returns which samples are certainly larger than the leader's, by at least `threshold` as a
/// share.
///
/// The test is that of a comparison, with the leader as the base of each pair. `None` if there are
/// too few runs for it. The number of runs that it needs depends on the number of samples: at least
/// 4 runs of each of two samples, at least 5 of each of three to seven.
pub(crate) fn larger(samples: &[Vec<f64>], leader: usize, threshold: f64) -> Option<Vec<bool>> {
    let base: &Vec<f64> = samples.get(leader)?;
    let groups: Vec<Samples> = samples.iter().map(|new| group(base, new)).collect();
    let others = samples.len().checked_sub(1).filter(|others| *others > 0)?;
    let enough = |group: &Samples| group.design.can_tell(group.base, group.new, others);
    if !groups.iter().all(enough) {
        return None;
    }
    let rivals =
        groups.iter().enumerate().filter(|(at, group)| *at != leader && group.varying() > 0);
    let rivals: Vec<&Samples> = rivals.map(|(_, group)| group).collect();
    let critical = critical_size(&rivals);
    let is_larger = |group: &Samples| {
        let metric = &group.metrics[0];
        let Some(effect) = metric.effect(group.design, &group.is_new()) else { return false };
        if metric.is_constant() {
            return false;
        }
        let typical = median(base.clone()).unwrap_or(0.0);
        let matters = match metric.scale {
            Scale::Ratio => effect.change.exp_m1() >= threshold,
            Scale::Difference => effect.change >= threshold * typical,
        };
        matters && effect.change > critical * effect.error
    };
    let judged = groups.iter().enumerate().map(|(at, group)| at != leader && is_larger(group));
    Some(judged.collect())
}

fn group(base: &[f64], new: &[f64]) -> Samples {
    let values: Vec<Option<f64>> = base.iter().chain(new).copied().map(Some).collect();
    let metrics = vec![Metric::new(&values)];
    Samples { base: base.len(), new: new.len(), design: Design::Independent, metrics }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(centre: f64, runs: u32) -> Vec<f64> {
        let share = |at: u32| f64::from(at * 7 % runs) / f64::from(runs);
        (0..runs).map(|at| centre * (1.0 + 0.01 * share(at))).collect()
    }

    #[test]
    fn a_sample_that_is_far_above_the_leader_is_larger_and_one_beside_it_is_not() {
        let samples = [around(100.0, 5), around(101.0, 5), around(120.0, 5), around(2_000.0, 5)];
        assert_eq!(larger(&samples, 0, 0.05), Some(vec![false, false, true, true]));
    }

    #[test]
    fn a_certain_difference_that_is_too_small_to_matter_makes_none_larger() {
        let samples = [around(100.0, 10), around(103.0, 10)];
        assert_eq!(larger(&samples, 0, 0.05), Some(vec![false, false]));
    }

    #[test]
    fn too_few_runs_are_not_tested() {
        assert_eq!(larger(&[around(1.0, 3), around(9.0, 3)], 0, 0.05), None);
        assert!(larger(&[around(1.0, 4), around(9.0, 4)], 0, 0.05).is_some());
        let four = |runs| [1.0, 2.0, 3.0, 4.0].map(|centre| around(centre, runs));
        assert_eq!(larger(&four(4), 0, 0.05), None);
        assert!(larger(&four(5), 0, 0.05).is_some());
        assert_eq!(larger(&[around(1.0, 9)], 0, 0.05), None, "there is no other sample");
    }

    #[test]
    fn counts_that_are_the_same_in_every_run_are_told_apart_and_zero_can_lead() {
        let counts = [vec![0.0; 5], vec![0.0; 5], vec![800.0; 5], vec![8_000.0; 5]];
        assert_eq!(larger(&counts, 0, 0.05), Some(vec![false, false, true, true]));
    }
}
