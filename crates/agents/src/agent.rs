//! An agent: waits for a controller, and runs the subscribers that it is given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::HostClock;
use wirebench_store::StoreUrl;

use crate::bus::{Bus, CALL, HERE, requests_of};
use crate::error::AgentsError;
use crate::messages::{AgentMachine, Announcement, Answer, Ask, MESSAGES_VERSION, Request};
use crate::session::{Session, carry_out, check_clock};

/// An agent gives up its controller if it has not heard from it for this long. The controller asks
/// once a second.
const CONTROLLER_TIMEOUT: Duration = Duration::from_secs(8);

/// The maximum number of requests that are under way. A controller has one or two.
const MAX_REQUESTS: usize = 16;

/// What an agent is.
#[derive(Debug)]
pub struct AgentPlan {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The version of the program, with its commit if that is known.
    pub version: String,
    /// Its machine.
    pub machine: AgentMachine,
    /// The number of worker threads.
    pub workers: usize,
}

/// What an agent is doing. It is told to whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// It waits for a controller.
    Waiting,
    /// It works for a controller.
    Claimed,
    /// It has so many subscribers of this run.
    Running {
        /// The id of the run.
        run: String,
        /// The number of its subscribers.
        subscribers: usize,
    },
    /// Its controller is gone, and it has ended its subscribers.
    ControllerLost,
}

/// An agent that is connected.
#[derive(Debug)]
pub struct Agent {
    bus: Bus,
    plan: AgentPlan,
    id: String,
    clock: Option<HostClock>,
    state: watch::Sender<AgentState>,
    work: Mutex<Work>,
}

/// For whom an agent works, and on what.
#[derive(Debug, Default)]
struct Work {
    /// The controller, and when it was heard of last.
    controller: Option<(String, Instant)>,
    session: Option<Session>,
}

impl Agent {
    /// Connects to NATS.
    ///
    /// # Errors
    ///
    /// NATS cannot be reached.
    pub async fn connect(url: &StoreUrl, plan: AgentPlan) -> Result<Self, AgentsError> {
        Ok(Self {
            bus: Bus::connect(url).await?,
            plan,
            id: format!("{:016x}", rand::random::<u64>()),
            clock: HostClock::read(),
            state: watch::Sender::new(AgentState::Waiting),
            work: Mutex::default(),
        })
    }

    /// Returns what the agent is doing, and how that changes.
    pub fn state(&self) -> watch::Receiver<AgentState> {
        self.state.subscribe()
    }

    /// Waits for work and does it, until `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// NATS refuses a subscription, or has ended it.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), AgentsError> {
        let mut calls = self.bus.subscribe(CALL.to_owned()).await?;
        let mut requests = self.bus.subscribe(requests_of(&self.id)).await?;
        self.announce().await?;
        let ended = || AgentsError::Refused { attempted: "go on", found: "it ended".to_owned() };
        let mut answering = JoinSet::new();
        let mut check = tokio::time::interval(Duration::from_secs(1));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = answering.len() < MAX_REQUESTS;
            tokio::select! {
                () = stop.cancelled() => break,
                call = calls.next() => {
                    call.ok_or_else(ended)?;
                    self.announce().await?;
                }
                request = requests.next(), if has_room => {
                    let request = request.ok_or_else(ended)?;
                    answering.spawn(Arc::clone(&self).answer(request));
                }
                Some(_) = answering.join_next() => {}
                _ = check.tick() => self.check_controller(),
            }
        }
        answering.shutdown().await;
        self.work.lock().session = None;
        Ok(())
    }

    async fn announce(&self) -> Result<(), AgentsError> {
        let here = Announcement {
            messages: MESSAGES_VERSION,
            version: self.plan.version.clone(),
            id: self.id.clone(),
            name: self.plan.name.clone(),
            labels: self.plan.labels.clone(),
            machine: self.plan.machine.clone(),
            clock: self.clock.clone(),
            busy: self.work.lock().controller.is_some(),
        };
        self.bus.publish(HERE.to_owned(), &here).await
    }

    async fn answer(self: Arc<Self>, message: Message) {
        let Some(reply) = message.reply else { return };
        let answer = match serde_json::from_slice::<Request>(&message.payload) {
            Ok(request) => self.carry_out(request).await,
            Err(error) => Answer::Refused(format!("it cannot read the request: {error}")),
        };
        if let Err(error) = self.bus.publish(reply.to_string(), &answer).await {
            tracing::warn!("cannot answer the controller: {error}");
        }
    }

    async fn carry_out(&self, Request { controller, ask }: Request) -> Answer {
        if !self.works_for(&controller, matches!(ask, Ask::Claim)) {
            return Answer::Refused("it works for another controller".to_owned());
        }
        match ask {
            Ask::Claim => {
                self.state.send_replace(AgentState::Claimed);
                Answer::Done
            }
            Ask::Alive => Answer::Done,
            Ask::Prepare(assignment) => self.prepare(&assignment).await,
            Ask::Command(command) => {
                let part = self.work.lock().session.as_ref().map(Session::part);
                match part {
                    Some(part) => carry_out(part, command).await,
                    None => Answer::Refused("it has no run".to_owned()),
                }
            }
            Ask::CheckClock => {
                let checks = self.work.lock().session.as_ref().map(Session::clock_checks);
                match checks {
                    Some(checks) => check_clock(&checks).await,
                    None => Answer::Refused("it has no run".to_owned()),
                }
            }
            Ask::Release => {
                *self.work.lock() = Work::default();
                self.state.send_replace(AgentState::Waiting);
                Answer::Done
            }
        }
    }

    /// Notes that a controller was heard of. Returns false if the agent works for another one, or for
    /// none and this is no claim.
    fn works_for(&self, controller: &str, is_claim: bool) -> bool {
        let mut work = self.work.lock();
        match &mut work.controller {
            Some((ours, heard)) if ours == controller => {
                *heard = Instant::now();
                true
            }
            Some(_) => false,
            none if is_claim => {
                *none = Some((controller.to_owned(), Instant::now()));
                true
            }
            None => false,
        }
    }

    async fn prepare(&self, assignment: &crate::Assignment) -> Answer {
        // The run before has ended. Its subscribers are gone before those of the next begin.
        self.work.lock().session = None;
        let workers = self.plan.workers;
        let prepared = Session::prepare(assignment, workers, self.bus.clone(), &self.id);
        match prepared.await {
            Ok((session, clock)) => {
                self.work.lock().session = Some(session);
                self.state.send_replace(AgentState::Running {
                    run: assignment.id.clone(),
                    subscribers: assignment.share.count,
                });
                Answer::Ready(clock)
            }
            Err(why) => Answer::Refused(why),
        }
    }

    /// Ends the work for a controller that is gone.
    fn check_controller(&self) {
        let mut work = self.work.lock();
        let heard = work.controller.as_ref().map(|(_, heard)| *heard);
        if heard.is_some_and(|heard| heard.elapsed() > CONTROLLER_TIMEOUT) {
            *work = Work::default();
            self.state.send_replace(AgentState::ControllerLost);
        }
    }
}
