//! Starts a program so that nothing of it is left: neither when its owner is dropped, nor when this
//! program is killed.

use std::io;
use std::ops::Deref;
use std::path::Path;

use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::guardian::{Order, folder_order, mark};
use super::tree::ProcessTree;

/// A process with all that it starts. Dropping it kills all of them. If this program is killed, its
/// guardian does so.
#[derive(Debug)]
pub struct OwnedTree(ProcessTree);

impl OwnedTree {
    /// Starts a program as the leader of a process group, so that all that it starts can be found
    /// and ended, and Ctrl-C reaches only this program.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        command.envs(mark()).process_group(0).kill_on_drop(true);
        Order::Starting.tell();
        let spawned = command.spawn();
        let pid = spawned.as_ref().ok().and_then(Child::id);
        pid.map_or(Order::Ended(None), Order::Started).tell();
        let child = spawned?;
        // It has a number until somebody waits for it.
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        Ok((child, Self(ProcessTree::started(pid))))
    }

    /// Has a folder removed when this program is killed. Otherwise that is the task of its owner.
    pub fn owns_folder(&self, folder: &Path) {
        if let Some(order) = folder_order(self.root(), folder) {
            order.tell();
        }
    }
}

impl Deref for OwnedTree {
    type Target = ProcessTree;

    fn deref(&self) -> &ProcessTree {
        &self.0
    }
}

impl Drop for OwnedTree {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        Order::Ended(Some(self.root())).tell();
    }
}
