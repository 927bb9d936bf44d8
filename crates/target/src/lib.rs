//! A target server in a run: its process, what it costs, and how messages are published to
//! it. The target file (`wirebench_scenario::TargetFile`) says how.
//!
//! | module | what it is |
//! |---|---|
//! | `values` | what stands in place of placeholders, and which of it is secret |
//! | `process` | a process with all that it starts: how it is started and ended, what it uses |
//! | `http_endpoint` | one connection for requests, opened again when it is closed |
//! | `publishing` | the publisher: one message after the other, each when it is due |
//! | `cost` | what the server has used, also after it was started again |
//! | `control` | cost and publisher, as a run asks for them |
//! | `server` | the server of one run, on the orders of its faults |
//! | `consent` | to which hosts a target file would publish |
//!
//! Nothing here prints, and nothing here subscribes: that is the task of the load generator.

mod consent;
mod control;
mod cost;
mod failure;
mod http_endpoint;
mod process;
mod publishing;
mod server;
mod values;

pub use consent::publish_host;
pub use control::TargetControl;
pub use failure::TargetFailure;
pub use process::{
    Guarded, OwnedTree, ProcessTree, StopOutcome, TreeUsage, guard, how_it_ended, search_path,
    start_guardian, version_of,
};
pub use server::{TargetServer, has_process};
