//! The crowd of one run: ramp, settle, window, drain, and what came of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use wirebench_measure::{
    FaultOutcome, Invalid, LoadgenCost, Measurement, Missed, Recorder, Second, ServerCost,
    SubscriberOutcome, Traffic, Window, missed,
};
use wirebench_protocol::control::{CountWindow, Publisher, Usage, WindowCount};
use wirebench_protocol::{Timestamp, process};
use wirebench_scenario::Run;

use crate::control::{Control, ControlError};
use crate::dial::Dialer;
use crate::disturb::{Disturber, ServerHands};
use crate::machine_reading::{machine_now, other_load};
use crate::reach::{Reach, owed};
use crate::target::Target;
use crate::timeline::{Edge, Timeline, server_cpu};
use crate::worker::{self, Command, Share, Standing, Worker};

/// How much longer than the ramp the crowd may take to stand.
const STAND: Duration = Duration::from_secs(15);

/// From the last subscription to the reading of the server's memory.
const SETTLE: Duration = Duration::from_millis(300);

/// Below this many more subscribers, the growth of memory by each of them is noise: a heap grows by
/// 132 KiB at a time.
const CAME_LEAST: u64 = 60;

/// How often the drain looks whether everybody has everything.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// What is left of the drain when the user has interrupted the run.
const DRAIN_INTERRUPTED: Duration = Duration::from_secs(1);

/// How far a run has come.
#[derive(Debug)]
pub enum Progress {
    /// Subscribers connect.
    Ramp {
        /// How many stand.
        standing: u64,
        /// How many are wanted.
        wanted: u64,
    },
    /// Messages flow and do not count yet.
    WarmUp,
    /// A second of the window or of the drain is over.
    Second(Box<Second>),
}

/// Why a run has no measurement.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The server speaks TLS and the run does not, or the other way round.
    #[error("cannot drive a run {asked} TLS against a server {found}")]
    Tls {
        /// What the run asks for.
        asked: &'static str,
        /// What the server's URL says.
        found: &'static str,
    },
    /// The control API failed: the server has gone away or does not do what it should.
    #[error("the server is gone or refuses while {during}")]
    Server {
        /// What the run was doing.
        during: &'static str,
        /// What was attempted.
        #[source]
        source: ControlError,
    },
    /// Not one subscription stood in time.
    #[error("none of {wanted} subscribers connected: {last_error}")]
    Nobody {
        /// How many were to.
        wanted: usize,
        /// What the last one of them met with.
        last_error: String,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread")]
    Start {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A worker thread is gone: a bug in this program, whose panic is on standard error.
    #[error("a worker thread panicked")]
    Worker,
    /// The run asks for a fault of the server, and nobody carries it out.
    #[error("the server could not be stopped or started as the scenario asks for")]
    Hands,
    /// The user ended the run before anything was measured.
    #[error("interrupted before the measured window")]
    Interrupted,
}

/// Drives the crowd of `run` at `target` on `workers` threads, and tells `observe` how it goes.
///
/// The phases: the subscribers start evenly over the ramp and have 15 s more to stand; who does not is
/// sent home. The server settles and its memory is read. The publisher starts; after the warm-up comes
/// the window, then the drain, which ends as soon as every subscriber has everything. The result is
/// judged: see [`Measurement::invalid`].
///
/// What the run's faults do to the server is ordered through `hands`. A run with faults has its
/// [`Measurement::faults`]; nobody standing is then a result, too.
///
/// Cancelling `stop` ends the window at once; what was measured is kept, marked [`Invalid::Interrupted`].
///
/// # Errors
///
/// [`DriveError`] when there is nothing to keep.
///
/// # Cancel safety
///
/// Dropping the future sends the crowd home; a publisher that has started goes on.
pub async fn drive(
    run: &Run,
    target: &Target,
    control: &Control,
    workers: usize,
    observe: &mut (dyn FnMut(Progress) + Send),
    stop: CancellationToken,
    hands: Option<ServerHands>,
) -> Result<Measurement, DriveError> {
    if run.http.tls != target.trust.is_some() {
        let (asked, found) = if run.http.tls { ("with", "without") } else { ("without", "with") };
        return Err(DriveError::Tls { asked, found });
    }
    let reach = Reach::new(control, &target.feed, run.faults.stops_server());
    let peak_is_own = process::reset_memory_peak();
    let stage = Stage { run, reach, stop, hands, peak_is_own };
    let idle = stage.usage("looking at the idle server").await?;
    let mut crowd = Crowd::gather(run, target, workers.max(1))?;
    // Boxed: it is large, and whoever drives holds it.
    let measured = Box::pin(stage.play(&mut crowd, &idle, observe)).await;
    let dismissed = crowd.dismiss().await;
    let measurement = measured?;
    dismissed?;
    Ok(measurement)
}

/// The things that do not change during a run.
struct Stage<'a> {
    run: &'a Run,
    reach: Reach,
    stop: CancellationToken,
    hands: Option<ServerHands>,
    /// Whether the kernel forgot the memory peak of earlier runs.
    peak_is_own: bool,
}

