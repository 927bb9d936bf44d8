//! An agent at work: one controller, and one run at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use wirebench_loadgen::{
    AppliedShift, ClockOffset, CrowdPart, LocalPart, PartCommand, PartStatus, chrony_bound,
    measure_offset,
};
use wirebench_measure::AgentClock;
use wirebench_protocol::Timestamp;

use crate::assignment::Assignment;
use crate::bus::{Bus, reports_of};
use crate::messages::{Answer, Report};

/// How often an agent reports, at most.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// How often an agent reports although nothing has changed.
const LEAST_REPORTS: Duration = Duration::from_secs(1);

/// How often the clock of the controller is asked for during a run.
const CLOCK_INTERVAL: Duration = Duration::from_mins(1);

/// By how much two clocks may drift apart. The kernel slews its clock by at most 500 ppm, and a
/// crystal is off by less than 100 ppm: what is more is a clock that was set.
const MAX_DRIFT_PPM: u64 = 1_000;

/// A run of an agent. Dropping it ends its subscribers.
#[derive(Debug)]
pub(crate) struct Session {
    part: Arc<LocalPart>,
    checks: mpsc::Sender<ClockCheck>,
    _reporting: AbortOnDropHandle<()>,
}

/// Asks for another measurement of the clock. Answered with what is known after it.
pub(crate) type ClockCheck = oneshot::Sender<AgentClock>;

/// The clock of an agent during a run.
#[derive(Debug)]
struct Clock {
    /// Where the clock of the controller is asked for. `None`: it is the same clock.
    server: Option<String>,
    first: ClockOffset,
    since: Instant,
    shift: AppliedShift,
    /// What `chrony` says of the wall clock.
    wall_clock_bound: Option<Duration>,
}

impl Session {
    /// Gets ready for a run: measures the clock, resolves the server, and prepares the subscribers.
    pub(crate) async fn prepare(
        assignment: &Assignment,
        workers: usize,
        bus: Bus,
        agent: &str,
    ) -> Result<(Self, AgentClock), String> {
        let run = assignment.run()?;
        let target = assignment.target(&run).await?;
        let clock = Clock::measure(assignment.clock_server.clone()).await?;
        let known = clock.known();
        let part = LocalPart::new(&run, &target, assignment.share, workers);
        let part = Arc::new(match assignment.probes(&run) {
            Some(probes) => part.probing(probes),
            None => part,
        });
        // The controller asks once, at the end of the window.
        let (checks, asked) = mpsc::channel(1);
        let reporting = report(bus, reports_of(agent), part.status(), clock, asked);
        let reporting = AbortOnDropHandle::new(tokio::spawn(reporting));
        Ok((Self { part, checks, _reporting: reporting }, known))
    }

    /// Returns the part, so that a command can be carried out without holding the session.
    pub(crate) fn part(&self) -> Arc<LocalPart> {
        Arc::clone(&self.part)
    }

    /// Returns where measurements of the clock are asked for, without holding the session.
    pub(crate) fn clock_checks(&self) -> mpsc::Sender<ClockCheck> {
        self.checks.clone()
    }
}

/// Measures the clock once more.
pub(crate) async fn check_clock(checks: &mpsc::Sender<ClockCheck>) -> Answer {
    let (answer, known) = oneshot::channel();
    // A question that cannot be asked is dropped here: then `known` ends as well. It also ends if
    // the run does, and the clock is checked no more once it disagrees.
    drop(checks.send(answer).await);
    match known.await {
        Ok(clock) => Answer::Ready(clock),
        Err(_) => Answer::Refused("its clock cannot be measured any more".to_owned()),
    }
}

/// Carries out a command of the controller.
pub(crate) async fn carry_out(part: Arc<LocalPart>, command: PartCommand) -> Answer {
    if is_late(&command, Timestamp::now()) {
        return Answer::Refused("it is late: it heard of the start after it".to_owned());
    }
    match part.ask(command).await {
        Ok(reply) => Answer::Part(Box::new(reply)),
        Err(error) => Answer::Refused(format!("{error}")),
    }
}

/// Returns true if a command is about an instant that has passed: all agents begin at one.
fn is_late(command: &PartCommand, now: Timestamp) -> bool {
    matches!(command, PartCommand::Start(at) if *at < now)
}

impl Clock {
    async fn measure(server: Option<String>) -> Result<Self, String> {
        let first = offset(server.as_deref()).await?;
        let shift = AppliedShift::apply(first);
        let wall_clock_bound = chrony_bound().await;
        Ok(Self { server, first, since: Instant::now(), shift, wall_clock_bound })
    }

    /// Measures again. `Err` says by how much the clock is wrong.
    async fn check(&mut self) -> Result<(), String> {
        if self.server.is_none() {
            return Ok(());
        }
        let later = offset(self.server.as_deref()).await?;
        self.shift.observe(later);
        let moved = Duration::from_nanos(later.offset_ns.abs_diff(self.first.offset_ns));
        let drift = self.since.elapsed() * u32::try_from(MAX_DRIFT_PPM).unwrap_or(0) / 1_000_000;
        let most = self.first.bound() + later.bound() + drift;
        if moved <= most {
            return Ok(());
        }
        Err(format!(
            "its clock disagrees: it has moved by {moved:?} against that of the controller, and \
             {most:?} can be explained"
        ))
    }

