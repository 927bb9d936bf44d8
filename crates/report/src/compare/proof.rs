//! Shows on synthetic runs, of which the truth is known, that verdicts can be trusted.
//!
//! Every test also judges the same runs the naive way, as if each message were an experiment of its
//! own. That is what a benchmark without repeats does, and it raises false alarms. It fails here by
//! so much that no test can pass if [`compare`] ever does the same.

use std::f64::consts::TAU;

use super::testing::row;
use super::*;
use crate::numbers::median;
use crate::row::Row;
use crate::statistics::{SplitMix, larger};
use crate::value::Value;

const PAIRS: usize = 300;
const RUNS: usize = 10;
const P99: &str = "delivery_p99_us";

/// How synthetic runs are made.
#[derive(Clone, Copy)]
struct World {
    /// Between runs: the standard deviation of the logarithm of what a run multiplies all its times
    /// by. The 5 % below are assumed; with 8 % it takes 15 runs to find what 10 find here.
    between_runs: f64,
    /// Within a run: the correlation of each message with the one before it.
    correlation: f64,
    /// What the slowest 5 % of messages are multiplied by, and so p99, but not p50.
    tail: f64,
}

const QUIET: World = World { between_runs: 0.05, correlation: 0.9, tail: 1.0 };

#[test]
fn if_nothing_changed_at_most_one_comparison_in_twenty_says_otherwise() {
    let found = judge_pairs(QUIET, QUIET, RUNS);
    assert!(found.share(Found::any_alarm) <= 0.05, "{found:?}");
    assert!(found.share(|pair| pair.naive_alarm) > 0.5, "{found:?}");
}

#[test]
fn a_p99_that_is_a_fifth_slower_is_found_and_nothing_else_is_reported() {
    let found = judge_pairs(QUIET, World { tail: 1.2, ..QUIET }, RUNS);
    assert!(found.share(|pair| pair.p99_is_worse) >= 0.95, "{found:?}");
    assert!(found.share(Found::other_alarm) <= 0.05, "{found:?}");
}

#[test]
fn messages_that_resemble_their_neighbours_do_not_make_a_change_more_certain() {
    let resembling = World { between_runs: 0.0, correlation: 0.995, ..QUIET };
    let found = judge_pairs(resembling, resembling, RUNS);
    assert!(found.share(Found::any_alarm) <= 0.05, "{found:?}");
    assert!(found.share(|pair| pair.naive_alarm) > 0.5, "{found:?}");
}

#[test]
fn few_runs_and_noise_of_two_modes_raise_no_more_alarms() {
    let found = judge_pairs(QUIET, QUIET, 4);
    assert!(found.share(Found::any_alarm) <= 0.05, "{found:?}");
    // A machine that is in one of two states for a whole run, nothing else varying much.
    let mut random = SplitMix(7);
    let mut alarms = 0;
    for _ in 0..PAIRS {
        let mut side = |name| {
            let rows = (0..5).map(|_| {
                let state = if random.next().is_multiple_of(2) { 26e3 } else { 39e3 };
                let wobble = 1.0 + 0.002 * normal(&mut random);
                row(&[(P99, Value::exact(state * wobble))])
            });
            Side::of_rows(name, rows.collect())
        };
        let comparison = compare(&side("base"), &side("new"), &CompareOptions::default());
        alarms += usize::from(comparison.verdicts().any(is_alarm));
    }
    // Every alarm is far above the threshold here, so that it is 5 % to the point: of 300, up to 27
    // are chance (once in a thousand).
    assert!(alarms <= 27, "{alarms} of {PAIRS}");
}

/// The machine drifts by more than the runs of a pair differ, and every difference is large enough to
/// matter.
#[test]
fn if_nothing_changed_at_most_one_comparison_of_neighbours_in_twenty_says_otherwise() {
    let mut random = SplitMix(11);
    let column = crate::columns::setting_column("target").unwrap();
    let contrast = Contrast { column, base: "v1".to_owned(), new: "v2".to_owned() };
    let mut alarms = 0;
    for _ in 0..PAIRS {
        let mut rows = Vec::new();
        for repeat in 1..=8 {
            let drift = (0.5 * normal(&mut random)).exp();
            for target in ["v1", "v2"] {
                let time = |random: &mut SplitMix| {
                    Value::exact(40e3 * drift * (0.2 * normal(random)).exp())
                };
                rows.push(row(&[
                    ("target", Value::words(target)),
                    ("repeat", Value::Integer(repeat)),
                    ("delivery_p50_us", time(&mut random)),
                    (P99, time(&mut random)),
                ]));
            }
        }
        let runs = Side::of_rows("turns", rows);
        let comparison = compare_neighbours(&runs, &contrast, &CompareOptions::default());
        alarms += usize::from(comparison.verdicts().any(is_alarm));
    }
    // 5 % are 15; up to 27 are chance (once in a thousand).
    assert!(alarms <= 27, "{alarms} of {PAIRS}");
}

