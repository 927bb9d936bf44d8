//! What the spread between runs allows to say of a change.

mod permutation;
mod ranking;

#[cfg(test)]
pub(crate) use permutation::SplitMix;
pub(crate) use permutation::{
    Design, Effect, Metric, Samples, Scale, critical_size, runs_to_find, testable,
};
pub(crate) use ranking::larger;
