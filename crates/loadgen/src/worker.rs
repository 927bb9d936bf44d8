//! One worker: a thread with its share of the crowd, its own event loop and its own recorder.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use wirebench_measure::{Event, Recorder, Sequence, SubscriberOutcome, Window};
use wirebench_protocol::{After, Timestamp};
use wirebench_scenario::Run;

use crate::dial::Dialer;
use crate::error::chain;
use crate::subscriber::{Sight, Subscriber, live};
use crate::target::Target;
use crate::transport::Settings;

/// How often the event loop is probed for lag: often enough that a second has its 99th percentile.
const PROBE: Duration = Duration::from_millis(5);

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
    /// Cut this share of the connections that stand.
    Sever(f64),
    /// The server was struck at this time, and whoever is cut off is so since then; `None`: it is over.
    Struck(Option<Timestamp>),
    /// Those who are to stop reading do (`true`), or read on.
    Stall(bool),
    /// Say what each subscriber has seen.
    Accounts(oneshot::Sender<Vec<SubscriberOutcome>>),
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
    /// Subscribers that have ever stood.
    pub(crate) members: u64,
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
    /// Of those who are to stop reading: their delays say nothing.
    stalled: RefCell<Recorder>,
    window: Cell<Option<Window>>,
    /// Whether those who are to stop reading have.
    stall: watch::Sender<bool>,
}

/// A subscriber's task, as the worker sees it.
struct Member {
    seat: Rc<Seat>,
    task: AbortHandle,
}

/// What a subscriber and its worker share.
#[derive(Default)]
struct Seat {
    /// Its place in the feed.
    sequence: RefCell<Sequence>,
    /// Has stood at least once.
    stood: Cell<bool>,
    /// Stands now.
    stands: Cell<bool>,
    /// Since when it has been cut off.
    away: Cell<Option<Timestamp>>,
    /// When the fault struck that may cut it off.
    struck: Cell<Option<Timestamp>>,
    /// Cuts its connection.
    cut: Notify,
}

async fn work(share: Rc<Share>, mut commands: mpsc::Receiver<Command>) {
    let desk = Rc::new(Desk {
        recorder: RefCell::new(Recorder::new()),
        stalled: RefCell::new(Recorder::new()),
        window: Cell::new(None),
        stall: watch::Sender::new(false),
    });
    let mut random = SmallRng::seed_from_u64(share.run.seed.wrapping_add(share.index as u64));
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
                    members.retain(|member| {
                        let stood = member.seat.stood.get();
                        if !stood {
                            member.task.abort();
                        }
                        stood
                    });
                }
                Some(Command::Open(window)) => desk.window.set(Some(window)),
                Some(Command::Cut(reply)) => {
                    // Nobody waits for it any more when the crowd is being dismissed.
                    let _ = reply.send(desk.hand_over());
                }
                Some(Command::Sever(share)) => {
                    for Member { seat, .. } in members.iter().filter(|m| m.seat.stands.get()) {
                        if random.random::<f64>() < share {
                            seat.struck.set(Some(Timestamp::now()));
                            seat.cut.notify_waiters();
                        }
                    }
                }
                Some(Command::Struck(at)) => members.iter().for_each(|m| m.seat.struck.set(at)),
                Some(Command::Stall(stall)) => {
                    desk.stall.send_replace(stall);
                }
                Some(Command::Accounts(reply)) => {
                    let _ = reply.send(members.iter().map(|m| m.seat.account()).collect());
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
                    let seat = Rc::new(Seat::default());
                    let member = member(Rc::clone(&share), next, Rc::clone(&desk), Rc::clone(&seat));
                    members.push(Member { seat, task: tasks.spawn_local(member) });
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

impl Desk {
    fn hand_over(&self) -> Recorder {
        let mut seen = self.recorder.replace(Recorder::new());
        seen.merge(&self.stalled.replace(Recorder::new()).without_delays());
        seen
    }
}

impl Seat {
    fn account(&self) -> SubscriberOutcome {
        SubscriberOutcome {
            sequence: self.sequence.borrow().clone(),
            subscribed: self.stands.get(),
        }
    }

    /// Stands; since when it did not, if it did before.
    fn stand(&self) -> (bool, Option<Timestamp>) {
        self.stands.set(true);
        (self.stood.replace(true), self.away.take())
    }

    /// Does not stand any more; whether it did.
    fn fall(&self) -> bool {
        let stood = self.stands.take();
        if stood {
            self.away.set(Some(self.struck.take().unwrap_or_else(Timestamp::now)));
        }
        stood
    }
}

/// Whether the subscriber at `index` is of those that stop reading: spread evenly over the crowd.
#[expect(clippy::cast_precision_loss, reason = "subscribers are counted in thousands, not in 2^53")]
fn stalls(index: usize, share: f64) -> bool {
    let up_to = |count: usize| (count as f64 * share + 1e-9).floor();
    up_to(index + 1) > up_to(index)
}

/// The life of the subscriber at `index`, told to the desk. Ends only if it is refused for good.
async fn member(share: Rc<Share>, index: usize, desk: Rc<Desk>, seat: Rc<Seat>) {
    let stalls = stalls(index, share.run.faults.stalled_share);
    let life = listen(&share, index, &desk, &seat, stalls);
    if stalls {
        let mut stall = desk.stall.subscribe();
        let mut life = std::pin::pin!(life);
        // Who is not polled reads nothing. The sender is the desk's: it outlives this.
        tokio::select! {
            biased;
            _ = stall.wait_for(|stall| *stall) => {}
            () = &mut life => return,
        }
        let _ = stall.wait_for(|stall| !*stall).await;
        life.await;
    } else {
        life.await;
    }
}

async fn listen(share: &Share, index: usize, desk: &Desk, seat: &Seat, stalls: bool) {
    let run = &share.run;
    let settings = Settings {
        interval: run.interval.unwrap_or_default(),
        hold: run.hold.unwrap_or_default(),
        reconnect: run.reconnect,
        headers: run.http.headers,
        ..Settings::default()
    };
    let subscriber = Subscriber {
        transport: run.transport,
        dialer: &share.dialer,
        target: &share.target,
        settings,
        seed: run.seed.wrapping_add(index as u64),
        cut: Some(&seat.cut).filter(|_| !run.faults.is_none()),
    };
    let recorder = if stalls { &desk.stalled } else { &desk.recorder };
    live(&subscriber, After::Newest, |sight| match sight {
        Sight::Event(event) => {
            let (mut recorder, window) = (recorder.borrow_mut(), desk.window.get());
            recorder.observe(window, &mut seat.sequence.borrow_mut(), event);
            if matches!(event, Event::Connected { .. }) {
                let (again, away) = seat.stand();
                let now = Timestamp::now();
                if let Some(since) = away
                    && window.is_some_and(|window| window.from <= now)
                {
                    recorder.reconnects.record(since, now);
                }
                share.standing.send_modify(|standing| {
                    standing.now += 1;
                    standing.members += u64::from(!again);
                    standing.reconnects += u64::from(again);
                });
            }
        }
        Sight::Interrupted { why, .. } => {
            let stood = seat.fall();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_stop_reading_are_spread_over_the_crowd() {
        let stalled = |share| (0..100).filter(|index| stalls(*index, share)).collect::<Vec<_>>();
        assert!(stalled(0.0).is_empty());
        assert_eq!(stalled(0.1), (0..10).map(|n| n * 10 + 9).collect::<Vec<_>>());
        assert_eq!(stalled(0.29).len(), 29);
    }
}
