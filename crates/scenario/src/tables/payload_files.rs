//! Resolves the paths of payload files, and checks that the files can be replayed.

use std::fs;
use std::path::{Path, PathBuf};

use wirebench_protocol::{PayloadFileError, read_payload_file};

/// Returns the full path of a payload file, or why it cannot be replayed and what to do. The path
/// starts from `folder`, the folder of the scenario, both in the file and in `--set`.
pub(super) fn resolve(folder: &Path, written: &Path) -> Result<PathBuf, (String, Option<String>)> {
    let path = folder.join(written);
    read_payload_file(&path, |_| ()).map_err(|error| {
        let hint = "the path starts from the folder of the scenario".to_owned();
        let missing = matches!(error, PayloadFileError::Unreadable { .. }) && !path.exists();
        (error.to_string(), (missing && written.is_relative()).then_some(hint))
    })?;
    let path = fs::canonicalize(&path)
        .map_err(|cause| (format!("cannot be read: `{}`: {cause}", path.display()), None))?;
    // The path is sent to the server as JSON, and written to the run folder as TOML.
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err((format!("must have a path in UTF-8, found `{}`", path.display()), None)),
    }
}
