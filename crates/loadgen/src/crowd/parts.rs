//! The crowd of a run: all its parts, and what they have reported together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, select_all};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wirebench_measure::{
    AgentInfo, AgentMeasurement, LoadgenCost, OtherLoad, Recorder, Traffic, Window,
};
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::WindowCount;

use super::deliveries::{Deliveries, with_what_was_seen};
use super::part::{
    CrowdPart, PartCommand, PartError, PartOutcome, PartReply, PartStatus, Readings,
};
use super::restartable_server::expected_range;

/// How far ahead the ramp begins, if parts have to be told over a network: all begin at one instant.
const START_AHEAD: Duration = Duration::from_millis(500);

/// All subscribers of a run.
pub(super) struct Crowd {
    members: Members,
    /// What each part has reported.
    reports: Vec<PartReport>,
    /// When the ramp began.
    started: Timestamp,
    /// Everything that was seen so far.
    pub(super) seen: Recorder,
}

/// The parts of a crowd, to which commands are sent. A part that is lost is asked no more.
#[derive(Clone)]
pub(super) struct Members {
    parts: Arc<[Arc<dyn CrowdPart>]>,
    /// Why each part was lost. `None`: it was not.
    lost: Arc<Mutex<Vec<Option<String>>>>,
    /// Cancelled as soon as a part is lost.
    any_lost: CancellationToken,
}

/// What a part has reported.
struct PartReport {
    status: watch::Receiver<PartStatus>,
    seen: Recorder,
    readings: Readings,
    /// The counters when the window opened and when it closed.
    opening: Readings,
    closing: Readings,
    other_load: Option<OtherLoad>,
}

/// A part that answers a command with something that is no answer to it. Only an agent could.
fn unexpected(reply: &PartReply) -> PartError {
    PartError::Lost(format!("an agent gave an answer to another question: {reply:?}"))
}

impl Members {
    pub(super) fn new(parts: Vec<Arc<dyn CrowdPart>>, any_lost: CancellationToken) -> Self {
        let lost = Arc::new(Mutex::new(vec![None; parts.len()]));
        Self { parts: parts.into(), lost, any_lost }
    }

    /// Sends a command to every part.
    pub(super) async fn tell(&self, command: &PartCommand) -> Result<(), PartError> {
        self.ask(command).await.map(drop)
    }

