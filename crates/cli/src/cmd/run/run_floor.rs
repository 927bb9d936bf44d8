//! The floor of a run: what a bare write costs just before its server starts and just after it has
//! stopped.

use std::num::NonZero;
use std::time::Duration;

use anyhow::Context;
use wirebench_protocol::control::Payload;
use wirebench_protocol::read_payload_file;
use wirebench_scenario::Run;

use crate::bare_fan_out::{FanOutPlan, most_connections};
use crate::processes::floor_process::measure_floor;
use crate::{machine, print};

/// The maximum number of connections. More do not change the cost of a write much.
const MAX_CONNECTIONS: usize = 1_000;

/// The number of messages for each second of the run's window, so that a short run does not take
/// much longer with its floor.
const MESSAGES_PER_SECOND: u64 = 4;

/// The number of messages if the window is so long that they would be more.
const MAX_MESSAGES: u64 = 40;

/// The floor of a run whose server has not started yet.
#[derive(Debug)]
pub(super) struct RunFloor {
    plan: FanOutPlan,
    before: Duration,
}

impl RunFloor {
    /// Measures the floor before the server of the run starts: with payloads of the same size, as
    /// many threads as the server has, and as many connections as there are subscribers, or 1,000
    /// if there are more. `None` if it cannot be measured, with a warning.
    pub(super) async fn before(run: &Run, server_workers: usize) -> Option<Self> {
        let measured = async {
            let plan = plan(run, server_workers)?;
            anyhow::Ok(Self { plan, before: measure_floor(&plan).await? })
        };
        or_warn(run, measured.await)
    }

    /// Measures the floor again, after the server has stopped. Returns the mean of both
    /// measurements. `None` if it cannot be measured, with a warning.
    pub(super) async fn mean_with_after(self, run: &Run) -> Option<Duration> {
        let after = or_warn(run, measure_floor(&self.plan).await)?;
        Some((self.before + after) / 2)
    }
}

fn plan(run: &Run, server_workers: usize) -> anyhow::Result<FanOutPlan> {
    let connections = run.subscribers.min(MAX_CONNECTIONS);
    let connections = connections.min(most_connections(machine::open_files()));
    let connections = NonZero::new(connections)
        .context("the limit of open files allows no further connections: raise it (`ulimit -n`)")?;
    let messages = run.timing.measure.as_secs().saturating_mul(MESSAGES_PER_SECOND);
    let messages = u32::try_from(messages.clamp(MESSAGES_PER_SECOND, MAX_MESSAGES))?;
    Ok(FanOutPlan::new(connections.get(), payload_bytes(&run.payload)?, server_workers, messages))
}

/// Returns the size of a payload, or the mean of those in a file.
fn payload_bytes(payload: &Payload) -> anyhow::Result<usize> {
    match payload {
        Payload::Bytes(bytes) | Payload::Binary(bytes) => Ok(*bytes),
        Payload::File(path) => {
            let (mut bytes, mut payloads) = (0_usize, 0_usize);
            read_payload_file(path, |payload| {
                bytes = bytes.saturating_add(payload.len());
                payloads += 1;
            })?;
            Ok(bytes / payloads.max(1))
        }
    }
}

fn or_warn<T>(run: &Run, measured: anyhow::Result<T>) -> Option<T> {
    let warn = |error| {
        let id = &run.id;
        print::warn(&format!("run {id} has no `server_cpu_floor_ratio`: {error:#}"));
    };
    measured.map_err(warn).ok()
}
