//! What a message carries.

use std::cmp::Ordering;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use toml::de::DeValue;
use wirebench_protocol::control::Payload;

use super::located::Located;
use super::numbers::number_schema;
use super::value::{FieldValue, Mismatch, only_entry, only_entry_schema};
use crate::key::Key;
use crate::words::quoted;

impl FieldValue for Payload {
    /// The path of a file is kept as it is written. The table `[feed]` resolves it.
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        match found.value.get_ref() {
            DeValue::Table(_) => {
                Ok(Self::File(PathBuf::from(String::read(only_entry(found, "file")?)?)))
            }
            DeValue::String(text) if text.contains('.') => {
                Err(Mismatch::hint(format_args!("did you mean `{{ file = \"{text}\" }}`?")))
            }
            _ => usize::read(found).map(Self::Bytes),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Bytes(bytes) => bytes.to_string(),
            // A path that is not UTF-8 is refused when the scenario is read.
            Self::File(path) => format!("{{ file = {} }}", quoted(&path.to_string_lossy())),
        }
    }

    fn expected() -> String {
        "a number of bytes or `{ file = \"quotes.jsonl\" }`".to_owned()
    }

    fn schema(key: &Key) -> Json {
        let file = only_entry_schema("file", &json!({ "type": "string" }));
        json!({ "anyOf": [number_schema(key, "integer"), file] })
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        match (self, bound) {
            (Self::Bytes(bytes), Self::Bytes(bound)) => Some(bytes.cmp(bound)),
            _ => None,
        }
    }
}
