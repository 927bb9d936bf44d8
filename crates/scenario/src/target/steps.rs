//! The handshake of a target: what is sent and what is expected, in order.

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::lists::{texts, write_table};
use super::template::{Template, placeholder};
use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// Text in which each `*` stands for any text, an empty one included. So does a name in braces,
/// which keeps the text that it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// As it was written.
    text: String,
    /// What comes before the first gap.
    start: String,
    gaps: Vec<Gap>,
}

/// A place of a pattern that stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    /// The name under which its text is kept. `None` for `*`.
    name: Option<String>,
    /// What comes between it and the next one.
    then: String,
}

/// The steps of a handshake. Empty: the subscription is complete once the connection is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(pub Vec<Step>);

/// A step of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this text.
    Send(Template),
    /// Wait for a text that matches. Texts that do not match are skipped.
    Expect(Expectation),
}

/// A text that a handshake waits for, and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The pattern that the text matches as a whole.
    pub pattern: Pattern,
    /// What later steps may use: names of placeholders, with the JSON pointers to their values in
    /// the text.
    pub capture: Vec<(String, String)>,
    /// The values of those names whose pointer finds nothing. Without one here, that is an error.
    pub otherwise: Vec<(String, String)>,
    /// The JSON pointer to an array of messages that the subscriber has missed. Empty: there are
    /// none. Nothing need be there.
    pub messages: String,
    /// The JSON pointer to the message in an element of that array. Empty: the element is the
    /// message.
    pub message: String,
    /// What is kept of each element, by name, with the JSON pointer to it.
    pub keep: Vec<(String, String)>,
}

impl Pattern {
    /// Returns a pattern. Every text is one.
    pub fn new(text: &str) -> Self {
        let mut pattern = Self { text: text.to_owned(), ..Self::default() };
        let mut rest = text;
        while let Some(at) = rest.find(['*', '{']) {
            let (before, from) = rest.split_at(at);
            pattern.literal(before);
            let name = placeholder(from).filter(|name| !name.contains(':'));
            if let Some(name) = name {
                pattern.gaps.push(Gap { name: Some(name.to_owned()), then: String::new() });
                rest = &from[name.len() + 2..];
                continue;
            }
            if from.starts_with('*') {
                pattern.gaps.push(Gap { name: None, then: String::new() });
            } else {
                pattern.literal("{");
            }
            rest = &from[1..];
        }
        pattern.literal(rest);
        pattern
    }

    fn literal(&mut self, text: &str) {
        self.gaps.last_mut().map_or(&mut self.start, |gap| &mut gap.then).push_str(text);
    }

    /// Returns true if the pattern is the empty text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the names under which it keeps texts, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.gaps.iter().filter_map(|gap| gap.name.as_deref())
    }

    /// Returns true if the pattern stands for the whole of `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.find(text, |_, _| ())
    }

    /// Returns the texts that its names stand for. `None` if the pattern does not stand for the
    /// whole of `text`.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Vec<(&str, &'t str)>> {
        let mut places = Vec::new();
        let found = self.find(text, |place, value| places.push((place, value)));
        let named = |(place, value): (usize, &'t str)| {
            self.gaps[place].name.as_deref().map(|name| (name, value))
        };
        found.then(|| places.into_iter().filter_map(named).collect())
    }

    /// Calls `gap` with the number of each gap and what it stands for.
    fn find<'t>(&self, text: &'t str, mut gap: impl FnMut(usize, &'t str)) -> bool {
        let Some(mut left) = text.strip_prefix(self.start.as_str()) else { return false };
        let Some((last, gaps)) = self.gaps.split_last() else { return left.is_empty() };
        for (place, Gap { then, .. }) in gaps.iter().enumerate() {
            // The first place is the best one: it leaves the most for what follows.
            let Some(at) = left.find(then.as_str()) else { return false };
            gap(place, &left[..at]);
            left = &left[at + then.len()..];
        }
        let Some(left) = left.strip_suffix(last.then.as_str()) else { return false };
        gap(gaps.len(), left);
        true
    }
}

impl Steps {
    /// Returns the names that its steps keep, each with the number of its step.
    pub fn captured(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().enumerate().flat_map(|(step, kind)| {
            let expected = match kind {
                Step::Send(_) => None,
                Step::Expect(expected) => Some(expected),
            };
            expected.into_iter().flat_map(Expectation::names).map(move |name| (step, name))
        })
    }

    /// Returns the texts that its steps send, each with the number of its step.
    pub fn sent(&self) -> impl Iterator<Item = (usize, &Template)> {
        self.0.iter().enumerate().filter_map(|(step, kind)| match kind {
            Step::Send(text) => Some((step, text)),
            Step::Expect(_) => None,
        })
    }

