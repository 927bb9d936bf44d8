//! Measures the floor in a separate process, so that its memory is not in that of the load generator.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;
use wirebench_target::{OwnedTree, how_it_ended};

use crate::bare_fan_out::FanOutPlan;

/// How long the process may take. It gives up by itself a little earlier, with a reason.
const FLOOR_TIMEOUT: Duration = Duration::from_secs(25);

/// What is read of the JSON that `wirebench floor` prints.
#[derive(Deserialize)]
struct PrintedFloor {
    cpu_us_per_write: f64,
}

/// Runs `wirebench floor`, and returns the processor time of a write.
///
/// # Errors
/// The floor cannot be measured. The error has the reason that the process gave.
pub(crate) async fn measure_floor(plan: &FanOutPlan) -> anyhow::Result<Duration> {
    let program = std::env::current_exe().context("cannot find the program of the floor")?;
    let FanOutPlan { connections, payload_bytes, threads, messages } = plan;
    let options = [
        ("--connections", connections.to_string()),
        ("--payload", payload_bytes.to_string()),
        ("--threads", threads.to_string()),
        ("--messages", messages.to_string()),
        ("--format", "json".to_owned()),
    ];
    let mut command = Command::new(&program);
    command.arg("floor");
    for (name, value) in &options {
        command.args([name, value.as_str()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, _tree) = OwnedTree::spawn(&mut command)
        .with_context(|| format!("cannot start `{} floor`", program.display()))?;
    let Ok(output) = timeout(FLOOR_TIMEOUT, child.wait_with_output()).await else {
        bail!("`wirebench floor` took longer than {} s", FLOOR_TIMEOUT.as_secs());
    };
    let output = output.context("cannot read what `wirebench floor` printed")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`wirebench floor` failed: {}; {}", how_it_ended(Ok(output.status)), said.trim());
    }
    let printed: PrintedFloor = serde_json::from_slice(&output.stdout)
        .context("cannot read what `wirebench floor` printed")?;
    Duration::try_from_secs_f64(printed.cpu_us_per_write / 1e6)
        .context("`wirebench floor` printed no processor time")
}
