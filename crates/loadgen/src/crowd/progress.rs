//! How far a run has come.

use wirebench_measure::Second;

/// Reported to the caller of [`drive`](crate::drive) while a run goes on.
#[derive(Debug)]
pub enum Progress {
    /// Subscribers connect.
    Ramp {
        /// How many are subscribed.
        subscribed: u64,
        /// How many the run asks for.
        wanted: u64,
    },
    /// Messages flow and do not count yet.
    WarmUp,
    /// A second of the window or of the drain is over.
    Second(Box<Second>),
}

/// Receives the progress of a run.
pub(super) type Observer<'a> = dyn FnMut(Progress) + Send + 'a;
