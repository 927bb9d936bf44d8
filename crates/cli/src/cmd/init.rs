//! `wirebench init`: writes a commented scenario to start from.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use wirebench_scenario::commented_scenario;

use crate::exit::Exit;
use crate::print;

/// Write a commented scenario to start from
///
/// The scenario lists every key with its default and its meaning.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// The file to write. An existing file is never overwritten. Without a file, or with `-`, the
    /// scenario is written to standard output
    file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &InitArguments) -> anyhow::Result<Exit> {
    let file = arguments.file.as_deref().filter(|path| *path != Path::new("-"));
    let Some(path) = file else {
        print::data(&commented_scenario())?;
        return Ok(Exit::Done);
    };
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{}` already exists: choose another file, or remove this one", path.display())
        }
        created => created.with_context(|| format!("cannot create `{}`", path.display()))?,
    };
    file.write_all(commented_scenario().as_bytes())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    print::talk(&format!("wrote `{0}`: edit it, then `wirebench run {0}`", path.display()));
    Ok(Exit::Done)
}
