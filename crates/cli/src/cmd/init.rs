//! `wirebench init`: writes a commented scenario or target to start from.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use wirebench_scenario::{
    SCENARIO_SCHEMA_FILE, TARGET_SCHEMA_FILE, commented_scenario, commented_target, schema,
    target_schema,
};

use crate::exit::Exit;
use crate::print;

/// Write a commented scenario, or a target, to start from
///
/// The file lists every key with its default and its meaning. Its first line names a schema for
/// editors, which is written beside it if it is not there yet.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// The file to write. An existing file is never overwritten. Without a file, or with `-`, the
    /// text is written to standard output
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Write a target: a server to measure with `run --target`
    #[arg(long)]
    target: bool,
}

pub(crate) fn run(arguments: &InitArguments) -> anyhow::Result<Exit> {
    let file = arguments.file.as_deref().filter(|path| *path != Path::new("-"));
    let text = if arguments.target { commented_target() } else { commented_scenario() };
    let Some(path) = file else {
        print::data(&text)?;
        return Ok(Exit::Done);
    };
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{}` already exists: choose another file, or remove this one", path.display())
        }
        created => created.with_context(|| format!("cannot create `{}`", path.display()))?,
    };
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    write_schema(arguments, path.parent().unwrap_or(Path::new("")))?;
    let next = if arguments.target { "run SCENARIO --target" } else { "run" };
    print::talk(&format!("wrote `{0}`: edit it, then `wirebench {next} {0}`", path.display()));
    Ok(Exit::Done)
}

/// Writes the schema of the file to `folder`, unless it is there.
fn write_schema(arguments: &InitArguments, folder: &Path) -> anyhow::Result<()> {
    let (name, schema) = if arguments.target {
        (TARGET_SCHEMA_FILE, target_schema())
    } else {
        (SCENARIO_SCHEMA_FILE, schema())
    };
    let path = folder.join(name);
    let mut file = match File::create_new(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        created => created.with_context(|| format!("cannot create `{}`", path.display()))?,
    };
    let text = serde_json::to_string_pretty(&schema)? + "\n";
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}
