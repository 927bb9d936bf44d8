//! The pages that `run`, `report` and `compare` write, opened from the disk as a reader does.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::browser::{BEYOND_THE_EDGE, Tab, visit};
use crate::support::run;

/// The results of `scenarios/first-look.toml` that the project keeps.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/first-look/two-cores")
}

/// Writes a page about the kept results into a folder, with this command.
fn page(folder: &TempDir, command: &[&str]) -> String {
    let ended = run(folder.path(), command);
    assert_eq!(ended.code, Some(0), "{command:?}: {ended:?}");
    format!("file://{}", folder.path().join("page.html").display())
}

fn report(folder: &TempDir) -> String {
    page(folder, &["report", &kept().display().to_string(), "--out", "page.html"])
}

/// Opens a page and waits until its charts are drawn.
async fn open(tab: &Tab, url: &str) {
    tab.go_to(url).await;
    tab.wait("document.documentElement.dataset.drawn === String(charts.length)").await;
}

#[test]
fn the_first_screen_has_the_question_the_answer_and_one_chart() {
    let folder = TempDir::new().unwrap();
    let url = report(&folder);
    visit(async |visit| {
        let tab = visit.open("/").await;
        for (width, height) in [(1440, 900), (390, 844)] {
            tab.resize(width, height).await;
            open(&tab, &url).await;
            let ends = "['h1', '.page-head .words', '#chart-lead .plot .main-svg']
                .map((part) => Math.round($(part).getBoundingClientRect().bottom))";
            let ends: Vec<i64> = tab.ask(ends).await;
            assert!(ends.is_sorted(), "at {width} px question, answer and chart end at {ends:?}");
            assert!(ends[2] <= height, "at {width} px question, answer and chart end at {ends:?}");
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn every_kind_of_page_fits_at_every_width() {
    let kept = kept().display().to_string();
    let commands: [&[&str]; 3] = [
        &["report", &kept, "--out", "page.html"],
        &["report", &kept, &kept, "--out", "page.html"],
        &["compare", &kept, &kept, "--html", "page.html"],
    ];
    visit(async |visit| {
        let tab = visit.open("/").await;
        for command in commands {
            let folder = TempDir::new().unwrap();
            let url = page(&folder, command);
            tab.resize(1440, 900).await;
            open(&tab, &url).await;
            for (width, colours) in [(390, "dark"), (1024, "light"), (1440, "dark")] {
                tab.prefer(colours).await;
                tab.resize(width, 900).await;
                // Charts follow the width of the window a little later.
                tab.wait(&format!("{BEYOND_THE_EDGE}.length === 0")).await;
            }
            let head = tab.text("#head").await;
            for wrong in ["null", "undefined", "NaN"] {
                assert!(!head.contains(wrong), "{command:?}: {head}");
            }
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn a_chart_is_saved_as_an_image_that_says_what_it_shows() {
    let folder = TempDir::new().unwrap();
    let url = report(&folder);
    visit(async |visit| {
        let tab = visit.open("/").await;
        open(&tab, &url).await;
        tab.download_to(folder.path()).await;
        tab.click("#chart-lead button").await;
        let saved = folder.path().join("wirebench-lead.png");
        let image = tab.downloaded(&saved).await;
        // The header of PNG: signature, IHDR, width, height (W3C PNG, 5.2 and 11.2.2).
        assert_eq!(image[..8], *b"\x89PNG\r\n\x1a\n");
        let width = u32::from_be_bytes(image[16..20].try_into().unwrap());
        assert_eq!(width, 2000, "1,000 px at twice the density");

        let said: Vec<String> = tab
            .ask(
                "(({ data, layout }) => [...layout.annotations.map(({ text }) => text),
                    ...data.filter((trace) => trace.showlegend).map(({ name }) => name)])
                    (imageOf(charts.find(({ id }) => id === 't-p99')))",
            )
            .await;
        let said = said.join("\n");
        for part in ["Delivery, p99", "first-look", "SSE", "WebSocket", "wirebench 0."] {
            assert!(said.contains(part), "the image does not say `{part}`:\n{said}");
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn no_chart_is_cut_by_the_end_of_a_printed_page() {
    /// A4 less its margins of 15 mm, in CSS pixels.
    const PAGE_HEIGHT: f64 = (297.0 - 30.0) / 25.4 * 96.0;
    let folder = TempDir::new().unwrap();
    let url = report(&folder);
    visit(async |visit| {
        let tab = visit.open("/").await;
        tab.resize(680, 1009).await;
        open(&tab, &url).await;
        tab.as_printed().await;
        let () = tab.ask("void dispatchEvent(new Event('beforeprint'))").await;
        let figures: Vec<(String, String, f64)> = tab
            .ask(
                "$$('figure').map((figure) => [figure.id, getComputedStyle(figure).breakInside,
                    figure.getBoundingClientRect().height])",
            )
            .await;
        assert!(figures.len() >= 5, "{figures:?}");
        for (name, break_inside, height) in figures {
            assert!(break_inside == "avoid" && height < PAGE_HEIGHT, "{name} has {height} px");
        }
        let beyond: Vec<String> = tab.ask(BEYOND_THE_EDGE).await;
        assert!(beyond.is_empty(), "wider than the paper: {beyond:#?}");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// A reader without the network gets the same: nothing is fetched, not even from the disk.
#[test]
fn a_page_fetches_nothing() {
    let folder = TempDir::new().unwrap();
    let url = report(&folder);
    visit(async |visit| {
        let tab = visit.open("/").await;
        open(&tab, &url).await;
        let fetched: Vec<String> =
            tab.ask("performance.getEntriesByType('resource').map(({ name }) => name)").await;
        let outside: Vec<_> = fetched.iter().filter(|name| !name.starts_with("data:")).collect();
        assert!(outside.is_empty(), "{outside:?}");
        assert!(fs::metadata(folder.path().join("page.html")).unwrap().len() < 1_500_000);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}
