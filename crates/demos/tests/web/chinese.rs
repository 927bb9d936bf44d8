//! The Chinese of the pages: its units, its punctuation, its letters.

use serde_json::Value;

use crate::files::{files, stem};

fn is_han(letter: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&letter)
}

/// Collects every text of a dictionary, with its place.
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

/// Returns every Chinese text, with its place.
fn chinese() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in files("json") {
        let words: Value = serde_json::from_str(&text).unwrap();
        texts(stem(&path), &words["zh"], &mut found);
    }
    found
}

/// Returns the text between each opening tag and its closing tag.
fn inside<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let pieces = text.split(&open).skip(1);
    pieces.filter_map(|piece| piece.split(&close).next()).collect()
}

/// Returns a text without its code and its variables.
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
fn chinese_uses_its_own_units_and_punctuation() {
    for (place, text) in chinese() {
        let prose = prose(&text);
        let mut words = prose.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(!words.any(|word| matches!(word, "s" | "ms")), "{place}: write 秒 or 毫秒: {text}");
        assert!(!prose.contains(" %"), "{place}: write no space before %: {text}");
        let letters: Vec<char> = prose.chars().collect();
        for pair in letters.windows(2) {
            let ascii = matches!(pair[1], ',' | ';' | ':' | '?' | '!' | '.' | '(');
            assert!(
                !(is_han(pair[0]) && ascii),
                "{place}: write the full-width form of `{}`: {text}",
                pair[1]
            );
        }
    }
}

#[test]
fn chinese_has_one_term_for_a_response() {
    for (place, text) in chinese() {
        assert!(!text.contains("应答"), "{place}: write 响应 instead of 应答: {text}");
    }
}

/// 一边…，一边… says that one person does both at once. Two panels are two.
#[test]
fn chinese_does_not_speak_of_two_panels_as_of_one_person() {
    for (place, text) in chinese() {
        assert!(!text.contains("一边"), "{place}: name both panels: {text}");
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
