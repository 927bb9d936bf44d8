//! Files as text, whatever their format: tables with their values, and with what each key means.

use std::fmt::Write as _;

use crate::format::FileFormat;
use crate::key::Key;

/// The width that comments are wrapped to.
const WIDTH: usize = 100;

/// Writes the tables of a file, the top first, each with its lines. `within` is the table that they
/// are in. Empty: they are a file of their own.
pub(crate) fn tables(
    format: &FileFormat,
    within: &str,
    lines: impl IntoIterator<Item = Vec<(&'static str, String)>>,
) -> String {
    let mut toml = String::new();
    let tables = [&format.top].into_iter().chain(format.tables);
    for (table, lines) in tables.zip(lines) {
        let names = [within, table.name].into_iter().filter(|name| !name.is_empty());
        let name = names.collect::<Vec<_>>().join(".");
        if !name.is_empty() {
            let _ = write!(toml, "\n[{name}]\n");
        }
        for (name, value) in lines {
            let _ = writeln!(toml, "{name} = {value}");
        }
    }
    toml
}

/// Returns a file to start from: every key with what it means, set to its default. Its first line
/// tells editors where its schema is.
pub(crate) fn commented(format: &FileFormat, intro: &str) -> String {
    let mut toml = format!("#:schema ./{}\n\n", format.schema_file);
    comment(&mut toml, intro);
    for key in format.top.keys {
        explain(&mut toml, key);
    }
    for table in format.tables {
        toml.push('\n');
        comment(&mut toml, table.doc);
        let _ = writeln!(toml, "[{}]", table.name);
        for key in table.keys {
            explain(&mut toml, key);
        }
        for line in table.example.lines() {
            let _ = writeln!(toml, "# {line}");
        }
    }
    toml
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
