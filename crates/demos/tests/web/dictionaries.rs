//! The dictionaries: both languages have the same keys, and every key that is used exists.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::files::{WEB, dictionary, files, stem};

/// Returns the English half of a dictionary.
fn words(name: &str) -> Value {
    dictionary(name)["en"].take()
}

/// Collects where two values differ in shape: in keys, lengths of arrays or types.
fn differences(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => {
                        differences(&format!("{place}.{key}"), one, other, found);
                    }
                    _ => found.push(format!("{place}.{key} is in one language only")),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (n, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{place}[{n}]"), one, other, found);
            }
        }
        (Value::String(one), Value::String(other)) => {
            if one.trim().is_empty() != other.trim().is_empty() {
                found.push(format!("{place} is empty in one language"));
            }
        }
        _ => found.push(format!("{place} has a different type in each language")),
    }
}

/// Returns true if a dictionary has the key. What follows a text is one of its methods.
fn has(words: &Value, keys: &[&str]) -> bool {
    match (words, keys) {
        (Value::Object(words), [key, rest @ ..]) => {
            words.get(*key).is_some_and(|words| has(words, rest))
        }
        _ => true,
    }
}

/// Returns every `root.a.b` in a script, without the root.
fn uses<'a>(script: &'a str, root: &str) -> Vec<Vec<&'a str>> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut found = Vec::new();
    for (at, _) in script.match_indices(&format!("{root}.")) {
        let before = script[..at].chars().next_back();
        if before.is_some_and(|c| part(c) || matches!(c, '.' | '/' | '-')) {
            continue;
        }
        let chain = &script[at + root.len() + 1..];
        let end = chain.find(|c| !part(c) && c != '.').unwrap_or(chain.len());
        let keys = chain[..end].trim_end_matches('.').split('.').collect::<Vec<_>>();
        // Skip file names such as `words.json`, and sentences that end in "words.".
        if !matches!(keys[0], "js" | "json" | "") {
            found.push(keys);
        }
    }
    found
}

#[test]
fn every_dictionary_has_the_same_keys_in_both_languages() {
    let mut found = Vec::new();
    for (path, _) in files("json") {
        let name = stem(&path);
        let words = dictionary(name);
        let languages: Vec<_> = words.as_object().unwrap().keys().collect();
        assert_eq!(languages, ["en", "zh"], "{name}");
        differences(name, &words["en"], &words["zh"], &mut found);
        if !matches!(name, "common" | "layout") {
            assert!(words["en"]["title"].is_string() && words["en"]["about"].is_string(), "{name}");
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Returns the pages that a template is part of, by itself or through other templates.
fn pages_with(template: &str) -> Vec<String> {
    if Path::new(&format!("{WEB}/words/{template}.json")).exists() && template != "layout" {
        return vec![template.to_owned()];
    }
    let users = files("html").into_iter();
    let users = users.filter(|(_, text)| text.contains(&format!("\"{template}.html\"")));
    users.flat_map(|(path, _)| pages_with(stem(&path))).collect()
}

#[test]
fn every_word_that_a_template_uses_exists() {
    let dictionaries = ["common", "layout"].map(|name| (name, words(name)));
    for (path, text) in files("html") {
        let environment = minijinja::Environment::new();
        let template = environment.template_from_str(&text).unwrap();
        let used = template.undeclared_variables(true);
        let of = pages_with(stem(&path));
        assert!(!of.is_empty(), "{} is part of no page", path.display());
        for used in used {
            let keys: Vec<_> = used.split('.').collect();
            if keys[0] == "words" {
                for page in &of {
                    assert!(has(&words(page), &keys[1..]), "{}: {used} ({page})", path.display());
                }
            } else if let Some((_, words)) = dictionaries.iter().find(|(name, _)| *name == keys[0])
            {
                assert!(has(words, &keys[1..]), "{}: {used}", path.display());
            } else {
                let known =
                    ["language", "page", "pages", "transports", "super", "self", "loop", "source"];
                assert!(known.contains(&keys[0]), "{}: {used}", path.display());
            }
        }
    }
}

/// Returns the page that a script belongs to: `pages/<page>.js` or `pages/<page>/<part>.js`.
fn page_of(script: &Path) -> Option<&str> {
    let script = script.strip_prefix(WEB).unwrap().strip_prefix("pages").ok()?;
    script.components().next()?.as_os_str().to_str()?.split('.').next()
}

#[test]
fn every_word_that_a_script_uses_exists() {
    let common = words("common");
    for (path, text) in files("js") {
        for keys in uses(&text, "common") {
            assert!(has(&common, &keys), "{}: common.{}", path.display(), keys.join("."));
        }
        if let Some(page) = page_of(&path) {
            let words = words(page);
            for keys in uses(&text, "words") {
                assert!(has(&words, &keys), "{}: words.{}", path.display(), keys.join("."));
            }
        }
    }
}

/// A unit or an error of the server that a script writes directly would be English on a Chinese
/// page.
#[test]
fn scripts_take_units_and_reasons_from_the_dictionaries() {
    for (path, text) in files("js") {
        for english in ["} ms`", "} s`", "} %`", "error.message", "error.hint"] {
            assert!(!text.contains(english), "{}: `{english}`", path.display());
        }
    }
}
