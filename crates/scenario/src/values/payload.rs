//! What a message carries.

use std::cmp::Ordering;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use toml::de::DeValue;
use wirebench_protocol::control::{MIN_BINARY_BYTES, Payload, PayloadKind};

use super::located::Located;
use super::numbers::number_schema;
use super::value::{FieldValue, Mismatch, only_entry, only_entry_schema};
use crate::SentPayload;
use crate::key::Key;
use crate::words::{nearest, quoted};

/// The key that says that a payload is binary, in `{ binary = 1024 }`.
const BINARY: &str = "binary";

impl FieldValue for Payload {
    /// The path of a file is kept as it is written. The table `[feed]` resolves it.
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        match found.value.get_ref() {
            DeValue::Table(_) if is_binary(found) => match binary_size(found)? {
                ..MIN_BINARY_BYTES => {
                    Err(Mismatch::expected(format_args!("at least {MIN_BINARY_BYTES} if binary")))
                }
                size => Ok(Self::Binary(size)),
            },
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
            Self::Binary(bytes) => write_binary(*bytes),
            // A path that is not UTF-8 is refused when the scenario is read.
            Self::File(path) => format!("{{ file = {} }}", quoted(&path.to_string_lossy())),
        }
    }

    fn expected() -> String {
        "a number of bytes, `{ binary = 1024 }` or `{ file = \"quotes.jsonl\" }`".to_owned()
    }

    fn schema(key: &Key) -> Json {
        let mut size = number_schema(key, "integer");
        size["minimum"] = MIN_BINARY_BYTES.into();
        let binary = only_entry_schema(BINARY, &size);
        let file = only_entry_schema("file", &json!({ "type": "string" }));
        json!({ "anyOf": [number_schema(key, "integer"), binary, file] })
    }

    /// A bound is a number of bytes, whatever they are.
    fn compare(&self, bound: &Self) -> Option<Ordering> {
        match (self, bound) {
            (Self::Bytes(bytes) | Self::Binary(bytes), Self::Bytes(bound)) => {
                Some(bytes.cmp(bound))
            }
            _ => None,
        }
    }
}

impl FieldValue for SentPayload {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        match found.value.get_ref() {
            DeValue::Table(_) => binary_size(found).map(Self::binary),
            _ => usize::read(found).map(Self::json),
        }
    }

    fn write(&self) -> String {
        match self.kind {
            PayloadKind::Json => self.bytes.to_string(),
            PayloadKind::Binary => write_binary(self.bytes),
        }
    }

    fn expected() -> String {
        "a number of bytes or `{ binary = 64 }`".to_owned()
    }

    fn schema(key: &Key) -> Json {
        let size = number_schema(key, "integer");
        json!({ "anyOf": [size, only_entry_schema(BINARY, &size)] })
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        Some(self.bytes.cmp(&bound.bytes))
    }
}

/// Returns true if a table says that a payload is binary, or is about to.
fn is_binary(found: Located<'_>) -> bool {
    let table = found.value.get_ref().as_table();
    let mut names = table.into_iter().flat_map(|table| table.keys());
    names.any(|name| nearest(name.get_ref(), [BINARY].into_iter()).is_some())
}

fn binary_size(found: Located<'_>) -> Result<usize, Mismatch> {
    usize::read(only_entry(found, BINARY)?)
}

fn write_binary(bytes: usize) -> String {
    format!("{{ {BINARY} = {bytes} }}")
}
