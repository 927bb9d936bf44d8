//! A key of a scenario file, and the macro that declares a table of keys.

use serde_json::Value as Json;

/// A key of a scenario file. Its values are given as TOML text, as a user would write them.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table that holds the key. Empty for the top of the file.
    pub table: &'static str,
    /// The name in its table.
    pub name: &'static str,
    /// The name from the top of the file, as in `--set`: `crowd.subscribers`.
    pub path: &'static str,
    /// The smallest and the largest value. `None` if every value of the type is allowed.
    pub range: Option<(&'static str, &'static str)>,
    /// True if the key also takes a list. Lists multiply out: one run for each combination.
    pub list: bool,
    /// What the key means, in sentences.
    pub doc: &'static str,
    pub(crate) default: fn() -> String,
    pub(crate) schema: fn(&Key) -> Json,
}

/// A table of a scenario file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name between the brackets. Empty for the top of the file.
    pub name: &'static str,
    /// What the keys of the table are about.
    pub doc: &'static str,
    /// The keys, in the order in which they are written.
    pub keys: &'static [Key],
    /// Lines for a file to start from, if the table has no declared keys.
    pub(crate) example: &'static str,
}

impl Key {
    /// Returns the value that the key has in a file that does not name it.
    pub fn default(&self) -> String {
        (self.default)()
    }
}

/// Declares a table of the scenario file. Everything about a key is stated here and nowhere else:
/// its meaning, its name, the field that holds its value, the type, the default and the range. A
/// type of `Vec` makes the key take a list.
///
/// From this the macro makes
///
/// - the struct that a [`Scenario`](crate::Scenario) holds, with a constant [`Key`] for each field,
/// - the draft: what could be read of the table, each value with its place in the file,
/// - `read`, which asks a reader for each key; `build`, which turns the draft into the struct;
/// - `lines`, the struct as TOML again; `product`, the number of combinations of all lists.
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        table $table:tt => $Table:ident, $Draft:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:literal => $KEY:ident, $field:ident: $type:ty,
                default $default:expr $(, from $least:literal to $most:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Table {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        /// What could be read of the table. A missing value means that its problem is noted
        /// already.
        #[derive(Clone)]
        pub(crate) struct $Draft {
            $(pub(crate) $field: <$type as $crate::values::field::Field>::Draft,)+
        }

        #[allow(dead_code, clippy::allow_attributes, reason = "not every key is named in a check")]
        impl $Table {
            $(
                pub(crate) const $KEY: $crate::key::Key = $crate::key::Key {
                    table: $table,
                    name: $key,
                    path: $crate::key::table!(@path $table $key),
                    range: $crate::key::table!(@range $($least $most)?),
                    list: <$type as $crate::values::field::Field>::LIST,
                    doc: concat!($($doc),+).trim_ascii(),
                    default: || String::from($default),
                    schema: <$type as $crate::values::field::Field>::schema,
                };
            )+

            /// The table as the file format knows it.
            pub(crate) const TABLE: $crate::key::Table = $crate::key::Table {
                name: $table,
                doc: concat!($($about),+).trim_ascii(),
                keys: &[$(Self::$KEY),+],
                example: "",
            };

            /// Returns the product of the lengths of all lists.
            pub(crate) fn product(&self) -> usize {
                [$($crate::values::field::Field::count(&self.$field)),+]
                    .into_iter()
                    .fold(1, usize::saturating_mul)
            }

            /// Returns each key with its value as TOML, in the order of the file.
            pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
                vec![$(($key, $crate::values::field::Field::write(&self.$field))),+]
            }
        }

        impl $Draft {
            /// Reads each key, and notes what is wrong with its value.
            pub(crate) fn read(reader: &mut $crate::values::field::FieldReader<'_, '_>) -> Self {
                Self {
                    $(
                        $field: <$type as $crate::values::field::Field>::read(
                            reader,
                            &$Table::$KEY,
                        ),
                    )+
                }
            }

            /// Returns the table, or `None` if a value is missing.
            pub(crate) fn build(self) -> Option<$Table> {
                Some($Table {
                    $($field: <$type as $crate::values::field::Field>::build(self.$field)?,)+
                })
            }
        }
    };
    (@path "" $key:literal) => { $key };
    (@path $table:literal $key:literal) => { concat!($table, ".", $key) };
    (@range) => { None };
    (@range $least:literal $most:literal) => { Some(($least, $most)) };
}

pub(crate) use table;
