//! Asks a program for its version.

use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;
use wirebench_scenario::TargetFile;

use super::spawn::{ProgramCall, how_it_ended};
use crate::failure::TargetFailure;
use crate::values::folder_of;

/// How long a program may take to say its version.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// Returns the first line that the `version` command of a target writes, in the folder of its file.
/// `None` if the target has no such command.
///
/// # Errors
///
/// The command cannot be started, fails, takes longer than 10 s, or writes nothing.
pub async fn version_of(file: &TargetFile) -> Result<Option<String>, TargetFailure> {
    let parts = &file.process.version.0;
    if parts.is_empty() {
        return Ok(None);
    }
    let call = ProgramCall::new(parts.clone(), &folder_of(file));
    let ended = |how: String, output: String| TargetFailure::Ended {
        command: call.shown.clone(),
        during: " without a version",
        how,
        output,
    };
    let (child, _tree) = call.spawn(Stdio::null())?;
    let asked = child.wait_with_output();
    let Ok(output) = timeout(VERSION_TIME, asked).await else {
        let how = format!("it took longer than {} s", VERSION_TIME.as_secs());
        return Err(ended(how, String::new()));
    };
    let output = output.map_err(|error| ended(error.to_string(), String::new()))?;
    // nginx says it on standard error.
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    match line {
        Some(line) if output.status.success() => Ok(Some(line.chars().take(200).collect())),
        _ => Err(ended(how_it_ended(Ok(output.status)), format!("\n\n{}", text.trim()))),
    }
}
