//! Texts of a server, in the lines of a report and of a target file.

use serde_json::Value;

/// Returns the beginning of a text, in one line.
pub(super) fn beginning(text: &str) -> String {
    const SHOWN: usize = 60;
    let start: String = text.chars().take(SHOWN).collect();
    let start = if start.len() < text.len() { start + "…" } else { start };
    start.replace(char::is_control, " ")
}

/// Returns a text as a string of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Returns the number of things, and the thing in its plural unless it is one.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Returns true if a text is JSON in a string of JSON.
pub(super) fn is_json_in_a_string(text: &str) -> bool {
    let content = serde_json::from_str::<String>(text);
    content.is_ok_and(|content| is_json(&content))
}

/// Returns true if a text is an object or an array of JSON.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_object() || json.is_array())
}

/// Returns the JSON pointers to the members of an object for which `is` is true.
pub(super) fn members(json: &Value, is: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let members = json.as_object().into_iter().flatten();
    let members = members.filter(|(name, value)| is(name, value));
    members.map(|(name, _)| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Returns comments for a target file that say where in such a text a message may be.
pub(super) fn where_a_message_is(text: &str) -> String {
    let shown = format!("# What came begins with {}\n", beginning(text));
    if is_json_in_a_string(text) {
        return shown + "encoding = \"json-string\"\n";
    }
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    if ["run", "seq", "published_ns"].iter().all(|name| json.get(name).is_some()) {
        // A run publishes already: the text is the message.
        return shown;
    }
    let pointers = members(&json, |_, _| true);
    let lines = pointers.iter().map(|pointer| format!("# message = {}\n", quoted(pointer)));
    let lines: String = lines.collect();
    if lines.is_empty() {
        return shown;
    }
    format!("{shown}# If what is published is inside of it, choose the place:\n{lines}")
}
