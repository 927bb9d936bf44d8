//! The clocks of two hosts: how far they are apart, and how well that is known.
//!
//! The host of the controller has a [`ClockServer`]. An agent on another host asks it for the time
//! over a connection of its own ([`measure_offset`]) and counts in the controller's clock from then
//! on ([`AppliedShift`]). Two processes of one host have one clock ([`HostClock`]) and need none of
//! this. What `chrony` says of a host's wall clock ([`chrony_bound`]) is a number of its own.

mod applied_shift;
mod chrony;
mod clock_offset;
mod error;
mod exchange;
mod host_clock;
mod measure;
mod server;
#[cfg(test)]
mod tests;

pub use applied_shift::AppliedShift;
pub use chrony::chrony_bound;
pub use clock_offset::ClockOffset;
pub use error::ClockError;
pub use host_clock::HostClock;
pub use measure::measure_offset;
pub use server::ClockServer;
