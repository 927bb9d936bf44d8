//! What does not change during a run.

use tokio_util::sync::CancellationToken;
use wirebench_protocol::Timestamp;
use wirebench_protocol::control::Publisher;
use wirebench_scenario::Run;

use super::error::{DriveError, during};
use super::parts::Crowd;
use super::restartable_server::RestartableServer;
use super::timeline::CounterSnapshot;
use crate::dial::TrafficCounts;
use crate::server_control::ServerUsage;

/// The run, the server, and the wish to stop.
pub(super) struct RunContext<'a> {
    pub(super) run: &'a Run,
    pub(super) server: RestartableServer,
    /// Cancelled when the user ends the run, and when a part of the crowd is lost.
    pub(super) stop: &'a CancellationToken,
}

impl RunContext<'_> {
    /// Waits until `at`. Returns false if the run is interrupted before.
    pub(super) async fn until(&self, at: Timestamp) -> bool {
        let left = at.saturating_since(Timestamp::now());
        self.stop.run_until_cancelled(tokio::time::sleep(left)).await.is_some()
    }

    /// Returns what the server has used. It has to answer.
    pub(super) async fn usage(&self, doing: &'static str) -> Result<ServerUsage, DriveError> {
        self.server.usage().await.map_err(during(doing))
    }

    /// Returns the publisher that the run asks for, if it asks for one. `seed` draws its payloads.
    pub(super) fn publisher(&self, seed: u64) -> Option<Publisher> {
        let Run { rate, pace, ref payload, .. } = *self.run;
        let timers = self.run.publishing_timers();
        (rate > 0.0).then(|| Publisher {
            rate,
            pace,
            payload: payload.clone(),
            seed,
            timers,
            // What the feed does not take while NATS is away is published later, and shows its delay.
            until_acknowledged: self.run.faults.stops_backbone(),
        })
    }

    /// Returns all counters: those of the crowd as it reported them last, and those of the server.
    /// If the server is merely slow to answer, the snapshot lacks its part.
    pub(super) async fn counters(
        &self,
        crowd: &Crowd,
        doing: &'static str,
    ) -> Result<CounterSnapshot, DriveError> {
        let (readings, at) = (crowd.readings(), Timestamp::now());
        let usage = self.server.usage_if_there().await.map_err(during(doing))?;
        let TrafficCounts { bytes_up, bytes_down, .. } = readings.counts;
        Ok(CounterSnapshot {
            at,
            clock_bound: crowd.members().clock_bound(),
            usage,
            loadgen_cpu: readings.cpu,
            loadgen_cpu_at: at,
            bytes_up,
            bytes_down,
        })
    }
}