    /// Returns the names that have to be known before the first step: those that a step sends and
    /// no earlier one keeps.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        self.sent().flat_map(move |(step, text)| {
            let kept = move |name: &str| {
                self.captured().any(|(earlier, captured)| earlier < step && captured == name)
            };
            text.names().filter(move |name| !kept(name))
        })
    }
}

impl Expectation {
    /// Returns the names that the step keeps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pattern.names().chain(self.capture.iter().map(|(name, _)| name.as_str()))
    }
}

impl FieldValue for Pattern {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        String::read(found).map(|text| Self::new(&text))
    }

    fn write(&self) -> String {
        quoted(&self.text)
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
        let expect = json!({
            "expect": text, "capture": texts, "otherwise": texts, "messages": text, "message": text,
            "keep": texts,
        });
        let expect = step(expect, "expect");
        json!({ "type": "array", "items": { "anyOf": [send, expect] } })
    }
}

fn step(found: Located<'_>) -> Result<Step, Mismatch> {
    let table = found.value.get_ref().as_table().ok_or_else(Mismatch::default)?;
    let (mut send, mut expect, mut only_expected) = (None, None, false);
    let mut expected = Expectation::default();
    for (name, value) in table {
        let value = found.inner(value);
        let name = name.get_ref().as_ref();
        only_expected |= !matches!(name, "send" | "expect");
        match (name, value.value.get_ref()) {
            ("send", DeValue::String(text)) => send = Some(Template::new(text)),
            ("expect", DeValue::String(text)) => expect = Some(Pattern::new(text)),
            ("capture", DeValue::Table(_)) => expected.capture = texts(value)?,
            ("otherwise", DeValue::Table(_)) => expected.otherwise = texts(value)?,
            ("keep", DeValue::Table(_)) => expected.keep = texts(value)?,
            ("messages", DeValue::String(pointer)) => expected.messages = pointer.to_string(),
            ("message", DeValue::String(pointer)) => expected.message = pointer.to_string(),
            (name, _) => {
                let found = value.found();
                return Err(Mismatch::hint(format_args!("a step has no `{name}` = {found}")));
            }
        }
    }
    match (send, expect) {
        (Some(send), None) if !only_expected => Ok(Step::Send(send)),
        (None, Some(pattern)) => Ok(Step::Expect(Expectation { pattern, ..expected })),
        _ => Err(Mismatch::hint(
            "each step sends or expects; only what is expected has `capture`, `otherwise`, \
             `messages`, `message` and `keep`",
        )),
    }
}

fn written(step: &Step) -> String {
    let expected = match step {
        Step::Send(text) => return format!("{{ send = {} }}", text.write()),
        Step::Expect(expected) => expected,
    };
    let table = |entries: &[(String, String)]| {
        write_table(entries.iter().map(|(name, text)| (name.as_str(), quoted(text))))
    };
    let more = [
        ("capture", !expected.capture.is_empty(), table(&expected.capture)),
        ("otherwise", !expected.otherwise.is_empty(), table(&expected.otherwise)),
        ("messages", !expected.messages.is_empty(), quoted(&expected.messages)),
        ("message", !expected.message.is_empty(), quoted(&expected.message)),
        ("keep", !expected.keep.is_empty(), table(&expected.keep)),
    ];
    let more = more.into_iter().filter(|(_, is_set, _)| *is_set);
    let entries = [("expect", true, expected.pattern.write())].into_iter().chain(more);
    let entries: Vec<_> = entries.map(|(key, _, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
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

    #[test]
    fn a_name_keeps_what_it_stands_for() {
        let pattern = Pattern::new("{\"cursor\":\"{epoch}-{seq}\"*");
        assert_eq!(pattern.names().collect::<Vec<_>>(), ["epoch", "seq"]);
        let text = r#"{"cursor":"ab-17","gap":{"x":"1-2"}}"#;
        assert_eq!(pattern.captures(text), Some(vec![("epoch", "ab"), ("seq", "17")]));
        assert_eq!(pattern.captures(r#"{"cursor":"ab"}"#), None);
        assert_eq!(Pattern::new("{id}").captures("x"), Some(vec![("id", "x")]));
        // A variable of the environment and other braces are themselves.
        for text in ["{env:X}", "{}", "{ id }"] {
            assert!(Pattern::new(text).matches(text), "{text}");
            assert!(!Pattern::new(text).matches("x"), "{text}");
        }
    }

    #[test]
    fn a_handshake_needs_what_no_earlier_step_keeps() {
        let expect = |pattern| {
            let pattern = Pattern::new(pattern);
            Step::Expect(Expectation { pattern, ..Expectation::default() })
        };
        let send = |text| Step::Send(Template::new(text));
        let steps = Steps(vec![send("{a}"), expect("{a}{b}"), send("{a}{b}{c}"), expect("{c}")]);
        assert_eq!(steps.needed().collect::<Vec<_>>(), ["a", "c"]);
    }
}
