//! How a text of a target server holds several texts.

use std::borrow::Cow;

use serde_json::value::RawValue;
use wirebench_scenario::target::Split;

use super::json_pointer::{at_pointer, content};
use super::misfit::Misfit;
use crate::http::quote;

/// Returns the texts in what a server sent at once.
pub(crate) fn split(text: &str, by: Split) -> Result<Vec<&str>, Misfit> {
    match by {
        Split::One => Ok(vec![text]),
        Split::Lines => Ok(text.lines().filter(|line| !line.trim().is_empty()).collect()),
        Split::Array => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| Misfit {
                found: format!("`{}` ({error})", quote(text)),
                expected: "a JSON array (`split`)".to_owned(),
            })?;
            Ok(elements.into_iter().map(RawValue::get).collect())
        }
    }
}

/// Returns the texts in the body of an answer: those of what is at the pointer `messages`.
pub(crate) fn split_body<'b>(
    body: &'b str,
    messages: &str,
    by: Split,
) -> Result<Vec<Cow<'b, str>>, Misfit> {
    let missing = || Misfit {
        found: format!("`{}`", quote(body)),
        expected: format!("messages at `{messages}` (`messages`)"),
    };
    let found = at_pointer(body, messages).ok_or_else(missing)?;
    if by == Split::Lines && !messages.is_empty() {
        let lines = content(found).into_owned();
        let lines = split(&lines, by)?;
        return Ok(lines.into_iter().map(|line| Cow::Owned(line.to_owned())).collect());
    }
    Ok(split(found, by)?.into_iter().map(Cow::Borrowed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_lines_or_elements() {
        assert_eq!(split("a\n\nb\r\n", Split::Lines).unwrap(), ["a", "b"]);
        assert_eq!(split(r#"[1, {"a": 2}]"#, Split::Array).unwrap(), ["1", r#"{"a": 2}"#]);
        assert_eq!(split("a\nb", Split::One).unwrap(), ["a\nb"]);
        assert!(split("{}", Split::Array).unwrap_err().expected.contains("array"));
        let body = r#"{"list":[1,2],"text":"1\n2"}"#;
        assert_eq!(split_body(body, "/list", Split::Array).unwrap(), ["1", "2"]);
        assert_eq!(split_body(body, "/text", Split::Lines).unwrap(), ["1", "2"]);
        let misfit = split_body(body, "/messages", Split::Array).unwrap_err();
        assert_eq!(misfit.expected, "messages at `/messages` (`messages`)");
    }
}
