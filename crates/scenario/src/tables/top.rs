//! The top of a scenario file: the question, and the transports that are compared.

use std::path::Path;

use wirebench_protocol::Transport;

use crate::Problem;
use crate::file::full_path;
use crate::key::table;
use crate::placed::first_place;
use crate::target::TextList;
use crate::words::quoted;

table! {
    /// The question, and the transports that are compared.
    table "" => TopTable, TopDraft {
        /// The name under which results are kept; if empty, the name of the file.
        "name" => NAME, name: String, default r#""""#;

        /// The question that the scenario asks, in a sentence.
        "about" => ABOUT, about: String, default r#""""#;

        /// The transports to compare.
        "transports" => TRANSPORTS, transports: Vec<Transport>, default all_transports();

        /// Target files: servers to measure in place of wirebench's own, a row for each. The paths
        /// start from the folder of this file. `run --target` replaces them, and `[target]` too.
        "targets" => TARGETS, targets: TextList, default "[]";
    }
}

fn all_transports() -> String {
    let names = Transport::ALL.map(|transport| quoted(transport.name()));
    format!("[{}]", names.join(", "))
}

impl TopDraft {
    /// Replaces the paths of target files, which start from `folder`, by full paths.
    pub(crate) fn resolve_targets(&mut self, folder: &Path) {
        for path in self.targets.iter_mut().flat_map(|placed| &mut placed.value.0) {
            *path = full_path(&folder.join(&*path)).display().to_string();
        }
    }

    /// Checks that the name can be that of a folder: results are kept in a folder of this name,
    /// which must not lead elsewhere.
    pub(crate) fn check(&self) -> Option<Problem> {
        let name = self.name.as_ref()?;
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        (!name.value.chars().all(fits) || name.value.starts_with('.')).then(|| Problem {
            place: first_place([name.place.as_ref()]),
            message: format!(
                "`{}` must be letters, digits, `-`, `_` and inner `.` and spaces, found `{}`",
                TopTable::NAME.path,
                name.value
            ),
            hint: Some("results are kept in a folder of this name".to_owned()),
        })
    }
}
