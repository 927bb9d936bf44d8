//! The phases of a run.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wirebench_measure::Measurement;
use wirebench_scenario::Run;

use super::context::RunContext;
use super::error::DriveError;
use super::local_part::LocalPart;
use super::outcome::ServerUsages;
use super::part::{CrowdPart, CrowdShare, PartCommand, PartError};
use super::parts::{Crowd, Members};
use super::progress::{Observer, Progress};
use super::restartable_server::RestartableServer;
use super::server_handle::ServerHandle;
use super::{drain, outcome, ramp, window};
use crate::control::ControlClient;
use crate::server_control::{FeedControl, ServerControl, ServerUsage};
use crate::target::Target;

/// A run, and what it takes to drive it.
#[derive(Clone, Debug)]
pub struct Drive<'a> {
    /// The run.
    pub run: &'a Run,
    /// What the run asks of the server besides the feed.
    pub control: Arc<dyn ServerControl>,
    /// The parts of the crowd. Together they have all subscribers of the run.
    pub crowd: Vec<Arc<dyn CrowdPart>>,
    /// Cancelling this ends the window at once. What was measured is kept and marked
    /// [`Invalid::Interrupted`](wirebench_measure::Invalid::Interrupted).
    pub stop: CancellationToken,
    /// Receives what the faults of the run do to the process of a server or of NATS. A run without
    /// such faults needs none.
    pub server: Option<ServerHandle>,
}

impl<'a> Drive<'a> {
    /// Returns a drive against wirebench's own server, by so many worker threads of this process, that
    /// is never stopped early. Its run has no faults of the server.
    pub fn new(run: &'a Run, target: &Target, control: &ControlClient, workers: usize) -> Self {
        let control = FeedControl::new(control.clone(), &*target.feed).shared();
        let all = CrowdShare::all(run.subscribers);
        let crowd: Arc<dyn CrowdPart> = Arc::new(LocalPart::new(run, target, all, workers));
        Self { run, control, crowd: vec![crowd], stop: CancellationToken::new(), server: None }
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
    let Drive { run, control, crowd, stop, server } = drive;
    let stop = stop.child_token();
    let context = RunContext { run, server: RestartableServer::new(control, run), stop: &stop };
    let members = Members::new(crowd, stop.clone());
    let idle = context.usage("looking at the idle server").await?;
    // Boxed, because the future is large and is part of the future of the caller.
    let phases = Box::pin(phases(&context, &members, server, &idle, observe));
    let measured = tokio::select! {
        measured = phases => measured,
        () = members.watch() => Err(DriveError::Interrupted),
    };
    let finished = members.tell(&PartCommand::Finish).await;
    let measurement = measured.map_err(|error| match (error, members.first_lost()) {
        (DriveError::Interrupted, Some(why)) => PartError::Lost(why).into(),
        (error, _) => error,
    })?;
    finished?;
    Ok(measurement)
}

/// Runs the phases one after the other.
async fn phases(
    context: &RunContext<'_>,
    members: &Members,
    server: Option<ServerHandle>,
    idle: &ServerUsage,
    observe: &mut Observer<'_>,
) -> Result<Measurement, DriveError> {
    let crowd = &mut Crowd::start(members.clone()).await?;
    let rss_per_subscriber_bytes = ramp::ramp(context, crowd, observe).await?;
    observe(Progress::WarmUp);
    let window = window::open(context, crowd).await?;
    let mut measured = window::measure(context, crowd, window, server, observe).await?;
    let drained = drain::drain(context, crowd, &mut measured, observe).await?;
    let last = context.usage("reading the server's last usage").await?;
    let usages = ServerUsages { idle, last: &last, rss_per_subscriber_bytes };
    Ok(outcome::measurement(context, crowd, measured, drained, &usages))
}
