//! The fields of a table: one value or a list of them, read from a scenario file and written to
//! one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::focus::Focus;
use super::located::{Located, ValueSource};
use super::placement::Placement;
use super::value::{FieldValue, Mismatch, from_text, read_in_range, toml_to_json};
use crate::key::Key;
use crate::target::{
    Pattern, PayloadEncoding, PollCursor, PublishedBy, Split, StatusList, Steps, Subscribed,
    Template, TemplateList, TemplateTable, TextList, TextTable, TimeUnit, ValuePlace,
};
use crate::words::joined;
use crate::{Headers, Place, Problem};

/// The type of a field in a table: a [`FieldValue`], or a `Vec` of one.
pub(crate) trait Field: Sized {
    /// What could be read, each value with its place.
    type Draft;

    /// True if the field takes a list.
    const LIST: bool;

    /// Reads the field. What is wrong goes to the problems of the reader.
    fn read(reader: &mut FieldReader<'_, '_>, key: &Key) -> Self::Draft;

    /// Returns the field without places. `None` if the value is missing.
    fn build(draft: Self::Draft) -> Option<Self>;

    /// Returns the number of values.
    fn count(&self) -> usize;

    /// Writes the field as TOML.
    fn write(&self) -> String;

    /// Returns the JSON Schema of the key that the field is of.
    fn schema(key: &Key) -> Json;
}

/// A value with its place in the file or on the command line. The place of a default is `None`.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Option<Place>,
}

impl<T: FieldValue> Field for Vec<T> {
    type Draft = Vec<Placed<T>>;

    const LIST: bool = true;

    fn read(reader: &mut FieldReader<'_, '_>, key: &Key) -> Self::Draft {
        reader.several(key)
    }

    fn build(draft: Self::Draft) -> Option<Self> {
        Some(draft.into_iter().map(|placed| placed.value).collect())
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn write(&self) -> String {
        match self.as_slice() {
            [value] if !T::WRITTEN_AS_LIST => value.write(),
            values => format!("[{}]", values.iter().map(T::write).collect::<Vec<_>>().join(", ")),
        }
    }

    fn schema(key: &Key) -> Json {
        let one = T::schema(key);
        let list = json!({ "type": "array", "items": one, "minItems": 1, "uniqueItems": true });
        described(json!({ "anyOf": [one, list] }), key)
    }
}

macro_rules! single {
    ($($value:ty),*) => {$(
        impl Field for $value {
            type Draft = Option<Placed<Self>>;

            const LIST: bool = false;

            fn read(reader: &mut FieldReader<'_, '_>, key: &Key) -> Self::Draft {
                reader.one(key)
            }

            fn build(draft: Self::Draft) -> Option<Self> {
                draft.map(|placed| placed.value)
            }

            fn count(&self) -> usize {
                1
            }

            fn write(&self) -> String {
                FieldValue::write(self)
            }

            fn schema(key: &Key) -> Json {
                described(<Self as FieldValue>::schema(key), key)
            }
        }
    )*};
}

single!(String, bool, u32, usize, f64, Duration, Headers);
single!(Template, TemplateList, TemplateTable, TextTable, TextList, StatusList);
single!(Pattern, Steps, PollCursor, PayloadEncoding, Split, Subscribed);
single!(PublishedBy, TimeUnit, ValuePlace, Placement, Focus);

fn described(mut schema: Json, key: &Key) -> Json {
    schema["description"] = key.doc.into();
    schema["default"] = toml_to_json(&key.default());
    schema
}

/// Returns the value that a key has if nobody gives it one.
pub(crate) fn default<T: FieldValue>(key: &Key) -> T {
    from_text(&key.default())
}

/// Reads the values of keys. Hands out those that are right, and notes what is wrong with the
/// others.
pub(crate) struct FieldReader<'a, 'p> {
    /// What the file and the command line say, by the path of the key.
    entries: BTreeMap<&'static str, Located<'a>>,
    /// The keys that take lists, for hints.
    lists: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> FieldReader<'a, 'p> {
    pub(crate) fn new(
        entries: BTreeMap<&'static str, Located<'a>>,
        lists: Vec<&'static str>,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self { entries, lists, problems }
    }

    /// Reads the value of a key that takes one.
    fn one<T: FieldValue>(&mut self, key: &Key) -> Option<Placed<T>> {
        self.with(key, |reader, found| {
            if let DeValue::Array(_) = found.value.get_ref()
                && !T::IS_ARRAY
            {
                let message = format!("`{}` takes one value, found {}", key.path, found.found());
                let lists = reader.lists.iter().map(|path| format!("`{path}`"));
                let hint = format!("lists may be given to {}", joined(lists, "and"));
                reader.note(found, message, (!reader.lists.is_empty()).then_some(hint));
                return None;
            }
            reader.value(key, found)
        })
    }

    /// Reads the values of a key that takes one or a list of them. Empty only after a problem.
    fn several<T: FieldValue>(&mut self, key: &Key) -> Vec<Placed<T>> {
        self.with(key, |reader, found| {
            let DeValue::Array(array) = found.value.get_ref() else {
                return reader.value(key, found).into_iter().collect();
            };
            if array.is_empty() {
                let message =
                    format!("`{}` must hold at least one value, found an empty list", key.path);
                reader.note(found, message, None);
            }
            let mut values: Vec<Placed<T>> = Vec::new();
            for element in array.iter().map(|element| found.inner(element)) {
                let Some(value) = reader.value::<T>(key, element) else { continue };
                if values.iter().any(|earlier| earlier.value == value.value) {
                    let message = format!("`{}` holds {} twice", key.path, element.found());
                    let hint = "to make each run more than once, raise `timing.repeat`".to_owned();
                    reader.note(element, message, Some(hint));
                }
                values.push(value);
            }
            values
        })
    }

    /// Calls `read` with what was found for a key, or with its default.
    fn with<R>(&mut self, key: &Key, read: impl FnOnce(&mut Self, Located<'_>) -> R) -> R {
        if let Some(found) = self.entries.get(key.path).copied() {
            return read(self, found);
        }
        let text = key.default();
        let value = DeValue::parse(&text).expect("defaults are TOML, as a test makes sure");
        read(self, Located { value: &value, origin: ValueSource::Default(&text) })
    }

    fn value<T: FieldValue>(&mut self, key: &Key, found: Located<'_>) -> Option<Placed<T>> {
        match read_in_range(key, found) {
            Ok(value) => Some(Placed { value, place: found.place() }),
            Err(Mismatch { expected, hint }) => {
                let expected = expected.unwrap_or_else(T::expected);
                let message = format!("`{}` must be {expected}, found {}", key.path, found.found());
                self.note(found, message, hint);
                None
            }
        }
    }

    fn note(&mut self, found: Located<'_>, message: String, hint: Option<String>) {
        let place = found.place().expect("defaults are right, as a test makes sure");
        self.problems.push(Problem { place, message, hint });
    }
}
