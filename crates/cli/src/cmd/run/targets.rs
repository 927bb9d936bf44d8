//! The targets of a command line: read, and checked before anything is started.

use std::path::PathBuf;
use std::sync::Arc;

use wirebench_scenario::{Scenario, TargetFile};
use wirebench_target::publish_host;

use crate::print;

/// Loads every target file. If some are invalid, prints everything that is wrong with them and
/// returns `None`.
pub(super) fn load(paths: &[PathBuf]) -> Option<Vec<Arc<TargetFile>>> {
    let (mut targets, mut invalid) = (Vec::new(), false);
    for path in paths {
        match TargetFile::load(path) {
            Ok(target) => targets.push(Arc::new(target)),
            Err(error) => {
                print::talk(&error.to_string());
                invalid = true;
            }
        }
    }
    (!invalid).then_some(targets)
}

/// Returns the name of a target that is not started by wirebench although a fault of the scenario
/// takes the server down. `None` if there is no such target.
pub(super) fn cannot_go_down(scenario: &Scenario) -> Option<String> {
    let runs = scenario.runs(0);
    let takes_down = runs.iter().filter(|run| run.faults.stops_server());
    let mut targets = takes_down.filter_map(|run| run.target.as_ref());
    let started = |target: &TargetFile| !target.process.command.0.is_empty();
    targets.find(|target| !started(target)).map(|target| target.name().to_owned())
}

/// Returns a note for each target whose feed somebody else fills: the scenario asks for messages that
/// are not sent to it.
pub(super) fn watched(targets: &[Arc<TargetFile>]) -> impl Iterator<Item = String> {
    targets.iter().filter(|target| target.is_watched()).map(|target| {
        format!(
            "`{}` watches a feed that somebody else fills: `[feed]` is not used for it, and what \
             arrives in the measured window counts",
            target.name()
        )
    })
}

/// Returns why nothing may be published to one of the targets: it is on another machine, and the
/// user has not allowed its host. `None` if all may be published to.
pub(super) fn without_consent(targets: &[Arc<TargetFile>], allowed: &[String]) -> Option<String> {
    for target in targets {
        match publish_host(target) {
            Ok(Some(host)) if !allowed.iter().any(|it| it.eq_ignore_ascii_case(&host)) => {
                return Some(format!(
                    "`{}` publishes to `{host}`, which is not this machine: allow it with \
                     `--yes-publish-to {host}`, if the server is yours",
                    target.name()
                ));
            }
            Ok(_) => {}
            Err(failure) => return Some(format!("`{}`: {failure}", target.name())),
        }
    }
    None
}
