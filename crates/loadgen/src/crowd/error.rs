//! Why a run has no measurement.

use std::time::Duration;

use super::part::PartError;
use crate::control::ControlError;

/// Why a run has no measurement.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A call of the control API failed: the server is gone, or does not do what it should.
    #[error("the server is gone or refused a request while {during}")]
    Server {
        /// What the run was doing.
        during: &'static str,
        /// The call that failed.
        #[source]
        source: ControlError,
    },
    /// No subscriber subscribed in time.
    #[error("none of {wanted} subscribers connected: {last_error}")]
    NoneConnected {
        /// How many the run asks for.
        wanted: usize,
        /// The last error of one of them.
        last_error: String,
    },
    /// A part of the crowd cannot do what it was asked, or an agent was lost before the window.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The run asks for a fault of the server, and nobody carries it out.
    #[error("the server could not be stopped or started as the scenario asks for")]
    ServerOrder,
    /// The server or the crowd is so slow that the window has always begun before both knew it.
    #[error(
        "the server and the subscribers did not learn of the measured window before it began, \
         in {:.0} s: give the machine less to do, or `[timing] warm-up` more time",
        waited.as_secs_f64()
    )]
    NotReady {
        /// How long it was tried.
        waited: Duration,
    },
    /// The user ended the run before anything was measured.
    #[error("interrupted before the measured window")]
    Interrupted,
}

/// Adds what the run was doing to the error of a call of the control API.
pub(super) fn during(doing: &'static str) -> impl Fn(ControlError) -> DriveError {
    move |source| DriveError::Server { during: doing, source }
}
