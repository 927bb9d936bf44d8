//! The columns of the CSV files: what each is called, what it means, and where its value comes
//! from.

mod agents;
mod column;
#[cfg(test)]
mod page;
mod runs;
mod timeline;

pub use agents::{AGENT_COLUMNS, AgentColumn, AgentRecord, disturbed_agents};
pub(crate) use agents::{FIRST_AGENT_COLUMNS, agent_values};
pub use column::{Better, Column, Role, SCHEMA_VERSION};
pub(crate) use runs::run_column;
pub use runs::{COLUMNS, FIRST_COLUMNS, RunColumn, RunRecord, setting_column};
pub(crate) use timeline::FIRST_TIMELINE_COLUMNS;
pub use timeline::{SecondColumn, SecondRecord, TIMELINE_COLUMNS};
