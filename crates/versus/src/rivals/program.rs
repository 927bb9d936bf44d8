//! Calls a program of the system.

use std::process::Command;

use wirebench_target::search_path;

/// Returns the call of a program. Servers of the system are not in the search path of every user.
pub(super) fn installed(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path());
    command
}
