//! What the command line sets, over the file.

use std::path::PathBuf;

use wirebench_protocol::Transport;

use crate::file::full_path;
use crate::tables::timing::Timing;
use crate::tables::top::TopTable;
use crate::target::TextList;
use crate::values::field::Field;

/// Settings of the command line. They replace those of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set key=value`: the path of a key, and its value in TOML. A value that is not TOML is a
    /// string, so that `link.delay=5ms` needs no second pair of quotes.
    pub set: Vec<(String, String)>,
    /// `--transports`: run only these.
    pub transports: Option<Vec<Transport>>,
    /// `--repeat`.
    pub repeat: Option<u32>,
    /// `--target`: measure these, and neither `targets` nor `[target]` of the file. The paths start
    /// from the folder in which the program runs.
    pub targets: Vec<PathBuf>,
}

/// An argument that sets a key: the path of the key, its value, and the argument as errors name it.
pub(super) struct Argument {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) shown: String,
}

impl Overrides {
    /// Returns an argument for each key that is set.
    pub(super) fn arguments(&self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        if let Some(transports) = &self.transports {
            let names: Vec<_> = transports.iter().map(|transport| transport.name()).collect();
            arguments.push(Argument {
                key: TopTable::TRANSPORTS.path.to_owned(),
                value: Field::write(transports),
                shown: format!("--transports {}", names.join(",")).trim_end().to_owned(),
            });
        }
        if let Some(repeat) = self.repeat {
            arguments.push(Argument {
                key: Timing::REPEAT.path.to_owned(),
                value: repeat.to_string(),
                shown: format!("--repeat {repeat}"),
            });
        }
        if !self.targets.is_empty() {
            let shown = self.targets.iter().map(|path| format!("--target {}", path.display()));
            let full = self.targets.iter().map(|path| full_path(path).display().to_string());
            arguments.push(Argument {
                key: TopTable::TARGETS.path.to_owned(),
                value: Field::write(&TextList(full.collect())),
                shown: shown.collect::<Vec<_>>().join(" "),
            });
        }
        arguments.extend(self.set.iter().map(|(key, value)| Argument {
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            shown: format!("--set {}={}", key.trim(), value.trim()),
        }));
        arguments
    }
}
