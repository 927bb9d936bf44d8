//! Properties of every page.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::browser::{BEYOND_THE_EDGE, Tab, Visit, visit};

const PAGES: [&str; 14] = [
    "/",
    "/side-by-side",
    "/on-the-wire",
    "/without-id",
    "/reconnecting",
    "/chat",
    "/monitor",
    "/badge",
    "/message-table",
    "/clock",
    "/job",
    "/six-connections",
    "/claims",
    "/teaching",
];

const WIDTHS: [i64; 3] = [390, 1024, 1440];

/// True once every subscription is established and the controls show the settings of the server.
const ALIVE: &str = "$$('.state').every(({ dataset }) => dataset.state !== 'starting')
    && ($('#denied') === null || !$('#rate').disabled)";

/// Chinese texts in slanted letters.
const SLANTED: &str = "$$('body *')
    .filter((element) => getComputedStyle(element).fontStyle !== 'normal'
        && [...element.childNodes]
            .some(({ nodeType, data }) => nodeType === 3 && /\\p{Script=Han}/u.test(data)))
    .map(({ textContent }) => textContent)";

/// Texts with English units, `s` or `ms`, except in code and in recorded bytes.
const ENGLISH_UNITS: &str = "$$('main *:not(code, script)')
    .flatMap(({ childNodes }) => [...childNodes])
    .filter(({ nodeType, data }) => nodeType === 3 && /\\d ?m?s(?![\\w-])/.test(data))
    .map(({ data }) => data)";

#[test]
fn every_page_loads_in_english_at_every_width_without_errors() {
    visit(async |visit| every_page_loads(visit, "en-GB,en;q=0.9,zh;q=0.5", "en").await);
}

#[test]
fn every_page_loads_in_chinese_at_every_width_without_errors() {
    visit(async |visit| every_page_loads(visit, "zh-CN,zh;q=0.9,en;q=0.5", "zh-Hans").await);
}

async fn every_page_loads(visit: &Visit, accepted: &str, language: &str) {
    let tab = visit.open_for(accepted, "/").await;
    for page in PAGES {
        tab.go(page).await;
        tab.wait(ALIVE).await;
        assert_eq!(tab.ask::<String>("document.documentElement.lang").await, language, "{page}");
        let title: String = tab.ask("document.title").await;
        let chinese = |text: &str| text.chars().any(|letter| ('一'..='鿿').contains(&letter));
        assert_eq!(chinese(&title), language == "zh-Hans", "the title of {page} is {title}");
        for width in WIDTHS {
            tab.resize(width, 900).await;
            assert_eq!(tab.ask::<i64>("innerWidth").await, width);
            let beyond: Vec<String> = tab.ask(BEYOND_THE_EDGE).await;
            assert!(beyond.is_empty(), "{page} is wider than {width} px: {beyond:#?}");
        }
        let shown: String = tab.ask("$('main').innerText").await;
        for wrong in ["NaN", "undefined", "Infinity", "[object", "{{"] {
            assert!(!shown.contains(wrong), "{page} shows `{wrong}`");
        }
        if language == "zh-Hans" {
            let slanted: Vec<String> = tab.ask(SLANTED).await;
            assert!(slanted.is_empty(), "{page} slants Chinese: {slanted:#?}");
            let units: Vec<String> = tab.ask(ENGLISH_UNITS).await;
            assert!(units.is_empty(), "{page} has units that are not Chinese: {units:#?}");
        }
        assert!(tab.complaints().is_empty(), "{page}: {:#?}", tab.complaints());
    }
}

