//! The handshake of a target: what is sent and what is expected, in order.

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::lists::{texts, write_table};
use super::template::Template;
use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// Text in which each `*` stands for any text, an empty one included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern(String);

/// The steps of a handshake. Empty: the subscription is complete once the connection is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(pub Vec<Step>);

/// A step of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this text.
    Send(Template),
    /// Wait for a text that matches. Texts that do not match are skipped.
    Expect {
        /// The pattern that the text matches as a whole.
        pattern: Pattern,
        /// What later steps may use: names of placeholders, with the JSON pointers to their values
        /// in the text.
        capture: Vec<(String, String)>,
    },
}

impl Pattern {
    /// Returns a pattern. Every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns true if the pattern is the empty text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the pattern as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns true if the pattern stands for the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut left) = text.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            // The first place is the best one: it leaves the most for what follows.
            let Some(at) = left.find(part) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(end)
    }
}

impl FieldValue for Pattern {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        String::read(found).map(Self)
    }

    fn write(&self) -> String {
        quoted(&self.0)
    }

    fn expected() -> String {
        String::expected()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string" })
    }
}

impl FieldValue for Steps {
    const IS_ARRAY: bool = true;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let array = found.value.get_ref().as_array().ok_or_else(Mismatch::default)?;
        array.iter().map(|element| step(found.inner(element))).collect::<Result<_, _>>().map(Self)
    }

    fn write(&self) -> String {
        let steps: Vec<_> = self.0.iter().map(written).collect();
        format!("[{}]", steps.join(", "))
    }

    fn expected() -> String {
        "a list of steps, `{ send = \"…\" }` or `{ expect = \"…\", capture = { name = \"/pointer\" } }`"
            .to_owned()
    }

    fn schema(_: &Key) -> Json {
        let text = json!({ "type": "string" });
        let texts = json!({ "type": "object", "additionalProperties": text });
        let step = |properties: Json, required: &str| {
            json!({
                "type": "object",
                "properties": properties,
                "required": [required],
                "additionalProperties": false,
            })
        };
        let send = step(json!({ "send": text }), "send");
        let expect = step(json!({ "expect": text, "capture": texts }), "expect");
        json!({ "type": "array", "items": { "anyOf": [send, expect] } })
    }
}

fn step(found: Located<'_>) -> Result<Step, Mismatch> {
    let table = found.value.get_ref().as_table().ok_or_else(Mismatch::default)?;
    let (mut send, mut expect, mut capture) = (None, None, None);
    for (name, value) in table {
        let value = found.inner(value);
        match (name.get_ref().as_ref(), value.value.get_ref()) {
            ("send", DeValue::String(text)) => send = Some(Template::new(text)),
            ("expect", DeValue::String(text)) => expect = Some(Pattern::new(text)),
            ("capture", DeValue::Table(_)) => capture = Some(texts(value)?),
            (name, _) => {
                let found = value.found();
                return Err(Mismatch::hint(format_args!("a step has no `{name}` = {found}")));
            }
        }
    }
    match (send, expect, capture) {
        (Some(send), None, None) => Ok(Step::Send(send)),
        (None, Some(pattern), capture) => {
            Ok(Step::Expect { pattern, capture: capture.unwrap_or_default() })
        }
        _ => {
            Err(Mismatch::hint("each step sends or expects; only what is expected has a `capture`"))
        }
    }
}

fn written(step: &Step) -> String {
    match step {
        Step::Send(text) => format!("{{ send = {} }}", text.write()),
        Step::Expect { pattern, capture } if capture.is_empty() => {
            format!("{{ expect = {} }}", pattern.write())
        }
        Step::Expect { pattern, capture } => {
            let entries = capture.iter().map(|(name, pointer)| (name.as_str(), quoted(pointer)));
            format!("{{ expect = {}, capture = {} }}", pattern.write(), write_table(entries))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("ping", "ping", true),
            ("ping", "ping ", false),
            ("*", "", true),
            ("*", "anything", true),
            ("INFO *", "INFO {}", true),
            ("INFO *", "+OK", false),
            ("*\"type\":\"welcome\"*", "{\"type\":\"welcome\"}", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} of {text}");
        }
    }
}
