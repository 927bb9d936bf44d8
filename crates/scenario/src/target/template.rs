//! Text with placeholders, such as the URL of a feed on a port that is known later.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Value as Json, json};

use crate::key::Key;
use crate::values::located::Located;
use crate::values::value::{FieldValue, Mismatch};
use crate::words::quoted;

/// What the name of a placeholder begins with if it stands for a variable of the environment.
const ENVIRONMENT: &str = "env:";

/// Text with placeholders. A placeholder is a name in braces, `{port}` or `{env:TOKEN}`; any other
/// brace is itself, so that JSON needs no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<TemplatePart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Placeholder(String),
}

/// A placeholder for which there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no value for `{{{name}}}` in `{template}`{}", environment_hint(name))]
pub struct UnknownPlaceholder {
    /// The name of the placeholder.
    pub name: String,
    /// The template.
    pub template: String,
}

fn environment_hint(name: &str) -> String {
    let variable = name.strip_prefix(ENVIRONMENT);
    variable.map(|name| format!(": set the environment variable `{name}`")).unwrap_or_default()
}

impl Template {
    /// Reads a template. Every text is one.
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            plain.push_str(before);
            if let Some(name) = placeholder(braced) {
                if !plain.is_empty() {
                    parts.push(TemplatePart::Text(std::mem::take(&mut plain)));
                }
                parts.push(TemplatePart::Placeholder(name.to_owned()));
                rest = &braced[name.len() + 2..];
            } else {
                plain.push('{');
                rest = &braced[1..];
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(TemplatePart::Text(plain));
        }
        Self { parts }
    }

    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns the names of the placeholders, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Placeholder(name) => Some(name.as_str()),
        })
    }

    /// Returns the text with `value(name)` in place of each placeholder.
    ///
    /// # Errors
    ///
    /// [`UnknownPlaceholder`] if `value` returns `None`.
    pub fn fill<'v>(
        &self,
        value: &mut dyn FnMut(&str) -> Option<Cow<'v, str>>,
    ) -> Result<String, UnknownPlaceholder> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(plain) => text.push_str(plain),
                TemplatePart::Placeholder(name) => {
                    let found = value(name).ok_or_else(|| UnknownPlaceholder {
                        name: name.clone(),
                        template: self.to_string(),
                    })?;
                    text.push_str(&found);
                }
            }
        }
        Ok(text)
    }

    /// Returns the first placeholder that is neither one of `known` nor of the environment.
    pub(super) fn unknown<'t>(&'t self, known: &[&str]) -> Option<&'t str> {
        self.names().find(|name| !known.contains(name) && !name.starts_with(ENVIRONMENT))
    }
}

/// Returns the name of the placeholder with which `text` begins.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = match name.strip_prefix(ENVIRONMENT) {
        Some(variable) => {
            !variable.is_empty()
                && variable
                    .bytes()
                    .all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_'))
        }
        None => !name.is_empty() && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_')),
    };
    is_name.then_some(name)
}

impl fmt::Display for Template {
    /// Writes the template as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            TemplatePart::Text(plain) => f.write_str(plain),
            TemplatePart::Placeholder(name) => write!(f, "{{{name}}}"),
        })
    }
}

impl FieldValue for Template {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        String::read(found).map(|text| Self::new(&text))
    }

    fn write(&self) -> String {
        quoted(&self.to_string())
    }

    fn expected() -> String {
        String::expected()
    }

    fn schema(_: &Key) -> Json {
        json!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &str) -> Result<String, UnknownPlaceholder> {
        Template::new(template).fill(&mut |name| match name {
            "port" => Some("80".into()),
            "env:TOKEN" => Some("secret".into()),
            _ => None,
        })
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_are_themselves() {
        for (template, expected) in [
            ("", ""),
            ("http://a:{port}/{port}", "http://a:80/80"),
            ("{\"port\":{port},\"x\":{}}", "{\"port\":80,\"x\":{}}"),
            ("Bearer {env:TOKEN}", "Bearer secret"),
            ("{ port } {Port} {1} {", "{ port } {Port} {1} {"),
            ("{{port}}", "{80}"),
            ("é{port}é", "é80é"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_placeholder_without_a_value_is_an_error_that_names_it() {
        assert_eq!(
            filled("x{prot}").unwrap_err().to_string(),
            "there is no value for `{prot}` in `x{prot}`"
        );
        let error = filled("{env:NOT_SET}").unwrap_err().to_string();
        assert!(error.ends_with("set the environment variable `NOT_SET`"), "{error}");
    }

    proptest! {
        #[test]
        fn every_text_is_a_template_and_written_as_it_was_read(text in ".{0,40}") {
            prop_assert_eq!(Template::new(&text).to_string(), text);
        }
    }
}
