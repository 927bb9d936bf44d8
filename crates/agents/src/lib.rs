//! The subscribers of a run in several processes, on one machine or on many, which meet over NATS.
//!
//! An `Agent` waits for work. A `Controller` gathers agents, gives each a share of the subscribers
//! of a run, and commands them as the crowd of the run commands its own threads: each is a
//! [`CrowdPart`](wirebench_loadgen::CrowdPart). A request of the controller and the answer of the agent
//! are messages of NATS; nothing is stored. Nothing here prints.
//!
//! Behind the cargo feature `nats`, without which this crate is empty.
#![cfg(feature = "nats")]

mod agent;
mod assignment;
mod bus;
mod controller;
mod distribution;
mod error;
mod messages;
mod remote_part;
mod session;

pub use agent::{Agent, AgentPlan, AgentState};
pub use assignment::{AssignedFeed, AssignedServer, Assignment};
pub use controller::{Controller, Gathering};
pub use distribution::{PlaceError, distribute};
pub use error::AgentsError;
pub use messages::{AgentMachine, Announcement, MESSAGES_VERSION};
pub use remote_part::LossReport;
