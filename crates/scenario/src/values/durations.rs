//! Durations, as strings such as `"25ms"`.

use std::cmp::Ordering;
use std::time::Duration;

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::located::Located;
use super::value::{FieldValue, Mismatch};
use crate::duration::{duration_text, nearest_duration, parse_duration};
use crate::key::Key;
use crate::words::quoted;

/// Matches numbers with units, such as `1h30m`, `1.5s` and `500us`.
const PATTERN: &str = r"^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$";

impl FieldValue for Duration {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        match found.value.get_ref() {
            DeValue::String(text) => parse_duration(text).ok_or_else(|| meant_by(text)),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = found.found();
                Err(match parse_duration(&format!("{number}s")) {
                    Some(_) => Mismatch::hint(format_args!(
                        "a duration carries its unit: `\"{number}s\"` or `\"{number}ms\"`"
                    )),
                    None => Mismatch::default(),
                })
            }
            _ => Err(Mismatch::default()),
        }
    }

    fn write(&self) -> String {
        quoted(&duration_text(*self))
    }

    fn expected() -> String {
        "a duration such as `\"25ms\"` or `\"1.5s\"`".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string", "pattern": PATTERN })
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        Some(self.cmp(bound))
    }
}

/// Says what was probably meant by a text that is no duration.
fn meant_by(text: &str) -> Mismatch {
    match nearest_duration(text) {
        Some(meant) => Mismatch::hint(format_args!("did you mean `\"{meant}\"`?")),
        None if text.starts_with('-') => Mismatch::hint("a duration is never negative"),
        None => Mismatch::hint(
            "the units are `h`, `m`, `s`, `ms`, `us` and `ns`, the largest first, as in \
             `\"1h30m\"`",
        ),
    }
}
