//! One worker: a thread with its share of the crowd, its own event loop and its own recorder.

use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};
use wirebench_measure::{Recorder, SubscriberOutcome, Window};
use wirebench_protocol::Timestamp;

use super::state::{SubscriberState, WorkerShare, WorkerState};
use super::subscriber_task::subscriber_task;

/// How often the event loop is probed for lag. A second has enough probes for its 99th percentile.
const PROBE_INTERVAL: Duration = Duration::from_millis(5);

/// By how much a tokio timer is late in an event loop with nothing else to do: its granularity.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// A running worker thread.
#[derive(Debug)]
pub(super) struct Worker {
    /// One command is under way at a time, so one slot is enough.
    pub(super) commands: mpsc::Sender<WorkerCommand>,
    /// Joined at the end, so that a panic surfaces.
    pub(super) thread: JoinHandle<()>,
}

/// A command for a worker.
#[derive(Debug)]
pub(super) enum WorkerCommand {
    /// Start no more subscribers, and drop those that have not subscribed: the crowd is complete.
    CompleteRamp,
    /// The subscribers that send begin now.
    StartSending,
    /// This is the window: what arrives from now on may count, and what an earlier one counted does
    /// not. Answered when it is known.
    OpenWindow(Window, oneshot::Sender<()>),
    /// The window ends at this time. Answered when it is known.
    EndWindow(Timestamp, oneshot::Sender<()>),
    /// Send no more messages.
    StopSending,
    /// Return what was seen since the last time.
    TakeRecorder(oneshot::Sender<Recorder>),
    /// Cut this share of the connections whose subscribers are subscribed.
    CutConnections(f64),
    /// A fault of the server began at this time. A subscriber that is interrupted from now on
    /// counts as away since then. `None` when the fault is over.
    SetFaultTime(Option<Timestamp>),
    /// The subscribers that are chosen for it stop reading (`true`), or read again.
    StallReaders(bool),
    /// Return what each subscriber has seen.
    Outcomes(oneshot::Sender<Vec<SubscriberOutcome>>),
}

/// Starts a worker thread.
pub(super) fn start(share: WorkerShare) -> io::Result<Worker> {
    let (commands, receiver) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("worker-{}", share.index);
    let thread = std::thread::Builder::new()
        .name(name)
        .spawn(move || LocalSet::new().block_on(&runtime, when_woken(share, receiver)))?;
    Ok(Worker { commands, thread })
}

/// Runs the event loop. The runtime polls this future whenever a message arrives, but the loop, which
/// waits for five things at once, is polled only when one of them has woken it.
async fn when_woken(share: WorkerShare, commands: mpsc::Receiver<WorkerCommand>) {
    let mut event_loop = FuturesUnordered::from_iter([EventLoop::new(share).run(commands)]);
    event_loop.next().await;
}

/// The event loop of a worker.
struct EventLoop {
    share: Rc<WorkerShare>,
    state: Rc<WorkerState>,
    /// Draws which connections are cut.
    random: SmallRng,
    subscribers: Vec<StartedSubscriber>,
    tasks: JoinSet<()>,
    /// The rank of the subscriber that starts next.
    next: usize,
}

/// A subscriber that was started.
struct StartedSubscriber {
    state: Rc<SubscriberState>,
    task: AbortHandle,
}

impl EventLoop {
    fn new(share: WorkerShare) -> Self {
        let number = (share.share.first + share.index) as u64;
        let seed = share.run.seed.wrapping_add(number);
        Self {
            next: share.index,
            share: Rc::new(share),
            state: Rc::new(WorkerState::new()),
            random: SmallRng::seed_from_u64(seed),
            subscribers: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<WorkerCommand>) {
        // An overdue probe is not skipped: it counts with its own lag.
        let mut probe = tokio::time::interval(PROBE_INTERVAL);
        probe.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let share = Rc::clone(&self.share);
        loop {
            let ramping = self.next < share.share.count;
            tokio::select! {
                biased;
                () = share.stop.cancelled() => return,
                command = commands.recv() => match command {
                    Some(command) => self.carry_out(command),
                    None => return,
                },
                due = probe.tick() => self.record_lag(due),
                () = tokio::time::sleep_until(share.starts_at(self.next)), if ramping => {
                    self.start_due();
                }
                Some(result) = self.tasks.join_next() => {
                    if let Err(error) = result && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, command: WorkerCommand) {
        match command {
            WorkerCommand::CompleteRamp => self.complete_ramp(),
            WorkerCommand::StartSending => _ = self.state.sending.send_replace(true),
            WorkerCommand::OpenWindow(window, reply) => {
                self.state.open_window(window);
                let _ = reply.send(());
            }
            WorkerCommand::EndWindow(to, reply) => {
                let window = self.state.window.get().map(|window| Window { to, ..window });
                self.state.window.set(window);
                let _ = reply.send(());
            }
            WorkerCommand::StopSending => _ = self.state.sending.send_replace(false),
            WorkerCommand::TakeRecorder(reply) => {
                // Nobody receives it any more if the run was given up.
                let _ = reply.send(self.state.take_recorder());
            }
            WorkerCommand::CutConnections(share) => self.cut_connections(share),
            WorkerCommand::SetFaultTime(at) => {
                self.subscribers.iter().for_each(|each| each.state.fault_time.set(at));
            }
            WorkerCommand::StallReaders(stall) => _ = self.state.stall.send_replace(stall),
            WorkerCommand::Outcomes(reply) => {
                let outcomes = self.subscribers.iter().map(|each| each.state.outcome());
                let _ = reply.send(outcomes.collect());
            }
        }
    }

    fn complete_ramp(&mut self) {
        self.next = usize::MAX;
        self.subscribers.retain(|subscriber| {
            let was_subscribed = subscriber.state.was_subscribed.get();
            if !was_subscribed {
                subscriber.task.abort();
            }
            was_subscribed
        });
    }

    fn cut_connections(&mut self, share: f64) {
        for StartedSubscriber { state, .. } in &self.subscribers {
            if state.is_subscribed.get() && self.random.random::<f64>() < share {
                state.fault_time.set(Some(Timestamp::now()));
                state.cut.notify_waiters();
            }
        }
    }

    /// Records by how much the event loop lags, if the window is open.
    fn record_lag(&self, due: Instant) {
        if self.state.window.get().is_some_and(|window| window.contains(Timestamp::now())) {
            let lag = due.elapsed().saturating_sub(TIMER_GRANULARITY);
            self.state.recorder.borrow_mut().lag.record(lag);
        }
    }

    /// Starts the subscribers whose time has come.
    fn start_due(&mut self) {
        while self.next < self.share.share.count
            && self.share.starts_at(self.next) <= Instant::now()
        {
            let addressed = self.share.run.upstream.is_some_and(|of| of.to.addresses());
            let state = Rc::new(SubscriberState::new(addressed));
            let (share, worker) = (Rc::clone(&self.share), Rc::clone(&self.state));
            let number = share.share.first + self.next;
            let task = subscriber_task(share, number, worker, Rc::clone(&state));
            let task = self.tasks.spawn_local(task);
            self.subscribers.push(StartedSubscriber { state, task });
            self.next += self.share.workers;
        }
    }
}
