//! A part of the crowd on threads of this process.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, pending, try_join_all};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use wirebench_measure::{
    AgentInfo, ExpectedRange, MachineReading, OtherLoad, ProbeRecord, Recorder, SubscriberOutcome,
    missed,
};
use wirebench_protocol::{Timestamp, process};
use wirebench_scenario::Run;

use super::machine_reading::{machine_now, other_load};
use super::part::{
    CrowdPart, CrowdShare, PartCommand, PartError, PartOutcome, PartReply, PartSeen, PartStatus,
    Readings,
};
use super::state::WorkerShare;
use super::worker::{self, Worker, WorkerCommand};
use crate::dial::{Dialer, TrafficCounts};
use crate::http::HttpClient;
use crate::probes::{ProbeSettings, Prober};
use crate::target::Target;

/// The subscribers that this process runs, on worker threads of their own. Dropping it ends them.
#[derive(Debug)]
pub struct LocalPart {
    run: Arc<Run>,
    target: Target,
    share: CrowdShare,
    clients: Vec<Arc<HttpClient>>,
    status: Arc<watch::Sender<PartStatus>>,
    /// How this process publishes probes. `None`: it does not.
    probes: Option<ProbeSettings>,
    /// Publishes probes while the subscribers send.
    prober: Mutex<Option<Prober>>,
    /// What became of the probes, until it is reported.
    probed: Mutex<ProbeRecord>,
    /// Empty before the start, and at the end.
    threads: Mutex<Vec<Worker>>,
    /// The memory peak of this process is that of this run: the kernel forgot the one of earlier
    /// runs.
    peak_is_own: bool,
    /// The last reading of the machine.
    machine: Mutex<Option<MachineReading>>,
    stop: CancellationToken,
    /// Ends all subscribers when it is dropped.
    _stop_on_drop: DropGuard,
}

