//! The drain: after the window, until every subscriber has everything.

use std::time::Duration;

use tokio::time::Instant;
use wirebench_measure::Recorder;
use wirebench_protocol::Timestamp;
use wirebench_scenario::Run;

use super::context::RunContext;
use super::deliveries::Deliveries;
use super::error::DriveError;
use super::parts::Crowd;
use super::progress::{Observer, Progress};
use super::restartable_server::{addressed, published};
use super::window::MeasuredWindow;

/// How often the drain checks whether everybody has everything.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The maximum length of the drain after the user has interrupted the run.
const INTERRUPTED_DRAIN: Duration = Duration::from_secs(1);

/// Waits until every subscriber has everything, or knows what it cannot have, or the time is up.
pub(super) async fn drain(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    measured: &mut MeasuredWindow,
    observe: &mut Observer<'_>,
) -> Result<Deliveries, DriveError> {
    let most = if measured.interrupted { INTERRUPTED_DRAIN } else { context.run.timing.drain };
    let (end, mut check) = (Instant::now() + most, tokio::time::interval(CHECK_INTERVAL));
    let expected = addressed(&measured.totals.epochs)
        .deliveries(published(&measured.totals.epochs), measured.subscribed);
    let timeline = &mut measured.timeline;
    let mut seen = crowd.take_seen().await?;
    while !is_complete(context.run, crowd, measured.subscribed, expected) && Instant::now() < end {
        let is_counted = !context.run.faults.is_none() && !context.run.is_watched();
        if is_counted && is_settled(context.run, &crowd.seen) {
            let deliveries = crowd.deliveries(&measured.totals.epochs).await?;
            if deliveries.missed.silently == 0 && deliveries.still_away == 0 {
                // What arrived since the recorders were taken counts in `deliveries`, so it counts
                // here.
                seen.merge(&crowd.take_seen().await?);
                break;
            }
        }
        check.tick().await;
        seen.merge(&crowd.take_seen().await?);
        if timeline.counters.at + Duration::from_secs(1) <= Timestamp::now() {
            let counters = context.counters(crowd, "draining").await?;
            let seen = std::mem::take(&mut seen);
            observe(Progress::Second(timeline.next(counters, seen, crowd.readings().counts.open)));
        }
    }
    let counters = context.counters(crowd, "draining").await?;
    observe(Progress::Second(timeline.next(counters, seen, crowd.readings().counts.open)));
    Ok(crowd.deliveries(&measured.totals.epochs).await?)
}

/// Returns true if everything that was expected has arrived, and everything that subscribers sent
/// was answered and has arrived. Of a feed that somebody else fills, that is what the numbers of the
/// window have skipped; whoever was subscribed has to be so again.
fn is_complete(run: &Run, crowd: &Crowd, subscribed: u64, expected: u64) -> bool {
    let seen = &crowd.seen;
    if run.is_watched() {
        let is_back = crowd.status().subscribed >= subscribed;
        return is_back && seen.watch.numbered >= seen.watch.expected;
    }
    seen.received + seen.damaged >= expected && is_settled(run, seen)
}

/// Returns true if everything that subscribers sent was answered, and has arrived where it was sent
/// to. A message that was due just before the end of the window is published after it, so that it
/// is not among those that are expected.
fn is_settled(run: &Run, seen: &Recorder) -> bool {
    let arrivals = run.upstream.and_then(|upstream| upstream.to.arrivals(run.subscribers as u64));
    seen.upstream.is_settled(arrivals)
}
