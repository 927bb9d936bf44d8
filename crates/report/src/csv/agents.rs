//! `agents.csv`: a line for each agent of each run. There is none if the load generator is one process.

use std::path::{Path, PathBuf};

use super::table::{CsvWriter, read_values};
use crate::columns::{AGENT_COLUMNS, AgentRecord, FIRST_AGENT_COLUMNS, agent_values};
use crate::error::{ReadError, WriteError};
use crate::row::AgentRow;

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

/// Reads an `agents.csv`, by the rules of [`read`](crate::read).
pub fn read_agents(path: &Path) -> Result<Vec<AgentRow>, ReadError> {
    read_values(path, AGENT_COLUMNS, FIRST_AGENT_COLUMNS)
        .map(|lines| lines.into_iter().map(AgentRow::of_values).collect())
}
