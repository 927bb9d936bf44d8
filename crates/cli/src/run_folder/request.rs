//! The options of `wirebench run` that concern the run folder.

use std::path::Path;

use super::recorded_target::RecordedTarget;

/// The options of `wirebench run` that concern the run folder.
#[derive(Debug)]
pub(crate) struct RunFolderRequest<'a> {
    /// `--out`, if it is given.
    pub(crate) out: Option<&'a Path>,
    /// `--force`: a run that the folder holds already may be overwritten.
    pub(crate) force: bool,
    /// `--seed`.
    pub(crate) seed: u64,
    /// The threads of the load generator.
    pub(crate) workers: usize,
    /// The threads of the server.
    pub(crate) server_workers: usize,
    /// `--tag`.
    pub(crate) tags: &'a [(String, String)],
    /// The target servers of the scenario.
    pub(crate) targets: &'a [RecordedTarget],
}
