//! What a page contains, and that a browser draws it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tempfile::tempdir;
use wirebench_protocol::Transport;
use wirebench_scenario::Figure;

use super::page::PACKED_PLOTLY;
use super::sample::{FULL, SampleFolder, SampleOptions, folder};
use super::*;
use crate::columns::COLUMNS;
use crate::compare::{CompareOptions, Side, compare};
use crate::question::Question;
use crate::text_layout::Style;

const SMALL: SampleOptions<'_> = SampleOptions {
    transports: &[Transport::Sse],
    subscribers: &[10],
    repeats: 1,
    seconds: 1,
    trouble: false,
    ..FULL
};

fn small() -> SampleFolder {
    folder(&SMALL)
}

/// Returns the block of data of a page.
fn data(page: &str) -> Json {
    let (_, after) = page.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let (block, _) = after.split_once("</script>").unwrap();
    serde_json::from_str(block).unwrap()
}

/// Returns the value of a column of a run in the block of data; null if no run has one.
fn value<'a>(data: &'a Json, run: &'a Json, name: &str) -> &'a Json {
    assert!(COLUMNS.iter().any(|column| column.name == name), "there is no column {name}");
    let mut columns = data["columns"].as_array().unwrap().iter();
    columns.position(|column| column["name"] == name).map_or(&Json::Null, |at| &run["values"][at])
}

#[test]
fn a_page_refers_to_nothing_outside_of_itself() {
    let page = report(&small().report());
    assert_eq!(page.matches(PACKED_PLOTLY).count(), 1, "plotly.js is in it once");
    let own = page.replace(PACKED_PLOTLY, "");
    for reference in [" src=", "url(", "@import", "import(", "fetch(", "XMLHttp", "https:"] {
        assert!(!own.contains(reference), "{reference}");
    }
    // The name of SVG elements is no address.
    assert!(!own.replace("http://www.w3.org/2000/svg", "").contains("http:"));
    let links: Vec<&str> =
        own.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["data:,", "#main"]);
    assert!(own.contains("default-src 'none'; script-src 'sha256-"));
}

#[test]
fn plotly_is_the_file_that_its_notes_describe() {
    let notes = include_str!("../../assets/plotly/README.md");
    let hex = |sum: String, byte: &u8| format!("{sum}{byte:02x}");
    let plotly = include_str!("../../assets/plotly/plotly-basic.min.js");
    let sum = Sha256::digest(plotly).iter().fold(String::new(), hex);
    assert!(notes.contains(&sum), "the checksum is {sum}");
    let (head, _) = plotly.split_once("*/").unwrap();
    let (_, version) = head.split_once("(basic - minified) v").unwrap();
    let version = version.lines().next().unwrap();
    assert!(notes.contains(&format!("version {version}")), "the version is {version}");
}

#[test]
fn a_page_of_90_runs_is_smaller_than_a_megabyte_and_a_half() {
    let folder = folder(&FULL);
    assert_eq!(folder.rows.len(), 90);
    let page = report(&folder.report());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn the_data_reads_back_and_is_that_of_the_rows() {
    let folder = small();
    let data = data(&report(&folder.report()));
    assert_eq!(data["view"], "run");
    let source = &data["sources"][0];
    assert_eq!(source["about"], folder.about.as_str());
    assert_eq!(source["machine"], folder.machine);
    let run = &source["runs"][0];
    assert_eq!(value(&data, run, "transport"), "sse");
    assert_eq!(value(&data, run, "received"), 100);
    assert_eq!(run["curve"]["count"], 100);
    assert_eq!(run["predicted"]["mean_us"], 25_000.0);
    assert_eq!(run["seconds"][0].as_array().unwrap().len(), 1);
}

#[test]
fn a_question_that_looks_like_markup_stays_text() {
    let mut folder = small();
    folder.about = "</script><script>alert(1)</script><!-- {{script}}".to_owned();
    let mut of = folder.report();
    of.scenario = "<b>&amp;";
    let page = report(&of);
    assert_eq!(
        page.matches("<script").count(),
        report(&small().report()).matches("<script").count()
    );
    assert!(page.contains("<title>&lt;b>&amp;amp; · wirebench</title>"));
    assert_eq!(data(&page)["sources"][0]["about"], folder.about.as_str());
}

#[test]
fn a_value_that_was_not_measured_is_null_and_not_zero() {
    let folder = small();
    let without = Report { timeline: &[], histograms: None, machine: None, ..folder.report() };
    let data = data(&report(&without));
    let run = &data["sources"][0]["runs"][0];
    for absent in [&run["curve"], &run["seconds"], &data["sources"][0]["machine"]] {
        assert!(absent.is_null(), "{absent}");
    }
    assert!(value(&data, run, "poll_interval_us").is_null());
    let columns = data["columns"].as_array().unwrap();
    for (at, column) in columns.iter().enumerate() {
        assert!(!run["values"][at].is_null(), "of one run, {column} has no value to show");
    }
    assert_eq!(run["values"].as_array().unwrap().len(), columns.len());
    assert!(value(&data, run, "server_rss_per_subscriber_bytes").is_null(), "10 are too few");
    assert_eq!(*value(&data, run, "requests"), 0, "none were sent");
}

#[test]
fn every_run_says_where_it_is_best_and_the_page_says_what_that_means() {
    let folder = folder(&SampleOptions { transports: &Transport::ALL, ..SMALL });
    let data = data(&report(&folder.report()));
    let runs = data["sources"][0]["runs"].as_array().unwrap();
    let best_at = |column: &str| -> Vec<&str> {
        let is_best = |run: &&Json| run["best"].as_array().unwrap().contains(&column.into());
        runs.iter()
            .filter(is_best)
            .filter_map(|run| value(&data, run, "transport").as_str())
            .collect()
    };
    assert_eq!(best_at("delivery_p50_us"), ["long-polling", "sse", "websocket", "socket.io"]);
    assert!(data["near_the_best"].as_str().unwrap().contains("one run"), "{data}");
}

#[test]
fn the_same_runs_make_the_same_page() {
    let folder = small();
    assert_eq!(report(&folder.report()), report(&folder.report()));
}

#[test]
fn an_overlay_has_sides_and_a_trend_has_an_order() {
    let (base, new) = (small(), folder(&SampleOptions { slowness: 1.3, ..SMALL }));
    let comparison = compare(&Side::default(), &Side::default(), &CompareOptions::default());
    let page = data(&overlay(&[base.report()], &[new.report()], Some(&comparison)));
    assert_eq!((&page["sources"][0]["side"], &page["sources"][1]["side"]), (&0.into(), &1.into()));
    assert_eq!(page["comparison"]["noise_threshold"], 0.05);
    let page = data(&trend(&[base.report(), new.report()]));
    assert_eq!(page["view"], "trend");
    assert_eq!(page["sources"].as_array().unwrap().len(), 2);
}

/// Returns Debian's Chromium, or the one that `WIREBENCH_CHROMIUM` names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WIREBENCH_CHROMIUM").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/usr/bin/chromium")).filter(|path| path.exists()))
}

