//! The formats of the files that this crate reads: their tables and keys, for the reader, its hints
//! and the schema.

use crate::key::{Key, Table};
use crate::words::{joined, nearest};

/// A file format: the keys at the top of the file, and its tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileFormat {
    /// What a file is called in messages: `scenario`, `target`.
    pub(crate) noun: &'static str,
    /// The command that writes a file to start from.
    pub(crate) init: &'static str,
    /// The file beside it that has its schema, as its first line tells editors.
    pub(crate) schema_file: &'static str,
    pub(crate) top: Table,
    /// In the order in which they are written.
    pub(crate) tables: &'static [Table],
    /// Keys whose value may stand in place of their table.
    pub(crate) short: &'static [Key],
}

impl FileFormat {
    /// Returns every key, in the order in which they are written.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> + Clone + use<> {
        let (top, tables) = (self.top.keys, self.tables);
        top.iter().chain(tables.iter().flat_map(|table| table.keys))
    }

    pub(crate) fn key(&self, path: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.path == path)
    }

    pub(crate) fn is_table(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.name == name)
    }

    /// Returns the key whose value may stand in place of a table.
    pub(crate) fn short_key(&self, table: &str) -> Option<&'static Key> {
        self.short.iter().find(|key| key.table == table)
    }

    /// Returns the table with the most similar name.
    pub(crate) fn nearest_table(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.tables.iter().map(|table| table.name))
    }

    /// Returns the key that was probably meant: a key of this name in another table, or one of a
    /// similar name.
    pub(crate) fn meant_by(&self, path: &[String]) -> Option<&'static Key> {
        let last = path.last()?;
        if let Some(key) = self.keys().find(|key| key.name == last) {
            return Some(key);
        }
        if let [table, name] = path
            && self.is_table(table)
        {
            let mut of_table = self.keys().filter(|key| key.table == table);
            let near = nearest(name, of_table.clone().map(|key| key.name))?;
            return of_table.find(|key| key.name == near);
        }
        let near = nearest(&path.join("."), self.keys().map(|key| key.path))?;
        self.key(near)
    }

    /// Lists all tables.
    pub(crate) fn all_tables(&self) -> String {
        joined(self.tables.iter().map(|table| format!("`[{}]`", table.name)), "and")
    }

    /// Lists the keys of a table. Empty for the top of the file.
    pub(crate) fn names_of(&self, table: &str) -> String {
        let keys = self.keys().filter(|key| key.table == table);
        joined(keys.map(|key| format!("`{}`", key.name)), "and")
    }
}
