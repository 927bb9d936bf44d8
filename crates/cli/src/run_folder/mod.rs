//! A run folder: everything that a run of a scenario leaves behind. `write` writes it, `read` reads
//! it back.

mod provenance;
mod read;
mod recorded_target;
mod request;
mod write;

pub(crate) use read::RunFolder;
pub(crate) use recorded_target::RecordedTarget;
pub(crate) use request::RunFolderRequest;
pub(crate) use write::{RunFolderWriter, holds_a_run};
