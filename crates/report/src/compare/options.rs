//! What is compared, and from which change on it matters.

use crate::columns::{RunColumn, run_column};

/// The metrics that are compared by default: what a subscriber notices (how soon messages arrive,
/// how late the latest are, whether any are missing), and what it costs at either end.
///
/// Every further metric makes all others harder to decide, so nothing is here twice: not p75 to
/// p95, which lie between p50 and p99; not the maximum, which is one delivery of millions and
/// differs twofold between runs of the same; not what follows from another column (`received` from
/// `missing`, `overhead_ratio` from `bytes_per_message`). A count that is the same in every run, as
/// most should be, costs the others nothing.
pub const METRICS: [&str; 8] = [
    "delivery_p50_us",
    "delivery_p99_us",
    "missing",
    "reconnects",
    "requests",
    "bytes_per_message",
    "server_cpu_us_per_message",
    "server_rss_per_subscriber_bytes",
];

/// How two sides are compared.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// The smallest relative change that matters: 0.05 is 5 %, the default. With 0 every change
    /// matters, and nothing that varies is ever unchanged.
    pub noise_threshold: f64,
    /// The columns to compare; [`METRICS`] by default. Columns that do not rate are ignored.
    pub metrics: Vec<&'static RunColumn>,
}

impl Default for CompareOptions {
    fn default() -> Self {
        let metrics = METRICS.into_iter().filter_map(run_column).collect();
        Self { noise_threshold: 0.05, metrics }
    }
}
