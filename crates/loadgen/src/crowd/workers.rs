//! All workers of a run, and what they have reported.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use wirebench_measure::{Recorder, Window};
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::WindowCount;
use wirebench_scenario::Run;

use super::deliveries::Deliveries;
use super::error::DriveError;
use super::state::{CrowdStatus, WorkerShare};
use super::worker::{self, Worker, WorkerCommand};
use crate::dial::{Dialer, TrafficCounts};
use crate::http::HttpClient;
use crate::target::Target;

/// The worker threads of a run. Dropping it ends all subscribers.
pub(super) struct Workers {
    threads: Vec<Worker>,
    clients: Vec<Arc<HttpClient>>,
    pub(super) status: watch::Receiver<CrowdStatus>,
    /// When the ramp began.
    started: Timestamp,
    /// Everything that was seen so far.
    pub(super) seen: Recorder,
    /// Ends all subscribers when dropped.
    stop: DropGuard,
}

impl Workers {
    /// Starts `count` worker threads. Their subscribers start along the ramp of the run.
    pub(super) fn start(run: &Run, target: &Target, count: usize) -> Result<Self, DriveError> {
        let stop = CancellationToken::new();
        let clients = clients(run, count);
        let (sender, status) = watch::channel(CrowdStatus::default());
        let (run, sender, start) = (Arc::new(run.clone()), Arc::new(sender), Instant::now());
        let started = Timestamp::now();
        // If a worker cannot start, this ends those that have.
        let guard = stop.clone().drop_guard();
        let threads = clients
            .iter()
            .enumerate()
            .map(|(index, client)| {
                worker::start(WorkerShare {
                    run: Arc::clone(&run),
                    target: target.clone(),
                    client: Arc::clone(client),
                    index,
                    workers: count,
                    start,
                    status: Arc::clone(&sender),
                    stop: stop.clone(),
                })
            })
            .collect::<Result<_, _>>()
            .map_err(|source| DriveError::StartWorker { source })?;
        Ok(Self { threads, clients, status, started, seen: Recorder::new(), stop: guard })
    }

    /// Returns how many workers there are.
    pub(super) fn len(&self) -> usize {
        self.threads.len()
    }

    /// Returns how long it took from the beginning of the ramp until each of the `wanted` subscribers
    /// had been subscribed. `None` if some never were.
    pub(super) fn all_connected(&self, wanted: u64) -> Option<Duration> {
        let status = self.status.borrow();
        let last = status.last_joined.filter(|_| status.ever_subscribed >= wanted)?;
        Some(last.saturating_since(self.started))
    }

    /// Returns where each worker takes its commands.
    pub(super) fn commands(&self) -> Vec<mpsc::Sender<WorkerCommand>> {
        self.threads.iter().map(|worker| worker.commands.clone()).collect()
    }

    /// Sends a command to every worker.
    pub(super) async fn command(
        &self,
        command: impl Fn() -> WorkerCommand,
    ) -> Result<(), DriveError> {
        for worker in &self.threads {
            let sent = worker.commands.send(command()).await;
            sent.map_err(|_| DriveError::WorkerPanicked)?;
        }
        Ok(())
    }

    /// Tells every worker the window, and waits until all know it.
    pub(super) async fn set_window(&self, window: Window) -> Result<(), DriveError> {
        self.ask(|reply| WorkerCommand::SetWindow(window, reply)).await.map(drop)
    }

    /// Sends every worker a command that has an answer, and returns the answers.
    async fn ask<T>(
        &self,
        command: impl Fn(oneshot::Sender<T>) -> WorkerCommand,
    ) -> Result<Vec<T>, DriveError> {
        let mut replies = Vec::with_capacity(self.threads.len());
        for worker in &self.threads {
            let (reply, answer) = oneshot::channel();
            let sent = worker.commands.send(command(reply)).await;
            sent.map_err(|_| DriveError::WorkerPanicked)?;
            replies.push(answer);
        }
        let answers = futures::future::try_join_all(replies).await;
        answers.map_err(|_| DriveError::WorkerPanicked)
    }

    /// Returns what all workers have seen since the last call, and adds it to `seen`.
    pub(super) async fn take_recorders(&mut self) -> Result<Recorder, DriveError> {
        let mut seen = Recorder::new();
        for recorder in self.ask(WorkerCommand::TakeRecorder).await? {
            seen.merge(&recorder);
        }
        self.seen.merge(&seen);
        Ok(seen)
    }

    /// Returns what was delivered of what each epoch of the feed published in the window.
    pub(super) async fn deliveries(
        &self,
        epochs: &[WindowCount],
    ) -> Result<Deliveries, DriveError> {
        let outcomes = self.ask(WorkerCommand::Outcomes).await?.concat();
        Ok(Deliveries::new(&outcomes, epochs))
    }

    /// Returns what all dialers have counted.
    pub(super) fn counts(&self) -> TrafficCounts {
        let counts = self.clients.iter().map(|client| client.dialer().counts());
        let sum = counts.reduce(|sum, counts| TrafficCounts {
            bytes_up: sum.bytes_up + counts.bytes_up,
            bytes_down: sum.bytes_down + counts.bytes_down,
            // Each of several siblings reports the connections of all.
            ..counts
        });
        sum.unwrap_or_default()
    }

    /// Ends all subscribers and waits until the threads have ended.
    pub(super) async fn join(self) -> Result<(), DriveError> {
        drop(self.stop);
        let threads: Vec<_> = self.threads.into_iter().map(|worker| worker.thread).collect();
        let joined = tokio::task::spawn_blocking(|| {
            threads.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count()
        });
        match joined.await {
            Ok(0) => Ok(()),
            _ => Err(DriveError::WorkerPanicked),
        }
    }
}

/// Returns one client for each worker. They count their connections together.
fn clients(run: &Run, count: usize) -> Vec<Arc<HttpClient>> {
    let first = HttpClient::new(Dialer::new(run.link, run.seed), run.http);
    let seeds = (1..count).map(|index| run.seed.wrapping_add(index as u64));
    let siblings: Vec<_> = seeds.map(|seed| first.sibling(seed)).collect();
    std::iter::once(first).chain(siblings).map(Arc::new).collect()
}
