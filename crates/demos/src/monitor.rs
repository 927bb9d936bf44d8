//! The server's machine, watched: sampled once for all subscribers, and pushed when it was.

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

use crate::{Demos, feeds};

pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// Samples that the feed keeps: ten minutes of them.
const WINDOW: usize = 600;

#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) feed: Feed,
    pub(crate) cost: Arc<Cost>,
}

/// What sampling has cost so far.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// Samples ever taken, by whoever took them.
    samples: AtomicU64,
    /// Time spent on them.
    sampling_ns: AtomicU64,
    /// Connections that have a sampler of their own.
    pub(crate) naive_connections: AtomicU64,
}

/// Looks at the machine.
#[derive(Debug)]
pub(crate) struct Sampler {
    system: System,
    cost: Arc<Cost>,
}

/// What it saw.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    sampled_ns: Timestamp,
    /// Of all cores, since the sampler's last sample.
    cpu_ratio: f32,
    memory_used_bytes: u64,
    memory_total_bytes: u64,
    /// Samples ever taken on this server, this one included.
    samples: u64,
    /// Time that this one took.
    sampling_us: u64,
}

impl Monitor {
    pub(crate) fn new() -> Self {
        Self { feed: feeds::read_only(WINDOW), cost: Arc::default() }
    }

    /// Samples once a second until dropped.
    pub(crate) async fn run(&self) {
        let mut sampler = match Sampler::new(Arc::clone(&self.cost)) {
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
            feeds::publish(&self.feed, &sampler.sample());
        }
    }
}

impl Sampler {
    /// A sampler whose first sample is to come in a while: how busy a processor was can be said of a time
    /// between two looks only.
    ///
    /// # Errors
    /// The machine cannot be looked at.
    pub(crate) fn new(cost: Arc<Cost>) -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Self { system, cost })
    }

    /// Takes a sample. Reads a file or two of the kernel's, which are in memory: it does not block.
    pub(crate) fn sample(&mut self) -> Sample {
        let begun = Instant::now();
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let took = begun.elapsed();
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.cost.sampling_ns.fetch_add(nanos, Ordering::Relaxed);
        Sample {
            sampled_ns: Timestamp::now(),
            cpu_ratio: self.system.global_cpu_usage() / 100.0,
            memory_used_bytes: self.system.used_memory(),
            memory_total_bytes: self.system.total_memory(),
            samples: self.cost.samples.fetch_add(1, Ordering::Relaxed) + 1,
            sampling_us: nanos / 1_000,
        }
    }
}

#[derive(Serialize)]
struct Spent {
    samples: u64,
    sampling_us: u64,
    naive_connections: u64,
    at_ns: Timestamp,
}

pub(crate) fn questions() -> Router<Demos> {
    Router::new().route("/demo/monitor/cost", get(cost))
}

async fn cost(State(demos): State<Demos>) -> Json<Spent> {
    let cost = &demos.0.monitor.cost;
    Json(Spent {
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
    fn a_sample_says_what_can_be_true_and_is_counted() {
        let cost = Arc::<Cost>::default();
        let mut sampler = Sampler::new(Arc::clone(&cost)).unwrap();
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
