//! A part of the crowd of a run: the subscribers that one process runs.
//!
//! [`LocalPart`](super::LocalPart) has them on threads of this process. An agent has them in another
//! process, on this machine or another one. A run commands both in the same way.

use std::fmt;
use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wirebench_measure::{AgentInfo, ExpectedRange, Missed, OtherLoad, Recorder, Window};
use wirebench_protocol::{Seq, Timestamp};

use crate::dial::TrafficCounts;

/// The subscribers of a run that one process runs.
pub trait CrowdPart: fmt::Debug + Send + Sync {
    /// Carries out a command and returns its answer. [`PartError::Lost`] says that the part is gone
    /// for good.
    fn ask(&self, command: PartCommand) -> BoxFuture<'_, Result<PartReply, PartError>>;

    /// Returns how many of its subscribers are subscribed, and how that changes.
    fn status(&self) -> watch::Receiver<PartStatus>;

    /// Returns when the part is gone for good, with the reason. Never returns for a part of this
    /// process.
    fn lost(&self) -> BoxFuture<'static, String>;

    /// Describes the agent that runs the part. `None`: this process.
    fn agent(&self) -> Option<AgentInfo>;
}

/// A command for a part of a crowd. All times are readings of the clock of the run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum PartCommand {
    /// The ramp begins at this time: start the first subscriber then, and the others along the ramp.
    Start(Timestamp),
    /// Start no more subscribers, and drop those that have not subscribed: the crowd is complete.
    CompleteRamp,
    /// The subscribers that send begin now.
    StartSending,
    /// This is the window: what arrives from now on may count. What an earlier window counted is
    /// forgotten.
    OpenWindow(Window),
    /// The window has ended before its time: nothing that is published from this time on counts.
    EndWindow(Timestamp),
    /// Send no more messages.
    StopSending,
    /// Return what was seen since the last time, and the counters. Answered by [`PartReply::Seen`].
    TakeSeen,
    /// Cut this share of the connections whose subscribers are subscribed.
    CutConnections(f64),
    /// A fault of the server began at this time. A subscriber that is interrupted from now on
    /// counts as away since then. `None` when the fault is over.
    SetFaultTime(Option<Timestamp>),
    /// The subscribers that are chosen for it stop reading (`true`), or read again.
    StallReaders(bool),
    /// Return the newest message that anyone has seen in each of so many epochs of the feed. Answered
    /// by [`PartReply::Newest`].
    NewestInEpochs(usize),
    /// Return what was missed of these messages, one range for each epoch of the feed. Answered by
    /// [`PartReply::Outcome`].
    Outcome(Vec<ExpectedRange>),
    /// Return what the machine did besides the run since the last time. Answered by
    /// [`PartReply::OtherLoad`].
    ReadMachine,
    /// End all subscribers.
    Finish,
}

/// The answer to a command.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum PartReply {
    /// The command was carried out.
    Done,
    /// To [`PartCommand::TakeSeen`].
    Seen(Box<PartSeen>),
    /// To [`PartCommand::NewestInEpochs`]. `None`: nobody has seen a message of that epoch.
    Newest(Vec<Option<Seq>>),
    /// To [`PartCommand::Outcome`].
    Outcome(PartOutcome),
    /// To [`PartCommand::ReadMachine`]. `None` the first time, and if the machine cannot be read.
    OtherLoad(Option<OtherLoad>),
}

/// What a part has seen since it was asked before, and its counters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct PartSeen {
    /// What its subscribers have seen.
    pub seen: Recorder,
    /// The counters of its process.
    pub readings: Readings,
}

/// The counters of a process that runs subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Readings {
    /// What its dialers have counted.
    pub counts: TrafficCounts,
    /// The processor time of the process, user and system.
    pub cpu: Duration,
    /// Its highest resident memory in this run. `None` if the kernel cannot reset the peak of earlier
    /// runs.
    pub rss_peak_bytes: Option<u64>,
    /// Its worker threads.
    pub workers: usize,
}

/// What came of the subscribers of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PartOutcome {
    /// What they missed.
    pub missed: Missed,
    /// Those that are not subscribed.
    pub still_away: u64,
}

