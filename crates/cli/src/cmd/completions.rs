//! `wirebench completions`: what a shell needs to complete commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;

/// Print a completion script for a shell
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn completions(arguments: &Completions) -> Exit {
    let mut command = crate::Program::command();
    clap_complete::generate(arguments.shell, &mut command, "wirebench", &mut std::io::stdout());
    Exit::Done
}
