//! The agents of a run: those that wait at a NATS server, and those that the run starts itself.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpListener;
use wirebench_agents::{
    AssignedFeed, AssignedServer, Assignment, Controller, Gathering, LossReport, distribute,
};
use wirebench_loadgen::{ClockServer, CrowdPart};
use wirebench_scenario::{Run, Scenario};

use super::local_agents::LocalAgents;
use super::{CrewArguments, CrewServer, FeedAddress, NatsUrl};
use crate::processes::nats::process::NatsProcess;
use crate::{environment, print};

/// The agents of a run.
#[derive(Debug)]
pub(crate) struct Crew {
    controller: Controller,
    /// Where agents with another clock ask for that of this process: `host:port`.
    clock_address: String,
    _clock: ClockServer,
    _local: Option<LocalAgents>,
    /// The NATS server that was started for the agents.
    _nats: Option<NatsProcess>,
    advertise: bool,
}

impl Crew {
    /// Starts the agents that are asked for, and waits until enough are there. Returns `None` if the
    /// subscribers are to be in this process.
    pub(crate) async fn start(
        arguments: &CrewArguments,
        workers: Option<NonZero<usize>>,
    ) -> anyhow::Result<Option<Self>> {
        let given = NatsUrl::or_variable(arguments.agents.as_ref(), environment::AGENTS)?;
        if !arguments.is_wanted() && given.is_none() {
            return Ok(None);
        }
        let (url, text, nats) = meeting_place(arguments, given).await?;
        let local =
            arguments.local_agents.map(|count| LocalAgents::start(count.get(), &text, workers));
        let local = local.transpose()?;
        let started = local.as_ref().map_or(1, LocalAgents::len);
        let gathering = Gathering {
            at_least: arguments.at_least.map_or(started, NonZero::get),
            wait: Duration::from_secs(arguments.agents_wait_s),
            version: env!("WIREBENCH_LONG_VERSION").to_owned(),
        };
        let controller = Controller::gather(url.url(), &gathering).await?;
        let listener = TcpListener::bind(SocketAddr::new(arguments.listen_on(), 0)).await;
        let listener = listener.context("cannot listen for the clocks of agents")?;
        let clock = ClockServer::start(listener).context("cannot serve this machine's clock")?;
        let url = arguments.advertised(&format!("http://{}/", clock.address()))?;
        let authority = url.split('/').nth(2).unwrap_or_default();
        Ok(Some(Self {
            clock_address: authority.to_owned(),
            controller,
            _clock: clock,
            _local: local,
            _nats: nats,
            advertise: arguments.advertise.is_some(),
        }))
    }

    /// Says which agents there are.
    pub(crate) fn description(&self) -> String {
        let agents = self.controller.agents();
        let each = agents.iter().map(|agent| {
            let machine = &agent.machine;
            format!("`{}` ({}, {} cores)", agent.name, machine.host, machine.cores)
        });
        let number = agents.len();
        let noun = if number == 1 { "agent" } else { "agents" };
        format!("{number} {noun}: {}", each.collect::<Vec<_>>().join(", "))
    }

    /// Checks that every run of the scenarios can be distributed over the agents.
    pub(crate) fn check(&self, scenarios: &[Scenario]) -> anyhow::Result<()> {
        for scenario in scenarios {
            let name = &scenario.top.name;
            for run in scenario.runs(0) {
                self.shares(scenario, &run)
                    .with_context(|| format!("scenario `{name}` cannot run on these agents"))?;
                ensure!(
                    run.faults.proxy.is_none() || !self.advertise,
                    "scenario `{name}` has a proxy, which agents on other machines cannot reach"
                );
            }
        }
        Ok(())
    }

    /// Gets the agents ready for a run.
    pub(crate) async fn parts(
        &self,
        scenario: &Scenario,
        seed: u64,
        run: &Run,
        server: CrewServer,
    ) -> anyhow::Result<Vec<Arc<dyn CrowdPart>>> {
        let server = match server {
            CrewServer::Own(feeds) => {
                let feeds = feeds.into_iter();
                let feeds =
                    feeds.map(|FeedAddress { url, certificate }| AssignedFeed { url, certificate });
                AssignedServer::Own(feeds.collect())
            }
            CrewServer::Foreign { run, port } => AssignedServer::Foreign { run, port },
        };
        let assignment = Assignment::of(scenario, seed, run, server);
        let assignment = assignment.context("the run cannot be described to agents")?;
        let shares = self.shares(scenario, run)?;
        let say = LossReport(Arc::new(print::warn));
        let prepared = self.controller.prepare(&assignment, &shares, &self.clock_address, &say);
        Ok(prepared.await?)
    }

    /// Tells the agents that there is no more work.
    pub(crate) async fn release(self) {
        self.controller.release().await;
    }

    fn shares(
        &self,
        scenario: &Scenario,
        run: &Run,
    ) -> anyhow::Result<Vec<wirebench_loadgen::CrowdShare>> {
        let each = run.connections(1).div_ceil(run.subscribers.max(1)) as u64;
        let agents = self.controller.agents();
        Ok(distribute(run.subscribers, each, &scenario.crowd.place, agents)?)
    }
}

/// Returns where the agents meet, and the NATS server that was started for that.
async fn meeting_place(
    arguments: &CrewArguments,
    given: Option<NatsUrl>,
) -> anyhow::Result<(NatsUrl, String, Option<NatsProcess>)> {
    if let Some(url) = given {
        let text = url.secret_text();
        return Ok((url, text, None));
    }
    ensure!(
        arguments.local_agents.is_some(),
        "`--at-least` and `--advertise` are for agents: name the NATS server at which they wait with \
         `--agents nats://HOST:PORT`, or start agents here with `--local-agents`"
    );
    let nats = NatsProcess::start("name a server with `--agents nats://HOST:PORT`", None).await;
    let nats = nats.context("agents meet over NATS, at a server that the run starts")?;
    let text = nats.url();
    let url = text.parse().map_err(anyhow::Error::msg)?;
    Ok((url, text, Some(nats)))
}
