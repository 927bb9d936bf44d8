//! The files that the browser gets: what they ask for is there, in both languages, and nothing is in the
//! pages that the content security policy would not let run.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

/// Every file of that kind, with its text.
fn files(extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(WEB)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no .{extension} under web/");
    found
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// A dictionary in English.
fn words(name: &str) -> Value {
    let path = format!("{WEB}/words/{name}.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str::<Value>(&text).unwrap()["en"].take()
}

/// Where two values differ in shape: keys of objects, lengths of arrays, kinds of values.
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
        _ => found.push(format!("{place} is something else in each language")),
    }
}

/// Whether a dictionary has the key; what comes after a text is a method of it.
fn has(words: &Value, keys: &[&str]) -> bool {
    match (words, keys) {
        (Value::Object(words), [key, rest @ ..]) => {
            words.get(*key).is_some_and(|words| has(words, rest))
        }
        _ => true,
    }
}

/// Every `root.a.b` in a script, without the root.
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
        // The name of a file, and sentences about words.
        if !matches!(keys[0], "js" | "json" | "") {
            found.push(keys);
        }
    }
    found
}

#[test]
fn every_dictionary_has_the_same_keys_in_both_languages() {
    let mut found = Vec::new();
    for (path, text) in files("json") {
        let name = stem(&path);
        let words: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let languages: Vec<_> = words.as_object().unwrap().keys().collect();
        assert_eq!(languages, ["en", "zh"], "{name}");
        differences(name, &words["en"], &words["zh"], &mut found);
        if !matches!(name, "common" | "layout") {
            assert!(words["en"]["title"].is_string() && words["en"]["about"].is_string(), "{name}");
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The pages that a template is part of, by itself or through others. They have the words.
fn pages_with(template: &str) -> Vec<String> {
    if Path::new(&format!("{WEB}/words/{template}.json")).exists() && template != "layout" {
        return vec![template.to_owned()];
    }
    let users = files("html").into_iter();
    let users = users.filter(|(_, text)| text.contains(&format!("\"{template}.html\"")));
    users.flat_map(|(path, _)| pages_with(stem(&path))).collect()
}

#[test]
fn every_word_that_a_template_uses_is_there() {
    let dictionaries = ["common", "layout"].map(|name| (name, words(name)));
    for (path, text) in files("html") {
        let environment = minijinja::Environment::new();
        let template = environment.template_from_str(&text).unwrap();
        let used = template.undeclared_variables(true);
        let of = pages_with(stem(&path));
        assert!(!of.is_empty(), "{} is of no page", path.display());
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
                let known = ["language", "page", "pages", "super", "self", "loop"];
                assert!(known.contains(&keys[0]), "{}: {used}", path.display());
            }
        }
    }
}

#[test]
fn every_word_that_a_script_uses_is_there() {
    let common = words("common");
    for (path, text) in files("js") {
        for keys in uses(&text, "common") {
            assert!(has(&common, &keys), "{}: common.{}", path.display(), keys.join("."));
        }
        if path.parent().unwrap().ends_with("pages") {
            let words = words(stem(&path));
            for keys in uses(&text, "words") {
                assert!(has(&words, &keys), "{}: words.{}", path.display(), keys.join("."));
            }
        }
    }
}

#[test]
fn nothing_is_written_into_a_page_that_its_policy_would_not_let_run() {
    for (path, text) in files("html") {
        let text = text.to_ascii_lowercase();
        let place = path.display();
        assert!(!text.contains("<style") && !text.contains("javascript:"), "{place}");
        for script in text.split("<script").skip(1) {
            let (tag, _) = script.split_once('>').unwrap();
            let allowed = tag.contains(" src=\"/web/") || tag.contains("type=\"application/json\"");
            assert!(allowed, "{place}: <script{tag}>");
        }
        // Attributes: in tags, whatever the template says between them.
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')) {
            for attribute in tag.0.split_whitespace().skip(1) {
                let name = attribute.split('=').next().unwrap();
                let handler = name.starts_with("on") && attribute.contains('=');
                assert!(!handler && name != "style", "{place}: {attribute}");
            }
        }
    }
    for (path, text) in files("js") {
        // Comments may say what is not done.
        let comment = |line: &&str| line.starts_with("//") || line.starts_with('*');
        let code: Vec<_> = text.lines().map(str::trim).filter(|line| !comment(line)).collect();
        let text = code.join("\n");
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "createContextualFragment",
            "DOMParser",
            "eval(",
            "new Function",
            "setAttribute(\"style\"",
        ] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", path.display());
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    // The name of a namespace is no address: nothing is asked of it.
    let namespace = "http://www.w3.org/";
    for kind in ["html", "css", "js", "svg"] {
        for (path, text) in files(kind) {
            for scheme in ["http://", "https://", "ws://", "wss://"] {
                let elsewhere = text.match_indices(scheme).map(|(at, _)| &text[at..]);
                for address in elsewhere.filter(|address| !address.starts_with(namespace)) {
                    let asked = text.lines().find(|line| line.contains(scheme)).unwrap();
                    // A link that somebody may follow is not loaded.
                    let linked = kind == "html" && asked.contains("<a ");
                    assert!(linked, "{}: {:.60}", path.display(), address);
                }
            }
        }
    }
}
