//! What people read first.

mod support;

use std::path::Path;

use support::run;

#[test]
fn every_command_explains_itself() {
    for command in [
        "",
        "run",
        "check",
        "init",
        "serve",
        "health",
        "proxy",
        "subscribe",
        "doctor",
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
