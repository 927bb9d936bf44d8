//! One of several servers of a backbone. It keeps its address when it is killed and started again.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::programs::free_port;
use crate::support::{Served, wirebench};

/// A server at an address of its own.
pub(crate) struct ClusterServer {
    pub(crate) address: SocketAddr,
    backbone: String,
    log: PathBuf,
    /// `None`: killed.
    served: Option<Served>,
    _folder: TempDir,
}

impl ClusterServer {
    /// Starts a server of this backbone.
    pub(crate) fn start(backbone: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut server = Self {
            address: free_port(),
            backbone: backbone.to_owned(),
            log: folder.path().join("log"),
            served: None,
            _folder: folder,
        };
        server.start_again();
        server
    }

    /// Starts the server that was killed, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        assert!(self.served.is_none(), "it runs");
        let listen = self.address.to_string();
        // The window is small: most of what is read comes from the stream.
        let arguments = ["serve", "--listen", &listen, "--no-demos", "--window", "10"];
        let mut command = wirebench(&std::env::temp_dir(), &arguments);
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        command.env("WIREBENCH_BACKBONE", &self.backbone).stderr(Stdio::from(log));
        self.served = Some(Served::of(&mut command));
    }

    /// Kills the server (SIGKILL).
    pub(crate) fn kill(&mut self) {
        // It is killed when it is dropped.
        drop(self.served.take().unwrap());
    }

    /// Suspends the server: its connections stay open, and nothing is answered (SIGSTOP).
    pub(crate) fn freeze(&self) {
        self.served.as_ref().unwrap().signal("STOP");
    }

    /// Lets a suspended server go on (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.served.as_ref().unwrap().signal("CONT");
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
