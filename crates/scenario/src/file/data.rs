//! A payload file: looked for, and read through once, so that no run finds out half-way.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::keys::PAYLOAD_MOST;

/// The longest line that is read: the largest payload, and as much white space around it.
const LINE_MOST: u64 = 2 * PAYLOAD_MOST as u64;

/// The full path of a payload file, or why it cannot be replayed and what to do.
pub(super) fn resolve(folder: &Path, written: &Path) -> Result<PathBuf, (String, Option<String>)> {
    let path = folder.join(written);
    let shown = path.display();
    // A pipe or a device would be read for ever, and opening a pipe may already wait.
    if fs::metadata(&path).is_ok_and(|what| !what.is_file() && !what.is_dir()) {
        return Err((format!("must be a plain file, found `{shown}`"), None));
    }
    let file = File::open(&path).map_err(|cause| {
        let hint = "the path starts from the folder of the scenario".to_owned();
        (format!("cannot be read: `{shown}`: {cause}"), written.is_relative().then_some(hint))
    })?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        // No more of a line than it takes to tell that it is too long.
        let read = reader.by_ref().take(LINE_MOST).read_until(b'\n', &mut line);
        match read.map_err(|cause| (format!("cannot be read: `{shown}`: {cause}"), None))? {
            0 => break,
            _ => number += 1,
        }
        check(&line).map_err(|(column, fault)| {
            let message =
                format!("must hold one JSON value a line: {shown}:{number}:{column}: {fault}");
            (message, None)
        })?;
    }
    if number == 0 {
        return Err((format!("must hold at least one line: `{shown}` is empty"), None));
    }
    let path = fs::canonicalize(&path)
        .map_err(|cause| (format!("cannot be read: `{shown}`: {cause}"), None))?;
    // It is sent to the server as JSON and kept in the scenario as run, which is TOML.
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err((format!("must have a path in UTF-8, found `{}`", path.display()), None)),
    }
}

/// Whether a line is one JSON value, and where it stops being one.
fn check(line: &[u8]) -> Result<(), (usize, String)> {
    if line.trim_ascii().len() > PAYLOAD_MOST {
        return Err((1, format!("longer than {PAYLOAD_MOST} bytes")));
    }
    if line.trim_ascii().is_empty() {
        return Err((1, "the line is blank".to_owned()));
    }
    let text =
        str::from_utf8(line).map_err(|error| (error.valid_up_to() + 1, "not UTF-8".to_owned()))?;
    match serde_json::from_str::<&RawValue>(text.trim_end()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default().to_owned();
            Err((error.column().max(1), words))
        }
    }
}
