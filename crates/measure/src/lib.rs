//! What was seen: events in, one measurement out.
//!
//! This crate never reads a clock and does no I/O: every event brings its own time.

mod aftermath;
mod comebacks;
mod event;
mod latency;
mod machine;
mod measurement;
mod other_load;
mod recorder;
mod sequence;
pub mod theory;

pub use aftermath::{Account, Aftermath, Missed, Owed, missed};
pub use comebacks::Comebacks;
pub use event::Event;
pub use latency::Latency;
pub use machine::{CoreTimes, MachineReading, ProcessTimes, allowed_cores, pressure};
pub use measurement::{
    CpuTime, GENERATOR_BUSY_RATIO, GENERATOR_LATE_P99, Invalid, LoadgenCost, Measurement,
    RATIO_LEAST, Second, ServerCost, Traffic, Window,
};
pub use other_load::{DISTURBED_CPU_RATIO, OtherLoad, OtherProcess};
pub use recorder::Recorder;
pub use sequence::{Arrival, Sequence};
