//! What was seen: events in, one measurement out.
//!
//! This crate never reads a clock and does no I/O: every event brings its own time.

mod event;
mod fault_outcome;
mod latency;
mod machine;
mod measurement;
mod other_load;
mod reconnects;
mod recorder;
mod sequence;
pub mod theory;

pub use event::Event;
pub use fault_outcome::{ExpectedRange, FaultOutcome, Missed, SubscriberOutcome, missed};
pub use latency::Latency;
pub use machine::{CoreTimes, MachineReading, ProcessTimes, allowed_cores, pressure};
pub use measurement::{
    CpuTime, GENERATOR_BUSY_RATIO, GENERATOR_LATE_P99, Invalid, LoadgenCost, MIN_RATIO_INTERVAL,
    Measurement, Second, ServerCost, Traffic, Window,
};
pub use other_load::{DISTURBED_CPU_RATIO, OtherLoad, OtherProcess};
pub use reconnects::Reconnects;
pub use recorder::Recorder;
pub use sequence::{Arrival, Sequence};
