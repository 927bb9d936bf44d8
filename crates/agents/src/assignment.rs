//! What an agent is told of a run: the scenario, which of its runs, and which subscribers.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wirebench_loadgen::{CrowdShare, ForeignFeed, ProbeSettings, Target, TrustedCertificates};
use wirebench_protocol::Epoch;
use wirebench_scenario::{Overrides, Run, Scenario};

/// The size of the payload of a probe: what its numbers take at most.
const PROBE_BYTES: usize = 48;

/// What an agent is told of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Assignment {
    /// The scenario as TOML, with the target of the run in it.
    scenario: String,
    /// The seed of the runs of the scenario.
    seed: u64,
    /// Which of its runs, from 0.
    index: usize,
    /// The id of the run.
    pub(crate) id: String,
    server: AssignedServer,
    /// The subscribers of this agent. Filled in by the controller.
    pub(crate) share: CrowdShare,
    /// The number of the agent's clock: agents with the same number read the same one. Filled in by
    /// the controller.
    host: u64,
    /// Where the clock of the controller is asked for: `host:port`. `None` if the agent reads the same
    /// clock. Filled in by the controller.
    pub(crate) clock_server: Option<String>,
}

/// Where the subscribers of a run subscribe.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum AssignedServer {
    /// At servers of this project, which share the feed; at least one.
    Own(Vec<AssignedFeed>),
    /// At the server of the run's target file.
    Foreign {
        /// The number that stands for the run in what is published.
        run: u64,
        /// The port on which the server was started, if it was.
        port: Option<u16>,
    },
}

/// Where a server of this project has the feed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AssignedFeed {
    /// The URL of the feed.
    pub url: String,
    /// The certificate of the server, PEM, if it signed it itself.
    pub certificate: Option<String>,
}

impl Assignment {
    /// Returns what an agent is told of `run`, which is one of the runs of `scenario` with this seed.
    /// `None` if it is not.
    pub fn of(scenario: &Scenario, seed: u64, run: &Run, server: AssignedServer) -> Option<Self> {
        let alone = scenario.with_only_the_target_of(run);
        let index = alone.runs(seed).into_iter().position(|it| is_same(it, run))?;
        Some(Self {
            scenario: alone.to_toml(),
            seed,
            index,
            id: run.id.clone(),
            server,
            share: CrowdShare::all(run.subscribers),
            host: 0,
            clock_server: None,
        })
    }

    /// Returns the same for the agent that has these subscribers, is on this host, and asks for the
    /// time there.
    pub(crate) fn with(&self, share: CrowdShare, host: u64, clock_server: Option<String>) -> Self {
        Self { share, host, clock_server, ..self.clone() }
    }

    /// Returns how the agent publishes probes. `None`: the run has none.
    pub(crate) fn probes(&self, run: &Run) -> Option<ProbeSettings> {
        (run.probe_rate > 0.0 && run.target.is_none()).then(|| ProbeSettings {
            host: self.host,
            rate: run.probe_rate,
            payload_bytes: PROBE_BYTES,
            seed: run.seed.wrapping_add(self.share.part as u64),
        })
    }

    /// Returns the run. `Err` says what is wrong with the assignment.
    pub(crate) fn run(&self) -> Result<Run, String> {
        let folder = Path::new("");
        let scenario =
            Scenario::parse("the run's scenario", &self.scenario, folder, &Overrides::default());
        let scenario =
            scenario.map_err(|error| format!("it does not read its scenario: {error}"))?;
        let run = scenario.runs(self.seed).into_iter().nth(self.index);
        let run = run.ok_or_else(|| "its scenario does not have the run".to_owned())?;
        Ok(Run { id: self.id.clone(), ..run })
    }

    /// Resolves where to subscribe.
    pub(crate) async fn target(&self, run: &Run) -> Result<Target, String> {
        let resolved = match &self.server {
            AssignedServer::Own(feeds) => return own_servers(feeds).await,
            AssignedServer::Foreign { run: id, port } => {
                let file = run.target.as_ref();
                let file = file.ok_or_else(|| "its run has no target file".to_owned())?;
                let feed = ForeignFeed {
                    file: Arc::clone(file),
                    transport: run.transport,
                    run: Epoch(*id),
                    port: *port,
                    hold: run.hold.unwrap_or_default(),
                };
                Target::of_foreign(feed, &TrustedCertificates::System).await
            }
        };
        resolved.map_err(|error| format!("it cannot reach the server: {error}"))
    }
}

/// Resolves servers of this project.
async fn own_servers(feeds: &[AssignedFeed]) -> Result<Target, String> {
    let mut servers = Vec::with_capacity(feeds.len());
    for AssignedFeed { url, certificate } in feeds {
        let trusted = certificate.clone();
        let trusted = trusted.map_or(TrustedCertificates::System, TrustedCertificates::Pinned);
        let server = Target::resolve_trusting(url, &trusted).await;
        servers.push(server.map_err(|error| format!("it cannot reach the server: {error}"))?);
    }
    let mut servers = servers.into_iter();
    let mut first = servers.next().ok_or_else(|| "it was given no server".to_owned())?;
    first.others = servers.collect();
    Ok(first)
}

/// Returns true if two runs differ in nothing but their ids, which say where in a list they are.
fn is_same(one: Run, other: &Run) -> bool {
    Run { id: other.id.clone(), ..one } == *other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_the_run_that_the_controller_has() {
        let text = "transports = [\"sse\", \"websocket\"]\n[crowd]\nsubscribers = [3, 5]\n\
                    [timing]\nrepeat = 2\n";
        let scenario = Scenario::parse("x", text, Path::new(""), &Overrides::default()).unwrap();
        for run in scenario.runs(7) {
            let server = AssignedServer::Own(Vec::new());
            let assignment = Assignment::of(&scenario, 7, &run, server).unwrap();
            let sent = serde_json::to_string(&assignment).unwrap();
            let received: Assignment = serde_json::from_str(&sent).unwrap();
            assert_eq!(received.run().unwrap(), run);
        }
    }
}
