//! `wirebench init`: a commented scenario to start from.

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
/// Every key is there with its default and what it means.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// The file to write; one that exists is never overwritten. Without a file, or with `-`, it
    /// goes to standard output
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
            bail!("`{}` exists: name a file that does not, or remove it first", path.display())
        }
        created => created.with_context(|| format!("cannot create `{}`", path.display()))?,
    };
    file.write_all(commented_scenario().as_bytes())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    print::talk(&format!("wrote `{0}`: edit it, then `wirebench run {0}`", path.display()));
    Ok(Exit::Done)
}
