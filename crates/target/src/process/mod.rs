//! A process with all that it starts.
//!
//! | file | what it does |
//! |---|---|
//! | `free_port.rs` | chooses a port for a server |
//! | `guardian.rs` | ends what was started if this program is killed |
//! | `output.rs` | keeps the last lines that a process has written |
//! | `owned_tree.rs` | starts a program as the leader of a process group, and ends it with its owner |
//! | `spawn.rs` | the call of a program that a target file describes |
//! | `readiness.rs` | waits until a server is ready |
//! | `started.rs` | starts a server, and ends it with all that it started |
//! | `tree.rs` | finds the processes, and reads what they use |
//! | `version.rs` | asks a program for its version |

mod free_port;
mod guardian;
mod output;
mod owned_tree;
mod readiness;
mod spawn;
mod started;
mod tree;
mod version;

pub(crate) use free_port::free_port;
pub use guardian::{Guarded, guard, start_guardian};
pub(crate) use output::OutputTail;
pub use owned_tree::OwnedTree;
pub(crate) use spawn::ProgramCall;
pub use spawn::{how_it_ended, search_path};
pub(crate) use started::StartedServer;
pub use started::StopOutcome;
pub use tree::{ProcessTree, TreeUsage};
pub use version::version_of;
