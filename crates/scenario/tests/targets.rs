//! Scenarios that name the servers which they measure.

use std::path::{Path, PathBuf};

use wirebench_scenario::{FileError, Overrides, Scenario, TargetFile};

const DATA: &str = "tests/data/targets";

fn parse(text: &str, overrides: &Overrides) -> Result<Scenario, FileError> {
    Scenario::parse("test", text, Path::new(DATA), overrides)
}

fn valid(text: &str) -> Scenario {
    parse(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn names(scenario: &Scenario) -> Vec<&str> {
    scenario.targets.iter().map(|target| target.name()).collect()
}

/// Two files, and a server that the scenario describes itself.
const THREE: &str = r#"
targets = ["first.toml", "second.toml"]
transports = ["sse", "websocket"]
timing.repeat = 2
[target]
name = "third"
[target.process]
command = ["server", "{here}/{port}"]
[target.publish]
url = "http://127.0.0.1:{port}/publish"
[target.websocket]
url = "ws://127.0.0.1:{port}/websocket"
"#;

#[test]
fn a_scenario_names_target_files_and_describes_a_target() {
    let scenario = valid(THREE);
    assert_eq!(names(&scenario), ["first", "second", "third"]);
    let runs = scenario.runs(1);
    // One has no WebSocket, one has both transports, one has no events.
    assert_eq!(runs.len(), 2 * (1 + 2 + 1));
    assert!(runs.iter().all(|run| run.target.is_some()));
    let here = std::fs::canonicalize(DATA).unwrap();
    assert_eq!(scenario.targets[2].folder, here, "`{{here}}` is the folder of the scenario");
    assert!(valid("").targets.is_empty());
    assert!(valid("[target]").targets.is_empty(), "an empty table is none");
}

#[test]
fn a_scenario_with_targets_that_is_written_is_read_again_in_any_folder() {
    let scenario = valid(THREE);
    let elsewhere = Path::new("tests/broken");
    let again = Scenario::parse("test", &scenario.to_toml(), elsewhere, &Overrides::default());
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    let files =
        |scenario: &Scenario| scenario.targets.iter().map(|it| it.to_toml()).collect::<Vec<_>>();
    assert_eq!((&again.top, files(&again)), (&scenario.top, files(&scenario)));
}

#[test]
fn a_scenario_that_is_kept_names_its_targets_from_its_folder() {
    let kept = valid(THREE).kept_in(Path::new("tests/broken")).to_toml();
    assert!(kept.contains(r#"targets = ["../data/targets/first.toml", "#), "{kept}");
    assert!(kept.contains(r#"here = "../data/targets""#), "{kept}");
    let again = Scenario::parse("test", &kept, Path::new("tests/broken"), &Overrides::default());
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.top, valid(THREE).top);
    assert_eq!(again.targets[2], valid(THREE).targets[2]);
}

#[test]
fn the_targets_of_the_command_line_replace_those_of_the_file() {
    let file = PathBuf::from(DATA).join("second.toml");
    let overrides = Overrides { targets: vec![file], ..Overrides::default() };
    let scenario = parse(THREE, &overrides).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(names(&scenario), ["second"]);
    let again = scenario.to_toml();
    assert!(
        again.contains("tests/data/targets/second.toml") && !again.contains("third"),
        "{again}"
    );
    // A table that is replaced may be wrong.
    let wrong = THREE.replace("[target.websocket]", "[target.websockets]");
    assert!(parse(&wrong, &overrides).is_ok());
    let error = parse(&wrong, &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("test:11:9: in `[target]`: unknown table `[websockets]`"), "{error}");
}

#[test]
fn a_key_of_the_target_can_be_set_on_the_command_line() {
    let set = |key: &str, value: &str| {
        let set = vec![(key.to_owned(), value.to_owned())];
        parse(THREE, &Overrides { set, ..Overrides::default() })
    };
    let scenario = set("target.name", "other").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(names(&scenario)[2], "other");
    let scenario = set("target", "{ name = \"other\" }").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(names(&scenario)[2], "other");
    let scenario = set("targets", "[]").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(names(&scenario), ["third"]);
    let error = set("target.sse.url", "http://{prot}/").unwrap_err().to_string();
    assert!(
        error.starts_with("--set target.sse.url=http://{prot}/: in `[target]`: `sse.url`"),
        "{error}"
    );
}

#[test]
fn a_target_of_a_scenario_is_named_after_the_table() {
    let text = "[target]\npublish.url = 'http://127.0.0.1/p'\nsse.url = 'http://127.0.0.1/s'\n";
    assert_eq!(names(&valid(text)), ["target"]);
}

#[test]
fn what_is_shared_by_files_and_scenarios_is_read_alike() {
    let text = std::fs::read_to_string(Path::new(DATA).join("first.toml")).unwrap();
    let inline = text.replace('[', "[target.");
    let file = TargetFile::parse("target", &text, Path::new(DATA)).unwrap();
    let scenario = valid(&inline);
    assert_eq!(scenario.targets[0].sse, file.sse);
    assert_eq!(scenario.targets[0].publish, file.publish);
}
