//! What is published, and how long it takes to wake the subscribers.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};

use wirebench_protocol::Published;

use super::registrar::{counter, registered};
use crate::feed::Rejected;

/// The metrics of publishing.
#[derive(Debug)]
pub(crate) struct PublishingMetrics {
    published: IntCounter,
    repeated: IntCounter,
    rejected: IntCounter,
    echoed: IntCounter,
    wake_time: Histogram,
}

impl PublishingMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let wake_time = HistogramOpts::new(
            "wirebench_fan_out_seconds",
            "From the publishing of a message until every waiting subscriber was woken for it",
        )
        .buckets(vec![1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0]);
        Self {
            published: counter(
                registry,
                "wirebench_published_total",
                "Messages published from outside",
            ),
            repeated: counter(
                registry,
                "wirebench_repeated_total",
                "Requests to publish that were not published again, because their idempotency key \
                 was known",
            ),
            rejected: counter(
                registry,
                "wirebench_rejected_total",
                "Messages from outside that were refused",
            ),
            echoed: counter(
                registry,
                "wirebench_echoed_total",
                "Values that were returned to the subscriber that had sent them",
            ),
            wake_time: registered(registry, Histogram::with_opts(wake_time)),
        }
    }

    /// Counts a message that a client tried to publish.
    pub(crate) fn offered(&self, answer: &Result<Published, Rejected>) {
        match answer {
            Ok(Published { repeated: false, .. }) => self.published.inc(),
            Ok(Published { repeated: true, .. }) => self.repeated.inc(),
            Err(_) => self.rejected.inc(),
        }
    }

    /// Counts a value that was returned to its sender.
    pub(crate) fn echoed(&self) {
        self.echoed.inc();
    }

    /// Returns an observer of the time that it takes to wake the subscribers of a feed.
    pub(crate) fn wake_time(&self) -> impl Fn(Duration) + Send + Sync + use<> {
        let wake_time = self.wake_time.clone();
        move |took| wake_time.observe(took.as_secs_f64())
    }
}
