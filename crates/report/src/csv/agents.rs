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

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;
    use crate::value::Value;

    /// Writes a file with these columns and one line, and reads it.
    fn read_with(columns: &[&str]) -> Result<Vec<AgentRow>, ReadError> {
        let value = |column: &&str| match *column {
            "schema_version" => "1",
            "agent" => "agent-1",
            "subscribers" => "25",
            _ => "",
        };
        let line: Vec<&str> = columns.iter().map(value).collect();
        let folder = tempdir().unwrap();
        let path = folder.path().join("agents.csv");
        fs::write(&path, format!("{}\n{}\n", columns.join(","), line.join(","))).unwrap();
        read_agents(&path)
    }

    #[test]
    fn the_agents_of_a_file_are_read_back_and_columns_that_were_appended_may_be_missing() {
        let columns: Vec<&str> = AGENT_COLUMNS.iter().map(|column| column.name).collect();
        for known in [columns.len(), FIRST_AGENT_COLUMNS] {
            let rows = read_with(&columns[..known]).unwrap();
            let value = |name| {
                let at = columns.iter().position(|column| *column == name).unwrap();
                rows[0].values()[at].clone()
            };
            assert_eq!(value("agent"), Value::words("agent-1"));
            assert_eq!(value("subscribers"), Value::Integer(25));
            assert_eq!(value("lost"), Value::Blank);
        }
        assert!(read_with(&columns[1..]).is_err(), "the version is missing");
    }
}
