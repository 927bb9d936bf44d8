//! What can be wrong with a file of results.

use std::io;
use std::path::PathBuf;

use crate::{SCHEMA_VERSION, ValueType};

/// A file of results that cannot be read. Says where, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read `{path}`")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error(
        "`{path}` is empty: expected a header line\n\n\
         nothing was ever written to it; run the scenario again"
    )]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// It is not text that can be divided into fields.
    #[error("`{path}` is not a CSV file in UTF-8")]
    NotCsv {
        /// Which.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// Columns that every such file has are not there.
    #[error(
        "{path}:1: missing columns {}: expected a file that wirebench wrote\n\n\
         columns may be added and reordered, not removed or renamed",
        listed(.columns)
    )]
    MissingColumns {
        /// Which.
        path: PathBuf,
        /// Their names.
        columns: Vec<&'static str>,
    },
    /// The file is of another version of the format.
    #[error(
        "{path}:{line}: `schema_version` is `{found}`: expected {SCHEMA_VERSION}, which this \
         wirebench reads\n\n\
         read it with the wirebench that wrote it, or run the scenario again"
    )]
    OtherVersion {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: u64,
        /// What stands there.
        found: String,
    },
    /// A line has more or fewer fields than the header.
    #[error(
        "{path}:{line}: found {found} fields, expected {expected} as in the header\n\n\
         the line was cut, or edited by hand; delete it to read the others"
    )]
    Fields {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: u64,
        /// How many there are.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// The last line has no line end, so that its last field may be cut.
    #[error(
        "{path}:{line}: the last line has no line end: expected one after every line\n\n\
         it was cut while it was written; delete it to read the others"
    )]
    Unfinished {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: u64,
    },
    /// A field is not of its column's kind.
    #[error(
        "{path}:{line}: `{column}` is `{found}`: expected {kind}\n\n\
         mend it, or delete the line to read the others"
    )]
    WrongKind {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: u64,
        /// In which column.
        column: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        kind: ValueType,
    },
}

/// A file of results that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file is there already. Results are never written over.
    #[error("`{path}` exists already: expected a new file\n\nname another folder with `--out`")]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot write `{path}`; make room, or choose another folder with `--out`")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run's id cannot stand in a histogram log.
    #[error("cannot tag a histogram with `{tag}`: expected no comma, space or line break")]
    Tag {
        /// Which.
        tag: String,
    },
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
