//! What the probes of a run told.

use serde::{Deserialize, Serialize};
use wirebench_protocol::Timestamp;

use crate::latency::Latency;

/// What became of the probes: messages that agents publish, so that subscribers of the same host
/// can tell how old they are by one clock.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ProbeRecord {
    /// Probes that were due at the agents, from the beginning of the warm-up to the end of the
    /// window. Without those that still waited to be published then.
    pub due: u64,
    /// Those that the server acknowledged.
    pub acknowledged: u64,
    /// From due to the arrival at each subscriber on the host of the agent, of the probes that the
    /// feed had in the window.
    pub same_host: Latency,
    /// Arrivals there before the probe was due. One clock cannot show this: the processes do not
    /// share one.
    pub from_the_future: u64,
}

impl ProbeRecord {
    /// Records the first arrival of a probe of the window on the host that published it.
    pub(crate) fn arrived(&mut self, due: Timestamp, at: Timestamp) {
        if let Some(delay) = at.checked_since(due) {
            self.same_host.record(delay);
        } else {
            self.from_the_future += 1;
        }
    }

    /// Adds what another recorded. The result does not depend on the order of merging.
    pub fn merge(&mut self, other: &Self) {
        let Self { due, acknowledged, same_host, from_the_future } = other;
        self.due += due;
        self.acknowledged += acknowledged;
        self.same_host.merge(same_host);
        self.from_the_future += from_the_future;
    }

    /// Returns the same without delays.
    pub(crate) fn without_delays(self) -> Self {
        Self { same_host: Latency::new(), ..self }
    }
}
