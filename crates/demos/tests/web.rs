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

fn is_han(letter: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&letter)
}

/// Every text of a dictionary, with its place.
fn texts(place: &str, words: &Value, found: &mut Vec<(String, String)>) {
    match words {
        Value::String(text) => found.push((place.to_owned(), text.clone())),
        Value::Array(all) => {
            for (n, one) in all.iter().enumerate() {
                texts(&format!("{place}[{n}]"), one, found);
            }
        }
        Value::Object(all) => {
            for (key, one) in all {
                texts(&format!("{place}.{key}"), one, found);
            }
        }
        _ => {}
    }
}

fn chinese() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in files("json") {
        let words: Value = serde_json::from_str(&text).unwrap();
        texts(stem(&path), &words["zh"], &mut found);
    }
    found
}

/// What stands between a tag and its end, each time.
fn inside<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let pieces = text.split(&open).skip(1);
    pieces.filter_map(|piece| piece.split(&close).next()).collect()
}

/// A text without what is code or a variable.
fn prose(text: &str) -> String {
    let mut prose = text.to_owned();
    for tag in ["code", "i"] {
        for part in inside(text, tag) {
            prose = prose.replace(&format!("<{tag}>{part}</{tag}>"), " … ");
        }
    }
    prose
}

#[test]
fn chinese_has_its_own_units_and_signs() {
    for (place, text) in chinese() {
        let prose = prose(&text);
        let mut words = prose.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(!words.any(|word| matches!(word, "s" | "ms")), "{place}: 秒 or 毫秒 in {text}");
        assert!(!prose.contains(" %"), "{place}: no space before % in {text}");
        let letters: Vec<char> = prose.chars().collect();
        for pair in letters.windows(2) {
            let ascii = matches!(pair[1], ',' | ';' | ':' | '?' | '!' | '.' | '(');
            assert!(!(is_han(pair[0]) && ascii), "{place}: `{}` after Chinese: {text}", pair[1]);
        }
    }
}

#[test]
fn chinese_has_one_word_for_a_response() {
    for (place, text) in chinese() {
        assert!(!text.contains("应答"), "{place}: 响应, not 应答: {text}");
    }
}

#[test]
fn chinese_is_never_slanted() {
    for (place, text) in chinese() {
        for tag in ["i", "em", "cite", "dfn"] {
            let slanted = inside(&text, tag).into_iter().find(|part| part.chars().any(is_han));
            assert_eq!(slanted, None, "{place}");
        }
    }
    for (path, text) in files("css") {
        assert!(!text.contains("italic") && !text.contains("oblique"), "{}", path.display());
    }
}

/// A unit that a script writes by itself is English on a Chinese page, and so is an error of the server.
#[test]
fn scripts_take_units_and_reasons_from_the_dictionaries() {
    for (path, text) in files("js") {
        for english in ["} ms`", "} s`", "} %`", "error.message", "error.hint"] {
            assert!(!text.contains(english), "{}: `{english}`", path.display());
        }
    }
}

/// The report and the demos are looked at side by side.
#[test]
fn a_transport_has_the_same_mark_here_and_in_the_report() {
    let assets = format!("{WEB}/../../report/assets");
    let scripts = fs::read_dir(assets).unwrap().map(|entry| entry.unwrap().path());
    let scripts = scripts.filter(|path| path.extension().is_some_and(|kind| kind == "js"));
    let list = scripts
        .map(|path| fs::read_to_string(path).unwrap())
        .find_map(|text| Some(text.split_once("SYMBOLS = [")?.1.split_once(']')?.0.to_owned()))
        .expect("the report lists its marks");
    let symbols: Vec<_> = list.split(',').map(|name| name.trim().trim_matches('"')).collect();
    let transports = ["short-polling", "long-polling", "sse", "websocket"];
    assert_eq!(symbols.len(), transports.len(), "{symbols:?}");
    let (_, style) = files("css").into_iter().find(|(path, _)| stem(path) == "style").unwrap();
    for (transport, symbol) in transports.into_iter().zip(symbols) {
        let shape = match symbol {
            "square" => "polygon(0 0, 100% 0, 100% 100%, 0 100%)",
            "diamond" => "polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
            "triangle-up" => "polygon(50% 0, 100% 100%, 0 100%)",
            "circle" => "border-radius: 50%",
            other => panic!("how does `{other}` look?"),
        };
        let mark = format!("[data-transport=\"{transport}\"] .mark");
        let rule = style.lines().find(|line| line.starts_with(&mark)).unwrap();
        assert!(rule.contains(shape), "{transport} is a {symbol} in the report: {rule}");
    }
}
