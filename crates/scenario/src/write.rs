//! Scenario files as text: a scenario as it was run, and the commented scenario to start from.

use std::fmt::Write as _;

use crate::tables::{SCENARIO, TABLES, thresholds};
use crate::toml_text::{commented, tables};
use crate::words::quoted;
use crate::{Scenario, Threshold};

impl Scenario {
    /// Writes the scenario as TOML, with every default filled in. [`Scenario::parse`] reads the
    /// same scenario from it. Payload files are named by their full paths, so that the text may be
    /// kept in any folder.
    pub fn to_toml(&self) -> String {
        let mut toml = tables(&SCENARIO, self.lines());
        self.write_thresholds(&mut toml);
        toml
    }

    /// Returns the lines of each table but `[thresholds]`, in the order of [`TABLES`].
    fn lines(&self) -> [Vec<(&'static str, String)>; TABLES.len()] {
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
    commented(&SCENARIO, intro) + "# delivery_p99_us = \"< 60_000\"\n# missing = \"== 0\"\n"
}

/// Quotes a name with a dot, which would otherwise be two keys.
fn as_key(name: &str) -> String {
    if name.contains('.') { quoted(name) } else { name.to_owned() }
}
