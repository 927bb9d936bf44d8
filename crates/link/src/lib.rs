//! The network between the two ends, emulated in user space: `netem` needs a kernel module and root.
//!
//! The load generator lays a [`DelayLine`] over each connection that it dials, the demos over each that
//! they accept: the same delay means the same thing at either end.

mod delay_line;

pub use delay_line::{Delay, DelayLine};
