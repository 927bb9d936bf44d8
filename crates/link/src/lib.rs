//! The network between the two ends, emulated in user space: `netem` needs a kernel module and
//! root.
//!
//! The load generator puts a [`DelayLine`] over each connection that it dials, the demos over each
//! that they accept, so that the same delay means the same thing at either end. [`proxy`] is a
//! proxy that misbehaves in one chosen way, for testing. It runs as a process of its own.

mod delay_line;
mod proxy;

pub use delay_line::{Delay, DelayLine};
pub use proxy::{Misbehaviour, proxy};
