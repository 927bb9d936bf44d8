//! `wirebench man`: writes the man pages.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command, ValueHint};

use crate::exit::Exit;
use crate::print;

/// Write the man pages, one for each command
#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// The folder to write to, such as `~/.local/share/man/man1`. It is created if it is not there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

/// Writes the pages. `command` is the whole command line of the program.
pub(crate) fn run(arguments: &ManArguments, command: Command) -> anyhow::Result<Exit> {
    let folder = &arguments.folder;
    let cannot = || format!("cannot write man pages to `{}`", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(command, folder).with_context(cannot)?;
    print::talk(&format!("wrote wirebench.1 and its commands to `{}`", folder.display()));
    Ok(Exit::Done)
}
