//! Lists and tables of texts, as single values of a key.

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::template::Template;
use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// The parts of a command: a program and its arguments. Empty: no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextList(pub Vec<String>);

/// The same with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateList(pub Vec<Template>);

/// Names with texts, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTable(pub Vec<(String, String)>);

/// Names with templates, such as headers, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateTable(pub Vec<(String, Template)>);

/// Status codes of HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusList(pub Vec<u16>);

/// Reads an array, each element by `read`.
fn array<'a, T>(
    found: Located<'a>,
    read: impl Fn(Located<'a>) -> Result<T, Mismatch>,
) -> Result<Vec<T>, Mismatch> {
    let array = found.value.get_ref().as_array().ok_or_else(Mismatch::default)?;
    array.iter().map(|element| read(found.inner(element))).collect()
}

/// Reads a table of texts.
pub(super) fn texts(found: Located<'_>) -> Result<Vec<(String, String)>, Mismatch> {
    let table = found.value.get_ref().as_table().ok_or_else(Mismatch::default)?;
    let entries = table.iter().map(|(name, value)| match value.get_ref() {
        DeValue::String(text) => Ok((name.get_ref().to_string(), text.to_string())),
        _ => Err(Mismatch::hint(format_args!("`{}` must be a string", name.get_ref()))),
    });
    entries.collect()
}

fn write_array(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(", "))
}

pub(super) fn write_table<'t>(entries: impl Iterator<Item = (&'t str, String)>) -> String {
    let entries: Vec<_> =
        entries.map(|(name, text)| format!("{} = {text}", quoted(name))).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

impl FieldValue for TextList {
    const IS_ARRAY: bool = true;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        array(found, String::read).map(Self)
    }

    fn write(&self) -> String {
        write_array(self.0.iter().map(FieldValue::write))
    }

    fn expected() -> String {
        "a list of strings".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "array", "items": { "type": "string" } })
    }
}

impl FieldValue for TemplateList {
    const IS_ARRAY: bool = true;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        array(found, Template::read).map(Self)
    }

    fn write(&self) -> String {
        write_array(self.0.iter().map(FieldValue::write))
    }

    fn expected() -> String {
        TextList::expected()
    }

    fn schema(key: &Key) -> Json {
        TextList::schema(key)
    }
}

impl FieldValue for TextTable {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        texts(found).map(Self)
    }

    fn write(&self) -> String {
        write_table(self.0.iter().map(|(name, text)| (name.as_str(), quoted(text))))
    }

    fn expected() -> String {
        "a table of strings".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

impl FieldValue for TemplateTable {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let texts = texts(found)?.into_iter();
        Ok(Self(texts.map(|(name, text)| (name, Template::new(&text))).collect()))
    }

    fn write(&self) -> String {
        write_table(self.0.iter().map(|(name, text)| (name.as_str(), text.write())))
    }

    fn expected() -> String {
        TextTable::expected()
    }

    fn schema(key: &Key) -> Json {
        TextTable::schema(key)
    }
}

impl FieldValue for StatusList {
    const IS_ARRAY: bool = true;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let statuses = array(found, u32::read)?.into_iter();
        let known =
            |status| u16::try_from(status).ok().filter(|status| (100..=599).contains(status));
        let statuses: Option<_> = statuses.map(known).collect();
        statuses.map(Self).ok_or_else(Mismatch::default)
    }

    fn write(&self) -> String {
        write_array(self.0.iter().map(u16::to_string))
    }

    fn expected() -> String {
        "a list of status codes from 100 to 599".to_owned()
    }

    fn schema(_: &Key) -> Json {
        let status = json!({ "type": "integer", "minimum": 100, "maximum": 599 });
        json!({ "type": "array", "items": status })
    }
}
