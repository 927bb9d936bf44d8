//! Payload files: the one rule for what a file of payloads may hold.
//!
//! A payload file is a plain file with one JSON value on each line, at least one line, and no blank
//! lines. A value has at most [`MAX_PAYLOAD_BYTES`] bytes. The scenario reads a file once before a
//! run, so that a mistake in it is reported with its line; the server reads it again to publish it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

/// The maximum size of a payload, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// The longest line that is read: the largest payload, and as much white space around it.
const MAX_LINE_BYTES: u64 = 2 * MAX_PAYLOAD_BYTES as u64;

/// Why a file cannot be a payload file. The text follows a subject, as in "the payload file …".
#[derive(Debug, thiserror::Error)]
pub enum PayloadFileError {
    /// A pipe or a device. It would be read for ever, and opening a pipe may already wait.
    #[error("must be a plain file, found `{}`", .0.display())]
    NotPlain(PathBuf),
    /// The file cannot be opened or read.
    #[error("cannot be read: `{}`: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file has no line.
    #[error("must hold at least one line: `{}` is empty", .0.display())]
    Empty(PathBuf),
    /// A line is not one JSON value.
    #[error("must hold one JSON value a line: {}:{line}:{column}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where the line stops being a JSON value, in bytes from 1.
        column: usize,
        /// What is wrong with the line.
        fault: String,
    },
}

/// Reads the payload file at `path` and calls `each` with every value, in order.
///
/// # Errors
/// The file is not a payload file. The values before the mistake have been passed to `each`.
pub fn read_payload_file(path: &Path, mut each: impl FnMut(&str)) -> Result<(), PayloadFileError> {
    let unreadable = |cause| PayloadFileError::Unreadable { path: path.to_owned(), cause };
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(PayloadFileError::NotPlain(path.to_owned()));
    }
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        // No more of a line than it takes to tell that it is too long.
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        match read.map_err(unreadable)? {
            0 if line == 1 => return Err(PayloadFileError::Empty(path.to_owned())),
            0 => break,
            _ => each(value(&bytes).map_err(|(column, fault)| PayloadFileError::Line {
                path: path.to_owned(),
                line,
                column,
                fault,
            })?),
        }
    }
    Ok(())
}

/// Returns the JSON value of a line, or the column of the mistake and what it is.
fn value(line: &[u8]) -> Result<&str, (usize, String)> {
    if line.trim_ascii().len() > MAX_PAYLOAD_BYTES {
        return Err((1, format!("longer than {MAX_PAYLOAD_BYTES} bytes")));
    }
    if line.trim_ascii().is_empty() {
        return Err((1, "the line is blank".to_owned()));
    }
    let text =
        str::from_utf8(line).map_err(|error| (error.valid_up_to() + 1, "not UTF-8".to_owned()))?;
    match serde_json::from_str::<&RawValue>(text.trim_end()) {
        Ok(value) => Ok(value.get()),
        Err(error) => {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default().to_owned();
            Err((error.column().max(1), words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_json_value_on_one_line() {
        assert_eq!(value(b"  {\"a\": 1} \r\n"), Ok("{\"a\": 1}"));
        let long = vec![b'1'; MAX_PAYLOAD_BYTES + 1];
        for (line, column, fault) in [
            (&b" \n"[..], 1, "the line is blank"),
            (b"{\"a\"\n", 4, "EOF while parsing an object"),
            (b"1 2\n", 3, "trailing characters"),
            (b"\"\xff\"\n", 2, "not UTF-8"),
            (&long, 1, "longer than 1048576 bytes"),
        ] {
            assert_eq!(value(line), Err((column, fault.to_owned())));
        }
    }
}
