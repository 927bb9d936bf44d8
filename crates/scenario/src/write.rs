//! Scenario files as text: a scenario as it was run, and the commented scenario to start from.

use std::fmt::Write as _;

use crate::key::Key;
use crate::tables::{TABLES, TOP, thresholds};
use crate::words::quoted;
use crate::{Scenario, Threshold};

/// The width that comments are wrapped to.
const WIDTH: usize = 100;

impl Scenario {
    /// Writes the scenario as TOML, with every default filled in. [`Scenario::parse`] reads the
    /// same scenario from it. Payload files are named by their full paths, so that the text may be
    /// kept in any folder.
    pub fn to_toml(&self) -> String {
        let mut toml = String::new();
        let tables = [&TOP].into_iter().chain(&TABLES);
        for (table, lines) in tables.zip(self.lines()) {
            if !table.name.is_empty() {
                let _ = write!(toml, "\n[{}]\n", table.name);
            }
            for (name, value) in lines {
                let _ = writeln!(toml, "{name} = {value}");
            }
        }
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
    let mut toml = String::new();
    comment(
        &mut toml,
        "A scenario for wirebench. Every key has a default and may be left out; the values here \
         are the defaults. A key marked \"one or a list\" makes one run for each value, and lists \
         multiply out.",
    );
    for key in TOP.keys {
        explain(&mut toml, key);
    }
    for table in &TABLES {
        toml.push('\n');
        comment(&mut toml, table.doc);
        let _ = writeln!(toml, "[{}]", table.name);
        for key in table.keys {
            explain(&mut toml, key);
        }
    }
    toml + "# delivery_p99_us = \"< 60_000\"\n# missing = \"== 0\"\n"
}

/// Quotes a name with a dot, which would otherwise be two keys.
fn as_key(name: &str) -> String {
    if name.contains('.') { quoted(name) } else { name.to_owned() }
}

/// Writes a key with its default, and what it means as a comment above.
fn explain(toml: &mut String, key: &Key) {
    toml.push('\n');
    let mut doc = key.doc.to_owned();
    if key.list {
        doc += " One or a list.";
    }
    if let Some((least, most)) = key.range {
        let _ = write!(doc, " From {least} to {most}.");
    }
    comment(toml, &doc);
    let _ = writeln!(toml, "{} = {}", key.name, key.default());
}

/// Writes `text` as comment lines no wider than [`WIDTH`].
fn comment(toml: &mut String, text: &str) {
    toml.push('#');
    let mut column = 1;
    for word in text.split_whitespace() {
        let width = 1 + word.chars().count();
        if column > 1 && column + width > WIDTH {
            toml.push_str("\n#");
            column = 1;
        }
        toml.push(' ');
        toml.push_str(word);
        column += width;
    }
    toml.push('\n');
}
