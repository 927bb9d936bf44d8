//! What a run folder is made for.

use std::path::Path;

/// What `wirebench run` was asked for, as far as it concerns the run folder.
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
}