#[test]
fn the_language_switch_changes_the_page_and_is_remembered() {
    visit(async |visit| {
        let tab = visit.open("/clock").await;
        tab.click(".site-language a[hreflang^=zh]").await;
        tab.wait(
            "document.documentElement.lang === 'zh-Hans' && document.readyState === 'complete'",
        )
        .await;
        assert_eq!(tab.ask::<String>("location.pathname + location.search").await, "/clock");
        tab.click(".site-pages a[href='/claims']").await;
        tab.arrive("/claims").await;
        assert_eq!(tab.ask::<String>("$('html').lang").await, "zh-Hans");
        tab.click(".site-language a[hreflang=en]").await;
        tab.wait("$('html').lang === 'en' && document.readyState === 'complete'").await;
        tab.arrive("/claims").await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn every_claim_exists_in_both_languages() {
    visit(async |visit| {
        let mut told = Vec::new();
        for language in ["en", "zh"] {
            let tab = visit.open_for(language, "/claims").await;
            tab.click("#game label:has(input[value=read])").await;
            let claims: Vec<(String, String)> =
                tab.ask("$$('.claim').map((claim) => [claim.id, claim.innerText.trim()])").await;
            let names: Vec<_> = claims.iter().map(|(name, _)| name.clone()).collect();
            let all: Vec<_> = (1..=35).map(|number| format!("C{number:02}")).collect();
            assert_eq!(names, all, "{language}");
            // The id and the verdict alone are shorter than this.
            assert!(claims.iter().all(|(_, text)| text.chars().count() > 40), "{claims:#?}");
            told.push(claims);

            tab.click("#filter label:has(input[value=false])").await;
            let shown: Vec<String> =
                tab.until("$$('.claim:not([hidden])').map(({ dataset }) => dataset.verdict)").await;
            assert!(!shown.is_empty() && shown.len() < 35, "{shown:?}");
            assert!(shown.iter().all(|verdict| verdict == "false"), "{shown:?}");
        }
        for (english, chinese) in told[0].iter().zip(&told[1]) {
            assert_ne!(english.1, chinese.1, "{} is in one language only", english.0);
        }
    });
}

#[test]
fn a_claim_opens_once_it_is_predicted_and_hits_are_counted() {
    visit(async |visit| {
        let tab = visit.open("/claims").await;
        tab.wait("!$('#game').hidden").await;
        let shown = "$$('.claim [data-answer]').filter((part) => part.checkVisibility()).length";
        assert_eq!(tab.ask::<u64>(shown).await, 0, "no answer is shown before the prediction");
        assert!(!tab.ask::<bool>("$('#filter').checkVisibility()").await, "it would tell");

        // C07 is false, C01 depends, C34 is reasonable: a hit, a miss, and a hit.
        for (claim, guess, score) in [
            ("C07", "false", "1 of 1 right"),
            ("C01", "true", "1 of 2 right"),
            ("C34", "true", "2 of 3 right"),
        ] {
            tab.click(&format!("#{claim} [data-guess={guess}]")).await;
            let found = tab.text("#score").await;
            assert!(found.starts_with(score), "{claim}: {found}");
            assert!(tab.ask::<bool>(&format!("$('#{claim} b').checkVisibility()")).await);
        }
        // The first prediction counts.
        tab.click("#C01 [data-guess=depends]").await;
        assert!(tab.text("#score").await.starts_with("2 of 3 right"));
        // The verdict, the reason and the sources of each.
        assert_eq!(tab.ask::<u64>(shown).await, 3 * 3);
        tab.click("#again").await;
        assert_eq!(tab.ask::<u64>(shown).await, 0);
        tab.click("#game label:has(input[value=read])").await;
        assert_eq!(tab.ask::<u64>(shown).await, 35 * 3);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn every_link_works() {
    visit(async |visit| {
        let tab = visit.open("/").await;
        let mut links = BTreeSet::new();
        for page in PAGES {
            tab.go(page).await;
            let found: Vec<String> = tab.ask("$$('a[href]').map(({ href }) => href)").await;
            let other = found.iter().find(|link| !link.starts_with(visit.server.url()));
            assert_eq!(other, None, "{page} links to another server");
            let broken: Vec<String> = tab
                .ask(
                    "$$('a[href^=\"#\"]').map((link) => link.getAttribute('href'))
                        .filter((place) => !document.getElementById(place.slice(1)))",
                )
                .await;
            assert!(broken.is_empty(), "{page} links to places that do not exist: {broken:?}");
            links.extend(found);
        }
        let links = serde_json::to_string(&links).unwrap();
        let broken: Vec<(String, u16)> = tab
            .ask(&format!(
                "Promise.all({links}.map(async (link) => [link, (await fetch(link)).status]))
                    .then((answers) => answers.filter(([, status]) => status !== 200))"
            ))
            .await;
        assert!(broken.is_empty(), "{broken:#?}");
    });
}

#[test]
fn every_control_has_a_name_and_every_page_has_one_heading() {
    const CONTROLS: [&str; 12] = [
        "button",
        "checkbox",
        "combobox",
        "image",
        "img",
        "link",
        "listbox",
        "progressbar",
        "radio",
        "slider",
        "spinbutton",
        "textbox",
    ];
    visit(async |visit| {
        let tab = visit.open("/").await;
        for page in PAGES {
            tab.go(page).await;
            tab.wait(ALIVE).await;
            assert_eq!(tab.ask::<usize>("$$('h1').length").await, 1, "{page}");
            assert_eq!(tab.ask::<usize>("$$('main').length").await, 1, "{page}");
            let nodes = tab.accessible().await;
            let controls = nodes.iter().filter(|(role, _)| CONTROLS.contains(&role.as_str()));
            assert!(controls.clone().count() > 10, "{page} has at least its links: {nodes:?}");
            let nameless: Vec<_> =
                controls.filter(|(_, name)| name.trim().is_empty()).map(|(role, _)| role).collect();
            assert!(nameless.is_empty(), "{page} has controls without a name: {nameless:?}");
        }
    });
}

/// Marks what the keyboard must reach, in order. It reaches one radio button of each group.
const MARK: &str = "(() => {
    const reachable = $$('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')
        .filter((element) => !element.disabled
            && element.checkVisibility({ visibilityProperty: true })
            && (element.type !== 'radio' || element.checked));
    reachable.forEach((element, place) => (element.dataset.place = place));
    window.reached = [];
    document.addEventListener('focusin', ({ target }) =>
        target.dataset.place && reached.push(Number(target.dataset.place)));
    return reachable.length;
})()";

/// The marked elements that were not reached and can still be reached.
const MISSED: &str = "$$('[data-place]')
    .filter((element) => !element.disabled && element.checkVisibility()
        && !reached.includes(Number(element.dataset.place)))
    .map(({ outerHTML }) => outerHTML.slice(0, 120))";

/// How many elements may be added while the keyboard goes through a page, such as a list of
/// records.
const MORE: usize = 200;

#[test]
fn the_keyboard_reaches_every_control_in_the_order_of_the_page() {
    visit(async |visit| {
        let tab = visit.open("/").await;
        for page in PAGES {
            tab.go(page).await;
            tab.wait(ALIVE).await;
            let count: usize = tab.ask(MARK).await;
            // Tab also reaches elements that scroll, and those that were added since.
            for _ in 0..count + MORE {
                tab.press("Tab").await;
                if tab.ask(&format!("{MISSED}.length === 0")).await {
                    break;
                }
            }
            let missed: Vec<String> = tab.ask(MISSED).await;
            assert!(missed.is_empty(), "{page}: Tab does not reach {missed:#?}");
            let reached: Vec<usize> = tab.ask("reached").await;
            // After the last element, Tab starts again.
            let once = reached.iter().take_while(|place| **place < count - 1);
            assert!(once.is_sorted(), "{page}: Tab jumps: {reached:?}");
        }
    });
}

#[test]
fn pictures_of_every_page_are_saved_on_request() {
    let Some(folder) = std::env::var_os("WIREBENCH_PAGES").map(PathBuf::from) else { return };
    visit(async |visit| {
        std::fs::create_dir_all(&folder).unwrap();
        for language in ["en", "zh"] {
            let tab = visit.open_for(language, "/").await;
            for page in PAGES {
                tab.go(page).await;
                tab.wait(ALIVE).await;
                // Wait until the charts have something to show.
                tab.wait("performance.now() > 5000 || !$('.chart')").await;
                for width in WIDTHS {
                    take_pictures(&tab, page, language, width, &folder).await;
                }
            }
        }
    });
}

async fn take_pictures(
    tab: &Tab,
    page: &str,
    language: &str,
    width: i64,
    folder: &std::path::Path,
) {
    let name = if page == "/" { "index" } else { page.trim_start_matches('/') };
    tab.resize(width, 900).await;
    for scheme in ["light", "dark"] {
        tab.prefer(scheme).await;
        // The charts change their colours with the next frame.
        let () = tab
            .ask(
                "new Promise((drawn) => \
                 setTimeout(() => requestAnimationFrame(() => drawn(null)), 60))",
            )
            .await;
        let path = folder.join(format!("{name}-{language}-{width}-{scheme}.png"));
        std::fs::write(path, tab.picture().await).unwrap();
    }
}
