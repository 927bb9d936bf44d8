//! `latency.hlog`: histograms of every latency, as HdrHistogram's own tools read and write them.

mod reader;
mod writer;

pub use reader::{HistogramError, Histograms};
pub use writer::{LatencyLog, LogStart};
