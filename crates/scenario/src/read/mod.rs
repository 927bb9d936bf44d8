//! From the text of a scenario file to a [`Scenario`], or to everything that is wrong with it.
//!
//! In the order of the work: `entries` parses the TOML, lays the `arguments` of the command line
//! over it and refuses unknown keys; `draft` reads each key of each table; `checks`,
//! `fault_checks` and `instance_checks` compare the keys of several tables with each other; `thresholds` and `targets` read
//! the two tables without declared keys.

mod arguments;
mod checks;
mod draft;
pub(crate) mod entries;
mod fault_checks;
mod instance_checks;
mod targets;
mod thresholds;

use std::path::Path;

pub use self::arguments::Overrides;
use self::draft::ScenarioDraft;
use self::entries::Entries;
use crate::error::{FileError, Place, Problem};
use crate::file::{NamedText, read_file};
use crate::runs::MAX_RUNS;
use crate::scenario::Scenario;
use crate::tables::{SCENARIO, keys};
use crate::values::field::FieldReader;
use crate::words::grouped;

impl Scenario {
    /// Reads the scenario file at `path` and lays `overrides` over it. The scenario is named after
    /// the file. The paths of payload and target files start from its folder.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, FileError> {
        let NamedText { name, text, folder } = read_file(&SCENARIO, path)?;
        read(path, &name, &text, folder, overrides)
    }

    /// Reads a scenario from its text. Errors name it as `name`. The paths of payload and target
    /// files start from `folder`.
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        overrides: &Overrides,
    ) -> Result<Self, FileError> {
        read(Path::new(name), name, text, folder, overrides)
    }
}

fn read(
    file: &Path,
    name: &str,
    text: &str,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Scenario, FileError> {
    let arguments = overrides.arguments();
    let mut problems = Vec::new();
    let scenario = entries::parse(text, &mut problems).and_then(|document| {
        let arguments = entries::parse_arguments(&arguments, &mut problems);
        let mut entries = Entries::gather(&SCENARIO, text, &document, &arguments, &mut problems);
        if !overrides.targets.is_empty() {
            entries.target = None;
        }
        let targets = targets::read(&mut entries, folder, &mut problems);
        let thresholds = thresholds::read(&entries.thresholds, &mut problems);
        let lists = keys().filter(|key| key.list).map(|key| key.path).collect();
        let mut reader = FieldReader::new(entries.keys, lists, &mut problems);
        let mut draft = ScenarioDraft::read(&mut reader);
        draft.feed.resolve_files(folder, &mut problems);
        draft.top.resolve_targets(folder);
        problems.extend(checks::check(&draft));
        let scenario = draft.build(name, thresholds, targets.read)?;
        problems.extend(targets.place.and_then(|place| conflict(&scenario, place)));
        Some(scenario)
    });
    problems.extend(scenario.as_ref().and_then(too_many_runs));
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => {
            problems.sort();
            problems.dedup();
            Err(FileError::Invalid { file: file.to_owned(), text: text.to_owned(), problems })
        }
    }
}

/// Checks that the scenario and its targets go together. They are named at `place`.
fn conflict(scenario: &Scenario, place: Place) -> Option<Problem> {
    let conflict = scenario.target_conflict()?;
    Some(Problem { place, message: conflict.to_string(), hint: None })
}

/// Checks that the lists do not multiply out to more runs than anybody could want.
fn too_many_runs(scenario: &Scenario) -> Option<Problem> {
    let runs = scenario.run_count();
    (runs > MAX_RUNS).then(|| Problem {
        place: Place::WHOLE_FILE,
        message: format!(
            "a scenario may ask for at most {} runs, this one asks for {}",
            grouped(MAX_RUNS),
            grouped(runs)
        ),
        hint: Some("lists multiply out, and `timing.repeat` with them".to_owned()),
    })
}

#[cfg(test)]
mod tests;
