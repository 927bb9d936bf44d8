//! From the text of a scenario file to a [`Scenario`], or to everything that is wrong with it.
//!
//! In the order of the work: `entries` parses the TOML, lays the overrides over it and refuses unknown
//! keys; `reader` and `values` turn entries into typed values; `draft` asks for each key; `checks`
//! compares keys with each other, `faults` those of `[faults]`, `reconnect` those of `[reconnect]`;
//! `thresholds` and `data` read what is outside the registry.

mod checks;
mod data;
mod draft;
mod entries;
mod faults;
mod reader;
mod reconnect;
mod thresholds;
mod values;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use wirebench_protocol::Transport;

use self::draft::Draft;
use self::entries::Entries;
use self::reader::Reader;
use crate::{Scenario, ScenarioError};

/// What the command line says over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set key=value`: a key as [`Key::path`](crate::Key::path) gives it, and its value in TOML. A value
    /// that is not TOML is a string, so that `link.delay=5ms` needs no second pair of quotes.
    pub set: Vec<(String, String)>,
    /// `--transports`: these only.
    pub transports: Option<Vec<Transport>>,
    /// `--repeat`.
    pub repeat: Option<u32>,
}

impl Scenario {
    /// Reads the scenario file at `path`, laying `overrides` over it. The scenario is named after the file;
    /// payload files are looked for from its folder.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|cause| unreadable(path, cause))?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        let folder = path.parent().unwrap_or(Path::new(""));
        read(path, &name, &text, folder, overrides)
    }

    /// Reads a scenario from its text. Errors name it as `name`; payload files are looked for from
    /// `folder`.
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<Self, ScenarioError> {
        read(Path::new(name), name, text, folder, overrides)
    }
}

fn read(
    file: &Path,
    name: &str,
    text: &str,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Scenario, ScenarioError> {
    let arguments = overrides.arguments();
    let mut problems = Vec::new();
    let scenario = entries::parse(text, &mut problems).and_then(|document| {
        let arguments = entries::parse_arguments(&arguments, &mut problems);
        let entries = Entries::gather(text, &document, &arguments, &mut problems);
        let thresholds = thresholds::read(&entries, &mut problems);
        let mut reader = Reader::new(entries, &mut problems);
        let draft = Draft::read(&mut reader, folder);
        checks::check(&draft, &mut problems);
        draft.build(name, thresholds)
    });
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => {
            problems.sort();
            problems.dedup();
            Err(ScenarioError::Invalid { file: file.to_owned(), problems })
        }
    }
}

/// One thing that the command line says: a key, its value, and the argument as errors name it.
struct Argument {
    key: String,
    value: String,
    shown: String,
}

impl Overrides {
    fn arguments(&self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        if let Some(transports) = &self.transports {
            let names: Vec<_> = transports.iter().map(|transport| transport.name()).collect();
            arguments.push(Argument {
                key: crate::keys::TRANSPORTS.path(),
                value: crate::write::array(&names, |name| crate::write::quoted(name)),
                shown: format!("--transports {}", names.join(",")).trim_end().to_owned(),
            });
        }
        if let Some(repeat) = self.repeat {
            arguments.push(Argument {
                key: crate::keys::REPEAT.path(),
                value: repeat.to_string(),
                shown: format!("--repeat {repeat}"),
            });
        }
        arguments.extend(self.set.iter().map(|(key, value)| Argument {
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            shown: format!("--set {}={}", key.trim(), value.trim()),
        }));
        arguments
    }
}

fn unreadable(path: &Path, cause: io::Error) -> ScenarioError {
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => match sibling(path) {
            Some(name) => format!("did you mean `{}`?", path.with_file_name(name).display()),
            None => format!("`wirebench init {}` writes one to start from", path.display()),
        },
        io::ErrorKind::IsADirectory => "name one of the `.toml` files in this folder".to_owned(),
        io::ErrorKind::PermissionDenied => "make it readable for you".to_owned(),
        io::ErrorKind::InvalidData => "a scenario is TOML, in UTF-8".to_owned(),
        _ => "check the path".to_owned(),
    };
    ScenarioError::Read { file: path.to_owned(), cause, hint }
}

/// The scenario in the same folder whose name is most like the one that does not exist.
fn sibling(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension() == Some(OsStr::new("toml")))
        .collect();
    let wanted = path.file_name()?.to_str()?;
    reader::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests;
