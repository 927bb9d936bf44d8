//! The servers that are compared, and how each is started.
//!
//! | file | what it does |
//! |---|---|
//! | `wirebench.rs` | wirebench's own server, as often as builds and options of it are given |
//! | `nchan.rs` | nginx with Nchan |
//! | `node.rs` | Node with the packages of npm |
//! | `program.rs` | calls a program of the system |
//! | `started.rs` | a process that was started, until it is dropped |

mod nchan;
mod node;
mod program;
mod started;
mod wirebench;

use std::path::Path;

use wirebench_protocol::Transport;

use self::program::installed;
pub(crate) use self::started::StartedRival;
pub use self::wirebench::WirebenchBuild;
use crate::subscription::FeedRoute;

/// A server that takes part.
#[derive(Clone, Debug)]
pub(crate) enum Rival {
    /// wirebench.
    Wirebench(WirebenchBuild),
    /// nginx with Nchan.
    Nchan,
    /// Node.
    Node,
}

impl Rival {
    /// Makes ready what the server needs.
    ///
    /// # Errors
    /// The server is not installed.
    pub(crate) fn prepare(&self, packages: &Path) -> anyhow::Result<()> {
        match self {
            Self::Wirebench(_) => Ok(()),
            Self::Nchan => nchan::start(tempfile::tempdir()?.path()).map(drop),
            Self::Node => node::install(packages),
        }
    }

    /// Returns the name in the table.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Wirebench(build) => &build.label,
            Self::Nchan => "Nchan",
            Self::Node => "Node",
        }
    }

    /// Returns what the program says of its version. `None` if it is not installed.
    pub(crate) fn version(&self) -> Option<String> {
        let (program, argument) = match self {
            Self::Wirebench(build) => (build.program(), "--version"),
            Self::Nchan => ("nginx", "-v"),
            Self::Node => ("node", "--version"),
        };
        let output = installed(program).arg(argument).output().ok()?;
        // nginx says it on standard error.
        let text = [output.stdout, output.stderr].concat();
        let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
        (!line.is_empty()).then_some(line)
    }

    /// Returns where the server takes messages.
    pub(crate) fn publish_path(&self) -> &'static str {
        match self {
            Self::Wirebench(_) => wirebench::PUBLISH_PATH,
            Self::Nchan | Self::Node => "/publish",
        }
    }

    /// Returns how to subscribe over a transport. `None` if the server does not have it.
    pub(crate) fn route(&self, transport: Transport) -> Option<FeedRoute> {
        match self {
            Self::Wirebench(_) => Some(wirebench::route(transport)),
            Self::Nchan => nchan::route(transport),
            Self::Node => Some(node::route(transport)),
        }
    }

    /// Starts the server with one thread or process that serves. `folder` is empty, and its own;
    /// `packages` has the servers in Node.
    ///
    /// # Errors
    /// The program is missing, or does not say within ten seconds that it listens.
    pub(crate) fn start(
        &self,
        transport: Transport,
        folder: &Path,
        packages: &Path,
    ) -> anyhow::Result<StartedRival> {
        match self {
            Self::Wirebench(build) => build.start(),
            Self::Nchan => nchan::start(folder),
            Self::Node => node::start(transport, packages),
        }
    }
}
