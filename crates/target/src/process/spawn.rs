//! The call of a program that a target file describes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};
use wirebench_scenario::target::{TemplateList, TemplateTable};

use super::owned_tree::OwnedTree;
use crate::failure::TargetFailure;
use crate::values::PlaceholderValues;

/// Where the servers of a system are, although not every user's search path has it.
const SYSTEM_PROGRAMS: &str = "/usr/sbin";

/// A program with its arguments, its environment and its folder.
#[derive(Clone, Debug)]
pub(crate) struct ProgramCall {
    parts: Vec<String>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    /// How errors show it, without secrets.
    pub(crate) shown: String,
}

impl ProgramCall {
    /// Returns a call without placeholders and further environment.
    pub(crate) fn new(parts: Vec<String>, folder: &Path) -> Self {
        let shown = parts.join(" ");
        Self { parts, environment: Vec::new(), folder: folder.to_owned(), shown }
    }

    /// Returns the call that a target file describes.
    ///
    /// # Errors
    ///
    /// A placeholder has no value.
    pub(crate) fn of(
        command: &TemplateList,
        environment: &TemplateTable,
        values: &PlaceholderValues,
        folder: &Path,
    ) -> Result<Self, TargetFailure> {
        let parts = command.0.iter().map(|part| values.fill(part)).collect::<Result<_, _>>()?;
        let variables = environment.0.iter();
        let variables = variables.map(|(name, value)| Ok((name.clone(), values.fill(value)?)));
        let shown: Vec<_> = command.0.iter().map(|part| values.shown(part)).collect();
        Ok(Self {
            parts,
            environment: variables.collect::<Result<_, TargetFailure>>()?,
            folder: folder.to_owned(),
            shown: shown.join(" "),
        })
    }

    /// Starts the program with pipes for both outputs. Dropping the tree ends it.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn spawn(&self, input: Stdio) -> Result<(Child, OwnedTree), TargetFailure> {
        let (program, arguments) = self.parts.split_first().expect("the target file names one");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("PATH", search_path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        OwnedTree::spawn(&mut command).map_err(|source| TargetFailure::Start {
            command: self.shown.clone(),
            program: program.clone(),
            source,
        })
    }
}

/// Returns the search path of this process with the folder of the system's servers at its end.
pub fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(SYSTEM_PROGRAMS);
    path
}

/// Describes how a process ended, in words that follow its name.
pub fn how_it_ended(status: std::io::Result<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;

    match status.map(|status| (status.signal(), status.code())) {
        Ok((Some(signal), _)) => format!("it was ended by signal {signal}"),
        Ok((None, Some(code))) => format!("it exited with code {code}"),
        Ok((None, None)) => "it ended".to_owned(),
        Err(error) => error.to_string(),
    }
}
