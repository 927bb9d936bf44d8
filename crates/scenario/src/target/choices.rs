//! The choices of a target: how payloads are written, how texts are split, where cursors are.

use serde_json::{Value as Json, json};

use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// How the place of a message holds its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadEncoding {
    /// As JSON.
    Json,
    /// As a JSON string with the JSON in it.
    JsonString,
}

/// How a text holds several messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// It is one message.
    One,
    /// Each line that is not empty is a message.
    Lines,
    /// It is a JSON array of messages.
    Array,
}

/// When a subscriber that polls counts as subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// When its first poll is answered.
    Answered,
    /// When its first poll was sent: the server holds it until there is a message.
    Sent,
}

impl PayloadEncoding {
    /// Every value, in the order of the file format.
    pub const ALL: [Self; 2] = [Self::Json, Self::JsonString];

    /// Returns the name in target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonString => "json-string",
        }
    }
}

impl Split {
    /// Every value, in the order of the file format.
    pub const ALL: [Self; 3] = [Self::One, Self::Lines, Self::Array];

    /// Returns the name in target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Lines => "lines",
            Self::Array => "array",
        }
    }
}

impl Subscribed {
    /// Every value, in the order of the file format.
    pub const ALL: [Self; 2] = [Self::Answered, Self::Sent];

    /// Returns the name in target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Sent => "sent",
        }
    }
}

/// Where the answer to a poll has the cursor for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollCursor {
    /// Nowhere.
    None,
    /// In `ETag` and `Last-Modified`, which the next poll sends back as `If-None-Match` and
    /// `If-Modified-Since` (RFC 9110, section 13.1).
    Validators,
    /// In the field with this name.
    Header(String),
    /// In its body, at this JSON pointer.
    Pointer(String),
}

impl PollCursor {
    const VALIDATORS: &str = "validators";
    const HEADER: &str = "header:";

    fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Validators => Self::VALIDATORS.to_owned(),
            Self::Header(name) => format!("{}{name}", Self::HEADER),
            Self::Pointer(pointer) => pointer.clone(),
        }
    }
}

impl FieldValue for PollCursor {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let text = String::read(found)?;
        match text.strip_prefix(Self::HEADER) {
            Some(name) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            None if text.is_empty() => Ok(Self::None),
            None if text == Self::VALIDATORS => Ok(Self::Validators),
            None if text.starts_with('/') => Ok(Self::Pointer(text)),
            _ => Err(Mismatch::default()),
        }
    }

    fn write(&self) -> String {
        quoted(&self.text())
    }

    fn expected() -> String {
        "`\"\"`, `\"validators\"`, `\"header:NAME\"` or a JSON pointer such as `\"/cursor\"`"
            .to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string", "pattern": "^(|validators|header:.+|/.*)$" })
    }
}
