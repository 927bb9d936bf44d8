//! Reads the files under `web/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

/// A library that was not written here. The policy holds in it because the browser enforces it.
pub(crate) const LIBRARY: &str = "socket.io-client";

/// Returns every file of our own with this extension, with its text.
pub(crate) fn files(extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(WEB)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with(LIBRARY) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no .{extension} file under web/");
    found
}

/// Returns the name of a file without its extension.
pub(crate) fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// Returns a dictionary with both languages.
pub(crate) fn dictionary(name: &str) -> Value {
    let path = format!("{WEB}/words/{name}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
