//! The CSV files of a run folder.

mod agents;
mod runs;
mod table;
mod timeline;

pub use agents::{AgentsCsv, read_agents};
pub use runs::{RunsCsv, read};
#[cfg(any(fuzzing, test))]
pub(crate) use table::{CsvWriter, parse_values};
pub use timeline::{TimelineCsv, read_timeline};