/// Returns the page after its script has run, in a window of 1,440 pixels.
fn browsed(chromium: &Path, page: &Path) -> String {
    let profile = tempdir().unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--virtual-time-budget=20000", "--dump-dom"])
        .arg("--window-size=1440,900")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Returns a chart of a page that was drawn.
fn chart<'a>(drawn: &'a str, id: &str) -> &'a str {
    let (_, figure) = drawn.split_once(&format!("<figure id=\"chart-{id}\"")).unwrap();
    figure.split_once("</figure>").unwrap().0
}

/// Asserts that the charts of a page show only what was measured.
fn assert_honest(name: &str, drawn: &str) {
    let line = "js-line";
    match name {
        "full" => {
            assert!(chart(drawn, "percentiles").contains(line), "a histogram is a line");
            let lead = chart(drawn, "lead");
            assert!(lead.contains("The p99 of delivery over subscribers"), "{lead}");
            // Markers on the edge are cut where the group of all traces is clipped.
            let (_, group) = chart(drawn, "percentiles").split_once("class=\"overplot\">").unwrap();
            let (group, _) = group.split_once('>').unwrap();
            assert!(group.starts_with("<g class=\"xy\""), "{group}");
            assert!(!group.contains("url("), "markers are clipped: {group}");
        }
        "faults" => {
            for chart in ["lead", "t-p99", "t-received", "t-connections"].map(|id| chart(drawn, id))
            {
                assert!(chart.contains("server killed"), "{chart}");
            }
        }
        "sparse" => {
            let percentiles = chart(drawn, "percentiles");
            assert!(percentiles.contains("class=\"point\""), "{percentiles}");
            assert!(!percentiles.contains(line), "single percentiles are joined by a line");
        }
        _ => {}
    }
}

/// Returns Chromium, or says that the test is skipped.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn chromium_or_skip() -> Option<PathBuf> {
    let found = chromium();
    if found.is_none() {
        assert!(
            std::env::var_os("WIREBENCH_REQUIRE_BROWSER").is_none(),
            "no Chromium: install it, or name one by `WIREBENCH_CHROMIUM`"
        );
        eprintln!("skipped: there is no Chromium");
    }
    found
}

/// What they lost has neither delay nor cost.
#[test]
fn the_answer_compares_polls_that_forget_their_cursor_with_nothing() {
    let answer = |cursors| {
        let of = SampleOptions { transports: &Transport::ALL, cursors, ..SMALL };
        let data = data(&report(&folder(&of).report()));
        data["answer"].as_str().unwrap().to_owned()
    };
    assert!(answer(&[true]).contains("long polling"), "{}", answer(&[true]));
    assert!(!answer(&[false]).contains("long polling"), "{}", answer(&[false]));
}

