//! Text, flags and numbers.

use std::cmp::Ordering;

use serde_json::{Value as Json, json};
use toml::de::{DeInteger, DeValue};

use super::located::Located;
use super::value::{FieldValue, Mismatch, toml_to_json};
use crate::key::Key;
use crate::words::quoted;

impl FieldValue for String {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        found.value.get_ref().as_str().map(str::to_owned).ok_or_else(Mismatch::default)
    }

    fn write(&self) -> String {
        quoted(self)
    }

    fn expected() -> String {
        "a string".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string" })
    }
}

impl FieldValue for bool {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        found.value.get_ref().as_bool().ok_or_else(|| match found.value.get_ref().as_str() {
            Some(word @ ("true" | "false")) => without_quotes(word),
            _ => Mismatch::default(),
        })
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn expected() -> String {
        "`true` or `false`".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "boolean" })
    }
}

/// All whole numbers are read alike. A number that is too large for its type becomes the largest
/// value of the type, which is beyond the range of every key; a negative number becomes the
/// smallest.
macro_rules! whole_number {
    ($($number:ty),*) => {$(
        impl FieldValue for $number {
            fn read(found: Located<'_>) -> Result<Self, Mismatch> {
                let value = integer(found)?;
                Ok(Self::try_from(value).unwrap_or(if value < 0 { Self::MIN } else { Self::MAX }))
            }

            fn write(&self) -> String {
                self.to_string()
            }

            fn expected() -> String {
                "a whole number".to_owned()
            }

            fn schema(key: &Key) -> Json {
                number_schema(key, "integer")
            }

            fn compare(&self, bound: &Self) -> Option<Ordering> {
                Some(self.cmp(bound))
            }
        }
    )*};
}

whole_number!(u8, u32, usize);

fn integer(found: Located<'_>) -> Result<i128, Mismatch> {
    match found.value.get_ref() {
        DeValue::Integer(integer) => Ok(saturating(integer)),
        DeValue::String(text) if text.replace('_', "").parse::<i64>().is_ok() => {
            Err(without_quotes(text))
        }
        _ => Err(Mismatch::default()),
    }
}

fn saturating(integer: &DeInteger<'_>) -> i128 {
    let beyond = if integer.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(beyond)
}

impl FieldValue for f64 {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let text = match found.value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            DeValue::String(text) if text.parse::<Self>().is_ok() => {
                return Err(without_quotes(text));
            }
            _ => return Err(Mismatch::default()),
        };
        match text.parse::<Self>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(Mismatch::expected("a finite number")),
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn expected() -> String {
        "a number".to_owned()
    }

    fn schema(key: &Key) -> Json {
        number_schema(key, "number")
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        self.partial_cmp(bound)
    }
}

fn without_quotes(text: &str) -> Mismatch {
    Mismatch::hint(format_args!("without quotes: `{text}`"))
}

/// Returns the JSON Schema of a number in the range of its key.
pub(super) fn number_schema(key: &Key, kind: &str) -> Json {
    let mut number = json!({ "type": kind });
    if let Some((least, most)) = key.range {
        number["minimum"] = toml_to_json(least);
        number["maximum"] = toml_to_json(most);
    }
    number
}
