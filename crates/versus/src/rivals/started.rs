//! A process of a server.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;
use serde_json::Value;
use wirebench_target::ProcessTree;

use crate::cost::CostOf;

/// The time within which a server has to listen, and to end.
const START_TIME: Duration = Duration::from_secs(10);

/// How often it is looked whether a server listens, or has ended.
const LOOK_TIME: Duration = Duration::from_millis(10);

/// A server that listens. It is ended when this is dropped.
pub(crate) struct StartedRival {
    pub(crate) address: SocketAddr,
    child: Child,
    tree: ProcessTree,
}

impl StartedRival {
    pub(crate) fn cost(&self) -> CostOf {
        CostOf::Processes(self.tree)
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
        // From here on, an error ends the process.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut started = Self::spawn(command.stdout(Stdio::piped()), unknown)?;
        let output = started.child.stdout.take().context("the standard output is a pipe")?;
        let (tell, told) = mpsc::channel();
        // It ends with the process. Reading on keeps the pipe open.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
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
        let mut started = Self::spawn(command, address)?;
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

    /// Starts a process in the process group of this program, so that Ctrl-C ends it, too.
    fn spawn(command: &mut Command, address: SocketAddr) -> anyhow::Result<Self> {
        command.stdin(Stdio::null());
        let program = command.get_program().to_owned();
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        match ProcessTree::of_pid(child.id()) {
            Ok(tree) => Ok(Self { address, child, tree }),
            Err(error) => {
                child.kill()?;
                Err(error.into())
            }
        }
    }
}

impl Drop for StartedRival {
    fn drop(&mut self) {
        self.tree.signal(Signal::TERM);
        let deadline = Instant::now() + START_TIME;
        while matches!(self.child.try_wait(), Ok(None)) || self.tree.runs() {
            if Instant::now() > deadline {
                self.tree.signal(Signal::KILL);
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK_TIME);
        }
    }
}
