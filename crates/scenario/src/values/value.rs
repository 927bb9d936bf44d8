//! What every type of value can do.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::located::{Located, ValueSource};
use crate::key::Key;

/// A type of value that a key takes.
pub(crate) trait FieldValue: Sized + PartialEq {
    /// True if even a single value is written as a list.
    const WRITTEN_AS_LIST: bool = false;

    /// True if one value is an array in TOML.
    const IS_ARRAY: bool = false;

    /// Reads a value, or says what would be right.
    fn read(found: Located<'_>) -> Result<Self, Mismatch>;

    /// Writes the value as TOML. [`read`](Self::read) reads the same value from it.
    fn write(&self) -> String;

    /// Says what is right, after "must be".
    fn expected() -> String;

    /// Returns the JSON Schema of a value of this key.
    fn schema(key: &Key) -> Json;

    /// Compares the value with a bound of its key. `None` if the type has no order.
    fn compare(&self, _bound: &Self) -> Option<Ordering> {
        None
    }
}

/// Why something cannot be the value of a key.
#[derive(Debug, Default)]
pub(crate) struct Mismatch {
    /// What would be right, after "must be". `None` for what [`FieldValue::expected`] says.
    pub(crate) expected: Option<String>,
    /// What was probably meant.
    pub(crate) hint: Option<String>,
}

impl Mismatch {
    pub(crate) fn expected(expected: impl fmt::Display) -> Self {
        Self { expected: Some(expected.to_string()), hint: None }
    }

    pub(crate) fn hint(hint: impl fmt::Display) -> Self {
        Self::default().with_hint(hint)
    }

    /// Adds what was probably meant.
    pub(crate) fn with_hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

/// Reads a value and compares it with the range of its key.
pub(crate) fn read_in_range<T: FieldValue>(key: &Key, found: Located<'_>) -> Result<T, Mismatch> {
    let value = T::read(found)?;
    let Some((least, most)) = key.range else { return Ok(value) };
    let is = |side, bound: &'static str| value.compare(&from_text(bound)) == Some(side);
    let shown = |bound: &str| {
        if bound.starts_with('"') { format!("`{bound}`") } else { bound.to_owned() }
    };
    if is(Ordering::Less, least) {
        return Err(Mismatch::expected(format!("at least {}", shown(least))));
    }
    if is(Ordering::Greater, most) {
        return Err(Mismatch::expected(format!("at most {}", shown(most))));
    }
    Ok(value)
}

/// Reads a value that stands in this program: a default, or the bound of a range.
pub(super) fn from_text<T: FieldValue>(text: &str) -> T {
    let value = DeValue::parse(text).expect("a declared value is TOML, as a test makes sure");
    let value = T::read(Located { value: &value, origin: ValueSource::Default(text) });
    value.expect("a declared value is of its key's type, as a test makes sure")
}

/// Returns the value of `key` in a table that holds nothing else.
pub(super) fn only_entry<'a>(found: Located<'a>, key: &str) -> Result<Located<'a>, Mismatch> {
    let table = found.value.get_ref().as_table().ok_or_else(Mismatch::default)?;
    match table.iter().next() {
        Some((name, value)) if table.len() == 1 && name.get_ref() == key => Ok(found.inner(value)),
        Some((name, _)) if crate::words::nearest(name.get_ref(), [key].into_iter()).is_some() => {
            Err(Mismatch::hint(format_args!("the table holds `{key}` and nothing else")))
        }
        _ => Err(Mismatch::default()),
    }
}

/// Returns the JSON Schema of an object with this one entry.
pub(super) fn only_entry_schema(name: &str, value: &Json) -> Json {
    json!({
        "type": "object",
        "properties": { name: value },
        "required": [name],
        "additionalProperties": false,
    })
}

/// Converts a value that stands in this program from TOML to JSON.
pub(crate) fn toml_to_json(text: &str) -> Json {
    let table: toml::Table =
        toml::from_str(&format!("value = {text}")).expect("a declared value is TOML");
    serde_json::to_value(&table["value"]).expect("numbers, strings and lists are JSON")
}
