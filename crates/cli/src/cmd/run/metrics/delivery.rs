//! Times to delivery, as a histogram of Prometheus.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use wirebench_measure::Latency;

const NAME: &str = "wirebench_run_delivery_seconds";
const HELP: &str = "From when a message was due to when it was read, in the measured windows";

/// The upper bounds of the buckets.
const BOUNDS: [Duration; 16] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

/// A histogram for each transport. That of the library takes one value at a time, and a second may
/// have a million of them, which are in a histogram already.
#[derive(Clone, Debug)]
pub(super) struct DeliveryHistogram {
    description: Desc,
    seen: Arc<Mutex<BTreeMap<String, Latency>>>,
}

impl DeliveryHistogram {
    pub(super) fn new() -> Self {
        let labels = vec!["transport".to_owned()];
        let description = Desc::new(NAME.to_owned(), HELP.to_owned(), labels, HashMap::new());
        let description = description.expect("the name and the label are valid");
        Self { description, seen: Arc::default() }
    }

    /// Adds what was seen in a second.
    pub(super) fn add(&self, transport: &str, seen: &Latency) {
        let mut all = self.seen.lock();
        all.entry(transport.to_owned()).or_default().merge(seen);
    }
}

impl Collector for DeliveryHistogram {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen = self.seen.lock();
        let metrics: Vec<_> =
            seen.iter().map(|(transport, seen)| metric(transport, seen)).collect();
        drop(seen);
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(NAME.to_owned());
        family.set_help(HELP.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

fn metric(transport: &str, seen: &Latency) -> Metric {
    let buckets = BOUNDS.map(|bound| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        bucket.set_cumulative_count(seen.histogram().count_between(0, nanos));
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.to_vec());
    histogram.set_sample_count(seen.len());
    let mean = seen.mean().map_or(0.0, |mean| mean.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    histogram.set_sample_sum(mean * seen.len() as f64);
    let mut label = LabelPair::default();
    label.set_name("transport".to_owned());
    label.set_value(transport.to_owned());
    let mut metric = Metric::from_label(vec![label]);
    metric.set_histogram(histogram);
    metric
}
