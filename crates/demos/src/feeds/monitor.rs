//! The feed `monitor`: processor and memory of the server's machine, sampled once for all
//! subscribers and published at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use sysinfo::System;
use tokio::time::MissedTickBehavior;
use wirebench_protocol::Timestamp;
use wirebench_server::Feed;

use crate::feeds::internal::{publish, read_only};

/// The time between two samples.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// The number of samples that the feed keeps: those of ten minutes.
const WINDOW: usize = 600;

#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) feed: Feed,
    pub(crate) cost: Arc<SamplingCost>,
}

/// What all samplers of this server have cost so far.
#[derive(Debug, Default)]
pub(crate) struct SamplingCost {
    samples: AtomicU64,
    sampling_ns: AtomicU64,
    /// The number of open connections that have a sampler of their own.
    pub(super) naive_connections: AtomicU64,
}

/// Samples the machine.
#[derive(Debug)]
pub(super) struct MachineSampler {
    system: System,
    cost: Arc<SamplingCost>,
}

/// A sample of the machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MachineSample {
    sampled_ns: Timestamp,
    /// The use of all cores since the sampler's last sample, from 0 to 1.
    cpu_ratio: f32,
    memory_used_bytes: u64,
    memory_total_bytes: u64,
    /// The number of samples that this server has ever taken, this one included.
    samples: u64,
    /// The time that this sample took.
    sampling_us: u64,
}

#[derive(Serialize)]
struct CostBody {
    samples: u64,
    sampling_us: u64,
    naive_connections: u64,
    at_ns: Timestamp,
}

impl Monitor {
    pub(crate) fn new() -> Self {
        Self { feed: read_only(WINDOW), cost: Arc::default() }
    }

    /// Samples once a second until dropped.
    pub(crate) async fn run(&self) {
        let mut sampler = match MachineSampler::new(Arc::clone(&self.cost)) {
            Ok(sampler) => sampler,
            Err(error) => {
                tracing::warn!(%error, "cannot sample the machine; the feed `monitor` stays empty");
                return;
            }
        };
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            publish(&self.feed, &sampler.sample());
        }
    }

    pub(crate) fn routes(&self) -> Router {
        Router::new().route("/demo/monitor/cost", get(cost)).with_state(Arc::clone(&self.cost))
    }
}

impl MachineSampler {
    /// Returns a sampler. Wait before its first sample: the use of a processor is measured between
    /// two points in time.
    ///
    /// # Errors
    /// The machine's state cannot be read.
    pub(super) fn new(cost: Arc<SamplingCost>) -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Self { system, cost })
    }

    /// Takes a sample. This reads a few files that the kernel keeps in memory, so it does not
    /// block.
    pub(super) fn sample(&mut self) -> MachineSample {
        let start = Instant::now();
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.cost.sampling_ns.fetch_add(nanos, Ordering::Relaxed);
        MachineSample {
            sampled_ns: Timestamp::now(),
            cpu_ratio: self.system.global_cpu_usage() / 100.0,
            memory_used_bytes: self.system.used_memory(),
            memory_total_bytes: self.system.total_memory(),
            samples: self.cost.samples.fetch_add(1, Ordering::Relaxed) + 1,
            sampling_us: nanos / 1_000,
        }
    }
}

async fn cost(State(cost): State<Arc<SamplingCost>>) -> Json<CostBody> {
    Json(CostBody {
        samples: cost.samples.load(Ordering::Relaxed),
        sampling_us: cost.sampling_ns.load(Ordering::Relaxed) / 1_000,
        naive_connections: cost.naive_connections.load(Ordering::Relaxed),
        at_ns: Timestamp::now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_plausible_and_counted() {
        let cost = Arc::<SamplingCost>::default();
        let mut sampler = MachineSampler::new(Arc::clone(&cost)).unwrap();
        for taken in 1..=2 {
            std::thread::sleep(Duration::from_millis(10));
            let sample = sampler.sample();
            assert_eq!(sample.samples, taken);
            assert!((0.0..=1.0).contains(&sample.cpu_ratio), "{sample:?}");
            assert!(sample.memory_used_bytes > 0, "{sample:?}");
            assert!(sample.memory_used_bytes <= sample.memory_total_bytes, "{sample:?}");
        }
        assert!(cost.sampling_ns.load(Ordering::Relaxed) > 0);
    }
}
