//! The measured window: announced, disturbed by the faults of the run, cut into seconds.

use std::time::Duration;

use wirebench_measure::{OtherLoad, Recorder, Window};
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::CountWindow;
use wirebench_scenario::Timing;

use super::context::RunContext;
use super::error::{DriveError, during};
use super::fault_injection::FaultInjector;
use super::machine_reading::{machine_now, other_load};
use super::part::PartCommand;
use super::parts::{Crowd, Members};
use super::progress::{Observer, Progress};
use super::restartable_server::WindowTotals;
use super::server_handle::ServerHandle;
use super::timeline::{CounterSnapshot, Timeline};

/// A window that is over.
pub(super) struct MeasuredWindow {
    /// The window as it really was.
    pub(super) window: Window,
    pub(super) interrupted: bool,
    /// The subscribers that should receive what the window published.
    pub(super) subscribed: u64,
    /// The counters when it opened and when it closed.
    pub(super) opening: CounterSnapshot,
    pub(super) closing: CounterSnapshot,
    pub(super) timeline: Timeline,
    pub(super) other_load: OtherLoad,
    /// How many messages were published late. `None` if that is not known.
    pub(super) late_publishes: Option<u64>,
    /// What the server counted in the window.
    pub(super) totals: WindowTotals,
}

/// How long the server and the crowd may take to know of the window before it begins.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts the publisher and the subscribers that send, and waits for the end of the warm-up.
pub(super) async fn open(context: &RunContext<'_>, crowd: &Crowd) -> Result<Window, DriveError> {
    let opened = warm_up(context, crowd).await;
    if opened.is_err() {
        let _ = context.server.stop_publisher().await;
    }
    opened
}

async fn warm_up(context: &RunContext<'_>, crowd: &Crowd) -> Result<Window, DriveError> {
    // The window is chosen after that: however long it takes, all of the window has messages.
    crowd.tell(&PartCommand::StartSending).await?;
    if let Some(publisher) = context.publisher(context.run.seed) {
        let started = context.server.start_publisher(&publisher).await;
        started.map_err(during("starting the publisher"))?;
    }
    let window = announce(context, crowd).await?;
    if context.until(window.from).await { Ok(window) } else { Err(DriveError::Interrupted) }
}

/// Tells both ends the window, which begins after the warm-up. If it began before both knew it, one
/// of them has not counted its first messages: then it is chosen and announced again, further ahead.
async fn announce(context: &RunContext<'_>, crowd: &Crowd) -> Result<Window, DriveError> {
    let Timing { warm_up, measure, .. } = context.run.timing;
    let (started, mut ahead) = (Timestamp::now(), warm_up);
    loop {
        let announced = Timestamp::now();
        let from = announced + ahead;
        let window = Window { from, to: from + measure };
        let count = CountWindow { from_ns: window.from, to_ns: window.to };
        context.server.count(count).await.map_err(during("announcing the window"))?;
        crowd.open_window(window).await?;
        let known = Timestamp::now();
        if known < window.from {
            return Ok(window);
        }
        if known.saturating_since(started) >= ANNOUNCE_TIMEOUT {
            return Err(DriveError::NotReady { waited: known.saturating_since(started) });
        }
        ahead = warm_up.max(2 * known.saturating_since(announced));
    }
}

/// Measures the window, injects the faults of the run, and stops the publisher.
pub(super) async fn measure(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    mut window: Window,
    server: Option<ServerHandle>,
    observe: &mut Observer<'_>,
) -> Result<MeasuredWindow, DriveError> {
    let early = crowd.take_seen().await?;
    let subscribed = expected_subscribers(context, crowd);
    let opening = context.counters(crowd, "opening the window").await?;
    crowd.window_opened().await?;
    let machine_before = machine_now().await;
    let mut timeline = timeline(window.from, &opening, early);
    let injector = injector(context, window, crowd.members().clone(), server);
    let seconds = seconds(context, crowd, &mut timeline, window, observe);
    let (interrupted, ()) = tokio::try_join!(seconds, injector.inject())?;
    let closing = timeline.counters.clone();
    crowd.window_closed().await?;
    let processes = context.server.process();
    let other_load = other_load(machine_before.as_ref(), machine_now().await.as_ref(), processes);
    if interrupted {
        // The server counts until the planned end, but no message is published any more: the window
        // ends here.
        window.to = closing.at;
        if context.run.is_watched() {
            // Nobody stops the publisher, and what arrives from now on does not count.
            crowd.tell(&PartCommand::EndWindow(window.to)).await?;
        }
    }
    crowd.tell(&PartCommand::StopSending).await?;
    let stopped = context.server.stop_publisher().await;
    let late_publishes = stopped.map_err(during("stopping the publisher"))?;
    let late_publishes = late_publishes.filter(|_| !context.run.is_watched());
    let totals = context.server.totals().await.map_err(during("counting what was published"))?;
    Ok(MeasuredWindow {
        window,
        interrupted,
        subscribed,
        opening,
        closing,
        timeline,
        other_load,
        late_publishes,
        totals,
    })
}

/// With faults, a connection may be away when the window opens; its subscriber expects everything
/// nevertheless.
fn expected_subscribers(context: &RunContext<'_>, crowd: &Crowd) -> u64 {
    let status = crowd.status();
    if context.run.faults.is_none() { status.subscribed } else { status.ever_subscribed }
}

fn timeline(from: Timestamp, opening: &CounterSnapshot, early: Recorder) -> Timeline {
    Timeline { index: 0, counters: CounterSnapshot { at: from, ..opening.clone() }, early }
}

fn injector<'a>(
    context: &'a RunContext<'_>,
    window: Window,
    members: Members,
    server: Option<ServerHandle>,
) -> FaultInjector<'a> {
    FaultInjector {
        faults: context.run.faults,
        window,
        publisher: context.publisher(context.run.seed.wrapping_add(1)),
        members,
        server: &context.server,
        handle: server,
        stop: context.stop,
    }
}

/// Reports the seconds of the window. Returns true if the run was interrupted.
async fn seconds(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    timeline: &mut Timeline,
    window: Window,
    observe: &mut Observer<'_>,
) -> Result<bool, DriveError> {
    let mut interrupted = false;
    while !interrupted && timeline.counters.at < window.to {
        let end = window.to.min(timeline.counters.at + Duration::from_secs(1));
        interrupted = !context.until(end).await;
        let seen = crowd.take_seen().await?;
        let mut counters = context.counters(crowd, "measuring").await?;
        if !interrupted {
            counters.at = end;
        }
        observe(Progress::Second(timeline.next(counters, seen, crowd.readings().counts.open)));
    }
    Ok(interrupted)
}
