//! What can be chosen about a store.

use std::num::NonZeroU64;
use std::time::Duration;

/// How a store works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// When a commit of SQLite is on the disk. The other databases are set up by whoever runs them.
    pub synchronous: Synchronous,
    /// Which messages are kept.
    pub retention: Retention,
    /// The maximum time that an operation takes, waiting for a connection and for locks included.
    /// After that it fails as unavailable.
    pub deadline: Duration,
}

/// When a commit of SQLite is on the disk. Neither choice loses anything when the process is
/// killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Some time after the commit. When the machine loses power or crashes, the last commits may
    /// be lost, which may be acknowledged messages. The file is never damaged.
    #[default]
    Normal,
    /// Before the commit is answered. A commit waits for the disk.
    Full,
}

/// Which messages of a feed are kept: those that no limit excludes. Without limits, all of them.
///
/// Messages beyond a limit are removed some time later, oldest first. Until then they can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The maximum number of messages. `None` means unlimited.
    pub messages: Option<NonZeroU64>,
    /// The maximum age of a message, by the clocks of the servers. `None` means unlimited.
    pub age: Option<Duration>,
    /// The maximum size of all payloads together, in bytes. The newest message is kept even if it
    /// is larger. `None` means unlimited.
    pub bytes: Option<u64>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            retention: Retention::default(),
            deadline: Duration::from_secs(5),
        }
    }
}
