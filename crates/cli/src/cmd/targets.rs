//! `wirebench targets`: lists the servers that can be measured, and writes their files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use wirebench_scenario::TargetFile;

use crate::exit::Exit;
use crate::print;
use crate::shipped_targets::FILES;

/// List the servers that `run --target` measures, or check target files
///
/// Without files, lists the targets that come with wirebench. `--write` puts them into a folder, with
/// the few lines of their servers; `run --target FOLDER/nchan.toml` then measures one.
#[derive(Args, Debug)]
pub(crate) struct TargetsArguments {
    /// Target files to check and to list
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Write the targets that come with wirebench to this folder. An existing file is never
    /// overwritten
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "files")]
    write: Option<PathBuf>,
}

pub(crate) fn run(arguments: &TargetsArguments) -> anyhow::Result<Exit> {
    if let Some(folder) = &arguments.write {
        return write(folder);
    }
    let read = if arguments.files.is_empty() { shipped() } else { given(&arguments.files) };
    let Some(targets) = read else { return Ok(Exit::Usage) };
    print::data(&list(&targets))?;
    if arguments.files.is_empty() {
        print::talk("write them to a folder with `wirebench targets --write FOLDER`");
    }
    Ok(Exit::Done)
}

fn shipped() -> Option<Vec<TargetFile>> {
    let targets = FILES.iter().filter(|(path, _)| {
        Path::new(path).extension().is_some_and(|extension| extension == "toml")
    });
    let read = targets.map(|(path, text)| {
        let name = path.trim_end_matches(".toml");
        TargetFile::parse(name, text, Path::new(""))
    });
    noted(read)
}

fn given(files: &[PathBuf]) -> Option<Vec<TargetFile>> {
    noted(files.iter().map(|file| TargetFile::load(file)))
}

/// Returns the targets, or says everything that is wrong with them.
fn noted(
    read: impl Iterator<Item = Result<TargetFile, wirebench_scenario::FileError>>,
) -> Option<Vec<TargetFile>> {
    let (mut targets, mut wrong) = (Vec::new(), false);
    for target in read {
        match target {
            Ok(target) => targets.push(target),
            Err(error) => {
                wrong = true;
                print::talk(&error.in_colour());
            }
        }
    }
    (!wrong).then_some(targets)
}

/// Writes a paragraph for each target: its name, what it is, and the transports that it has.
fn list(targets: &[TargetFile]) -> String {
    let paragraph = |target: &TargetFile| {
        let transports: Vec<_> = target.transports().iter().map(ToString::to_string).collect();
        let transports = transports.join(", ");
        format!("{}\n  {}\n  {transports}\n", target.name(), target.about.about)
    };
    targets.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

fn write(folder: &Path) -> anyhow::Result<Exit> {
    for (path, _) in FILES {
        let path = folder.join(path);
        if path.exists() {
            bail!("`{}` already exists: choose another folder", path.display());
        }
    }
    for (path, text) in FILES {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create `{}`", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let (count, folder) = (FILES.len(), folder.display());
    print::talk(&format!(
        "wrote {count} files to `{folder}`: `wirebench run SCENARIO --target {folder}/nchan.toml` \
         measures one of them; `npm ci` in `{folder}/servers` installs what those in Node need"
    ));
    Ok(Exit::Done)
}
