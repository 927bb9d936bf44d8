//! Events of subscribers in, one measurement out.
//!
//! This crate never reads a clock and does no I/O: every event brings its own time.

mod agent;
mod clocked_latency;
mod cost;
mod event;
mod fault_outcome;
mod invalid;
mod latency;
mod latency_text;
mod machine;
mod measurement;
mod missed;
mod other_load;
mod probe_record;
mod publish_record;
mod reconnects;
mod recorder;
mod second;
mod sequence;
mod store_cost;
#[cfg(test)]
mod testing;
pub mod theory;
mod upstream;
mod validity;
mod watch;
mod watch_record;
mod window;

pub use agent::{AgentClock, AgentInfo, AgentMeasurement};
pub use clocked_latency::ClockedLatency;
pub use cost::{LoadgenCost, Traffic};
pub use event::{Event, ReceivedPayload, WatchedDelay, WatchedMessage};
pub use fault_outcome::{FaultOutcome, SubscriberOutcome, missed};
pub use invalid::Invalid;
pub use latency::Latency;
pub use machine::{CoreTimes, MachineReading, ProcessTimes, allowed_cores, pressure};
pub use measurement::{AddressedCount, Measurement, ServerCost};
pub use missed::{ExpectedRange, Missed};
pub use other_load::{DISTURBED_CPU_RATIO, OtherLoad, OtherProcess};
pub use probe_record::ProbeRecord;
pub use publish_record::PublishRecord;
pub use reconnects::Reconnects;
pub use recorder::Recorder;
pub use second::{CpuTime, Second};
pub use sequence::{Arrival, Sequence};
pub use store_cost::StoreCost;
pub use upstream::{CountedBytes, MessageOrigin, Origin, UpstreamEvent, UpstreamRecord};
pub use watch_record::WatchRecord;
pub use window::Window;
