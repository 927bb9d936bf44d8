//! Agents that a run starts on its own machine.

use std::num::NonZero;
use std::process::Stdio;

use anyhow::Context;
use tokio::process::{Child, ChildStdin, Command};
use wirebench_target::OwnedTree;

use crate::environment;

/// Agents on this machine. Dropping them kills them. If this program is killed, they end with their
/// standard input.
#[derive(Debug)]
pub(super) struct LocalAgents(Vec<LocalAgent>);

#[derive(Debug)]
struct LocalAgent {
    _child: Child,
    _tree: OwnedTree,
    /// The agent ends when this is closed.
    _stdin: ChildStdin,
}

impl LocalAgents {
    /// Starts so many agents, which wait at this NATS server.
    pub(super) fn start(
        count: usize,
        url: &str,
        workers: Option<NonZero<usize>>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the program of the agents")?;
        let width = count.to_string().len();
        let agents = (1..=count).map(|number| {
            let workers = workers.map_or(1, NonZero::get).to_string();
            let mut command = Command::new(&program);
            command
                .args(["agent", "--name", &format!("local-{number:0width$}")])
                .args(["--workers", &workers, "--quiet", "--prefer", "--until-stdin-ends"])
                // The URL may contain a password, which everybody could read in an argument.
                .env(environment::AGENTS, url)
                .stdin(Stdio::piped())
                .stdout(Stdio::null());
            let (mut child, tree) =
                OwnedTree::spawn(&mut command).context("cannot start an agent")?;
            let stdin = child.stdin.take().context("an agent has no input")?;
            Ok(LocalAgent { _child: child, _tree: tree, _stdin: stdin })
        });
        agents.collect::<anyhow::Result<_>>().map(Self)
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
