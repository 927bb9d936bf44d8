//! The crowd of one run: all subscribers, on several worker threads, through the phases of a run.
//!
//! A crowd has parts, one for each process that runs subscribers: `part` says what a run asks of one,
//! `local_part` is that of this process, and `parts` adds up what they report.
//!
//! `drive` names the phases in order. Each phase that takes more than a few lines has a file:
//! `ramp`, `window`, `drain`. `outcome` turns what they measured into a measurement.

mod context;
mod deliveries;
mod drain;
mod drive;
mod error;
mod fault_injection;
mod local_part;
mod machine_reading;
mod outcome;
mod part;
mod parts;
mod progress;
mod ramp;
mod restartable_server;
mod server_handle;
mod state;
mod subscriber_task;
mod timeline;
mod window;
mod worker;

pub use drive::{Drive, drive};
pub use error::DriveError;
pub use local_part::LocalPart;
pub use machine_reading::read_machine;
pub use part::{
    CrowdPart, CrowdShare, PartCommand, PartError, PartOutcome, PartReply, PartSeen, PartStatus,
    Readings,
};
pub use progress::Progress;
pub use server_handle::{PendingOrder, ServerHandle, ServerOrder, ServerOrders, server_handle};
