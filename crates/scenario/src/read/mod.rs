//! From the text of a scenario file to a [`Scenario`], or to everything that is wrong with it.
//!
//! In the order of the work: `entries` parses the TOML, lays the `arguments` of the command line
//! over it and refuses unknown keys; `draft` reads each key of each table; `checks` and
//! `fault_checks` compare the keys of several tables with each other; `thresholds` reads the one
//! table without declared keys.

mod arguments;
mod checks;
mod draft;
pub(crate) mod entries;
mod fault_checks;
mod thresholds;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

pub use self::arguments::Overrides;
use self::draft::ScenarioDraft;
use self::entries::Entries;
use crate::error::{Place, Problem, ScenarioError};
use crate::format::FileFormat;
use crate::runs::MAX_RUNS;
use crate::scenario::Scenario;
use crate::tables::{SCENARIO, keys};
use crate::values::field::FieldReader;
use crate::words::{grouped, nearest};

impl Scenario {
    /// Reads the scenario file at `path` and lays `overrides` over it. The scenario is named after
    /// the file. The paths of payload files start from its folder.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let NamedText { name, text, folder } = read_file(&SCENARIO, path)?;
        read(path, &name, &text, folder, overrides)
    }

    /// Reads a scenario from its text. Errors name it as `name`. The paths of payload files start
    /// from `folder`.
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
        let entries = Entries::gather(&SCENARIO, text, &document, &arguments, &mut problems);
        let thresholds = thresholds::read(&entries.thresholds, &mut problems);
        let lists = keys().filter(|key| key.list).map(|key| key.path).collect();
        let mut reader = FieldReader::new(entries.keys, lists, &mut problems);
        let mut draft = ScenarioDraft::read(&mut reader);
        draft.feed.resolve_files(folder, &mut problems);
        problems.extend(checks::check(&draft));
        draft.build(name, thresholds)
    });
    problems.extend(scenario.as_ref().and_then(too_many_runs));
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => {
            problems.sort();
            problems.dedup();
            Err(ScenarioError::Invalid { file: file.to_owned(), problems })
        }
    }
}

/// Checks that the lists do not multiply out to more runs than anybody could want.
fn too_many_runs(scenario: &Scenario) -> Option<Problem> {
    let runs = scenario.run_count();
    (runs > MAX_RUNS).then(|| Problem {
        place: Place::File { line: 1, column: 1 },
        message: format!(
            "a scenario may ask for at most {} runs, this one asks for {}",
            grouped(MAX_RUNS),
            grouped(runs)
        ),
        hint: Some("lists multiply out, and `timing.repeat` with them".to_owned()),
    })
}

/// The text of a file, its name without folder and ending, and its folder.
pub(crate) struct NamedText<'p> {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) folder: &'p Path,
}

/// Reads a file of this format.
pub(crate) fn read_file<'p>(
    format: &FileFormat,
    path: &'p Path,
) -> Result<NamedText<'p>, ScenarioError> {
    let text = fs::read_to_string(path).map_err(|cause| unreadable(format, path, cause))?;
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(NamedText { name, text, folder: path.parent().unwrap_or(Path::new("")) })
}

fn unreadable(format: &FileFormat, path: &Path, cause: io::Error) -> ScenarioError {
    let FileFormat { noun, init, .. } = *format;
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => match sibling(path) {
            Some(name) => format!("did you mean `{}`?", path.with_file_name(name).display()),
            None => format!("`{init} {}` writes one to start from", path.display()),
        },
        io::ErrorKind::IsADirectory => "name one of the `.toml` files in this folder".to_owned(),
        io::ErrorKind::PermissionDenied => "make it readable for you".to_owned(),
        io::ErrorKind::InvalidData => format!("a {noun} is TOML, in UTF-8"),
        _ => "check the path".to_owned(),
    };
    ScenarioError::Read { noun, file: path.to_owned(), cause, hint }
}

/// Returns the file in the same folder whose name is most similar to that of a missing one.
fn sibling(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension() == Some(OsStr::new("toml")))
        .collect();
    let wanted = path.file_name()?.to_str()?;
    nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests;
