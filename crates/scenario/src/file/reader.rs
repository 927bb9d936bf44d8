//! Reads entries as typed values and keeps a list of what is wrong with them.

use std::cmp::Ordering;
use std::fmt;

use toml::de::DeValue;

use super::entries::{Entries, Located, Source, all};
use crate::keys::{KEYS, Key};
use crate::{Place, Problem};

/// What can stand for a key.
pub(super) trait Value: Sized + PartialEq {
    /// Reads it, or says what would be right.
    fn read(found: Located<'_>) -> Result<Self, Fault>;

    /// How it compares with the least or the greatest value, if it has an order.
    fn compare(&self, _bound: &Self) -> Option<Ordering> {
        None
    }
}

/// Why something cannot be the value of a key.
#[derive(Debug, Default)]
pub(super) struct Fault {
    /// What would be right, after "must be"; `None` for what the key's kind says.
    pub(super) expected: Option<String>,
    /// What was probably meant.
    pub(super) hint: Option<String>,
}

/// A value and where it stands: `None` for a default.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Option<Place>,
}

/// Hands out the values of keys: those that are right. What is wrong goes to the problems.
pub(super) struct Reader<'a, 'p> {
    entries: Entries<'a>,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Reader<'a, 'p> {
    pub(super) fn new(entries: Entries<'a>, problems: &'p mut Vec<Problem>) -> Self {
        Self { entries, problems }
    }

    /// The value of a key that takes one.
    pub(super) fn one<T: Value>(&mut self, key: &Key) -> Option<Placed<T>> {
        debug_assert!(!key.list, "`{}` takes a list", key.path());
        self.with(key, |reader, found| {
            if let DeValue::Array(_) = found.value.get_ref() {
                let lists =
                    KEYS.iter().filter(|key| key.list).map(|key| format!("`{}`", key.path()));
                let message = format!("`{}` takes one value, found {}", key.path(), found.found());
                let hint = format!("lists may be given to {}", all(lists));
                reader.note(found, message, Some(hint));
                return None;
            }
            reader.value(key, found)
        })
    }

    /// The values of a key that takes one or a list of them. Empty only after a problem.
    pub(super) fn several<T: Value>(&mut self, key: &Key) -> Vec<Placed<T>> {
        debug_assert!(key.list, "`{}` takes no list", key.path());
        self.with(key, |reader, found| {
            let DeValue::Array(array) = found.value.get_ref() else {
                return reader.value(key, found).into_iter().collect();
            };
            if array.is_empty() {
                let message =
                    format!("`{}` must hold at least one value, found an empty list", key.path());
                reader.note(found, message, None);
            }
            let mut values: Vec<Placed<T>> = Vec::new();
            for element in array.iter().map(|element| found.inner(element)) {
                let Some(value) = reader.value::<T>(key, element) else { continue };
                if values.iter().any(|earlier| earlier.value == value.value) {
                    let message = format!("`{}` holds {} twice", key.path(), element.found());
                    let hint = "to make each run more than once, raise `timing.repeat`".to_owned();
                    reader.note(element, message, Some(hint));
                }
                values.push(value);
            }
            values
        })
    }

    /// Passes on what was said for a key, or else its default.
    fn with<R>(&mut self, key: &Key, read: impl FnOnce(&mut Self, Located<'_>) -> R) -> R {
        if let Some(found) = self.entries.keys.get(&key.path()).copied() {
            return read(self, found);
        }
        let default = DeValue::parse(key.default).expect("defaults are TOML, as a test makes sure");
        read(self, Located { value: &default, source: Source::Default(key.default) })
    }

    fn value<T: Value>(&mut self, key: &Key, found: Located<'_>) -> Option<Placed<T>> {
        match read_within(key, found) {
            Ok(value) => Some(Placed { value, place: found.place() }),
            Err(Fault { expected, hint }) => {
                let expected = expected.unwrap_or_else(|| key.kind.to_string());
                let message =
                    format!("`{}` must be {expected}, found {}", key.path(), found.found());
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

/// The value that a key has where nobody gives it one.
pub(super) fn default<T: Value>(key: &Key) -> T {
    let tree = DeValue::parse(key.default).expect("defaults are TOML, as a test makes sure");
    let default = T::read(Located { value: &tree, source: Source::Default(key.default) });
    default.expect("defaults are right, as a test makes sure")
}

fn read_within<T: Value>(key: &Key, found: Located<'_>) -> Result<T, Fault> {
    let value = T::read(found)?;
    let beyond = |bound: Option<&'static str>, side| {
        let text = bound?;
        let tree = DeValue::parse(text).ok()?;
        let bound = T::read(Located { value: &tree, source: Source::Default(text) }).ok()?;
        (value.compare(&bound)? == side)
            .then(|| if text.starts_with('"') { format!("`{text}`") } else { text.to_owned() })
    };
    if let Some(least) = beyond(key.least, Ordering::Less) {
        return Err(Fault::expected(format!("at least {least}")));
    }
    if let Some(most) = beyond(key.most, Ordering::Greater) {
        return Err(Fault::expected(format!("at most {most}")));
    }
    Ok(value)
}

impl Fault {
    pub(super) fn expected(expected: impl fmt::Display) -> Self {
        Self { expected: Some(expected.to_string()), hint: None }
    }

    pub(super) fn hint(hint: impl fmt::Display) -> Self {
        Self { expected: None, hint: Some(hint.to_string()) }
    }
}

/// The name most like `wanted`, if one is like enough to have been meant.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(wanted, name), name))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