    fn known(&self) -> AgentClock {
        AgentClock {
            offset_ns: self.first.offset_ns,
            bound: self.server.as_ref().map(|_| self.shift.bound()),
            wall_clock_bound: self.wall_clock_bound,
        }
    }
}

async fn offset(server: Option<&str>) -> Result<ClockOffset, String> {
    let Some(server) = server else { return Ok(ClockOffset::NONE) };
    let measured = measure_offset(server).await;
    measured.map_err(|error| format!("the clock is not known: {error}"))
}

/// Reports what the subscribers do, as soon as it changes and at least once a second. Never ends.
async fn report(
    bus: Bus,
    subject: String,
    mut status: watch::Receiver<PartStatus>,
    clock: Clock,
    asked: mpsc::Receiver<ClockCheck>,
) {
    let (known, mut clocks) = watch::channel((clock.known(), None));
    let checking = watch_clock(clock, known, asked);
    let reporting = async {
        let mut pause = tokio::time::interval(REPORT_INTERVAL);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (clock, trouble) = clocks.borrow_and_update().clone();
            let report = Report { status: status.borrow_and_update().clone(), clock, trouble };
            // A controller that hears nothing finds the agent lost.
            if let Err(error) = bus.publish(subject.clone(), &report).await {
                tracing::warn!("cannot report to the controller: {error}");
            }
            pause.tick().await;
            tokio::select! {
                _ = status.changed() => {}
                _ = clocks.changed() => {}
                () = tokio::time::sleep(LEAST_REPORTS) => {}
            }
        }
    };
    tokio::join!(checking, reporting);
}

/// Measures the clock again and again, and when somebody asks for it. Ends when it disagrees.
async fn watch_clock(
    mut clock: Clock,
    known: watch::Sender<(AgentClock, Option<String>)>,
    mut checks: mpsc::Receiver<ClockCheck>,
) {
    let mut check = tokio::time::interval_at(Instant::now() + CLOCK_INTERVAL, CLOCK_INTERVAL);
    loop {
        let asked = tokio::select! {
            _ = check.tick() => None,
            Some(asked) = checks.recv() => Some(asked),
        };
        let trouble = clock.check().await.err();
        let ended = trouble.is_some();
        known.send_replace((clock.known(), trouble));
        if let Some(asked) = asked.filter(|_| !ended) {
            // Nobody waits any more if the run has ended.
            let _ = asked.send(clock.known());
        }
        if ended {
            break;
        }
    }
    // Who asks now is told at once that there is no answer. `known` stays, so that the last report
    // can be read.
    drop(checks);
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use wirebench_loadgen::ClockServer;

    use super::*;

    #[tokio::test]
    async fn a_check_that_is_asked_for_measures_the_clock() {
        let within = async |answer| {
            tokio::time::timeout(Duration::from_mins(1), answer).await.expect("an answer in time")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = ClockServer::start(listener).unwrap();
        let clock = Clock::measure(Some(server.address().to_string())).await.unwrap();
        let before = clock.known().bound;
        let (known, reports) = watch::channel((clock.known(), None));
        let (checks, asked) = mpsc::channel(1);
        let watching = AbortOnDropHandle::new(tokio::spawn(watch_clock(clock, known, asked)));
        let answer = within(check_clock(&checks)).await;
        let Answer::Ready(AgentClock { bound, .. }) = answer else { panic!("{answer:?}") };
        assert!(bound.is_some() && bound >= before, "{before:?} {bound:?}");
        // Nobody answers any more: another measurement fails, and no later one is tried.
        drop(server);
        for _ in 0..2 {
            let answer = within(check_clock(&checks)).await;
            assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
        }
        assert!(reports.borrow().1.is_some(), "the next report says so");
        drop(watching);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_during_a_run_is_named_and_one_that_drifts_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = ClockServer::start(listener).unwrap();
        let mut clock = Clock::measure(Some(server.address().to_string())).await.unwrap();
        clock.check().await.unwrap();
        let bound = clock.known().bound.unwrap();
        // As if an hour had passed in which the clock was slewed by 500 ppm.
        clock.since -= Duration::from_hours(1);
        clock.first.offset_ns += 1_800_000_000;
        clock.check().await.unwrap();
        clock.first.offset_ns += 3_000_000_000;
        let why = clock.check().await.unwrap_err();
        assert!(why.contains("disagrees"), "{why}");
        assert!(clock.known().bound.unwrap() >= bound, "a bound never shrinks");
    }

    #[test]
    fn an_agent_that_hears_of_the_start_after_it_is_late() {
        let start = Timestamp::now();
        let at = |offset| start + Duration::from_millis(offset);
        assert!(is_late(&PartCommand::Start(at(500)), at(501)));
        assert!(!is_late(&PartCommand::Start(at(500)), at(500)));
        assert!(!is_late(&PartCommand::CompleteRamp, at(501)), "only the start has an instant");
    }

    #[tokio::test]
    async fn an_agent_with_the_clock_of_its_controller_needs_no_bound() {
        let mut clock = Clock::measure(None).await.unwrap();
        clock.check().await.unwrap();
        let AgentClock { offset_ns, bound, .. } = clock.known();
        assert_eq!((offset_ns, bound), (0, None));
    }
}
