//! The choices of a target: who publishes, how payloads are written, how texts are split, where
//! cursors, numbers and times are.

use serde_json::{Value as Json, json};

use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// Who fills the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedBy {
    /// Wirebench, as `[publish]` says.
    Wirebench,
    /// Somebody else: the feed is only watched.
    SomebodyElse,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since 1970, UTC.
    Seconds,
    /// Milliseconds since 1970, UTC.
    Milliseconds,
    /// Microseconds since 1970, UTC.
    Microseconds,
    /// Nanoseconds since 1970, UTC.
    Nanoseconds,
    /// As RFC 3339 writes it: `2026-11-28T12:00:00.5Z`.
    Rfc3339,
    /// As HTTP writes it (RFC 9110, section 5.6.7): `Sat, 28 Nov 2026 12:00:00 GMT`.
    HttpDate,
}

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

impl PublishedBy {
    /// Every value, in the order of the file format.
    pub const ALL: [Self; 2] = [Self::Wirebench, Self::SomebodyElse];

    /// Returns the name in target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wirebench => "wirebench",
            Self::SomebodyElse => "none",
        }
    }
}

impl TimeUnit {
    /// Every value, in the order of the file format.
    pub const ALL: [Self; 6] = [
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Nanoseconds,
        Self::Rfc3339,
        Self::HttpDate,
    ];

    /// Returns the name in target files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Rfc3339 => "rfc3339",
            Self::HttpDate => "http-date",
        }
    }
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

/// Where a message that somebody else published has its number or its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePlace {
    /// Nowhere.
    None,
    /// In the message, at this JSON pointer.
    Pointer(String),
    /// In the `id` of the event that holds the message.
    EventId,
    /// In the field with this name, of the answer that holds the message.
    Header(String),
}

impl ValuePlace {
    const EVENT_ID: &str = "id";
    const HEADER: &str = "header:";

    fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Pointer(pointer) => pointer.clone(),
            Self::EventId => Self::EVENT_ID.to_owned(),
            Self::Header(name) => format!("{}{name}", Self::HEADER),
        }
    }
}

impl FieldValue for ValuePlace {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let text = String::read(found)?;
        match text.strip_prefix(Self::HEADER) {
            Some(name) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            None if text.is_empty() => Ok(Self::None),
            None if text == Self::EVENT_ID => Ok(Self::EventId),
            None if text.starts_with('/') => Ok(Self::Pointer(text)),
            None => Err(Mismatch::hint(format_args!("did you mean `\"/{text}\"`?"))),
            Some(_) => Err(Mismatch::default()),
        }
    }

    fn write(&self) -> String {
        quoted(&self.text())
    }

    fn expected() -> String {
        "`\"\"`, a JSON pointer such as `\"/seq\"`, `\"id\"` or `\"header:NAME\"`".to_owned()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string", "pattern": "^(|id|header:.+|/.*)$" })
    }
}
