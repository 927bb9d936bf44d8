//! Scenario files as text: a scenario as it was run, and the commented scenario to start from.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use crate::file::{full_path, path_from};
use crate::tables::{SCENARIO, TABLES, target, thresholds};
use crate::toml_text::{commented, tables};
use crate::words::quoted;
use crate::{Run, Scenario, Threshold};

impl Scenario {
    /// Writes the scenario as TOML, with every default filled in. [`Scenario::parse`] reads the
    /// same scenario from it. Payload files are named by their full paths, so that the text may be
    /// kept in any folder.
    pub fn to_toml(&self) -> String {
        let mut toml = tables(&SCENARIO, "", self.lines());
        self.write_thresholds(&mut toml);
        if let Some(target) = self.inline_target() {
            toml += &target.write(target::NAME);
        }
        toml
    }

    /// Returns the same scenario as a file in `folder`: the paths of its targets start from there,
    /// so that they hold on another machine if all is in one repository.
    #[must_use]
    pub fn kept_in(&self, folder: &Path) -> Self {
        let folder = full_path(folder);
        let from = |path: &str| path_from(&folder, Path::new(path)).display().to_string();
        let mut kept = self.clone();
        for path in &mut kept.top.targets.0 {
            *path = from(path);
        }
        let inline = kept.top.targets.0.len();
        if let Some(target) = kept.targets.get_mut(inline) {
            let here = &mut Arc::make_mut(target).about.here;
            *here = from(here);
        }
        kept
    }

    /// Returns the scenario with no other target than that of a run, described in the scenario
    /// itself. So its text needs no other file.
    #[must_use]
    pub fn with_only_the_target_of(&self, run: &Run) -> Self {
        let mut alone = self.clone();
        alone.top.targets.0.clear();
        alone.targets = run.target.iter().cloned().collect();
        alone
    }

    /// Returns the lines of the top and of each table with declared keys, in the order of
    /// [`TABLES`]: all but the last two.
    fn lines(&self) -> [Vec<(&'static str, String)>; TABLES.len() - 1] {
        [
            self.top.lines(),
            self.feed.lines(),
            self.server.lines(),
            self.crowd.lines(),
            self.timing.lines(),
            self.link.lines(),
            self.http.lines(),
            self.short_polling.lines(),
            self.long_polling.lines(),
            self.push.lines(),
            self.socket_io.lines(),
            self.upstream.lines(),
            self.reconnect.lines(),
            self.faults.lines(),
            self.agents.lines(),
            self.report.lines(),
        ]
    }

    fn write_thresholds(&self, toml: &mut String) {
        let mut transport = None;
        for (index, threshold) in self.thresholds.iter().enumerate() {
            if index == 0 || threshold.transport != transport {
                transport = threshold.transport;
                let _ = match transport {
                    None => write!(toml, "\n[{}]\n", thresholds::NAME),
                    Some(transport) => {
                        write!(toml, "\n[{}.{}]\n", thresholds::NAME, as_key(transport.name()))
                    }
                };
            }
            let Threshold { column, operator, bound, .. } = threshold;
            let _ = writeln!(toml, "{column} = \"{} {bound}\"", operator.symbol());
        }
    }
}

/// Returns a scenario to start from: every key with what it means, set to its default.
pub fn commented_scenario() -> String {
    let intro = "A scenario for wirebench. Every key has a default and may be left out; the values \
                 here are the defaults. A key marked \"one or a list\" makes one run for each value, \
                 and lists multiply out.";
    commented(&SCENARIO, intro)
}

/// Quotes a name with a dot, which would otherwise be two keys.
fn as_key(name: &str) -> String {
    if name.contains('.') { quoted(name) } else { name.to_owned() }
}
