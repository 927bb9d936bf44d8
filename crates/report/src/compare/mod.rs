//! Whether something got better or worse: compares two sides of several runs each, metric by
//! metric.
//!
//! # Method
//!
//! **The unit is the run.** Messages of one run share its machine, its minute and its queues: a
//! million of them say how that run went, not how the next will go. Each run gives one number for
//! each metric, and only the spread between runs shows what is noise (Kalibera and Jones, *Rigorous
//! Benchmarking in Reasonable Time*, ISMM 2013). Percentiles are therefore taken run by run. The
//! percentile of all messages together would be that of the worst run.
//!
//! **Change** is the ratio of typical runs: the difference of the means of logarithms, because
//! noise of times multiplies. From 8 runs a side on, one run in eight is left out at either end,
//! with Yuen's error for trimmed means (*Biometrika* 61, 1974), so that a disturbed run does not
//! decide. A metric that is 0 in any run has no logarithm there and is compared by differences.
//!
//! **What chance can do** is found by shuffling: whole runs are dealt again to the two sides, 999
//! times, in every setting at once, and each time the largest change over all metrics and settings
//! is recorded, in standard errors. A change is real when fewer than 5 % of the deals have as large
//! a one *anywhere*: the single-step max-T test of Westfall and Young (*Resampling-Based Multiple
//! Testing*, 1993). When nothing changed all deals are equally likely, so that at most 5 % of
//! comparisons raise any false alarm, whatever the distribution of the noise, however few the runs,
//! however much the metrics depend on each other. That is why it was preferred:
//!
//! - to a *bootstrap* over runs, whose intervals are too short with few of them (Hesterberg, *The
//!   American Statistician* 69, 2015), and benchmarks have 3 to 10;
//! - to *Student's t* with Holm's correction, which trusts the normal distribution in the far tail
//!   just where two modes between runs are common, and treats p50 and p99 as if they were
//!   independent;
//! - to *ranks* (Mann and Whitney), which show that two sides differ, but not by how much: with the
//!   metrics of four transports no result is extreme enough below 7 runs a side, and here with 5.
//!
//! **Intervals** are the change plus or minus as many standard errors as that test allows. They
//! hold together, for all metrics at once, with 95 %, and exclude "no change" exactly where the
//! test does. For changes other than none they rest on the standard errors being right (Janssen,
//! *Statistics & Probability Letters* 36, 1997; Chung and Romano, *Annals of Statistics* 41, 2013),
//! no longer on symmetry alone.
//!
//! **Verdicts**: *better* or *worse* when the interval excludes no change and the change is at
//! least the noise threshold; *no change* when the whole interval lies within the threshold, never
//! because nothing was found; otherwise *cannot tell*, and one sentence says how many runs would be
//! enough: 10 a side, or as many more as the noise asks for to find a change of the threshold's
//! size in four of five comparisons (not of the size just seen: Hoenig and Heisey, *The American
//! Statistician* 55, 2001). Fewer than 4 runs a side cannot tell anything, and with more settings
//! it takes 5 or 6, because their most extreme deal is too likely.
//!
//! **Runs that took turns** ([`compare_neighbours`]) are compared in pairs, each run with its neighbour:
//! the change is that within a pair, and chance swaps neighbours (a sign test on the size of the
//! changes; Fisher, *The Design of Experiments*, 1935, section 21). A machine that drifts is then the
//! same for both sides. The price is that half as many degrees of freedom remain: 6 pairs are the
//! fewest for one setting, where 4 runs a side would do.
//!
//! **What this cannot see** is anything else that changed *between* the two sides. Let runs of both
//! take turns. A busy neighbour shows in the runs themselves: disturbed runs are used, and named in
//! a warning.

mod comparison;
mod differences;
mod options;
mod output;
mod pairs;
#[cfg(test)]
mod proof;
mod side;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verdict;

pub use comparison::{
    ComparedSetting, Comparison, Contrast, Disturbed, LeftOut, UnpairedSetting, compare,
    compare_neighbours,
};
pub use differences::{About, Difference};
pub use options::{CompareOptions, METRICS};
pub use side::{Side, SideError};
pub use verdict::{Change, Doubt, Estimate, RUNS_TO_MAKE, Verdict};

pub use crate::settings::TransportSetting;
