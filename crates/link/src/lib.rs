//! The network between the two ends, emulated in user space: `netem` needs a kernel module and root.
//!
//! The load generator lays a [`DelayLine`] over each connection that it dials, the demos over each that
//! they accept: the same delay means the same thing at either end. [`proxy`] stands in the path as a process
//! of its own, with one bad habit.

mod delay_line;
mod proxy;

pub use delay_line::{Delay, DelayLine};
pub use proxy::{Misbehaviour, proxy};
