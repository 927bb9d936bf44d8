//! Probes: messages that an agent publishes, so that subscribers on its host can tell how old they
//! are by one clock.

mod payload;
mod prober;
mod ticker;

pub(crate) use payload::Probe;
pub use prober::Prober;

/// How an agent publishes probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeSettings {
    /// The number of the agent's host. Agents with the same number have the same
    /// [`HostClock`](crate::HostClock).
    pub host: u64,
    /// Probes per second; above 0.
    pub rate: f64,
    /// The size of their payloads in bytes, or more if what they have to say takes more.
    pub payload_bytes: usize,
    /// Draws the phase; different for each agent.
    pub seed: u64,
}
