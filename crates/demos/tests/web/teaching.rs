//! The teacher's notes: every page has some in both languages, and `docs/teaching.md` has the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::files::{WEB, dictionary, files, stem};

/// The pages in the order in which they are listed, without the index and the notes themselves.
fn pages() -> Vec<String> {
    let source = include_str!("../../src/pages/templates.rs");
    let list = source.split_once("PAGES: ").unwrap().1.split_once("];").unwrap().0;
    let names = list.split("(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    names.filter(|name| name != "index" && name != "teaching").collect()
}

/// Writes what the words have in HTML as Markdown.
fn markdown(text: &Value) -> String {
    let text = text.as_str().unwrap();
    text.replace("<code>", "`").replace("</code>", "`").replace("<b>", "**").replace("</b>", "**")
}

fn write_list(page: &mut String, title: &Value, lines: &Value) {
    let _ = writeln!(page, "**{}**\n", markdown(title));
    for line in lines.as_array().unwrap() {
        let _ = writeln!(page, "- {}", markdown(line));
    }
    page.push('\n');
}

fn write_language(page: &mut String, language: &str) {
    let words = dictionary("teaching")[language].take();
    let _ = writeln!(page, "# {}\n\n{}\n", markdown(&words["title"]), markdown(&words["lead"]));
    write_list(page, &words["before_title"], &words["before"]);
    for name in pages() {
        let notes = &words["pages"][&name];
        let title = dictionary(&name)[language]["title"].take();
        let _ = writeln!(page, "## {} (`/{name}`)\n", markdown(&title));
        let _ =
            writeln!(page, "**{}:** {}\n", markdown(&words["minutes"]), markdown(&notes["plan"]));
        write_list(page, &words["ask"], &notes["ask"]);
        write_list(page, &words["wrong"], &notes["wrong"]);
    }
}

#[test]
fn every_page_has_notes_in_both_languages() {
    for language in ["en", "zh"] {
        let words = dictionary("teaching")[language].take();
        let explained: BTreeSet<_> = words["pages"].as_object().unwrap().keys().cloned().collect();
        let pages: BTreeSet<_> = pages().into_iter().collect();
        assert_eq!(explained, pages, "{language}");
        for name in pages {
            let notes = &words["pages"][&name];
            for list in ["ask", "wrong"] {
                assert!(!notes[list].as_array().unwrap().is_empty(), "{language} {name}: {list}");
            }
        }
    }
    assert!(files("html").iter().any(|(path, _)| stem(path) == "teaching"));
}

#[test]
fn docs_teaching_has_the_notes_of_the_pages() {
    let mut page =
        "<!-- From crates/demos/web/words/teaching.json. INSTA_UPDATE=always renews it. -->\n\n\
         The same notes are at `/teaching` of a running `wirebench serve`. [中文](#教师手册)\n\n"
            .to_owned();
    write_language(&mut page, "en");
    write_language(&mut page, "zh");
    let page = page.trim_end().to_owned() + "\n";
    let path = Path::new(WEB).join("../../../docs/teaching.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/teaching.md is out of date: INSTA_UPDATE=always renews it");
}
