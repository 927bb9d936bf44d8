//! Payload files: where a path leads, and whether the file there can be replayed.

use std::fs;
use std::path::{Path, PathBuf};

use wirebench_protocol::{PayloadFileError, read_payload_file};

/// Returns the full path of a payload file, or why it cannot be replayed and what to do. The path
/// starts from `folder`, the folder of the scenario, wherever it was written: in the file or behind
/// `--set`.
pub(super) fn resolve(folder: &Path, written: &Path) -> Result<PathBuf, (String, Option<String>)> {
    let path = folder.join(written);
    read_payload_file(&path, |_| ()).map_err(|error| {
        let hint = "the path starts from the folder of the scenario".to_owned();
        let missing = matches!(error, PayloadFileError::Unreadable { .. }) && !path.exists();
        (error.to_string(), (missing && written.is_relative()).then_some(hint))
    })?;
    let path = fs::canonicalize(&path)
        .map_err(|cause| (format!("cannot be read: `{}`: {cause}", path.display()), None))?;
    // It is sent to the server as JSON, and kept in the scenario as run, which is TOML.
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err((format!("must have a path in UTF-8, found `{}`", path.display()), None)),
    }
}
