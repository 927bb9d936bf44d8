//! What is compared.

use std::path::{Path, PathBuf};

use wirebench_protocol::Transport;

use crate::rivals::{Rival, WirebenchBuild};

/// What is compared, and for how long.
#[derive(Clone, Debug)]
pub struct VersusOptions {
    /// Builds of wirebench.
    pub wirebench: Vec<WirebenchBuild>,
    /// The other servers.
    pub others: Vec<OtherServers>,
    /// The transports.
    pub transports: Vec<Transport>,
    /// How often everything is measured.
    pub rounds: u32,
    /// The number of subscribers, at least two.
    pub subscribers: u32,
    /// The number of messages in a second.
    pub messages_per_second: u32,
    /// The length of a window, in seconds.
    pub seconds: u32,
    /// The folder for packages of npm. They stay there for the next time.
    pub packages: PathBuf,
}

/// Target servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherServers {
    /// nginx with its module Nchan.
    Nchan,
    /// Node: its own HTTP server, `ws`, and `socket.io`.
    Node,
}

impl OtherServers {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Nchan, Self::Node];

    pub(crate) const fn rival(self) -> Rival {
        match self {
            Self::Nchan => Rival::Nchan,
            Self::Node => Rival::Node,
        }
    }

    /// Makes ready what the server needs: the packages of npm, in the folder `packages`.
    ///
    /// # Errors
    /// The server is not installed.
    pub fn prepare(self, packages: &Path) -> anyhow::Result<()> {
        self.rival().prepare(packages)
    }
}
