//! Targets that a scenario names, or describes itself.

use std::fs;

use crate::support::{self, CommandOutput};
use crate::workbench::{Measured, SCENARIO, Workbench};

/// A scenario that names wirebench's own server and describes it once more.
fn scenario(bench: &Workbench) -> String {
    let file = fs::read_to_string(bench.target("wirebench.toml")).unwrap();
    let inline =
        file.replace("\n[", "\n[target.").replace("name = \"wirebench\"", "name = \"inline\"");
    format!(
        "targets = [\"targets/wirebench.toml\"]\ntransports = [\"sse\"]\n{SCENARIO}\n[target]\n{inline}"
    )
}

fn targets_of(measured: &Measured) -> Vec<String> {
    let mut names: Vec<_> =
        measured.rows.iter().map(|row| row.text("target").unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Runs a command about the scenario of the bench, or another file.
fn run(bench: &Workbench, arguments: &[&str]) -> CommandOutput {
    support::run(bench.path(), arguments)
}

#[test]
fn the_targets_of_a_scenario_are_measured_and_kept_with_its_results() {
    let bench = Workbench::new();
    let measured = bench.measure(&scenario(&bench), &[], &[]);
    assert_eq!(measured.ended.code, Some(0), "{:?}", measured.ended);
    assert_eq!(targets_of(&measured), ["inline", "wirebench"]);
    for row in &measured.rows {
        assert_eq!(row.number("missing"), Some(0.0), "{row:?}");
        assert!(row.number("server_cpu_s") > Some(0.0), "{row:?}");
    }
    assert_eq!(measured.machine["targets"][1]["name"], "inline");
    // What is kept is a scenario with the same targets.
    let kept = fs::read_to_string(bench.path().join("out/scenario.toml")).unwrap();
    assert!(kept.contains("targets = [\"../targets/wirebench.toml\"]"), "{kept}");
    assert!(kept.contains("\n[target.process]\n"), "{kept}");
    let checked = run(&bench, &["check", "out/scenario.toml"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for name in [" wirebench ", " inline "] {
        assert!(checked.stdout.contains(name), "{}", checked.stdout);
    }
}

#[test]
fn a_target_of_the_command_line_replaces_those_of_the_scenario() {
    let bench = Workbench::new();
    let text = fs::read_to_string(bench.target("wirebench.toml")).unwrap();
    let other = text.replace("name = \"wirebench\"", "name = \"other\"");
    let other = bench.write_target("other.toml", &other);
    let measured = bench.measure(&scenario(&bench), &[other], &[]);
    assert_eq!(measured.ended.code, Some(0), "{:?}", measured.ended);
    assert_eq!(targets_of(&measured), ["other"]);
    let kept = fs::read_to_string(bench.path().join("out/scenario.toml")).unwrap();
    assert!(kept.contains("targets = [\"../targets/other.toml\"]"), "{kept}");
    assert!(!kept.contains("[target]"), "{kept}");
}

#[test]
fn what_is_wrong_with_a_target_of_a_scenario_is_named_at_its_line() {
    let bench = Workbench::new();
    fs::write(bench.target("wrong.toml"), "publish.url = 'http://127.0.0.1/'\n").unwrap();
    let wrong = "targets = [\n  \"targets/none.toml\",\n  \"targets/wrong.toml\",\n]\n\
                 [target]\npublish.url = 'http://127.0.0.1/{payld}'\nsse.url = 'http://127.0.0.1/'\n";
    fs::write(bench.path().join("x.toml"), wrong).unwrap();
    for command in ["check", "run"] {
        let ended = run(&bench, &[command, "x.toml"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for piece in [
            "x.toml:2:3: cannot read the target `targets/none.toml`",
            "x.toml:3:3: the target is not valid:\n  targets/wrong.toml:1:1: ",
            "x.toml:6:15: in `[target]`: `publish.url` knows no `{payld}`\n  |\n6 | publish.url = ",
            "^\n  hint: did you mean",
        ] {
            assert!(ended.stderr.contains(piece), "`{piece}` is not in {}", ended.stderr);
        }
    }
}

#[test]
fn nothing_is_published_to_another_machine_because_a_scenario_says_so() {
    let bench = Workbench::new();
    let text = "[target]\npublish.url = 'http://192.0.2.1/p'\nsse.url = 'http://127.0.0.1/'\n";
    fs::write(bench.path().join("x.toml"), text).unwrap();
    let ended = run(&bench, &["run", "x.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--yes-publish-to 192.0.2.1"), "{}", ended.stderr);
    let checked = run(&bench, &["check", "x.toml"]);
    assert_eq!(checked.code, Some(0), "nothing is published by a check: {checked:?}");
}
