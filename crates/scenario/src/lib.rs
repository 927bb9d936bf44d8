//! What to run: a TOML file in, validated runs out.
//!
//! A [`Scenario`] is a question put to several transports. [`Scenario::load`] reads it from a file and
//! names everything that is wrong with it at once; [`Scenario::runs`] multiplies its lists out. What a
//! file may say stands in one place, [`KEYS`], from which the reader, its hints, the scenario as run and
//! the commented scenario of `wirebench init` are made. Nothing here is async, prints or reads a clock.

mod columns;
mod duration;
mod error;
mod fault_keys;
mod faults;
mod file;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod plan;
mod reconnect;
mod reconnect_keys;
mod runs;
mod scenario;
mod schema;
mod settings;
mod write;

pub use columns::COLUMNS;
pub use duration::{duration_text, parse_duration};
pub use error::{Place, Problem, ScenarioError};
pub use faults::{Cuts, FaultLists, Faults, Habit, Outage, Proxy, ServerFault};
pub use file::Overrides;
pub use keys::{KEYS, Key, Kind, TABLES, Table};
pub use reconnect::{Policy, Reconnect, ReconnectLists};
pub use scenario::{
    Comparison, Connections, Headers, Http, Link, Run, Scenario, Threshold, Timing,
};
pub use schema::schema;
pub use settings::varying;
pub use wirebench_protocol::control::{Pace, Payload};
pub use write::commented_scenario;
