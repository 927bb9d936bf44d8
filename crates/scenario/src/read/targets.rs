//! The targets of a scenario: the files that `targets` names, and the table `[target]`.

use std::path::Path;
use std::sync::Arc;

use toml::de::DeValue;

use super::entries::Entries;
use crate::tables::top::TopTable;
use crate::target::read_inline;
use crate::{FileError, Place, Problem, TargetFile};

/// The targets of a scenario.
#[derive(Default)]
pub(super) struct ReadTargets {
    /// Those that could be read, in the order in which rows are listed.
    pub(super) read: Vec<Arc<TargetFile>>,
    /// Where the first of them is named. `None`: there is none.
    pub(super) place: Option<Place>,
}

/// Reads all targets. Paths start from `folder`. What is wrong goes to the problems.
pub(super) fn read(
    entries: &mut Entries<'_>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> ReadTargets {
    let mut targets = ReadTargets::default();
    let list = entries.keys.get(TopTable::TARGETS.path);
    if let Some((list, DeValue::Array(array))) = list.map(|list| (list, list.value.get_ref())) {
        for element in array.iter().map(|element| list.inner(element)) {
            // The reader of the key notes what is not a text.
            let (Some(path), Some(place)) = (element.value.get_ref().as_str(), element.place())
            else {
                continue;
            };
            targets.place.get_or_insert(place.clone());
            match TargetFile::load(&folder.join(path)) {
                Ok(target) => targets.read.push(Arc::new(target)),
                Err(error) => problems.push(in_scenario(error, place)),
            }
        }
    }
    if let Some(table) = entries.target.take() {
        targets.place.get_or_insert(table.place.clone());
        targets.read.extend(read_inline(table, folder, problems).map(Arc::new));
    }
    targets
}

/// Returns the problem of the scenario that one of its targets is wrong.
fn in_scenario(error: FileError, place: Place) -> Problem {
    match error {
        FileError::Read { noun, file, cause, hint } => {
            let message = format!("cannot read the {noun} `{}`: {cause}", file.display());
            Problem { place, message, hint: Some(hint) }
        }
        FileError::Invalid { .. } => {
            let lines: Vec<_> =
                error.to_string().lines().map(|line| format!("\n  {line}")).collect();
            let message = format!("the target is not valid:{}", lines.concat());
            Problem { place, message, hint: None }
        }
    }
}