/// All workers, and what they have handed over.
struct Crowd {
    workers: Vec<Worker>,
    dialers: Vec<Arc<Dialer>>,
    standing: watch::Receiver<Standing>,
    /// Everything that was handed over so far.
    seen: Recorder,
    /// Sends everybody home when dropped.
    home: DropGuard,
}

impl Stage<'_> {
    async fn play(
        &self,
        crowd: &mut Crowd,
        idle: &Usage,
        observe: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Measurement, DriveError> {
        let foothold = self.ramp(crowd, observe).await?;
        let stood = crowd.standing.borrow().now;
        tokio::time::sleep(SETTLE).await;
        let settled = self.usage("settling").await?;

        observe(Progress::WarmUp);
        let mut window = self.publish(crowd).await?;
        let warm = self.until(window.from).await;
        if !warm {
            let _ = self.reach.stop_publisher().await;
            return Err(DriveError::Interrupted);
        }

        let early = crowd.cut().await?;
        // With faults, a connection may be away at this moment whose subscriber expects everything.
        let standing = crowd.standing.borrow().clone();
        let subscribed = if self.run.faults.is_none() { standing.now } else { standing.members };
        let opening = self.edge(crowd, "opening the window").await?;
        let edge = Edge { at: window.from, ..opening.clone() };
        let machine_before = machine_now().await;
        let mut timeline = Timeline { index: 0, edge, early };
        let disturber = self.disturber(crowd, window);
        let seconds = self.seconds(crowd, &mut timeline, window, observe);
        let (interrupted, ()) = tokio::try_join!(seconds, disturber.disturb())?;
        let closing = timeline.edge.clone();
        let other_load = other_load(machine_before.as_ref(), machine_now().await.as_ref());
        if interrupted {
            // The server goes on counting to the end that was planned, but no message comes any more:
            // what was published in the window is what was published until here.
            window.to = closing.at;
        }
        let late = self.reach.stop_publisher().await.map_err(during("stopping the publisher"))?;
        let lives = self.reach.lives().await.map_err(during("counting what was published"))?;

        let drain = if interrupted { DRAIN_INTERRUPTED } else { self.run.timing.drain };
        self.drain(crowd, &mut timeline, &lives, subscribed, drain, observe).await?;
        let (published, missed, still_away) = crowd.settle(&lives).await?;
        let last = self.usage("reading the server's last usage").await?;

        let counts = crowd.counts();
        let standing = crowd.standing.borrow().clone();
        let seen = std::mem::take(&mut crowd.seen);
        let faults = (!self.run.faults.is_none()).then(|| FaultOutcome {
            wanted: self.run.subscribers as u64,
            missed,
            back_99: seen.reconnects.back_99(still_away),
            reconnects_peak_per_s: seen.reconnects.peak_per_second(),
        });
        let mut measurement = Measurement {
            duration: window.length(),
            published: Some(published),
            subscribed,
            seen,
            traffic: Traffic {
                attempted: counts.attempted,
                opened: counts.opened,
                peak: counts.peak,
                reconnects: standing.reconnects,
                bytes_up: closing.bytes_up - opening.bytes_up,
                bytes_down: closing.bytes_down - opening.bytes_down,
            },
            server: server_cost(idle, &opening, &closing, &last, late).map(|cost| ServerCost {
                rss_per_subscriber_bytes: foothold
                    .and_then(|foothold| foothold.growth(&Foothold::of(stood, &settled))),
                ..cost
            }),
            loadgen: LoadgenCost {
                cpu: closing.loadgen_cpu.saturating_sub(opening.loadgen_cpu),
                workers: crowd.workers.len(),
                rss_peak_bytes: process::memory()
                    .filter(|_| self.peak_is_own)
                    .map(|memory| memory.peak_bytes),
            },
            other_load,
            faults,
            invalid: Vec::new(),
        };
        measurement.invalid = measurement.judge(self.run.subscribers as u64);
        if interrupted {
            measurement.invalid.push(Invalid::Interrupted);
        }
        Ok(measurement)
    }

    /// Waits until everybody stands or the time is up, and completes the crowd. Says what the server's
    /// memory was when a fifth of them stood.
    async fn ramp(
        &self,
        crowd: &mut Crowd,
        observe: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<Foothold>, DriveError> {
        let wanted = self.run.subscribers as u64;
        let mut early = None;
        let deadline = tokio::time::sleep(self.run.ramp + STAND);
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let faulty = !self.run.faults.is_none();
        let decided = |standing: &Standing| {
            let stood = if faulty { standing.members } else { standing.now };
            stood + standing.refused >= wanted
        };
        while !decided(&crowd.standing.borrow_and_update()) {
            let standing = crowd.standing.borrow().now;
            if early.is_none() && standing >= wanted.div_ceil(5) {
                early = Some(Foothold::of(standing, &self.usage("connecting").await?));
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(DriveError::Interrupted),
                () = &mut deadline => break,
                // The senders live in the workers: none left means that every one of them is gone.
                changed = crowd.standing.changed() => changed.map_err(|_| DriveError::Worker)?,
                _ = tick.tick() => {
                    observe(Progress::Ramp { standing: crowd.standing.borrow().now, wanted });
                }
            }
        }
        let Standing { now: standing, last_error, .. } = crowd.standing.borrow().clone();
        observe(Progress::Ramp { standing, wanted });
        if standing == 0 && wanted > 0 && !faulty {
            let last_error = last_error.unwrap_or_else(|| "no answer in time".to_owned());
            return Err(DriveError::Nobody { wanted: self.run.subscribers, last_error });
        }
        crowd.command(|| Command::Complete).await?;
        Ok(early)
    }

    /// Announces the window to everybody, then starts the publisher.
    async fn publish(&self, crowd: &Crowd) -> Result<Window, DriveError> {
        let from = Timestamp::now() + self.run.timing.warm_up;
        let window = Window { from, to: from + self.run.timing.measure };
        crowd.command(|| Command::Open(window)).await?;
        let count = CountWindow { from_ns: window.from, to_ns: window.to };
        self.reach.count(count).await.map_err(during("announcing the window"))?;
        let started = self.reach.start_publisher(&self.publisher(self.run.seed)).await;
        started.map_err(during("starting the publisher"))?;
        Ok(window)
    }

    fn publisher(&self, seed: u64) -> Publisher {
        let Run { rate, pace, ref payload, .. } = *self.run;
        Publisher { rate, pace, payload: payload.clone(), seed }
    }

    fn disturber(&self, crowd: &Crowd, window: Window) -> Disturber<'_> {
        Disturber {
            faults: self.run.faults,
            window,
            publisher: self.publisher(self.run.seed.wrapping_add(1)),
            workers: crowd.workers.iter().map(|worker| worker.commands.clone()).collect(),
            reach: &self.reach,
            hands: self.hands.clone(),
            stop: &self.stop,
        }
    }

    /// The seconds of the window; whether the run was interrupted.
    async fn seconds(
        &self,
        crowd: &mut Crowd,
        timeline: &mut Timeline,
        window: Window,
        observe: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<bool, DriveError> {
        let mut interrupted = false;
        while !interrupted && timeline.edge.at < window.to {
            let end = window.to.min(timeline.edge.at + Duration::from_secs(1));
            interrupted = !self.until(end).await;
            self.second(crowd, timeline, (!interrupted).then_some(end), observe).await?;
        }
        Ok(interrupted)
    }

    /// Waits until every subscriber has everything, or knows what it cannot have, but no longer than
    /// `most`.
    async fn drain(
        &self,
        crowd: &mut Crowd,
        timeline: &mut Timeline,
        lives: &[WindowCount],
        subscribed: u64,
        most: Duration,
        observe: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), DriveError> {
        let end = Instant::now() + most;
        let mut seen = crowd.cut().await?;
        let mut look = tokio::time::interval(DRAIN_LOOK);
        let expected = published(lives) * subscribed;
        while crowd.seen.received < expected && Instant::now() < end {
            if !self.run.faults.is_none() {
                let (_, missed, still_away) = crowd.settle(lives).await?;
                if missed.silently == 0 && still_away == 0 {
                    // What arrived since the last cut was in that account and is in this one.
                    seen.merge(&crowd.cut().await?);
                    break;
                }
            }
            look.tick().await;
            seen.merge(&crowd.cut().await?);
            if timeline.edge.at + Duration::from_secs(1) <= Timestamp::now() {
                let edge = self.edge(crowd, "draining").await?;
                let seen = std::mem::take(&mut seen);
                observe(Progress::Second(timeline.next(edge, seen, crowd.counts().open)));
            }
        }
        let edge = self.edge(crowd, "draining").await?;
        observe(Progress::Second(timeline.next(edge, seen, crowd.counts().open)));
        Ok(())
    }

    /// Ends a second of the timeline, at `end` where it was to be then.
    async fn second(
        &self,
        crowd: &mut Crowd,
        timeline: &mut Timeline,
        end: Option<Timestamp>,
        observe: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), DriveError> {
        let seen = crowd.cut().await?;
        let edge = self.edge(crowd, "measuring").await?;
        let edge = Edge { at: end.unwrap_or(edge.at), ..edge };
        observe(Progress::Second(timeline.next(edge, seen, crowd.counts().open)));
        Ok(())
    }

    /// Waits until `at`; `false` when the run is interrupted before.
    async fn until(&self, at: Timestamp) -> bool {
        let left = at.saturating_since(Timestamp::now());
        self.stop.run_until_cancelled(tokio::time::sleep(left)).await.is_some()
    }

    async fn usage(&self, doing: &'static str) -> Result<Usage, DriveError> {
        self.reach.usage().await.map_err(during(doing))
    }

    /// Reads all counters, the near ones first. A server that is merely slow to answer costs its part
    /// of the reading, not the run.
    async fn edge(&self, crowd: &Crowd, doing: &'static str) -> Result<Edge, DriveError> {
        let (counts, loadgen_cpu, at) = (crowd.counts(), process::cpu_time(), Timestamp::now());
        let usage = self.reach.usage_if_there().await.map_err(during(doing))?;
        let (bytes_up, bytes_down) = (counts.bytes_up, counts.bytes_down);
        Ok(Edge { at, usage, loadgen_cpu, loadgen_cpu_at: at, bytes_up, bytes_down })
    }
}

impl Crowd {
    fn gather(run: &Run, target: &Target, workers: usize) -> Result<Self, DriveError> {
        let stop = CancellationToken::new();
        let first = Dialer::new(run.link, run.seed).speaking(run.http);
        let seeds = (1..workers).map(|index| run.seed.wrapping_add(index as u64));
        let siblings: Vec<_> = seeds.map(|seed| first.sibling(seed)).collect();
        let dialers: Vec<_> = std::iter::once(first).chain(siblings).map(Arc::new).collect();
        let (sender, standing) = watch::channel(Standing::default());
        let (run, sender, start) = (Arc::new(run.clone()), Arc::new(sender), Instant::now());
        // Workers that have started go home if a later one cannot.
        let home = stop.clone().drop_guard();
        let workers = dialers
            .iter()
            .enumerate()
            .map(|(index, dialer)| {
                worker::start(Share {
                    run: Arc::clone(&run),
                    target: target.clone(),
                    dialer: Arc::clone(dialer),
                    index,
                    workers,
                    start,
                    standing: Arc::clone(&sender),
                    stop: stop.clone(),
                })
            })
            .collect::<Result<_, _>>()
            .map_err(|source| DriveError::Start { source })?;
        Ok(Self { workers, dialers, standing, seen: Recorder::new(), home })
    }

    /// Tells every worker.
    async fn command(&self, command: impl Fn() -> Command) -> Result<(), DriveError> {
        for worker in &self.workers {
            worker.commands.send(command()).await.map_err(|_| DriveError::Worker)?;
        }
        Ok(())
    }

    /// What all workers have seen since the last cut, which now also is in `seen`.
    async fn cut(&mut self) -> Result<Recorder, DriveError> {
        let mut replies = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (reply, recorder) = oneshot::channel();
            let sent = worker.commands.send(Command::Cut(reply)).await;
            sent.map_err(|_| DriveError::Worker)?;
            replies.push(recorder);
        }
        let mut seen = Recorder::new();
        for reply in replies {
            seen.merge(&reply.await.map_err(|_| DriveError::Worker)?);
        }
        self.seen.merge(&seen);
        Ok(seen)
    }

    /// How many messages the window had in all lives of the feed, what the subscribers missed of them, and
    /// how many of them are still cut off.
    ///
    /// A server that was killed could be asked only before: whatever a subscriber has seen of that life
    /// beyond it was published, too.
    async fn settle(&self, lives: &[WindowCount]) -> Result<(u64, Missed, u64), DriveError> {
        let accounts = self.accounts().await?;
        let mut lives = lives.to_vec();
        let over = lives.len().saturating_sub(1);
        for (at, life) in lives.iter_mut().enumerate().take(over) {
            let newest =
                accounts.iter().filter_map(|account| account.sequence.newest_in_epoch(at)).max();
            if let Some((last, newest)) = life.last_seq.as_mut().zip(newest) {
                life.published += newest.saturating_sub(*last);
                *last = newest.max(*last);
            }
        }
        let owed: Vec<_> = lives.iter().map(owed).collect();
        let still_away = accounts.iter().filter(|account| !account.subscribed).count() as u64;
        Ok((published(&lives), missed(&accounts, &owed), still_away))
    }

    /// What each subscriber has seen.
    async fn accounts(&self) -> Result<Vec<SubscriberOutcome>, DriveError> {
        let mut accounts = Vec::new();
        for worker in &self.workers {
            let (reply, answer) = oneshot::channel();
            let sent = worker.commands.send(Command::Accounts(reply)).await;
            sent.map_err(|_| DriveError::Worker)?;
            accounts.extend(answer.await.map_err(|_| DriveError::Worker)?);
        }
        Ok(accounts)
    }

    /// What all dialers have counted.
    fn counts(&self) -> crate::dial::Counts {
        let counts = self.dialers.iter().map(|dialer| dialer.counts());
        let sum = counts.reduce(|sum, counts| crate::dial::Counts {
            bytes_up: sum.bytes_up + counts.bytes_up,
            bytes_down: sum.bytes_down + counts.bytes_down,
            // Of siblings, each tells the connections of all.
            ..counts
        });
        sum.unwrap_or_default()
    }

    /// Sends everybody home and waits until the threads are gone.
    async fn dismiss(self) -> Result<(), DriveError> {
        drop(self.home);
        let threads: Vec<_> = self.workers.into_iter().map(|worker| worker.thread).collect();
        let joined = tokio::task::spawn_blocking(|| {
            threads.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count()
        });
        match joined.await {
            Ok(0) => Ok(()),
            _ => Err(DriveError::Worker),
        }
    }
}

