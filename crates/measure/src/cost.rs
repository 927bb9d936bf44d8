//! What a run cost the load generator: traffic, processor time, memory.

use std::time::Duration;

/// The traffic on the connections that the dialer opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// TCP connections tried over the whole run.
    pub attempted: u64,
    /// TCP connections opened over the whole run.
    pub opened: u64,
    /// The maximum number of connections open at once.
    pub peak: u64,
    /// Subscriptions that broke and were resumed, over the whole run.
    pub reconnects: u64,
    /// Bytes from subscribers to server in the window, headers and framing included.
    pub bytes_up: u64,
    /// Bytes from server to subscribers in the window, headers and framing included.
    pub bytes_down: u64,
}

/// The cost of the run to the load generator.
#[derive(Clone, Debug)]
pub struct LoadgenCost {
    /// Processor time in the window, user and system.
    pub cpu: Duration,
    /// Worker threads, each of which can use one core.
    pub workers: usize,
    /// The maximum resident memory of the process during this run. `None` if the kernel cannot
    /// reset the peak of earlier runs.
    pub rss_peak_bytes: Option<u64>,
}

impl LoadgenCost {
    /// Returns the share of its workers' time over `duration` in which the load generator was busy.
    pub fn cpu_ratio(&self, duration: Duration) -> Option<f64> {
        let workers = u32::try_from(self.workers).ok()?;
        let available = duration.as_secs_f64() * f64::from(workers);
        (available > 0.0).then(|| self.cpu.as_secs_f64() / available)
    }
}