/// How many subscribers of a part are subscribed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PartStatus {
    /// Subscribers that are subscribed now.
    pub subscribed: u64,
    /// Subscribers that have ever been subscribed.
    pub ever_subscribed: u64,
    /// When the last of them was subscribed for the first time.
    pub last_joined: Option<Timestamp>,
    /// Subscriptions that broke and were resumed.
    pub reconnects: u64,
    /// Subscribers that were refused for good.
    pub refused: u64,
    /// The reason of the last interruption.
    pub last_error: Option<String>,
}

/// Which subscribers of a run a part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CrowdShare {
    /// The number of its first subscriber. The others have the numbers after it.
    pub first: usize,
    /// How many it has.
    pub count: usize,
    /// The number of the part, from 0.
    pub part: usize,
    /// How many parts there are.
    pub parts: usize,
}

/// Why a part does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The run asks for TLS, but the server does not speak it, or the other way round.
    #[error("the run asks for {asked}, but the server at `{authority}` speaks {spoken}")]
    Tls {
        /// What the run asks for.
        asked: &'static str,
        /// Host and port of the server.
        authority: String,
        /// What the URL of the server says.
        spoken: &'static str,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread")]
    StartWorker {
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// A worker thread is gone. This is a bug in this program; the panic is on standard error.
    #[error("a worker thread panicked")]
    WorkerPanicked,
    /// An agent is gone, or did not do what it was asked in time.
    #[error("{0}")]
    Lost(String),
}

impl CrowdShare {
    /// Returns the share of a process that has all subscribers.
    pub fn all(subscribers: usize) -> Self {
        Self { first: 0, count: subscribers, part: 0, parts: 1 }
    }

    /// Returns how far into a ramp the subscriber of this rank starts: evenly, whichever part and
    /// worker runs it. The first subscriber of a part has rank 0.
    pub(super) fn place_in(&self, ramp: Duration, rank: usize) -> Duration {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let (count, parts) = (number(self.count.max(1)), number(self.parts.max(1)));
        let place = number(rank) + number(self.part) / parts;
        ramp.mul_f64((place / count).min(1.0))
    }
}

impl PartStatus {
    /// Adds what another part reports.
    pub(super) fn add(&mut self, other: &Self) {
        self.subscribed += other.subscribed;
        self.ever_subscribed += other.ever_subscribed;
        self.last_joined = self.last_joined.max(other.last_joined);
        self.reconnects += other.reconnects;
        self.refused += other.refused;
        if other.last_error.is_some() {
            self.last_error.clone_from(&other.last_error);
        }
    }
}

impl Readings {
    /// Adds the counters of another process.
    pub(super) fn add(&mut self, other: &Self) {
        let TrafficCounts { attempted, opened, open, peak, bytes_up, bytes_down } = other.counts;
        self.counts.attempted += attempted;
        self.counts.opened += opened;
        self.counts.open += open;
        self.counts.peak += peak;
        self.counts.bytes_up += bytes_up;
        self.counts.bytes_down += bytes_down;
        self.cpu += other.cpu;
        self.rss_peak_bytes = self.rss_peak_bytes.zip(other.rss_peak_bytes).map(|(a, b)| a + b);
        self.workers += other.workers;
    }
}

impl PartOutcome {
    /// Adds what came of the subscribers of another part.
    pub(super) fn add(&mut self, other: &Self) {
        self.missed.signalled += other.missed.signalled;
        self.missed.silently += other.missed.silently;
        self.still_away += other.still_away;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subscribers_of_all_parts_start_evenly_over_the_ramp() {
        let ramp = Duration::from_secs(6);
        let alone = CrowdShare::all(6);
        let starts: Vec<_> = (0..6).map(|rank| alone.place_in(ramp, rank).as_secs()).collect();
        assert_eq!(starts, [0, 1, 2, 3, 4, 5]);
        let part = |part| CrowdShare { first: part * 3, count: 3, part, parts: 2 };
        let mut starts: Vec<_> = (0..2)
            .flat_map(|number| (0..3).map(move |rank| part(number).place_in(ramp, rank)))
            .map(|at| at.as_secs())
            .collect();
        starts.sort_unstable();
        assert_eq!(starts, [0, 1, 2, 3, 4, 5]);
    }
}
