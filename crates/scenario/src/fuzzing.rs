//! The fuzz target of this crate: `fuzz/` runs it on random bytes, a test on the corpus.

use std::path::Path;

use crate::{FileError, Overrides, Place, Scenario};

/// Checks that a valid scenario is written as one that reads the same, and that its runs can be
/// counted. Checks that an invalid one has at least one problem, and that the places of its
/// problems exist in the text.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // The files of payloads and targets are read from the disk, whose content is not part of the
    // input.
    if text.contains("file") || text.contains("targets") {
        return;
    }
    match read(text) {
        Ok(scenario) => {
            let written = scenario.to_toml();
            match read(&written) {
                Ok(again) => assert_eq!(again, scenario, "written as {written}"),
                Err(error) => panic!("{error}\nis wrong with what was written:\n{written}"),
            }
            let runs = scenario.runs(1);
            assert!((1..=10_000).contains(&runs.len()), "{} runs", runs.len());
            for run in &runs {
                assert!(run.expected_deliveries().is_finite() && !run.duration().is_zero());
            }
        }
        Err(FileError::Read { .. }) => panic!("nothing was read from a file"),
        Err(FileError::Invalid { problems, .. }) => {
            assert!(!problems.is_empty(), "it is wrong, but nothing is wrong with it");
            let lines = text.split('\n').count();
            for problem in &problems {
                assert!(!problem.message.is_empty());
                let Place::File { line, column, .. } = problem.place else {
                    panic!("no argument was given: {problem:?}")
                };
                let length = text.split('\n').nth(line - 1).map_or(0, |line| line.chars().count());
                assert!(line <= lines && (1..=length + 1).contains(&column), "{problem:?}");
            }
        }
    }
}

fn read(text: &str) -> Result<Scenario, FileError> {
    Scenario::parse("fuzzed", text, Path::new(""), &Overrides::default())
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpus_holds() {
    replay::replay("scenario", scenario);
}
