//! `agents.csv`: a line for each agent of each run. There is none if the load generator is one process.

use std::path::PathBuf;

use super::table::CsvWriter;
use crate::columns::{AGENT_COLUMNS, AgentRecord, agent_values};
use crate::error::WriteError;

/// An `agents.csv` that is being written.
#[derive(Debug)]
pub struct AgentsCsv(CsvWriter);

impl AgentsCsv {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// If the file exists already, or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, WriteError> {
        CsvWriter::create(path.into(), AGENT_COLUMNS).map(Self)
    }

    /// Appends a row and hands it to the system at once.
    pub fn append(&mut self, record: &AgentRecord<'_>) -> Result<(), WriteError> {
        self.0.append(&agent_values(record))
    }
}
