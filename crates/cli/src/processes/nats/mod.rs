//! NATS for a run, on this machine: one server, or a cluster of several.

pub(crate) mod cluster;
pub(crate) mod process;
