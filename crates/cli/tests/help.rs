//! The help texts and the completion script.

mod support;

use std::path::Path;

use support::run;
use wirebench_protocol::Transport;

#[test]
fn the_help_of_every_command_is_that_of_its_snapshot() {
    for command in [
        "",
        "run",
        "agent",
        "report",
        "compare",
        "check",
        "init",
        "serve",
        "health",
        "subscribe",
        "publish",
        "proxy",
        "doctor",
        "floor",
        "schema",
        "targets",
        "probe",
        "completions",
        "man",
    ] {
        let arguments: Vec<&str> = command.split_terminator(' ').chain(["--help"]).collect();
        let help = run(Path::new("."), &arguments);
        assert_eq!(help.code, Some(0), "{help:?}");
        let name = if command.is_empty() { "wirebench" } else { command };
        insta::assert_snapshot!(name, help.stdout);
    }
}

/// Completes a command line in a real bash.
fn completed(line: &[&str]) -> Option<Vec<String>> {
    let bash = |script: &str| {
        std::process::Command::new("bash").args(["--norc", "-c", script]).output().ok()
    };
    let has_bash = bash("").is_some();
    if !support::is_there(has_bash, "bash", "WIREBENCH_REQUIRE_BASH") {
        return None;
    }
    let script = run(Path::new("."), &["completions", "bash"]).stdout;
    let words = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let [.., before, last] = line else { panic!("a line has a command") };
    let output = bash(&format!(
        "{script}\nCOMP_WORDS=({words})\nCOMP_CWORD={}\n_wirebench wirebench '{last}' '{before}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        line.len() - 1
    ));
    let output = String::from_utf8(output.expect("bash is there").stdout).expect("text");
    Some(output.lines().map(str::to_owned).collect())
}

#[test]
fn a_shell_completes_the_values_of_options() {
    let Some(transports) = completed(&["wirebench", "subscribe", "--transport", ""]) else {
        return;
    };
    assert_eq!(transports, Transport::ALL.map(Transport::name));
    let formats = completed(&["wirebench", "compare", "--format", "m"]);
    assert_eq!(formats, Some(vec!["markdown".to_owned()]));
    let files = completed(&["wirebench", "run", "--export-csv", "Carg"]);
    assert_eq!(files, Some(vec!["Cargo.toml".to_owned()]));
}

#[test]
fn each_command_has_a_man_page() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let written = run(folder.path(), &["man", "share/man1"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let page = |name: &str| {
        std::fs::read_to_string(folder.path().join("share/man1").join(name)).expect(name)
    };
    assert!(page("wirebench.1").contains("wirebench\\-subscribe(1)"));
    let subscribe = page("wirebench-subscribe.1");
    assert!(subscribe.contains("\\-\\-transport") && subscribe.contains(".SH OPTIONS"));
    let names = std::fs::read_dir(folder.path().join("share/man1")).expect("the folder");
    let hidden = names.filter(|entry| {
        entry.as_ref().expect("an entry").file_name().to_string_lossy().contains("guard")
    });
    assert_eq!(hidden.count(), 0, "`guard` is for `run` only");
}

#[test]
fn a_completion_script_knows_the_commands() {
    let script = run(Path::new("."), &["completions", "bash"]).stdout;
    for command in ["run", "subscribe", "doctor", "--transports"] {
        assert!(script.contains(command), "no `{command}`");
    }
}
