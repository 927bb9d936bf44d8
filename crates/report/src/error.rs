//! Errors of reading and writing the files of results.

use std::io;
use std::path::PathBuf;

use crate::columns::SCHEMA_VERSION;
use crate::value::ValueType;

/// A file of results that cannot be read. The message says where, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is empty.
    #[error(
        "`{path}` is empty: expected a header line\n\n\
         nothing was ever written to it; run the scenario again"
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text that can be split into fields.
    #[error("`{path}` is not a CSV file in UTF-8")]
    NotCsv {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: csv::Error,
    },
    /// Columns that every such file has are missing.
    #[error(
        "{path}:1: missing columns {}: expected a file that wirebench wrote\n\n\
         columns may be added and reordered, not removed or renamed",
        listed(.columns)
    )]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// The names of the columns.
        columns: Vec<&'static str>,
    },
    /// The file has another version of the format.
    #[error(
        "{path}:{line}: `schema_version` is `{found}`: expected {SCHEMA_VERSION}, which this \
         wirebench reads\n\n\
         read it with the wirebench that wrote it, or run the scenario again"
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The value that was found.
        found: String,
    },
    /// A line has more or fewer fields than the header.
    #[error(
        "{path}:{line}: found {found} fields, expected {expected} as in the header\n\n\
         the line was cut, or edited by hand; delete it to read the others"
    )]
    Fields {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The number of fields in the line.
        found: usize,
        /// The number of fields in the header.
        expected: usize,
    },
    /// The last line has no line end, so its last field may be cut.
    #[error(
        "{path}:{line}: the last line has no line end: expected one after every line\n\n\
         it was cut while it was written; delete it to read the others"
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A field does not have the type of its column.
    #[error(
        "{path}:{line}: `{column}` is `{found}`: expected {value_type}\n\n\
         correct it, or delete the line to read the others"
    )]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: &'static str,
        /// The value that was found.
        found: String,
        /// The type that was expected.
        value_type: ValueType,
    },
}

/// A file of results that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file exists already. Results are never overwritten.
    #[error("`{path}` exists already: expected a new file\n\nname another folder with `--out`")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused to write.
    #[error("cannot write `{path}`; make room, or choose another folder with `--out`")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The run's id cannot be used as a tag in a histogram log.
    #[error("cannot tag a histogram with `{tag}`: expected no comma, space or line break")]
    Tag {
        /// The run's id.
        tag: String,
    },
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
