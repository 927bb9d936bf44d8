//! Creates the files of a run folder.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::WriteError;

/// Creates a file. Results are never overwritten: a file that exists already is an error.
pub(crate) fn create_new(path: &Path) -> Result<File, WriteError> {
    File::create_new(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists { path: path.to_owned() },
        _ => WriteError::Io { path: path.to_owned(), source },
    })
}
