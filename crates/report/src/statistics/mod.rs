//! What the spread between runs allows to say of a change.

mod permutation;
mod ranking;

#[cfg(test)]
pub(crate) use permutation::SplitMix;
pub(crate) use permutation::{
    Effect, Metric, Samples, Scale, can_tell, critical_size, fewest_runs, runs_to_find, testable,
};
pub(crate) use ranking::larger;