/// With noise of 20 % a difference is always large enough to matter, so that only the test decides.
#[test]
fn if_all_are_equal_one_is_named_alone_in_at_most_one_table_of_twenty() {
    let mut random = SplitMix(3);
    for (transports, runs) in [(2, 4), (2, 10), (4, 5), (4, 10)] {
        let mut alone = 0;
        for _ in 0..PAIRS {
            let mut sample = || (0..runs).map(|_| (0.2 * normal(&mut random)).exp()).collect();
            let samples: Vec<Vec<f64>> = (0..transports).map(|_| sample()).collect();
            let middle = |at: &usize| median(samples[*at].clone()).unwrap();
            let leader = (0..transports).min_by(|a, b| middle(a).total_cmp(&middle(b))).unwrap();
            let larger = larger(&samples, leader, 0.05).unwrap();
            alone += usize::from(larger.iter().filter(|larger| !**larger).count() == 1);
        }
        // 5 % are 15; up to 27 are chance (once in a thousand).
        assert!(alone <= 27, "{alone} of {PAIRS} with {runs} runs of {transports}");
    }
}

/// The verdicts on one pair of sides.
#[derive(Debug)]
struct Found {
    /// The metrics that were called better or worse.
    alarms: Vec<&'static str>,
    p99_is_worse: bool,
    /// True if the naive test, over all messages of either side, finds a change.
    naive_alarm: bool,
}

impl Found {
    fn any_alarm(&self) -> bool {
        !self.alarms.is_empty()
    }

    fn other_alarm(&self) -> bool {
        self.alarms.iter().any(|metric| *metric != P99)
    }
}

/// The verdicts on all pairs, shown as shares.
struct All(Vec<Found>);

impl All {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    fn share(&self, is: impl Fn(&Found) -> bool) -> f64 {
        self.0.iter().filter(|found| is(found)).count() as f64 / self.0.len() as f64
    }
}

impl std::fmt::Debug for All {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("All")
            .field("any alarm", &self.share(Found::any_alarm))
            .field("other alarm", &self.share(Found::other_alarm))
            .field("p99 is worse", &self.share(|found| found.p99_is_worse))
            .field("naive alarm", &self.share(|found| found.naive_alarm))
            .finish()
    }
}

fn judge_pairs(base: World, new: World, runs: usize) -> All {
    let mut random = SplitMix(1);
    All((0..PAIRS).map(|_| judge_pair(base, new, runs, &mut random)).collect())
}

fn judge_pair(base: World, new: World, runs: usize, random: &mut SplitMix) -> Found {
    let mut side = |name, world| {
        let runs: Vec<(Row, LogDelays)> = (0..runs).map(|_| synthetic_run(world, random)).collect();
        let messages = runs.iter().map(|(_, messages)| *messages).reduce(LogDelays::and);
        let rows = runs.into_iter().map(|(row, _)| row).collect();
        (Side::of_rows(name, rows), messages.expect("there are runs"))
    };
    let [(base, base_messages), (new, new_messages)] = [side("base", base), side("new", new)];
    let comparison = compare(&base, &new, &CompareOptions::default());
    let changes = &comparison.settings[0].changes;
    let alarms = changes.iter().filter(|change| is_alarm(change.verdict));
    Found {
        alarms: alarms.map(|change| change.column.name).collect(),
        p99_is_worse: changes
            .iter()
            .any(|change| change.column.name == P99 && change.verdict == Verdict::Worse),
        naive_alarm: LogDelays::differ(base_messages, new_messages),
    }
}

fn is_alarm(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Better | Verdict::Worse)
}

/// The logarithms of delivery times, as far as the naive test needs them.
#[derive(Clone, Copy, Default)]
struct LogDelays {
    count: f64,
    sum: f64,
    squares: f64,
}

impl LogDelays {
    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// The naive test at 5 %: a difference of means, with each message taken for independent.
    fn differ(base: Self, new: Self) -> bool {
        let mean = |side: Self| side.sum / side.count;
        let error = |side: Self| (side.squares / side.count - mean(side).powi(2)) / side.count;
        (mean(base) - mean(new)).abs() > 1.96 * (error(base) + error(new)).sqrt()
    }
}

const MESSAGES: usize = 500;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts made of small numbers above 0"
)]
fn synthetic_run(world: World, random: &mut SplitMix) -> (Row, LogDelays) {
    let pace = (world.between_runs * normal(random)).exp();
    let fresh = (1.0 - world.correlation.powi(2)).sqrt();
    let mut state = normal(random);
    let mut messages = LogDelays::default();
    let mut micros: Vec<f64> = (0..MESSAGES)
        .map(|_| {
            state = world.correlation * state + fresh * normal(random);
            let tail = if state > 1.645 { world.tail } else { 1.0 };
            let micros = 25_000.0 * pace * (0.05 * state).exp() * tail;
            let log = micros.ln();
            messages = messages.and(LogDelays { count: 1.0, sum: log, squares: log * log });
            micros
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    let varied = |value: f64, by: f64, random: &mut SplitMix| value * (by * normal(random)).exp();
    let row = row(&[
        ("delivery_p50_us", Value::exact(micros[MESSAGES / 2])),
        (P99, Value::exact(micros[MESSAGES * 99 / 100])),
        ("missing", Value::Integer(0)),
        ("reconnects", Value::Integer(u64::from(random.next().is_multiple_of(10)))),
        ("requests", Value::Integer(varied(3_000.0, 0.01, random) as u64)),
        ("bytes_per_message", Value::exact(varied(290.0, 0.001, random))),
        ("server_cpu_us_per_message", Value::exact(varied(1.5, 0.05, random) * pace)),
        ("server_rss_per_subscriber_bytes", Value::Integer(varied(13e3, 0.02, random) as u64)),
    ]);
    (row, messages)
}

/// A normal variable, after Box and Muller.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn normal(random: &mut SplitMix) -> f64 {
    let mut uniform = || ((random.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    (-2.0 * uniform().ln()).sqrt() * (TAU * uniform()).cos()
}