impl LocalPart {
    /// Prepares this share of the subscribers of a run, on so many worker threads; 0 counts as 1.
    /// [`PartCommand::Start`] starts them.
    pub fn new(run: &Run, target: &Target, share: CrowdShare, workers: usize) -> Self {
        let stop = CancellationToken::new();
        Self {
            clients: clients(run, share, workers.max(1)),
            run: Arc::new(run.clone()),
            target: target.clone(),
            share,
            status: Arc::default(),
            probes: None,
            prober: Mutex::default(),
            probed: Mutex::default(),
            threads: Mutex::default(),
            peak_is_own: process::reset_memory_peak(),
            machine: Mutex::default(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Returns the part as one that also publishes probes, from [`PartCommand::StartSending`] to
    /// [`PartCommand::StopSending`], and whose subscribers recognise those of their host.
    #[must_use]
    pub fn probing(self, probes: ProbeSettings) -> Self {
        Self { probes: Some(probes), ..self }
    }

    /// Starts the worker threads. If one cannot start, those that have end with `self`.
    fn start(&self, at: Timestamp) -> Result<(), PartError> {
        self.check_tls()?;
        let start = Instant::now() + at.saturating_since(Timestamp::now());
        let workers = self.clients.iter().enumerate().map(|(index, client)| {
            worker::start(WorkerShare {
                run: Arc::clone(&self.run),
                target: self.target.clone(),
                client: Arc::clone(client),
                share: self.share,
                index,
                workers: self.clients.len(),
                start,
                probe_host: self.probes.map(|probes| probes.host),
                status: Arc::clone(&self.status),
                stop: self.stop.clone(),
            })
        });
        let workers = workers.collect::<Result<_, _>>();
        *self.threads.lock() = workers.map_err(|source| PartError::StartWorker { source })?;
        Ok(())
    }

    fn check_tls(&self) -> Result<(), PartError> {
        let name = |tls| if tls { "TLS" } else { "no TLS" };
        let (asked, spoken) = (self.run.http.tls, self.target.tls.is_some());
        if asked == spoken {
            return Ok(());
        }
        let authority = self.target.authority.clone();
        Err(PartError::Tls { asked: name(asked), authority, spoken: name(spoken) })
    }

    /// Sends a command to every worker.
    async fn tell(&self, command: impl Fn() -> WorkerCommand) -> Result<PartReply, PartError> {
        for worker in self.commands() {
            worker.send(command()).await.map_err(|_| PartError::WorkerPanicked)?;
        }
        Ok(PartReply::Done)
    }

    /// Sends every worker a command that has an answer, and returns the answers.
    async fn ask_workers<T>(
        &self,
        command: impl Fn(oneshot::Sender<T>) -> WorkerCommand,
    ) -> Result<Vec<T>, PartError> {
        let mut replies = Vec::new();
        for worker in self.commands() {
            let (reply, answer) = oneshot::channel();
            let sent = worker.send(command(reply)).await;
            sent.map_err(|_| PartError::WorkerPanicked)?;
            replies.push(answer);
        }
        try_join_all(replies).await.map_err(|_| PartError::WorkerPanicked)
    }

    fn commands(&self) -> Vec<mpsc::Sender<WorkerCommand>> {
        self.threads.lock().iter().map(|worker| worker.commands.clone()).collect()
    }

    /// Starts to publish probes, if this process does.
    fn start_probes(&self) -> Result<(), PartError> {
        let start = |probes| Prober::start(self.target.clone(), probes);
        let prober = self.probes.map(start).transpose();
        *self.prober.lock() = prober.map_err(|source| PartError::StartWorker { source })?;
        Ok(())
    }

    /// Publishes no more probes, once those that are under way were answered.
    async fn stop_probes(&self) {
        let prober = self.prober.lock().take();
        if let Some(prober) = prober {
            let record = prober.finish().await;
            self.probed.lock().merge(&record);
        }
    }

    async fn take_seen(&self) -> Result<PartReply, PartError> {
        let mut seen = Recorder::new();
        for recorder in self.ask_workers(WorkerCommand::TakeRecorder).await? {
            seen.merge(&recorder);
        }
        seen.probes.merge(&std::mem::take(&mut self.probed.lock()));
        Ok(PartReply::Seen(Box::new(PartSeen { seen, readings: self.readings() })))
    }

    fn readings(&self) -> Readings {
        let memory = process::memory().filter(|_| self.peak_is_own);
        Readings {
            counts: self.counts(),
            cpu: process::cpu_time(),
            rss_peak_bytes: memory.map(|memory| memory.peak_bytes),
            workers: self.clients.len(),
        }
    }

    /// Returns what all dialers have counted.
    fn counts(&self) -> TrafficCounts {
        let counts = self.clients.iter().map(|client| client.dialer().counts());
        let sum = counts.reduce(|sum, counts| TrafficCounts {
            bytes_up: sum.bytes_up + counts.bytes_up,
            bytes_down: sum.bytes_down + counts.bytes_down,
            // Each of several siblings reports the connections of all.
            ..counts
        });
        sum.unwrap_or_default()
    }

    async fn outcomes(&self) -> Result<Vec<SubscriberOutcome>, PartError> {
        Ok(self.ask_workers(WorkerCommand::Outcomes).await?.concat())
    }

    async fn newest(&self, epochs: usize) -> Result<PartReply, PartError> {
        let outcomes = self.outcomes().await?;
        let newest = |epoch| {
            let seen = outcomes.iter().filter_map(|it| it.sequence.newest_in_epoch(epoch));
            seen.max()
        };
        Ok(PartReply::Newest((0..epochs).map(newest).collect()))
    }

    async fn outcome(&self, expected: &[ExpectedRange]) -> Result<PartReply, PartError> {
        let outcomes = self.outcomes().await?;
        let still_away = outcomes.iter().filter(|outcome| !outcome.subscribed).count() as u64;
        Ok(PartReply::Outcome(PartOutcome { missed: missed(&outcomes, expected), still_away }))
    }

    /// Returns what the machine did besides this process since the last reading.
    async fn other_load(&self) -> Option<OtherLoad> {
        let now = machine_now().await?;
        let before = self.machine.lock().replace(now.clone())?;
        Some(other_load(Some(&before), Some(&now), None))
    }

    /// Ends all subscribers and waits until the threads have ended.
    async fn finish(&self) -> Result<PartReply, PartError> {
        self.stop.cancel();
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined = tokio::task::spawn_blocking(|| {
            let threads = threads.into_iter().map(|worker| worker.thread.join());
            threads.filter(Result::is_err).count()
        });
        match joined.await {
            Ok(0) => Ok(PartReply::Done),
            _ => Err(PartError::WorkerPanicked),
        }
    }

    async fn carry_out(&self, command: PartCommand) -> Result<PartReply, PartError> {
        match command {
            PartCommand::Start(at) => self.start(at).map(|()| PartReply::Done),
            PartCommand::CompleteRamp => self.tell(|| WorkerCommand::CompleteRamp).await,
            PartCommand::StartSending => {
                self.start_probes()?;
                self.tell(|| WorkerCommand::StartSending).await
            }
            PartCommand::OpenWindow(window) => {
                let known = |reply| WorkerCommand::OpenWindow(window, reply);
                self.ask_workers(known).await.map(|_| PartReply::Done)
            }
            PartCommand::EndWindow(to) => {
                let known = |reply| WorkerCommand::EndWindow(to, reply);
                self.ask_workers(known).await.map(|_| PartReply::Done)
            }
            PartCommand::StopSending => {
                self.stop_probes().await;
                self.tell(|| WorkerCommand::StopSending).await
            }
            PartCommand::TakeSeen => self.take_seen().await,
            PartCommand::CutConnections(share) => {
                self.tell(|| WorkerCommand::CutConnections(share)).await
            }
            PartCommand::SetFaultTime(at) => self.tell(|| WorkerCommand::SetFaultTime(at)).await,
            PartCommand::StallReaders(stall) => {
                self.tell(|| WorkerCommand::StallReaders(stall)).await
            }
            PartCommand::NewestInEpochs(epochs) => self.newest(epochs).await,
            PartCommand::Outcome(expected) => self.outcome(&expected).await,
            PartCommand::ReadMachine => Ok(PartReply::OtherLoad(self.other_load().await)),
            PartCommand::Finish => self.finish().await,
        }
    }
}

impl CrowdPart for LocalPart {
    fn ask(&self, command: PartCommand) -> BoxFuture<'_, Result<PartReply, PartError>> {
        self.carry_out(command).boxed()
    }

    fn status(&self) -> watch::Receiver<PartStatus> {
        self.status.subscribe()
    }

    fn lost(&self) -> BoxFuture<'static, String> {
        pending().boxed()
    }

    fn agent(&self) -> Option<AgentInfo> {
        None
    }
}

/// Returns one client for each worker. They count their connections together.
fn clients(run: &Run, share: CrowdShare, count: usize) -> Vec<Arc<HttpClient>> {
    let seed = run.seed.wrapping_add(share.first as u64);
    let first = HttpClient::new(Dialer::new(run.link, seed), run.http);
    let seeds = (1..count).map(|index| seed.wrapping_add(index as u64));
    let siblings: Vec<_> = seeds.map(|seed| first.sibling(seed)).collect();
    std::iter::once(first).chain(siblings).map(Arc::new).collect()
}
