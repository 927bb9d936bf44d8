//! A process with all that it starts.
//!
//! | file | what it does |
//! |---|---|
//! | `free_port.rs` | chooses a port for a server |
//! | `output.rs` | keeps the last lines that a process has written |
//! | `spawn.rs` | starts a program as the leader of a process group |
//! | `readiness.rs` | waits until a server is ready |
//! | `started.rs` | starts a server, and ends it with all that it started |
//! | `tree.rs` | finds the processes, and reads what they use |
//! | `version.rs` | asks a program for its version |

mod free_port;
mod output;
mod readiness;
mod spawn;
mod started;
mod tree;
mod version;

pub(crate) use free_port::free_port;
pub(crate) use output::OutputTail;
pub(crate) use spawn::{ProgramCall, how_it_ended};
pub(crate) use started::StartedServer;
pub use started::StopOutcome;
pub(crate) use tree::{ProcessTree, TreeUsage};
pub use version::version_of;
