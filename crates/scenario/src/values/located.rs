//! A TOML value with the text that it comes from, so that messages can quote it and name its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::Place;

/// The longest text that a message quotes whole, in characters.
const LONGEST_QUOTE: usize = 60;

/// A value in the text that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) value: &'a Spanned<DeValue<'a>>,
    pub(crate) origin: ValueSource<'a>,
}

/// The text that a value comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueSource<'a> {
    /// The scenario file.
    File(&'a str),
    /// The value `text` of a command line argument, which messages name as `shown`.
    Argument { shown: &'a str, text: &'a str },
    /// The default of a key.
    Default(&'a str),
}

impl<'a> Located<'a> {
    /// Returns the place of the value. `None` for a default.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place_of(self.value.span())
    }

    /// Returns the place of a part of the text that the value comes from.
    pub(crate) fn place_of(&self, bytes: Range<usize>) -> Option<Place> {
        match self.origin {
            ValueSource::File(text) => Some(Place::in_text(text, bytes)),
            ValueSource::Argument { shown, .. } => Some(Place::Argument(shown.to_owned())),
            ValueSource::Default(_) => None,
        }
    }

    /// Returns a value inside this one, from the same text.
    pub(crate) fn inner(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value, ..*self }
    }

    /// Returns the value as messages show it: as it was written, if that is short.
    pub(crate) fn found(&self) -> String {
        let (ValueSource::File(text)
        | ValueSource::Argument { text, .. }
        | ValueSource::Default(text)) = self.origin;
        let written = text.get(self.value.span()).unwrap_or_default();
        match self.value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => written.to_owned(),
            DeValue::Array(array) if array.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) if written.starts_with('{') && is_short(written) => {
                format!("`{written}`")
            }
            DeValue::Table(_) => "a table".to_owned(),
            _ if is_short(written) => format!("`{written}`"),
            _ => {
                let start: String = written.lines().next().unwrap_or("").chars().take(40).collect();
                format!("`{start}…`")
            }
        }
    }
}

fn is_short(written: &str) -> bool {
    written.chars().count() <= LONGEST_QUOTE && !written.contains('\n')
}