    /// Sends a command to every part, and returns the answers; `None` of a part that is lost.
    async fn ask(&self, command: &PartCommand) -> Result<Vec<Option<PartReply>>, PartError> {
        let asked = self.parts.iter().enumerate().map(async |(index, part)| {
            if self.is_lost(index) {
                return Ok(None);
            }
            match part.ask(command.clone()).await {
                Ok(reply) => Ok(Some(reply)),
                Err(PartError::Lost(why)) => {
                    self.lose(index, why);
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Waits until parts are lost, and notes it. Never returns.
    pub(super) async fn watch(&self) {
        let watched = self.parts.iter().enumerate();
        join_all(watched.map(async |(index, part)| self.lose(index, part.lost().await))).await;
        std::future::pending::<()>().await;
    }

    fn lose(&self, index: usize, why: String) {
        self.lost.lock()[index].get_or_insert(why);
        self.any_lost.cancel();
    }

    fn is_lost(&self, index: usize) -> bool {
        self.lost.lock()[index].is_some()
    }

    /// Returns the most by which the clock of a part differs from that of this process, as far as it
    /// is known by now. `None` if all have this one.
    pub(super) fn clock_bound(&self) -> Option<Duration> {
        self.parts.iter().filter_map(|part| part.agent()?.clock.bound).max()
    }

    /// Returns why the first part was lost, if one was.
    pub(super) fn first_lost(&self) -> Option<String> {
        self.lost.lock().iter().flatten().next().cloned()
    }
}

impl Crowd {
    /// Starts all parts at one instant.
    pub(super) async fn start(members: Members) -> Result<Self, PartError> {
        let are_near = members.parts.iter().all(|part| part.agent().is_none());
        let ahead = if are_near { Duration::ZERO } else { START_AHEAD };
        let started = Timestamp::now() + ahead;
        members.tell(&PartCommand::Start(started)).await?;
        let reports = members.parts.iter().map(|part| PartReport {
            status: part.status(),
            seen: Recorder::new(),
            readings: Readings::default(),
            opening: Readings::default(),
            closing: Readings::default(),
            other_load: None,
        });
        Ok(Self { reports: reports.collect(), members, started, seen: Recorder::new() })
    }

    /// Returns where commands are sent.
    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// Sends a command to every part.
    pub(super) async fn tell(&self, command: &PartCommand) -> Result<(), PartError> {
        self.members.tell(command).await
    }

    /// Returns how many subscribers are subscribed. Those of a lost part are not.
    pub(super) fn status(&self) -> PartStatus {
        let mut sum = PartStatus::default();
        for (index, report) in self.reports.iter().enumerate() {
            if !self.members.is_lost(index) {
                sum.add(&report.status.borrow());
            }
        }
        sum
    }

    /// Waits until the status of a part changes.
    pub(super) async fn status_changed(&mut self) -> Result<(), PartError> {
        let changes = self.reports.iter_mut().map(|report| Box::pin(report.status.changed()));
        // A part that is gone has no sender any more.
        let (first, ..) = select_all(changes).await;
        first.map_err(|_| PartError::WorkerPanicked)
    }

    /// Returns how long it took from the beginning of the ramp until each of the `wanted` subscribers
    /// had been subscribed. `None` if some never were.
    pub(super) fn all_connected(&self, wanted: u64) -> Option<Duration> {
        let status = self.status();
        let last = status.last_joined.filter(|_| status.ever_subscribed >= wanted)?;
        Some(last.saturating_since(self.started))
    }

    /// Returns what all parts have seen since the last call, and adds it to `seen`.
    pub(super) async fn take_seen(&mut self) -> Result<Recorder, PartError> {
        let mut sum = Recorder::new();
        let replies = self.members.ask(&PartCommand::TakeSeen).await?;
        for (report, reply) in self.reports.iter_mut().zip(replies) {
            match reply {
                Some(PartReply::Seen(part)) => {
                    sum.merge(&part.seen);
                    report.seen.merge(&part.seen);
                    report.readings = part.readings;
                }
                Some(other) => return Err(unexpected(&other)),
                None => {}
            }
        }
        self.seen.merge(&sum);
        Ok(sum)
    }

    /// Returns the counters of all parts, as of the last call of [`take_seen`](Self::take_seen).
    pub(super) fn readings(&self) -> Readings {
        let mut parts = self.reports.iter().map(|report| report.readings);
        let mut sum = parts.next().unwrap_or_default();
        parts.for_each(|part| sum.add(&part));
        sum
    }

    /// Notes that the window has opened: the counters are those at its beginning.
    pub(super) async fn window_opened(&mut self) -> Result<(), PartError> {
        self.reports.iter_mut().for_each(|report| report.opening = report.readings);
        self.read_machines().await
    }

    /// Notes that the window has closed: the counters are those at its end.
    pub(super) async fn window_closed(&mut self) -> Result<(), PartError> {
        self.reports.iter_mut().for_each(|report| report.closing = report.readings);
        self.read_machines().await
    }

    /// Has agents read the machines that they are on. That of this process is read for the run.
    async fn read_machines(&mut self) -> Result<(), PartError> {
        if self.members.parts.iter().all(|part| part.agent().is_none()) {
            return Ok(());
        }
        let replies = self.members.ask(&PartCommand::ReadMachine).await?;
        for (report, reply) in self.reports.iter_mut().zip(replies) {
            if let Some(PartReply::OtherLoad(load)) = reply {
                report.other_load = load;
            }
        }
        Ok(())
    }

    /// Tells every part the window, and waits until all know it.
    pub(super) async fn open_window(&self, window: Window) -> Result<(), PartError> {
        self.tell(&PartCommand::OpenWindow(window)).await
    }

    /// Returns what was delivered of what each epoch of the feed published in the window.
    pub(super) async fn deliveries(&self, epochs: &[WindowCount]) -> Result<Deliveries, PartError> {
        let epochs = if epochs.len() > 1 {
            with_what_was_seen(epochs, &self.newest(epochs.len()).await?)
        } else {
            epochs.to_vec()
        };
        let expected = epochs.iter().map(expected_range).collect();
        let mut sum = PartOutcome::default();
        for reply in self.members.ask(&PartCommand::Outcome(expected)).await?.into_iter().flatten()
        {
            match reply {
                PartReply::Outcome(outcome) => sum.add(&outcome),
                other => return Err(unexpected(&other)),
            }
        }
        Ok(Deliveries::new(&epochs, sum))
    }

    /// Returns the newest message of each epoch that anyone has seen.
    async fn newest(&self, epochs: usize) -> Result<Vec<Option<u64>>, PartError> {
        let mut newest = vec![None; epochs];
        let replies = self.members.ask(&PartCommand::NewestInEpochs(epochs)).await?;
        for reply in replies.into_iter().flatten() {
            match reply {
                PartReply::Newest(part) => {
                    newest.iter_mut().zip(part).for_each(|(sum, part)| *sum = part.max(*sum));
                }
                other => return Err(unexpected(&other)),
            }
        }
        Ok(newest)
    }

    /// Returns what each agent has measured. Empty if this process has all subscribers.
    pub(super) fn agents(&mut self) -> Vec<AgentMeasurement> {
        let lost = self.members.lost.lock().clone();
        let parts = self.members.parts.iter().zip(&mut self.reports).zip(lost);
        let measured = parts
            .filter_map(|((part, report), lost)| Some(report.measurement(part.agent()?, lost)));
        measured.collect()
    }
}

impl PartReport {
    fn measurement(&mut self, info: AgentInfo, lost: Option<String>) -> AgentMeasurement {
        let Self { readings, opening, closing, .. } = *self;
        let status = self.status.borrow();
        AgentMeasurement {
            info,
            subscribed: if lost.is_some() { 0 } else { status.subscribed },
            seen: std::mem::take(&mut self.seen),
            traffic: Traffic {
                attempted: readings.counts.attempted,
                opened: readings.counts.opened,
                peak: readings.counts.peak,
                reconnects: status.reconnects,
                bytes_up: closing.counts.bytes_up.saturating_sub(opening.counts.bytes_up),
                bytes_down: closing.counts.bytes_down.saturating_sub(opening.counts.bytes_down),
            },
            loadgen: LoadgenCost {
                cpu: closing.cpu.saturating_sub(opening.cpu),
                workers: readings.workers,
                rss_peak_bytes: readings.rss_peak_bytes,
            },
            other_load: self.other_load.take(),
            lost,
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.parts.iter()).finish()
    }
}
