//! The controller: gathers agents, and gives each a share of the subscribers of a run.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use tokio::time::{Instant, timeout_at};
use wirebench_loadgen::{CrowdPart, CrowdShare, HostClock};
use wirebench_measure::AgentInfo;
use wirebench_store::StoreUrl;

use crate::assignment::Assignment;
use crate::bus::{Bus, CALL, HERE};
use crate::error::AgentsError;
use crate::messages::{Announcement, Answer, Ask, MESSAGES_VERSION};
use crate::remote_part::{AgentLine, LossReport, RemotePart};

/// How often agents are called while too few are there.
const CALL_INTERVAL: Duration = Duration::from_millis(500);

/// How long to wait for the answers of further agents when enough are there.
const LAST_CALL: Duration = Duration::from_millis(500);

/// How long an agent may take to answer a claim, and to be released.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an agent may take to get ready for a run: it measures its clock.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(30);

/// Which agents a controller waits for.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// The least number of agents.
    pub at_least: usize,
    /// How long to wait for them.
    pub wait: Duration,
    /// The version of this program, with its commit if that is known.
    pub version: String,
}

/// A controller with its agents. When it is dropped, they notice within 10 s;
/// [`Controller::release`] tells them.
#[derive(Debug)]
pub struct Controller {
    lines: Vec<AgentLine>,
    agents: Vec<Announcement>,
    clock: Option<HostClock>,
}

impl Controller {
    /// Connects to NATS, waits for agents, and claims all that are there and free.
    ///
    /// # Errors
    ///
    /// NATS cannot be reached, too few agents come, or one of them has another version.
    pub async fn gather(url: &StoreUrl, gathering: &Gathering) -> Result<Self, AgentsError> {
        let bus = Bus::connect(url).await?;
        let found = find(&bus, gathering).await?;
        let controller = format!("{:016x}", rand::random::<u64>());
        let lines: Vec<_> = found
            .iter()
            .map(|agent| AgentLine {
                bus: bus.clone(),
                id: agent.id.clone(),
                name: agent.name.clone(),
                controller: controller.clone(),
            })
            .collect();
        let claims =
            lines.iter().map(async |line| match line.ask(Ask::Claim, CLAIM_TIMEOUT).await {
                Ok(Answer::Done) => Ok(()),
                Ok(Answer::Refused(why)) => Err(line.unfit(why)),
                Ok(other) => Err(line.unfit(format_args!("it gave another answer: {other:?}"))),
                Err(error) => Err(line.unfit(error)),
            });
        try_join_all(claims).await?;
        Ok(Self { lines, agents: found, clock: HostClock::read() })
    }

    /// Returns the agents, in the order of the shares that [`Self::prepare`] takes.
    pub fn agents(&self) -> &[Announcement] {
        &self.agents
    }

    /// Gets every agent ready for a run. `assignment` says which, and `shares` has the subscribers of
    /// each agent. Agents with another clock ask for that of the controller at `clock_server`.
    ///
    /// # Errors
    ///
    /// An agent does not answer, or cannot take part.
    pub async fn prepare(
        &self,
        assignment: &Assignment,
        shares: &[CrowdShare],
        clock_server: &str,
        report_loss: &LossReport,
    ) -> Result<Vec<Arc<dyn CrowdPart>>, AgentsError> {
        let agents = self.lines.iter().zip(&self.agents).zip(shares);
        let parts = agents.map(async |((line, agent), share)| {
            let one_clock = self.clock.is_some() && agent.clock == self.clock;
            let clock_server = (!one_clock).then(|| clock_server.to_owned());
            let assignment = assignment.with(*share, self.host_of(agent), clock_server);
            let ask = Ask::Prepare(Box::new(assignment));
            let clock = match line.ask(ask, PREPARE_TIMEOUT).await {
                Ok(Answer::Ready(clock)) => clock,
                Ok(Answer::Refused(why)) => return Err(line.unfit(why)),
                Ok(other) => {
                    return Err(line.unfit(format_args!("it gave another answer: {other:?}")));
                }
                Err(error) => return Err(line.unfit(error)),
            };
            let info = AgentInfo {
                name: agent.name.clone(),
                labels: agent.labels_text(),
                host: agent.machine.host.clone(),
                cpu: agent.machine.cpu.clone(),
                cores: agent.machine.cores,
                subscribers: share.count as u64,
                clock,
            };
            let part = RemotePart::listen(line.clone(), info, report_loss.clone()).await?;
            Ok(Arc::new(part) as Arc<dyn CrowdPart>)
        });
        try_join_all(parts).await
    }

    /// Returns the number of an agent's clock: that of the first agent that reads it.
    fn host_of(&self, agent: &Announcement) -> u64 {
        let same = |other: &Announcement| {
            other.id == agent.id || (agent.clock.is_some() && other.clock == agent.clock)
        };
        self.agents.iter().position(same).map_or(u64::MAX, |number| number as u64)
    }

    /// Tells the agents that there is no more work. One that does not hear it notices by itself.
    pub async fn release(self) {
        join_all(self.lines.iter().map(|line| line.ask(Ask::Release, CLAIM_TIMEOUT))).await;
    }
}

/// Waits until enough agents are there. Returns all that are free, sorted by their names.
async fn find(bus: &Bus, gathering: &Gathering) -> Result<Vec<Announcement>, AgentsError> {
    let mut here = bus.subscribe(HERE.to_owned()).await?;
    let end = Instant::now() + gathering.wait;
    let mut found: Vec<Announcement> = Vec::new();
    let is_enough = |found: &[Announcement]| {
        found.iter().filter(|agent| !agent.busy).count() >= gathering.at_least
    };
    loop {
        bus.publish(CALL.to_owned(), &()).await?;
        let enough = is_enough(&found);
        let until = Instant::now() + if enough { LAST_CALL } else { CALL_INTERVAL };
        while let Ok(Some(message)) = timeout_at(until, here.next()).await {
            let Ok(agent) = serde_json::from_slice::<Announcement>(&message.payload) else {
                tracing::warn!("an announcement cannot be read");
                continue;
            };
            check_version(&agent, &gathering.version)?;
            found.retain(|other| other.id != agent.id);
            found.push(agent);
        }
        if enough && is_enough(&found) {
            break;
        }
        if !is_enough(&found) && Instant::now() >= end {
            return Err(too_few(&found, gathering));
        }
    }
    found.retain(|agent| !agent.busy);
    found.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(found)
}

fn check_version(agent: &Announcement, ours: &str) -> Result<(), AgentsError> {
    if agent.version == ours && agent.messages == MESSAGES_VERSION {
        return Ok(());
    }
    Err(AgentsError::Version {
        agent: agent.name.clone(),
        theirs: agent.version.clone(),
        ours: ours.to_owned(),
    })
}

fn too_few(found: &[Announcement], gathering: &Gathering) -> AgentsError {
    let mut there = String::new();
    for agent in found {
        let separator = if there.is_empty() { ": " } else { ", " };
        let busy = if agent.busy { " (works for another controller)" } else { "" };
        let _ = write!(there, "{separator}`{}`{busy}", agent.name);
    }
    AgentsError::TooFew {
        found: found.iter().filter(|agent| !agent.busy).count(),
        wanted: gathering.at_least,
        waited: gathering.wait,
        there,
    }
}
