//! `wirebench completions`: prints the script with which a shell completes commands and flags.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;

/// Print a completion script for a shell
#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads the script
    shell: Shell,
}

/// Prints the script. `command` is the whole command line of the program.
pub(crate) fn run(arguments: &CompletionsArguments, mut command: Command) -> Exit {
    clap_complete::generate(arguments.shell, &mut command, "wirebench", &mut std::io::stdout());
    Exit::Done
}