#[test]
fn the_answer_of_the_page_is_that_of_the_terminal() {
    let folder = folder(&SampleOptions { transports: &Transport::ALL, ..SMALL });
    let page = data(&report(&folder.report()));
    let question = folder.report().question;
    let style = Style { colour: false, width: 1_000 };
    let terminal = crate::Format::Text.write(&folder.rows, question, style);
    let answer = page["answer"].as_str().unwrap();
    assert!(terminal.ends_with(&format!("Answer:   {answer}\n")), "{terminal}");
    assert!(terminal.contains(&format!("\nQuestion: {}\n", folder.about)), "{terminal}");
}

#[test]
fn the_figure_that_the_scenario_names_leads_the_page() {
    let folder = folder(&SampleOptions { transports: &Transport::ALL, ..SMALL });
    let focus = [Figure::Bytes, Figure::DeliveryMax];
    let question = Question { focus: &focus, ..folder.report().question };
    let page = data(&report(&Report { question, ..folder.report() }));
    assert_eq!(page["lead"]["name"], "bytes_per_message");
    assert_eq!(page["lead"]["is_named"], true);
    let tables = page["answer_tables"].as_array().unwrap();
    let first = |table: usize| tables[table]["columns"][0]["name"].as_str().unwrap();
    assert_eq!((first(0), first(1)), ("bytes_per_message", "delivery_max_us"));
    assert!(page["answer"].as_str().unwrap().contains("raffic per message"), "{}", page["answer"]);
}

/// If `WIREBENCH_PAGES` names a folder, the pages are kept there.
#[test]
fn a_browser_draws_every_chart_of_every_page() {
    let Some(chromium) = chromium_or_skip() else { return };
    let temporary = tempdir().unwrap();
    let kept = std::env::var_os("WIREBENCH_PAGES").map(PathBuf::from);
    let pages = kept.as_deref().unwrap_or(temporary.path());
    let full = folder(&FULL);
    let [base, new, last] = [(1.0, 21), (1.2, 22), (1.25, 23)].map(|(slowness, day)| {
        let started = &format!("2026-11-{day}T09:30:00Z");
        let plan = SampleOptions { subscribers: &[100, 1_000], repeats: 6, seconds: 5, ..FULL };
        folder(&SampleOptions { slowness, started, trouble: false, ..plan })
    });
    let [base_side, new_side] =
        [&base, &new].map(|folder| Side::of_rows(&folder.name, folder.rows.clone()));
    let comparison = compare(&base_side, &new_side, &CompareOptions::default());
    let small = folder(&SampleOptions { store: true, ..SMALL });
    let faults = folder(&SampleOptions { subscribers: &[5_000], seconds: 5, faults: true, ..FULL });
    let without = Report { timeline: &[], histograms: None, machine: None, ..full.report() };
    let empty = Report { rows: &[], ..without };
    let all = [
        ("full", report(&full.report()), 23),
        ("small", report(&small.report()), 14),
        ("faults", report(&faults.report()), 14),
        ("sparse", report(&without), 23),
        ("empty", report(&empty), 0),
        ("overlay", overlay(&[base.report()], &[new.report()], Some(&comparison)), 22),
        ("trend", trend(&[base.report(), new.report(), last.report()]), 9),
    ];
    let draw = |(name, page, charts): &(&str, String, usize)| {
        let path = pages.join(format!("{name}.html"));
        std::fs::write(&path, page).unwrap();
        check_drawn(name, &browsed(&chromium, &path), *charts);
    };
    // A browser is mostly one busy process, so two use two cores.
    let (some, others) = all.split_at(all.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| some.iter().for_each(draw));
        others.iter().for_each(draw);
    });
}

/// Checks a page that a browser has drawn, with so many charts.
fn check_drawn(name: &str, drawn: &str, charts: usize) {
    assert!(drawn.contains(&format!("data-drawn=\"{charts}\"")), "{name}: not all are drawn");
    let (_, main) = drawn.split_once("<main").unwrap();
    let (main, _) = main.split_once("</main>").unwrap();
    assert_honest(name, drawn);
    for wrong in ["NaN", "undefined", "Infinity", "[object", "[\"", "[1]", "[false]"] {
        assert!(!main.contains(wrong), "{name}: {wrong}");
    }
    let place = |id: &str| main.find(&format!("id=\"{id}\""));
    assert!(place("machine").is_some(), "{name}: where is the machine?");
    assert!(place("theory") < place("machine"), "{name}: the machine comes after the charts");
    // A table that is wider than its place can be focused, to scroll it.
    for region in main.split("class=\"scroll\"").skip(1) {
        let attributes = region.split('>').next().unwrap();
        let answer = attributes.contains("by transport");
        assert!(!answer || !attributes.contains("tabindex"), "{name}: {attributes} is too wide");
    }
    assert_eq!(main.contains("Work of the database"), name == "small", "{name}");
    let cause = "disturbed: another process used 0.90 of 2 cores: pid 123, stress-ng";
    for mark in [cause, "disturbed: see the warnings"] {
        let expected = ["full", "sparse", "faults"].contains(&name);
        assert_eq!(main.contains(mark), expected, "{name}: {mark}");
    }
}