/// What the run cost the server; `None` where it did not say.
fn server_cost(
    idle: &Usage,
    opening: &Edge,
    closing: &Edge,
    last: &Usage,
    late_publishes: u64,
) -> Option<ServerCost> {
    Some(ServerCost {
        cpu: server_cpu(opening.usage.as_ref()?, closing.usage.as_ref()?),
        rss_idle_bytes: idle.rss_bytes?,
        rss_peak_bytes: last.rss_peak_bytes?,
        rss_per_subscriber_bytes: None,
        late_publishes,
    })
}

/// The server's memory while so many subscriptions stood.
#[derive(Clone, Copy, Debug)]
struct Foothold {
    standing: u64,
    /// `None` where the system does not tell.
    rss_bytes: Option<u64>,
}

impl Foothold {
    fn of(standing: u64, usage: &Usage) -> Self {
        Self { standing, rss_bytes: usage.rss_bytes }
    }

    /// Growth by each subscriber from here to `later`. The slope rather than the whole growth, which
    /// the first connections of a process pay for: its code, its threads' heaps. `None` when too few
    /// came in between, or the system does not tell.
    fn growth(&self, later: &Self) -> Option<u64> {
        let came = later.standing.checked_sub(self.standing)?;
        let grown = later.rss_bytes?.saturating_sub(self.rss_bytes?);
        (came >= CAME_LEAST).then(|| grown / came)
    }
}

/// The messages of the window, in all lives of the feed.
fn published(lives: &[WindowCount]) -> u64 {
    lives.iter().map(|life| life.published).sum()
}

pub(crate) fn during(doing: &'static str) -> impl Fn(ControlError) -> DriveError {
    move |source| DriveError::Server { during: doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_slope_between_two_crowds_and_nothing_when_few_came() {
        let at = |standing, rss_bytes| Foothold { standing, rss_bytes: Some(rss_bytes) };
        assert_eq!(at(200, 5_000_000).growth(&at(1_000, 13_000_000)), Some(10_000));
        assert_eq!(at(990, 5_000_000).growth(&at(1_000, 13_000_000)), None);
        assert_eq!(Foothold { standing: 0, rss_bytes: None }.growth(&at(1_000, 1)), None);
    }
}
