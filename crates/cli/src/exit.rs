//! The exit codes of the program.

use std::fmt;
use std::process::ExitCode;

use wirebench_loadgen::{TargetError, raw::RawError};

/// A run against a target server failed.
#[derive(Debug)]
pub(crate) struct TargetRunFailed {
    /// The id of the run.
    pub(crate) run: String,
}

impl fmt::Display for TargetRunFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot make run {}", self.run)
    }
}

/// How a command ended, from good to bad. The exit codes are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// 0: done, thresholds met.
    Done,
    /// 99: a threshold of the scenario was not met.
    Threshold,
    /// 3: `compare` found a regression.
    Regression,
    /// 4: a run was invalid, or a target could not be measured, so it cannot be decided whether
    /// thresholds are met.
    Invalid,
    /// 2: bad usage or an invalid scenario.
    Usage,
    /// 1: the command failed.
    Failed,
    /// 130: interrupted, before the command was done.
    Interrupted,
}

impl Exit {
    /// Returns the exit for an error: [`Exit::Usage`] if the command line is wrong,
    /// [`Exit::Invalid`] if a target could not be measured, otherwise [`Exit::Failed`].
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<TargetRunFailed>().is_some() {
            return Self::Invalid;
        }
        let malformed = error.chain().any(|cause| match cause.downcast_ref() {
            Some(RawError::Target(target)) => target.is_malformed(),
            Some(RawError::Url { .. }) => true,
            _ => cause.downcast_ref().is_some_and(TargetError::is_malformed),
        });
        if malformed { Self::Usage } else { Self::Failed }
    }

    /// Returns the worse of two exits.
    pub(crate) fn worse(self, other: Self) -> Self {
        self.max(other)
    }

    /// Returns the exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Regression => 3,
            Self::Invalid => 4,
            Self::Threshold => 99,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
