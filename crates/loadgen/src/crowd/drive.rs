//! The phases of a run.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wirebench_measure::Measurement;
use wirebench_protocol::process;
use wirebench_scenario::Run;

use super::context::RunContext;
use super::error::DriveError;
use super::outcome::ServerUsages;
use super::progress::{Observer, Progress};
use super::restartable_server::RestartableServer;
use super::server_handle::ServerHandle;
use super::workers::Workers;
use super::{drain, outcome, ramp, window};
use crate::control::ControlClient;
use crate::server_control::{FeedControl, ServerControl, ServerUsage};
use crate::target::Target;

/// A run, and what it takes to drive it.
#[derive(Clone, Debug)]
pub struct Drive<'a> {
    /// The run.
    pub run: &'a Run,
    /// Where the subscribers subscribe.
    pub target: &'a Target,
    /// What the run asks of the server besides the feed.
    pub control: Arc<dyn ServerControl>,
    /// The number of worker threads. 0 counts as 1.
    pub workers: usize,
    /// Cancelling this ends the window at once. What was measured is kept and marked
    /// [`Invalid::Interrupted`](wirebench_measure::Invalid::Interrupted).
    pub stop: CancellationToken,
    /// Receives what the faults of the run do to the server process. A run without such faults
    /// needs none.
    pub server: Option<ServerHandle>,
}

impl<'a> Drive<'a> {
    /// Returns a drive against wirebench's own server, with one worker thread, that is never stopped
    /// early. Its run has no faults of the server.
    pub fn new(run: &'a Run, target: &'a Target, control: &ControlClient) -> Self {
        let control = FeedControl::new(control.clone(), &*target.feed).shared();
        Self { run, target, control, workers: 1, stop: CancellationToken::new(), server: None }
    }
}

/// Drives the crowd of a run and calls `observe` with its progress.
///
/// The phases: the subscribers start evenly over the ramp and have 15 s more to subscribe; those
/// that have not subscribed by then are dropped and counted as failed. The server settles and its
/// memory is read. The publisher starts. After the warm-up comes the window, then the drain, which
/// ends as soon as every subscriber has everything. [`Measurement::invalid`] says whether the
/// result can be used.
///
/// A run with faults has its [`Measurement::faults`]. That nobody is subscribed is then a result,
/// too.
///
/// # Errors
///
/// [`DriveError`] if there is nothing to keep.
///
/// # Cancel safety
///
/// Dropping the future ends all subscribers. A publisher that was started continues.
pub async fn drive(
    drive: Drive<'_>,
    observe: &mut (dyn FnMut(Progress) + Send),
) -> Result<Measurement, DriveError> {
    let Drive { run, target, control, workers, ref stop, server } = drive;
    check_tls(run, target)?;
    let reachable = RestartableServer::new(control, run);
    let peak_is_own = process::reset_memory_peak();
    let context = RunContext { run, server: reachable, stop, peak_is_own };
    let idle = context.usage("looking at the idle server").await?;
    let mut workers = Workers::start(run, target, workers.max(1))?;
    // Boxed, because the future is large and is part of the future of the caller.
    let measured = Box::pin(phases(&context, &mut workers, server, &idle, observe)).await;
    let joined = workers.join().await;
    let measurement = measured?;
    joined?;
    Ok(measurement)
}

/// Runs the phases one after the other.
async fn phases(
    context: &RunContext<'_>,
    workers: &mut Workers,
    server: Option<ServerHandle>,
    idle: &ServerUsage,
    observe: &mut Observer<'_>,
) -> Result<Measurement, DriveError> {
    let rss_per_subscriber_bytes = ramp::ramp(context, workers, observe).await?;
    observe(Progress::WarmUp);
    let window = window::open(context, workers).await?;
    let mut measured = window::measure(context, workers, window, server, observe).await?;
    let drained = drain::drain(context, workers, &mut measured, observe).await?;
    let last = context.usage("reading the server's last usage").await?;
    let usages = ServerUsages { idle, last: &last, rss_per_subscriber_bytes };
    Ok(outcome::measurement(context, workers, measured, drained, &usages))
}

fn check_tls(run: &Run, target: &Target) -> Result<(), DriveError> {
    let name = |tls| if tls { "TLS" } else { "no TLS" };
    let (asked, spoken) = (run.http.tls, target.tls.is_some());
    if asked == spoken {
        return Ok(());
    }
    let authority = target.authority.clone();
    Err(DriveError::Tls { asked: name(asked), authority, spoken: name(spoken) })
}
