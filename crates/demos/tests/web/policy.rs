//! Nothing in the pages violates their content security policy.

use crate::files::files;

#[test]
fn pages_have_no_inline_scripts_styles_or_handlers() {
    for (path, text) in files("html") {
        let text = text.to_ascii_lowercase();
        let place = path.display();
        assert!(!text.contains("<style") && !text.contains("javascript:"), "{place}");
        for script in text.split("<script").skip(1) {
            let (tag, _) = script.split_once('>').unwrap();
            let allowed = tag.contains(" src=\"/web/") || tag.contains("type=\"application/json\"");
            assert!(allowed, "{place}: <script{tag}>");
        }
        // Attributes occur in tags. Text between the tags may contain anything.
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')) {
            for attribute in tag.0.split_whitespace().skip(1) {
                let name = attribute.split('=').next().unwrap();
                let handler = name.starts_with("on") && attribute.contains('=');
                assert!(!handler && name != "style", "{place}: {attribute}");
            }
        }
    }
    for (path, text) in files("js") {
        // Comments may name what the code avoids.
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
fn nothing_is_loaded_from_other_servers() {
    // Nothing is loaded from the name of a namespace.
    let namespace = "http://www.w3.org/";
    for kind in ["html", "css", "js", "svg"] {
        for (path, text) in files(kind) {
            for scheme in ["http://", "https://", "ws://", "wss://"] {
                let elsewhere = text.match_indices(scheme).map(|(at, _)| &text[at..]);
                for address in elsewhere.filter(|address| !address.starts_with(namespace)) {
                    let asked = text.lines().find(|line| line.contains(scheme)).unwrap();
                    // A link loads nothing by itself.
                    let linked = kind == "html" && asked.contains("<a ");
                    assert!(linked, "{}: {:.60}", path.display(), address);
                }
            }
        }
    }
}
