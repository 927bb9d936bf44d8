//! A process of a server.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cost::{CostOf, processes};

/// The time within which a server has to listen, and to end.
const START_TIME: Duration = Duration::from_secs(10);

/// How often it is looked whether a server listens, or has ended.
const LOOK_TIME: Duration = Duration::from_millis(10);

/// A server that listens. It is ended when this is dropped.
pub(crate) struct StartedRival {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl StartedRival {
    pub(crate) fn cost(&self) -> CostOf {
        CostOf::Processes(self.child.id())
    }

    /// Starts a server whose first line on standard output is an object in JSON, from which
    /// `address_in` takes the address.
    ///
    /// # Errors
    /// It does not start, or its first line is another or does not come in time.
    pub(super) fn with_ready_line(
        command: &mut Command,
        address_in: impl Fn(&Value) -> Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let mut child = spawn(command.stdout(Stdio::piped()))?;
        let output = child.stdout.take().context("the standard output is a pipe")?;
        let (tell, told) = mpsc::channel();
        // It ends with the process. Reading on keeps the pipe open.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        // From here on, an error ends the process.
        let mut started = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child };
        let line = told.recv_timeout(START_TIME);
        let line = line.with_context(|| format!("{command:?} does not say that it listens"))?;
        let address = serde_json::from_str(&line).ok().and_then(|line| address_in(&line));
        started.address = address
            .with_context(|| format!("{command:?} does not say where it listens, but `{line}`"))?;
        Ok(started)
    }

    /// Starts a server that listens at `address`.
    ///
    /// # Errors
    /// It does not start, or nobody listens there in time.
    pub(super) fn at(command: &mut Command, address: SocketAddr) -> anyhow::Result<Self> {
        let mut started = Self { address, child: spawn(command)? };
        let deadline = Instant::now() + START_TIME;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = started.child.try_wait()? {
                bail!("{command:?} ended: {status}");
            }
            if Instant::now() > deadline {
                bail!("{command:?} does not listen at {address}");
            }
            thread::sleep(LOOK_TIME);
        }
        Ok(started)
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.stdin(Stdio::null());
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

impl Drop for StartedRival {
    fn drop(&mut self) {
        let all = processes(self.child.id());
        // Those that start others end them if they are asked to.
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + START_TIME;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                for pid in all {
                    signal(pid, Signal::KILL);
                }
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK_TIME);
        }
    }
}

/// A process that has ended needs no signal.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
