//! The help texts and the completion script.

mod support;

use std::path::Path;

use support::run;

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
    ] {
        let arguments: Vec<&str> = command.split_terminator(' ').chain(["--help"]).collect();
        let help = run(Path::new("."), &arguments);
        assert_eq!(help.code, Some(0), "{help:?}");
        let name = if command.is_empty() { "wirebench" } else { command };
        insta::assert_snapshot!(name, help.stdout);
    }
}

#[test]
fn a_completion_script_knows_the_commands() {
    let script = run(Path::new("."), &["completions", "bash"]).stdout;
    for command in ["run", "subscribe", "doctor", "--transports"] {
        assert!(script.contains(command), "no `{command}`");
    }
}
