//! The server as a process of its own: what makes its cost visible apart from the load generator's.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use wirebench_loadgen::Believe;

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(10);

/// How long it may take to end every connection: a little more than it allows itself.
const STOP: Duration = Duration::from_secs(8);

/// A running `wirebench serve`. Dropping it kills it; [`ServerProcess::stop`] is the polite way.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    /// Held open for as long as the server is to live: `Child::wait` would close it.
    _lifeline: ChildStdin,
    /// Where the feeds are: `http://127.0.0.1:…`.
    pub(crate) listening: String,
    /// Where the control API is.
    pub(crate) control: String,
    /// Whom to believe to be it, where it speaks TLS: the holder of the certificate that it made.
    pub(crate) believe: Believe,
    /// What the control API takes.
    pub(crate) control_token: String,
}

/// What is read of the ready line.
#[derive(Deserialize)]
struct Ready {
    listening: String,
    control: String,
    /// What a server says that signs for itself.
    certificate: Option<String>,
    control_token: String,
}

impl ServerProcess {
    /// Starts this same program as a server on free ports, with so many threads, and waits until it
    /// is ready.
    ///
    /// In a process group of its own, so that Ctrl-C reaches the load generator alone; on a pipe whose
    /// end tells it when the load generator is gone.
    pub(crate) async fn start(window: usize, workers: usize, tls: bool) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the server's program")?;
        let mut child = Command::new(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .args(["--window", &window.to_string(), "--workers", &workers.to_string()])
            // What is measured is the feeds: nothing is to work for pages that nobody looks at.
            .args(["--no-demos", "--until-stdin-ends"])
            .args(if tls { &["--tls", "self-signed"][..] } else { &[] })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the server, `{} serve`", program.display()))?;
        let lifeline = child.stdin.take().context("the server has no standard input")?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let mut line = String::new();
        let read = timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
        let Ready { listening, control, certificate, control_token } = match read {
            Err(_) => {
                bail!("the server did not come up: no ready line within {} s", START.as_secs())
            }
            Ok(Err(error)) => return Err(error).context("cannot read the server's ready line"),
            Ok(Ok(0)) => {
                let status = child.wait().await.context("cannot learn how the server ended")?;
                bail!("the server did not come up: {}", ending(status));
            }
            Ok(Ok(_)) => serde_json::from_str(&line).with_context(|| {
                format!("the server's ready line is not one: `{}`", line.trim())
            })?,
        };
        let believe = certificate.map_or(Believe::System, Believe::Certificate);
        Ok(Self { child, _lifeline: lifeline, listening, control, believe, control_token })
    }

    /// Waits until the server ends, which it should not do by itself, and says how it did.
    pub(crate) async fn gone(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), ending)
    }

    /// Asks the server to stop and waits until it has; kills it when it does not.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).context("cannot ask the server to stop")?;
        }
        match timeout(STOP, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => bail!("the server did not stop properly: {}", ending(status)),
            Ok(Err(error)) => Err(error).context("cannot learn how the server ended"),
            Err(_) => {
                self.child.kill().await.context("cannot kill the server")?;
                bail!("the server did not stop within {} s and was killed", STOP.as_secs())
            }
        }
    }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;

    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (None, Some(code)) => format!("it exited with code {code}"),
        (None, None) => "it ended".to_owned(),
    }
}
