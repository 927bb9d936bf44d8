//! The top of a target file: what the server is.

use crate::Problem;
use crate::key::table;
use crate::placed::first_place;

table! {
    /// A server to measure: how it is started, how messages are published to it, and how they reach
    /// subscribers over each transport.
    table "" => TargetAbout, TargetAboutDraft {
        /// The name in results; if empty, the name of the file.
        "name" => NAME, name: String, default r#""""#;

        /// What the server is, in a sentence.
        "about" => ABOUT, about: String, default r#""""#;

        /// The folder that `{here}` stands for, from the folder of the file; if empty, that folder.
        "here" => HERE, here: String, default r#""""#;
    }
}

impl TargetAboutDraft {
    /// Checks that the name can stand in results and on a command line.
    pub(super) fn check(&self) -> Option<Problem> {
        let name = self.name.as_ref()?;
        (!is_name(&name.value)).then(|| Problem {
            place: first_place([name.place.as_ref()]),
            message: format!(
                "`{}` must be letters, digits, `-`, `_` and `.`, found `{}`",
                TargetAbout::NAME.path,
                name.value
            ),
            hint: None,
        })
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
