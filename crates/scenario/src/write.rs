//! From a scenario back to TOML: the scenario as run, and the commented one to start from.

use std::fmt::Write as _;
use std::time::Duration;

use wirebench_protocol::control::{Pace, Payload};

use crate::keys::{KEYS, Key, TABLES, THRESHOLDS};
use crate::{Scenario, Threshold, duration_text};

/// The width that comments are wrapped to.
const WIDTH: usize = 100;

impl Scenario {
    /// The scenario as run, every default filled in. Read again, it is equal to this one. Payload files are named by their full paths, so that it may be kept in any folder.
    pub fn to_toml(&self) -> String {
        let mut toml = String::new();
        for key in in_table("") {
            line(&mut toml, key, &(key.write)(self));
        }
        for table in TABLES.iter().filter(|table| table.name != THRESHOLDS) {
            let _ = write!(toml, "\n[{}]\n", table.name);
            for key in in_table(table.name) {
                line(&mut toml, key, &(key.write)(self));
            }
        }
        let mut transport = None;
        for (index, threshold) in self.thresholds.iter().enumerate() {
            if index == 0 || threshold.transport != transport {
                transport = threshold.transport;
                let _ = match transport {
                    None => write!(toml, "\n[{THRESHOLDS}]\n"),
                    Some(transport) => write!(toml, "\n[{THRESHOLDS}.{transport}]\n"),
                };
            }
            let Threshold { column, comparison, bound, .. } = threshold;
            let _ = writeln!(toml, "{column} = \"{} {bound}\"", comparison.operator());
        }
        toml
    }
}

/// A scenario to start from: every key with what it means, set to its default.
pub fn commented_scenario() -> String {
    let mut toml = String::new();
    comment(
        &mut toml,
        "A scenario for wirebench. Every key has a default and may be left out; the values here are \
         the defaults. A key marked \"one or a list\" makes one run for each value, and lists multiply \
         out.",
    );
    for key in in_table("") {
        explained(&mut toml, key);
    }
    for table in &TABLES {
        toml.push('\n');
        comment(&mut toml, table.doc);
        let _ = writeln!(toml, "[{}]", table.name);
        for key in in_table(table.name) {
            explained(&mut toml, key);
        }
    }
    toml + "# delivery_p99_us = \"< 60_000\"\n# missing = \"== 0\"\n"
}

fn in_table(table: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

fn line(toml: &mut String, key: &Key, value: &str) {
    let _ = writeln!(toml, "{} = {value}", key.name);
}

fn explained(toml: &mut String, key: &Key) {
    toml.push('\n');
    let mut doc = key.doc.to_owned();
    if key.list {
        doc += " One or a list.";
    }
    if let (Some(least), Some(most)) = (key.least, key.most) {
        let _ = write!(doc, " From {least} to {most}.");
    }
    comment(toml, &doc);
    line(toml, key, key.default);
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

/// A number as the file format groups it: `10_000`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// One value as it is, several as a list.
pub(crate) fn list<T>(values: &[T], write: impl Fn(&T) -> String) -> String {
    match values {
        [value] => write(value),
        values => array(values, write),
    }
}

/// A list, however many values there are.
pub(crate) fn array<T>(values: &[T], write: impl Fn(&T) -> String) -> String {
    format!("[{}]", values.iter().map(write).collect::<Vec<_>>().join(", "))
}

pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(crate) fn duration(duration: &Duration) -> String {
    quoted(&duration_text(*duration))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "called through `list`, which lends its values"
)]
pub(crate) fn pace(pace: &Pace) -> String {
    match pace {
        Pace::Steady => quoted("steady"),
        Pace::Exact => quoted("exact"),
        Pace::Poisson => quoted("poisson"),
        Pace::Burst(burst) => format!("{{ burst = {burst} }}"),
    }
}

pub(crate) fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Bytes(bytes) => bytes.to_string(),
        // Reading refuses paths that are not UTF-8, since they could not be written here.
        Payload::File(path) => format!("{{ file = {} }}", quoted(&path.to_string_lossy())),
    }
}
