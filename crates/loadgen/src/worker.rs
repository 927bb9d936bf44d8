//! One worker: a thread with its share of the crowd, its own event loop and its own recorder.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use wirebench_measure::{Event, Recorder, Sequence, Window};
use wirebench_protocol::{After, Timestamp};
use wirebench_scenario::Run;

use crate::dial::Dialer;
use crate::error::chain;
use crate::subscriber::{Sight, Subscriber, live};
use crate::target::Target;
use crate::transport::Settings;

/// How often the event loop is probed for lag.
const PROBE: Duration = Duration::from_millis(10);

/// What a tokio timer is late by in an event loop with nothing else to do: its granularity.
const GRANULARITY: Duration = Duration::from_millis(1);

/// A running worker thread.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Told what to do through here; one command is under way at a time, so one slot is enough.
    pub(crate) commands: mpsc::Sender<Command>,
    /// Joined at the end, so that a panic surfaces.
    pub(crate) thread: JoinHandle<()>,
}

/// What the crowd asks of a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Whoever does not stand by now is sent home, and nobody else starts: the crowd is complete.
    Complete,
    /// This is the window.
    Open(Window),
    /// Hand over what was seen since the last time.
    Cut(oneshot::Sender<Recorder>),
}

/// A worker's share of the crowd.
pub(crate) struct Share {
    pub(crate) run: Arc<Run>,
    pub(crate) target: Target,
    pub(crate) dialer: Arc<Dialer>,
    /// Its place among the workers: it takes the subscribers `index`, `index + workers`, …
    pub(crate) index: usize,
    /// How many workers there are.
    pub(crate) workers: usize,
    /// When the ramp begins.
    pub(crate) start: Instant,
    /// Who stands, over all workers. Locked when a subscription comes or goes, not on the way of messages.
    pub(crate) standing: Arc<watch::Sender<Standing>>,
    /// Cancelled at the end.
    pub(crate) stop: CancellationToken,
}

/// Who stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Subscriptions that stand now.
    pub(crate) now: u64,
    /// Subscriptions that broke and stand again.
    pub(crate) reconnects: u64,
    /// Subscribers who were refused for good.
    pub(crate) refused: u64,
    /// Why the last interrupted subscription was.
    pub(crate) last_error: Option<String>,
}

/// Starts a worker thread.
pub(crate) fn start(share: Share) -> io::Result<Worker> {
    let (commands, receiver) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("worker-{}", share.index);
    let thread = std::thread::Builder::new()
        .name(name)
        .spawn(move || LocalSet::new().block_on(&runtime, work(Rc::new(share), receiver)))?;
    Ok(Worker { commands, thread })
}

/// What the subscribers of one worker share; nobody else touches it.
struct Desk {
    recorder: RefCell<Recorder>,
    window: Cell<Option<Window>>,
}

/// A subscriber's task, as the worker sees it.
struct Member {
    /// Has stood at least once.
    stood: Rc<Cell<bool>>,
    task: AbortHandle,
}

async fn work(share: Rc<Share>, mut commands: mpsc::Receiver<Command>) {
    let desk = Rc::new(Desk { recorder: RefCell::new(Recorder::new()), window: Cell::new(None) });
    let mut members: Vec<Member> = Vec::new();
    let mut tasks = JoinSet::new();
    let mut next = share.index;
    // A tick that could not be taken in time counts with its own lag, not as one that never was.
    let mut probe = tokio::time::interval(PROBE);
    probe.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let complete = next >= share.run.subscribers;
        tokio::select! {
            biased;
            () = share.stop.cancelled() => return,
            command = commands.recv() => match command {
                None => return,
                Some(Command::Complete) => {
                    next = usize::MAX;
                    members.drain(..).filter(|m| !m.stood.get()).for_each(|m| m.task.abort());
                }
                Some(Command::Open(window)) => desk.window.set(Some(window)),
                Some(Command::Cut(reply)) => {
                    // Nobody waits for it any more when the crowd is being dismissed.
                    let _ = reply.send(desk.recorder.replace(Recorder::new()));
                }
            },
            due = probe.tick() => {
                if desk.window.get().is_some_and(|window| window.contains(Timestamp::now())) {
                    let lag = due.elapsed().saturating_sub(GRANULARITY);
                    desk.recorder.borrow_mut().lag.record(lag);
                }
            }
            () = tokio::time::sleep_until(share.starts_at(next)), if !complete => {
                while next < share.run.subscribers && share.starts_at(next) <= Instant::now() {
                    let stood = Rc::new(Cell::new(false));
                    let member = member(Rc::clone(&share), next, Rc::clone(&desk), Rc::clone(&stood));
                    members.push(Member { stood, task: tasks.spawn_local(member) });
                    next += share.workers;
                }
            }
            Some(result) = tasks.join_next() => {
                if let Err(error) = result && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}

impl Share {
    /// Subscribers start evenly over the ramp, whichever worker they belong to.
    fn starts_at(&self, index: usize) -> Instant {
        let count = u32::try_from(self.run.subscribers).unwrap_or(u32::MAX).max(1);
        let place = u32::try_from(index).unwrap_or(u32::MAX).min(count);
        self.start + self.run.ramp.mul_f64(f64::from(place) / f64::from(count))
    }
}

/// The life of the subscriber at `index`, told to the desk. Ends only if it is refused for good.
async fn member(share: Rc<Share>, index: usize, desk: Rc<Desk>, stood: Rc<Cell<bool>>) {
    let run = &share.run;
    let settings = Settings {
        interval: run.interval.unwrap_or_default(),
        hold: run.hold.unwrap_or_default(),
        headers: run.http.headers,
        ..Settings::default()
    };
    let (transport, seed) = (run.transport, run.seed.wrapping_add(index as u64));
    let subscriber =
        Subscriber { transport, dialer: &share.dialer, target: &share.target, settings, seed };
    let mut sequence = Sequence::default();
    let mut stands = false;
    live(&subscriber, After::Newest, |sight| match sight {
        Sight::Event(event) => {
            desk.recorder.borrow_mut().observe(desk.window.get(), &mut sequence, event);
            if matches!(event, Event::Connected { .. }) {
                stands = true;
                let again = stood.replace(true);
                share.standing.send_modify(|standing| {
                    standing.now += 1;
                    standing.reconnects += u64::from(again);
                });
            }
        }
        Sight::Interrupted { why, .. } => {
            let stood = std::mem::take(&mut stands);
            share.standing.send_modify(|standing| {
                standing.now -= u64::from(stood);
                standing.last_error =
                    Some(why.map_or_else(|| "the server ended it".to_owned(), |why| chain(why)));
            });
        }
    })
    .await;
    share.standing.send_modify(|standing| standing.refused += 1);
}
