//! JSON pointers (RFC 6901) into texts that are not parsed as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the JSON at a pointer, as it stands in the text. `None` if nothing is there, or if the
/// text is not JSON. The empty pointer stands for the whole text.
pub(crate) fn at_pointer<'t>(text: &'t str, pointer: &str) -> Option<&'t str> {
    let mut found = text;
    // A pointer is empty, or begins with a slash.
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut json = serde_json::Deserializer::from_str(found);
        found = Token(&token).deserialize(&mut json).ok().flatten()?.get();
    }
    Some(found)
}

/// Returns the text at a pointer: the content of a string, or the JSON of any other value.
pub(crate) fn text_at<'t>(text: &'t str, pointer: &str) -> Option<Cow<'t, str>> {
    at_pointer(text, pointer).map(content)
}

/// Returns the content of a JSON string, and any other JSON as it is.
pub(crate) fn content(json: &str) -> Cow<'_, str> {
    /// Borrowed where it has no escapes.
    #[derive(serde::Deserialize)]
    struct Content<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str(json).map_or(Cow::Borrowed(json), |Content(text)| text)
}

/// One token of a pointer: the name of a member, or the index of an element.
struct Token<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Token<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Token<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object or an array with `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if found.is_none() && name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let index: Option<usize> = self.0.parse().ok();
        let mut found = None;
        for place in 0.. {
            let over = if Some(place) == index {
                found = seq.next_element()?;
                found.is_none()
            } else {
                seq.next_element::<IgnoredAny>()?.is_none()
            };
            if over {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_members_and_elements_as_they_are_written() {
        let text = r#" {"a": [1, {"b" : "x\n", "c/d": null}, []], "~": 2, "é": {"": 3}} "#;
        for (pointer, expected) in [
            ("", Some(text)),
            ("/a/0", Some("1")),
            ("/a/1", Some(r#"{"b" : "x\n", "c/d": null}"#)),
            ("/a/1/b", Some(r#""x\n""#)),
            ("/a/1/c~1d", Some("null")),
            ("/a/2", Some("[]")),
            ("/a/3", None),
            ("/a/x", None),
            ("/~0", Some("2")),
            ("/é/", Some("3")),
            ("/b", None),
            ("/a/0/x", None),
        ] {
            assert_eq!(at_pointer(text, pointer), expected, "{pointer}");
        }
        assert_eq!(text_at(text, "/a/1/b").as_deref(), Some("x\n"));
        assert_eq!(text_at(text, "/a/0").as_deref(), Some("1"));
    }

    #[test]
    fn nothing_is_found_in_what_is_not_json() {
        for text in ["", "x", "\"x\"", "1", "{\"a\":", "[1,"] {
            assert_eq!(at_pointer(text, "/a"), None, "{text}");
            assert_eq!(at_pointer(text, "/0"), None, "{text}");
        }
    }
}
