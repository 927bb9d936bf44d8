//! Starts this program as a child process, and ends it.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use wirebench_target::{OwnedTree, how_it_ended};

use crate::environment;
use crate::ready_line::ReadyLine;

/// How long a process may take to print its ready line.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A child process that runs this program. Dropping it kills the child. If this process ends
/// without dropping it, the child notices the end of its standard input, and ends too. A suspended
/// one notices nothing; the guardian kills it.
#[derive(Debug)]
pub(super) struct ChildProcess {
    child: Child,
    _tree: OwnedTree,
    /// Kept here, because `Child::wait` would close it, and the child would end.
    _stdin: ChildStdin,
}

impl ChildProcess {
    /// Starts the process and waits for its ready line. It gets its own process group, so that
    /// Ctrl-C reaches only the load generator. Errors call the process `name`. `secret` is a variable
    /// of the environment, and its value, which must not stand in an argument.
    pub(super) async fn start(
        name: &str,
        arguments: &[String],
        secret: Option<(&str, &str)>,
    ) -> anyhow::Result<(Self, ReadyLine)> {
        let program = std::env::current_exe()
            .with_context(|| format!("cannot find the program of the {name}"))?;
        let mut command = Command::new(&program);
        // What is measured depends on the run only.
        command.env_remove(environment::STORE).env_remove(environment::BACKBONE);
        command.envs(secret);
        command.args(arguments).arg("--until-stdin-ends");
        let (mut child, tree) =
            OwnedTree::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))
                .with_context(|| format!("cannot start the {name}, `{}`", program.display()))?;
        let stdin = child.stdin.take().with_context(|| format!("the {name} has no input"))?;
        let stdout = child.stdout.take().with_context(|| format!("the {name} has no output"))?;
        let mut line = String::new();
        let read = timeout(START_TIMEOUT, BufReader::new(stdout).read_line(&mut line)).await;
        let read = read.with_context(|| {
            let seconds = START_TIMEOUT.as_secs();
            format!("the {name} did not start: it printed no ready line within {seconds} s")
        })?;
        if read.with_context(|| format!("cannot read from the {name}"))? == 0 {
            let status = child.wait().await;
            let status =
                status.with_context(|| format!("cannot read the exit status of the {name}"))?;
            bail!("the {name} did not start: {}", how_it_ended(Ok(status)));
        }
        let ready = serde_json::from_str(&line).with_context(|| {
            format!("cannot read the ready line of the {name}, found `{}`", line.trim())
        })?;
        Ok((Self { child, _tree: tree, _stdin: stdin }, ready))
    }

    /// Sends the process a signal. Does nothing if the process has ended.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        match pid {
            Some(pid) => kill_process(pid, signal).context("cannot send a signal to the process"),
            None => Ok(()),
        }
    }

    /// Waits until the process ends.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the process and waits until it has ended.
    pub(super) async fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill().await
    }
}

/// Returns the address in a URL of a ready line.
pub(super) fn address_in(url: &str) -> anyhow::Result<SocketAddr> {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    address.parse().with_context(|| format!("expected an address in `{url}`"))
}
