//! The ramp: everybody subscribes, the server settles, its memory is read.

use std::time::Duration;

use super::context::RunContext;
use super::error::DriveError;
use super::part::{PartCommand, PartStatus};
use super::parts::Crowd;
use super::progress::{Observer, Progress};
use crate::server_control::ServerUsage;

/// How much longer than the ramp the crowd may take to subscribe.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(15);

/// From the last subscription to the reading of the server's memory.
const SETTLE: Duration = Duration::from_millis(300);

/// How often the progress of the ramp is reported.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// With fewer additional subscribers than this, the growth of memory per subscriber is noise: a
/// heap grows by 132 KiB at a time.
const MIN_ADDED_SUBSCRIBERS: u64 = 60;

/// Waits until everybody is subscribed or the time is up, and completes the crowd. Returns by how
/// much the memory of the server grew per subscriber, if that can be told.
pub(super) async fn ramp(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    observe: &mut Observer<'_>,
) -> Result<Option<u64>, DriveError> {
    let wanted = context.run.subscribers as u64;
    let faulty = !context.run.faults.is_none();
    let early = subscribe(context, crowd, observe).await?;
    let PartStatus { subscribed, last_error, .. } = crowd.status();
    observe(Progress::Ramp { subscribed, wanted });
    if subscribed == 0 && wanted > 0 && !faulty {
        let last_error = last_error.unwrap_or_else(|| "no answer in time".to_owned());
        return Err(DriveError::NoneConnected { wanted: context.run.subscribers, last_error });
    }
    crowd.tell(&PartCommand::CompleteRamp).await?;
    let subscribed = crowd.status().subscribed;
    tokio::time::sleep(SETTLE).await;
    let settled = MemorySample::new(subscribed, &context.usage("settling").await?);
    Ok(early.and_then(|early| early.growth_per_subscriber(&settled)))
}

/// Waits until everybody is subscribed or has failed, or the time is up. Returns the memory of the
/// server when a fifth of the subscribers were subscribed.
async fn subscribe(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    observe: &mut Observer<'_>,
) -> Result<Option<MemorySample>, DriveError> {
    let wanted = context.run.subscribers as u64;
    let faulty = !context.run.faults.is_none();
    let is_decided = |status: &PartStatus| {
        let subscribed = if faulty { status.ever_subscribed } else { status.subscribed };
        subscribed + status.refused >= wanted
    };
    let mut early = None;
    let deadline = tokio::time::sleep(context.run.ramp + SUBSCRIBE_TIMEOUT);
    tokio::pin!(deadline);
    let mut report = tokio::time::interval(REPORT_INTERVAL);
    while !is_decided(&crowd.status()) {
        let subscribed = crowd.status().subscribed;
        if early.is_none() && subscribed >= wanted.div_ceil(5) {
            early = Some(MemorySample::new(subscribed, &context.usage("connecting").await?));
        }
        tokio::select! {
            () = context.stop.cancelled() => return Err(DriveError::Interrupted),
            () = &mut deadline => break,
            changed = crowd.status_changed() => changed?,
            _ = report.tick() => {
                let subscribed = crowd.status().subscribed;
                observe(Progress::Ramp { subscribed, wanted });
            }
        }
    }
    Ok(early)
}

/// The memory of the server while so many subscribers were subscribed.
#[derive(Clone, Copy, Debug)]
struct MemorySample {
    subscribed: u64,
    /// `None` if the system does not tell.
    rss_bytes: Option<u64>,
}

impl MemorySample {
    fn new(subscribed: u64, usage: &ServerUsage) -> Self {
        Self { subscribed, rss_bytes: usage.rss_bytes }
    }

    /// Returns the growth per subscriber from this sample to `later`. The first connections of a
    /// process also pay for its code and the heaps of its threads, so only the slope between two
    /// samples is used. `None` if too few subscribers were added in between, or if the system does
    /// not tell.
    fn growth_per_subscriber(&self, later: &Self) -> Option<u64> {
        let added = later.subscribed.checked_sub(self.subscribed)?;
        let growth = later.rss_bytes?.saturating_sub(self.rss_bytes?);
        (added >= MIN_ADDED_SUBSCRIBERS).then(|| growth / added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_per_subscriber_is_the_slope_between_two_samples_that_differ_enough() {
        let sample = |subscribed, rss_bytes| MemorySample { subscribed, rss_bytes };
        let settled = sample(1_000, Some(13_000_000));
        let growth = |early: MemorySample| early.growth_per_subscriber(&settled);
        assert_eq!(growth(sample(200, Some(5_000_000))), Some(10_000));
        assert_eq!(growth(sample(990, Some(5_000_000))), None);
        assert_eq!(growth(sample(0, None)), None);
    }
}
