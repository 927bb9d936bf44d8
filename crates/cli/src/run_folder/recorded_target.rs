//! What `machine.json` says of a target server.

use std::sync::Arc;

use serde::Serialize;
use wirebench_scenario::TargetFile;
use wirebench_target::version_of;

use crate::print;

/// A target as it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct RecordedTarget {
    name: String,
    /// What the program says of its version. `None` if the target file does not say how to ask, or
    /// it did not answer.
    version: Option<String>,
    /// The target file with every default filled in.
    file: String,
}

impl RecordedTarget {
    /// Asks each target for its version. One that does not answer is warned of.
    pub(crate) async fn of_all(targets: &[Arc<TargetFile>]) -> Vec<Self> {
        let mut all = Vec::new();
        for target in targets {
            let version = version_of(target).await.unwrap_or_else(|failure| {
                let name = target.name();
                print::warn(&format!("the version of `{name}` is not known: {failure:#}"));
                None
            });
            all.push(Self { name: target.name().to_owned(), version, file: target.to_toml() });
        }
        all
    }
}
