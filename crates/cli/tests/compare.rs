//! Output and exit codes of `compare`, `report` and `schema` of the real binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{measure, run};
use tempfile::TempDir;

const SCENARIO: &str = r#"
about = "Is it the same?"
transports = ["sse"]
feed = { rate = 100 }
crowd = { subscribers = 5, ramp = "10ms" }
timing = { warm-up = "0s", measure = "300ms", drain = "1s", repeat = 2 }
link = { delay = "2ms" }
"#;

/// Runs the scenario. Returns a folder that contains the run folder `base`.
fn measured() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("same.toml"), SCENARIO).unwrap();
    let exports = ["--export-csv", "run.csv", "--export-json", "run.json"];
    let ended = measure(folder.path(), &[&["same.toml", "--quiet"], &exports[..]].concat());
    fs::rename(folder.path().join("out"), folder.path().join("base")).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    folder
}

/// Writes a `runs.csv` of six repeats that are made from the first row of `base`. Its delivery
/// times are multiplied by `factor`, and by half a percent more in each repeat. So the verdicts do
/// not depend on how busy this machine is.
fn six_repeats(folder: &Path, name: &str, factor: f64) {
    let text = fs::read_to_string(folder.join("base/runs.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let first = rows.lines().next().unwrap();
    // The reason may contain commas, and it is present only if this machine was busy.
    let columns: Vec<&str> =
        header.split(',').take_while(|column| *column != "disturbed_reason").collect();
    let mut made = columns.join(",") + "\n";
    for repeat in 1..=6 {
        let factor = factor * (1.0 + 0.005 * f64::from(repeat));
        let fields = columns.iter().zip(first.split(',')).map(|(column, value)| {
            match (*column, value.parse::<f64>()) {
                ("run_id", _) => format!("{repeat:03}-sse"),
                ("repeat", _) => repeat.to_string(),
                (_, Ok(number)) if column.starts_with("delivery_") => (number * factor).to_string(),
                _ => value.to_owned(),
            }
        });
        made.push_str(&(fields.collect::<Vec<_>>().join(",") + "\n"));
    }
    fs::write(folder.join(name), made).unwrap();
}

#[test]
fn results_are_written_to_files_beside_what_is_printed() {
    let folder = measured();
    let here = folder.path();
    let read = |name: &str| fs::read_to_string(here.join(name)).unwrap();
    assert_eq!(read("run.csv"), read("base/runs.csv"));
    assert_eq!(read("run.json"), run(here, &["report", "base", "--format", "json"]).stdout);

    let exports = ["--export-csv", "x.csv", "--export-json", "x.json", "--export-markdown", "x.md"];
    let rows = run(here, &[&["report", "base", "--format", "markdown"], &exports[..]].concat());
    assert_eq!(rows.code, Some(0), "{rows:?}");
    assert_eq!((read("x.csv"), read("x.md")), (read("base/runs.csv"), rows.stdout));

    six_repeats(here, "before.csv", 1.0);
    six_repeats(here, "after.csv", 2.0);
    let compare =
        |more: &[&str]| run(here, &[&["compare", "before.csv", "after.csv"], more].concat());
    assert_eq!(
        compare(&exports).stdout,
        compare(&[]).stdout,
        "exports change nothing that is printed"
    );
    for (format, name) in [("csv", "x.csv"), ("json", "x.json"), ("markdown", "x.md")] {
        assert_eq!(read(name), compare(&["--format", format]).stdout, "{format}");
    }
    let nowhere = compare(&["--export-csv", "nowhere/x.csv"]);
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("cannot write `nowhere/x.csv`"), "{nowhere:?}");
}

#[test]
fn a_regression_is_found_and_gives_exit_code_3() {
    let folder = measured();
    let here = folder.path();
    six_repeats(here, "before.csv", 1.0);
    six_repeats(here, "after.csv", 2.0);
    let compare = |more: &[&str]| run(here, &[&["compare", "before.csv"], more].concat());
    let plain = compare(&["after.csv"]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.stdout.contains("worse"), "{}", plain.stdout);
    let failing = compare(&["after.csv", "--fail-on-regression"]);
    assert_eq!(failing.code, Some(3), "{failing:?}");
    six_repeats(here, "again.csv", 1.0);
    let same = compare(&["again.csv", "--fail-on-regression", "--format", "json"]);
    assert_eq!(same.code, Some(0), "{same:?}");
    serde_json::from_str::<serde_json::Value>(&same.stdout).unwrap();
    for (format, piece) in [("markdown", "delivery p99 of sse"), ("csv", "delivery_p99_us")] {
        let ended = compare(&["after.csv", "--format", format]);
        assert!(ended.stdout.contains(piece), "{}", ended.stdout);
    }

    let page = run(folder.path(), &["compare", "base", "base/runs.csv", "--html", "page.html"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    assert!(
        fs::read_to_string(folder.path().join("page.html")).unwrap().contains("Is it the same?")
    );
}

#[test]
fn two_targets_of_one_folder_are_compared_in_pairs() {
    let folder = measured();
    let here = folder.path();
    for (name, factor) in [("v1.csv", 1.0), ("v2.csv", 2.0)] {
        six_repeats(here, name, factor);
    }
    let with_target = |name: &str| {
        let text = fs::read_to_string(here.join(format!("{name}.csv"))).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let rows = rows.lines().map(|row| format!("{row},{name}"));
        (format!("{header},target"), rows.collect::<Vec<_>>())
    };
    let ((header, v1), (_, v2)) = (with_target("v1"), with_target("v2"));
    let turns: Vec<String> = v1.into_iter().zip(v2).flat_map(|(one, two)| [two, one]).collect();
    fs::write(here.join("turns.csv"), format!("{header}\n{}\n", turns.join("\n"))).unwrap();

    let by = ["compare", "turns.csv", "--by", "target"];
    let ended = run(here, &[&by[..], &["--fail-on-regression"]].concat());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("v2 against v1, 6 pairs of runs"), "{}", ended.stdout);
    let back = run(here, &[&by[..], &["--base", "v2", "--fail-on-regression"]].concat());
    assert_eq!(back.code, Some(0), "{back:?}");
    for (wrong, piece) in [
        (&["--base", "v3"][..], "no run with `target` = `v3`: it has `v1`, `v2`"),
        (&["--base", "v1", "--new", "v1"], "cannot be compared with itself"),
    ] {
        let ended = run(here, &[&by[..], wrong].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(piece), "{}", ended.stderr);
    }
    let ended = run(here, &["compare", "turns.csv", "--by", "colour"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn run_writes_a_page_and_report_rebuilds_it_and_prints_every_format() {
    let folder = measured();
    let page = folder.path().join("base/report.html");
    assert!(page.exists(), "a run leaves a page");
    let rebuilt = || {
        fs::remove_file(&page).unwrap();
        assert_eq!(run(folder.path(), &["report", "base"]).code, Some(0));
        fs::read_to_string(&page).unwrap()
    };
    assert!(rebuilt() == rebuilt(), "the same numbers give the same page");
    for (format, piece) in [
        ("text", "transport"),
        ("markdown", "| sse"),
        ("json", "\"delivery_p99_us\""),
        ("hgrm", "1/(1-Percentile)"),
    ] {
        let ended = run(folder.path(), &["report", "base", "--format", format]);
        assert!(ended.stdout.contains(piece), "{format}: {ended:?}");
    }
    assert_eq!(run(folder.path(), &["report", "base", "base"]).code, Some(0));
    let again = run(folder.path(), &["report", "base", "base"]);
    assert_eq!(again.code, Some(2), "the trend is not overwritten: {again:?}");
}

#[test]
fn unusable_results_are_named_and_give_exit_code_2() {
    let folder = measured();
    let here = folder.path();
    let text = fs::read_to_string(here.join("base/runs.csv")).unwrap();
    fs::create_dir(here.join("empty")).unwrap();
    fs::write(here.join("cut.csv"), &text[..text.len() - 20]).unwrap();
    fs::write(here.join("columns.csv"), text.replacen("delivery_p99_us", "p99", 1)).unwrap();
    fs::write(here.join("version.csv"), text.replace("\n1,", "\n7,")).unwrap();
    for (input, piece) in [
        ("empty", "empty"),
        ("nosuch", "nosuch"),
        ("cut.csv", "cut.csv:"),
        ("columns.csv", "delivery_p99_us"),
        ("version.csv", "schema_version"),
    ] {
        let ended = run(here, &["compare", "base", input]);
        assert_eq!(ended.code, Some(2), "{input}: {ended:?}");
        assert!(ended.stderr.contains(piece), "{input}: {ended:?}");
        assert_eq!(ended.stdout, "", "{input}");
    }
    let log = here.join("base/latency.hlog");
    let stray = fs::read_to_string(&log).unwrap().replace("Tag=001-sse", "Tag=other");
    fs::write(&log, stray).unwrap();
    for command in ["compare", "report"] {
        let arguments = [command, "base", "base/runs.csv"];
        let ended = run(here, &arguments[..if command == "compare" { 3 } else { 2 }]);
        assert_eq!(ended.code, Some(2), "{command}: {ended:?}");
        assert!(ended.stderr.contains("latency.hlog"), "{command}: {ended:?}");
    }
}

#[test]
fn two_results_without_a_run_in_common_are_an_error() {
    let folder = measured();
    let here = folder.path();
    six_repeats(here, "sse.csv", 1.0);
    let text = fs::read_to_string(here.join("sse.csv")).unwrap();
    fs::write(here.join("websocket.csv"), text.replace(",sse,", ",websocket,")).unwrap();
    for more in [&[][..], &["--format", "json"]] {
        let ended = run(here, &[&["compare", "sse.csv", "websocket.csv"], more].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.stdout, "", "{ended:?}");
        for piece in ["have no run in common", "base has sse", "new has websocket"] {
            assert!(ended.stderr.contains(piece), "{piece}: {ended:?}");
        }
    }
    fs::write(here.join("invalid.csv"), text.replace(",true,,", ",false,busy,")).unwrap();
    let ended = run(here, &["compare", "sse.csv", "invalid.csv"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stdout.starts_with("Nothing could be compared."), "{ended:?}");
}

#[test]
fn every_schema_is_json() {
    for of in ["scenario", "target", "results"] {
        let ended = run(Path::new("."), &["schema", of]);
        let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(schema["$schema"].is_string(), "{of}: {schema}");
    }
}

#[test]
fn a_folder_that_is_not_there_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    let by: &[&str] = &["compare", "gone", "--by", "target"];
    for arguments in [by, &["compare", "gone", "gone"]] {
        let ended = run(folder.path(), arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let said = "`gone` does not exist: expected a run folder, or a `runs.csv`";
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(ended.stderr.contains("`wirebench run SCENARIO --out FOLDER`"), "{ended:?}");
    }
}
