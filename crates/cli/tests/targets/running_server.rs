//! Servers of `targets/servers` that a test starts itself, as if they had been there before.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "one of the two tests that include this file uses a part of it"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{DEADLINE, Lines};
use crate::workbench::Workbench;

/// A server that runs; ended when dropped, with all that it has started.
pub(crate) struct RunningServer {
    child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl RunningServer {
    /// Starts a script of Node, which says its port.
    pub(crate) fn node(bench: &Workbench, script: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(bench.target("servers").join(script)).env_remove("PORT");
        let folder = TempDir::new().unwrap();
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let line = Lines::of(child.stdout.take().unwrap()).next("the port");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let port = line["port"].as_u64().unwrap().try_into().unwrap();
        Self { child, port, _folder: folder }
    }

    /// Starts a script of `sh`, which gets a port and an empty folder, and waits until `is_ready`
    /// with the port.
    pub(crate) fn shell(bench: &Workbench, script: &str, is_ready: fn(u16) -> bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("sh");
        command.arg(bench.target("servers").join(script)).arg(port.to_string()).arg(folder.path());
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).stdout(Stdio::null());
        let server =
            Self { child: command.process_group(0).spawn().unwrap(), port, _folder: folder };
        let started = Instant::now();
        while !is_ready(port) {
            assert!(started.elapsed() < DEADLINE, "{script} is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // What has ended already cannot be signalled.
        let kill = |arguments: &[&str]| {
            let _ = Command::new("kill").args(arguments).stderr(Stdio::null()).status();
        };
        // Pushpin ends its processes, which are in groups of their own. The origin does not end.
        kill(&["-s", "TERM", &self.child.id().to_string()]);
        let _ = self.child.wait();
        kill(&["-s", "KILL", "--", &format!("-{}", self.child.id())]);
    }
}

/// Returns true if the port accepts connections.
pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Returns true if Pushpin and the origin behind it are ready.
pub(crate) fn pushpin_is_ready(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let asked = write!(socket, "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut line = String::new();
    asked.is_ok()
        && BufReader::new(socket).read_line(&mut line).is_ok()
        && line.starts_with("HTTP/1.1 204")
}
